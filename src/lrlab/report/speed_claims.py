"""Which optimizers may be said to need more steps than the one that needs the fewest.

*Claims.* "B needs more steps than A by more than m" is claimed where the lower end of the interval
of the ratio of their steps (geometric mean over seeds) is above 1 + m. Half of the seeds or a few
more judge; A stands at the setting that the other seeds chose, B at its best over all, which
favours B: so neither the choice of A's setting nor a lucky one of B's makes a claim. (To choose on
all other seeds but one, and judge on that, by turns, would leave the judged values dependent: so
made, claims were wrong in up to 27 % of simulated sweeps.) Intervals are Student's t on the paired
differences of log steps, 95 % for all pairs of optimizers together (Bonferroni). All pairs, as the
leader is chosen by the same seeds: multiple comparisons with the best (Hsu 1981) take a smaller
critical value, but what they show is only that B is no better than the best of the others, ties
included. Each pair has a variance of its own, as optimizers differ in theirs. What is claimed
holds for new seeds on these training rows, if log differences lie about symmetrically; the
simulation is in `tests/report/test_speed.py`.

Where steps are known from evaluations only, the lower end takes the latest step that A may have
needed and the earliest of B. A must arrive on every seed. Where B misses on all that judge, its
steps count as all that runs were allowed, so the ratio is at least what is said; where it misses
on some, nothing is claimed, as a mean of steps and of no steps has no interval to trust.

Sweeps of 2 or 4 equal optimizers, 10 seeds each, resampled from 120 real seeds of full-batch sgd,
adam, nadam and rmsprop made a wrong claim in 2 to 5 %, of rmsprop in 5 to 7 %: its fastest setting
misses on a quarter of all seeds, and on none of ten once in a while.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from lrlab.report.choice import plain
from lrlab.report.statistics import LEAST_SEEDS, LEVEL

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
    order, best, k = counted.order(), counted.best, len(counted.methods)
    judging = counted.judging
    critical = float(stats.t.isf((1 - LEVEL) / (k * (k - 1)), judging - 1))
    on = slice(0, judging)

    def of(which: np.ndarray, trial: int) -> np.ndarray:
        return np.asarray(np.minimum(which[trial, on], counted.allowed))

    leader, found = counted.by_others()[order[0]], []
    for i in order[1:]:
        other = best[i]
        low = _mean_and_error(of(counted.least, other), of(counted.most, leader))
        high = _mean_and_error(of(counted.most, other), of(counted.least, leader))
        ratio, _ = _mean_and_error(of(counted.stays, other), of(counted.stays, leader))
        lower = float(np.exp(low[0] - critical * low[1]))
        missed = np.isinf(counted.stays[other, on])
        if missed.any() and not missed.all():
            continue
        upper = np.inf if missed.any() else float(np.exp(high[0] + critical * high[1]))
        if lower > 1 + minimum_effect:
            names = counted.methods[order[0]], counted.methods[i]
            found.append(
                SpeedClaim(*names, float(np.exp(ratio)), lower, upper, LEVEL, bool(missed.any()))
            )
    return tuple(found)


def _mean_and_error(slow: np.ndarray, fast: np.ndarray) -> tuple[float, float]:
    """Mean of the log ratio of steps, [R] each, and its standard error.

    Where seeds agree the error is that of steps rounded up to whole ones.
    """
    difference = np.log(slow) - np.log(fast)
    rounding = ROUNDED * float((1 / slow**2 + 1 / fast**2).mean())
    error = math.sqrt(max(float(difference.var(ddof=1)), rounding) / len(difference))
    return float(difference.mean()), error
