"""Which optimizers may be said to need more steps than the one that needs the fewest.

*Claims.* "B needs more steps than A by more than m" is claimed where the lower end of the interval
of the ratio of their steps (geometric mean over seeds) is above 1 + m. Half of the seeds or a few
more judge; A stands at the setting that the other seeds chose, and B is slower with every setting
that was tried of it. So neither the choice of A's setting, nor an unlucky one of B's, nor a run
of B's best setting that misses once makes a claim. (To choose on all seeds but one, and judge on
that, by turns, leaves the judged values dependent: so made, claims were wrong in up to 27% of
simulated sweeps.) The interval told is that of B's setting that comes nearest.

Intervals are Student's t on the paired differences of log steps, 95% for all pairs of optimizers
together (Bonferroni), each pair with a variance of its own, as optimizers differ in theirs. All
pairs, as the leader is chosen by the same seeds: multiple comparisons with the best (Hsu 1981)
take a smaller critical value, but what they show is only that B is no better than the best of the
others, ties included. What is claimed holds for new seeds on these training rows.

Where steps are known from evaluations only, the lower end takes the latest step that A may have
needed and the earliest of B. A must arrive on every seed; where B misses, its steps count as all
that runs were allowed, so the ratio is at least what is said.

Checked where the truth is known: simulated sweeps (`tests/report/analysis/test_speed.py`), and
sweeps of 2 or 4 equal optimizers, 10 seeds each, resampled from 120 real seeds of sgd, adam, nadam
and rmsprop on blobs: wrong claims in 0 to 4.7% with full batches (gap 1e-3), in 0 to 3% with
mini-batches (gap 1e-1).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lrlab.report.analysis.choice import plain
from lrlab.report.analysis.distributions import t_score
from lrlab.report.analysis.statistics import LEAST_SEEDS, LEVEL

ROUNDED = 1 / 12  # variance of a step that is rounded up
NEVER = 1e4  # log steps by which a run that misses is worse than any, where a setting is chosen


@dataclass(frozen=True)
class SpeedClaim:
    """One optimizer needs more steps than another, by more than the minimum effect.

    Args:
        better: Needs fewer.
        worse: Needs more.
        ratio: Steps of `worse` as a multiple of those of `better`, geometric mean over seeds.
        low: Lower end of its interval, simultaneous with those of all pairs.
        high: Upper end; inf where `worse` does not arrive on every seed.
        level: Of the intervals together.
        at_least: Whether `ratio` is a lower bound, as `worse` does not arrive on every seed.
    """

    better: str
    worse: str
    ratio: float
    low: float
    high: float
    level: float
    at_least: bool


@dataclass(frozen=True)
class Counted:
    """Steps of the T trials that have all R replicates.

    Args:
        trials: Their numbers, [T].
        optimizers: Of each, T.
        stays: Steps, [T, R]; inf where the run never arrives.
        least: The fewest that they may be.
        most: The most.
        allowed: Steps that runs were allowed.
    """

    trials: np.ndarray
    optimizers: list[str]
    stays: np.ndarray
    least: np.ndarray
    most: np.ndarray
    allowed: float

    @property
    def methods(self) -> list[str]:
        """The k optimizers, sorted."""
        return sorted(set(self.optimizers))

    def log(self, steps: np.ndarray) -> np.ndarray:
        """Log steps, those of a run that never arrives as all that it was allowed."""
        return np.asarray(np.log(np.minimum(steps, self.allowed)))

    def chosen(self, seeds: Sequence[int]) -> np.ndarray:
        """The fewest steps on these seeds, of each method: index of its trial, [k]."""
        never = NEVER * ~np.isfinite(self.stays)
        log = (self.log(self.stays) + never)[:, seeds]
        return plain(log, self.optimizers).trials

    @property
    def best(self) -> np.ndarray:
        """The same on all seeds."""
        return self.chosen(range(self.stays.shape[1]))

    @property
    def judging(self) -> int:
        """How many seeds judge, the first ones; the others choose."""
        return max(LEAST_SEEDS, (len(self.stays[0]) + 1) // 2)

    def by_others(self) -> np.ndarray:
        """What the seeds that do not judge choose, of each method: index of its trial, [k]."""
        return self.chosen(range(self.judging, self.stays.shape[1]))

    def order(self) -> list[int]:
        """Methods that arrive on more seeds first, then those with fewer steps."""
        stays = self.stays[self.best]
        missed, mean = np.isinf(stays).sum(axis=1), self.log(stays).mean(axis=1)
        return sorted(range(len(mean)), key=lambda i: (missed[i], mean[i]))


def slower(counted: Counted, minimum_effect: float) -> tuple[SpeedClaim, ...]:
    """The leader, where the seeds that do not judge chose it, against each of the others.

    Args:
        counted: Of two methods or more, with more than 6 seeds.
        minimum_effect: Share by which more steps are more.
    """
    k, order = len(counted.methods), counted.order()
    critical = float(t_score((1 - LEVEL) / (k * (k - 1)), counted.judging - 1))
    chosen = counted.by_others()[[order[0]]]
    of, found = np.array(counted.optimizers), []
    for i in order[1:]:
        trials = np.flatnonzero(of == counted.methods[i])
        mean, error = _log_ratio(counted, counted.least[trials], counted.most[chosen])
        lower = mean - critical * error
        nearest = trials[[int(lower.argmin())]]
        if lower.min() <= math.log1p(minimum_effect):
            continue
        missed = bool(np.isinf(counted.stays[nearest, : counted.judging]).any())
        ratio, _ = _log_ratio(counted, counted.stays[nearest], counted.stays[chosen])
        mean, error = _log_ratio(counted, counted.most[nearest], counted.least[chosen])
        claim = SpeedClaim(
            better=counted.methods[order[0]],
            worse=counted.methods[i],
            ratio=math.exp(ratio[0]),
            low=math.exp(lower.min()),
            high=math.inf if missed else math.exp(mean[0] + critical * error[0]),
            level=LEVEL,
            at_least=missed,
        )
        found.append(claim)
    return tuple(found)


def _log_ratio(
    counted: Counted, slow: np.ndarray, fast: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Mean over the judging seeds of the log ratio of steps, of trials [t, R] to one [1, R], and
    its standard error, [t] each.

    Where seeds agree the error is that of steps rounded up to whole ones.
    """
    steps = [np.minimum(each[:, : counted.judging], counted.allowed) for each in (slow, fast)]
    difference = np.log(steps[0]) - np.log(steps[1])
    rounding = ROUNDED * (1 / steps[0] ** 2 + 1 / steps[1] ** 2).mean(axis=1)
    variance = np.maximum(difference.var(axis=1, ddof=1), rounding)
    return difference.mean(axis=1), np.sqrt(variance / counted.judging)
