"""What rows that chose nothing say of methods: estimates, claims, and what must not be said.

All holds for new rows of the same source. The unit is the row (or a group of rows that belong
together), the data a value a row, whose mean is the metric; methods are compared on the same rows.

- *Variance.* Judging rows are divided by class, so their shares of the classes are those of the
  table, and only those of the table are random: double sampling for stratification (Cochran 1977,
  section 12.2). Replicates are a second source of variance, crossed with the rows. With folds
  every row is judged out of fold, and the rows' plain variance estimates that of the mean over
  folds of the models' expected values (Bayle et al. 2020); dividing by the number of folds or runs
  would not (Nadeau & Bengio 2003).
- *Skewness.* Losses of rows have a long tail, so t is transformed (Hall 1992), with degrees of
  freedom by Satterthwaite (1946).
- *Claims.* "a is worse than b by more than m of b" is tested for every ordered pair of every
  family of methods, against the largest statistic of all of them: max-t, whose distribution
  follows from the covariance of the methods (Hothorn, Bretz & Westfall 2008). The probability of
  any wrong claim is at most 5 %.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations

import numpy as np
from scipy import stats

from lrlab.report.spread import DRAWS, Contrasts, Spread

LEVEL = 0.95  # of intervals, for all pairs together; of claims 1 - LEVEL
MINIMUM_EFFECT = 0.01  # of the better value: a claim must be of more
POWER = 0.9  # with which a difference that is called detectable is detected
WORTH_SEEING = 0.05  # of the better value: how many rows would do is said of this difference
LEAST_ROWS = 100  # judging rows (or groups) below which nothing is tested
LEAST_OF_A_CLASS = 20  # judging rows of the rarer class


@dataclass(frozen=True)
class Judged:
    """Values of k methods on the judging rows.

    Args:
        values: A value a row whose mean is the metric, [k, R, n] float64: R replicates' models on
            the same rows, or with folds R repeats, each row by a model that did not train on it.
        labels: Classes 0 and 1 of the rows, [n].
        shares_from: How many rows of the source the shares of the classes are known from; with
            folds n; 0 where they are part of how the data are made.
        groups: Which rows belong together, [n]; None if each stands for itself.
        lower_is_better: Whether a lower metric is better.
    """

    values: np.ndarray
    labels: np.ndarray
    shares_from: int
    groups: np.ndarray | None = None
    lower_is_better: bool = True


@dataclass(frozen=True)
class Estimate:
    """A method's expected value on new rows.

    Args:
        value: Mean over rows and replicates.
        error: Its standard error.
        low: Lower end of the 95 % interval.
        high: Upper end.
        replicates: How many runs of a setting it rests on; of 1 the rows' variance is all.
    """

    value: float
    error: float
    low: float
    high: float
    replicates: int


@dataclass(frozen=True)
class Pair:
    """An ordered pair of methods.

    Args:
        about: The family.
        worse: Index of the method that is tested to be worse.
        better: Index of the other.
        difference: Value of `worse` minus that of `better`, in the metric's unit.
        low: Lower end of its interval, 95 % for all pairs together.
        high: Upper end.
        p: P-value that the difference is no more than the minimum effect, adjusted for all pairs.
        claimed: Whether the claim is made.
    """

    about: str
    worse: int
    better: int
    difference: float
    low: float
    high: float
    p: float
    claimed: bool


@dataclass(frozen=True)
class Tie:
    """Two methods of which neither is claimed to be worse.

    Args:
        about: The family.
        a: Index of the one with the better estimate.
        b: Index of the other.
        detectable: The smallest difference, as a part of the better value, that these rows would
            have shown with 90 % probability.
        rows: How many judging rows would show a difference of 5 % with that probability; None if
            none would, as the replicates alone vary by more.
    """

    about: str
    a: int
    b: int
    detectable: float
    rows: int | None


@dataclass(frozen=True)
class Comparison:
    """All pairs of all families, tested together.

    Args:
        pairs: Every ordered pair.
        ties: Every unordered pair without a claim.
        minimum_effect: What a claim is of more than, as a part of the better value.
    """

    pairs: tuple[Pair, ...]
    ties: tuple[Tie, ...]
    minimum_effect: float

    @property
    def claims(self) -> tuple[Pair, ...]:
        """The pairs of which the claim is made, most certain first."""
        return tuple(sorted((p for p in self.pairs if p.claimed), key=lambda pair: pair.p))


@dataclass(frozen=True)
class Refusal:
    """Why nothing is tested.

    Args:
        reason: `few_rows`, `few_groups`, `few_of_a_class`, `no_row_values` or `not_finite`.
        found: How many there are; 0 where that says nothing.
        needed: How many it takes; 0 where that says nothing.
    """

    reason: str
    found: int = 0
    needed: int = 0


def refusals(judged: Judged) -> tuple[Refusal, ...]:
    """Why these rows can judge nothing; empty if they can.

    The limits are where the simulation in `benchmarks/verdict.py` begins to miss its level.
    """
    found = []
    n = judged.values.shape[-1]
    if n < LEAST_ROWS:
        found.append(Refusal("few_rows", n, LEAST_ROWS))
    if judged.groups is not None and (many := len(np.unique(judged.groups))) < LEAST_ROWS:
        found.append(Refusal("few_groups", many, LEAST_ROWS))
    rarer = int(min((judged.labels > 0.5).sum(), (judged.labels <= 0.5).sum()))
    if rarer < LEAST_OF_A_CLASS:
        found.append(Refusal("few_of_a_class", rarer, LEAST_OF_A_CLASS))
    if not np.isfinite(judged.values).all():
        found.append(Refusal("not_finite"))
    return tuple(found)


def estimates(judged: Judged) -> tuple[Estimate, ...]:
    """Expected value of each method on new rows of the same source, with its 95 % interval."""
    k, replicates, _ = judged.values.shape
    projected = _spread(judged).of_contrasts(np.eye(k))
    low, high = projected.interval(np.full(k, stats.norm.ppf((1 + LEVEL) / 2)))
    return tuple(
        Estimate(float(v), float(e), float(a), float(b), replicates)
        for v, e, a, b in zip(projected.mean, projected.error, low, high, strict=True)
    )


def optimism(chose: float, judged: float, *, lower_is_better: bool = True) -> float:
    """By how much a value looked better on the rows that chose the setting than it is.

    Args:
        chose: The value on those rows.
        judged: On rows that chose nothing.
        lower_is_better: Whether a lower value is better.

    Returns:
        Above 0 where it looked better, in the metric's unit.
    """
    return judged - chose if lower_is_better else chose - judged


def compare(
    judged: Judged,
    families: Mapping[str, Sequence[int]],
    *,
    minimum_effect: float = MINIMUM_EFFECT,
    seed: int = 0,
) -> Comparison:
    """Test every ordered pair of every family at once.

    Args:
        judged: Values of all methods of all families; finite.
        families: Indices of a family's methods, by what it is about. A method may be in several.
        minimum_effect: m >= 0; H0 is that `worse` is worse than `better` by at most m of it.
        seed: Of the draws of the largest statistic.
    """
    named = [(about, a, b) for about, who in families.items() for a, b in permutations(who, 2)]
    if not named:
        return Comparison((), (), minimum_effect)
    spread = _spread(judged)
    sign = 1.0 if judged.lower_is_better else -1.0
    rows = np.eye(len(judged.values))
    worse, better = rows[[a for _, a, _ in named]], rows[[b for _, _, b in named]]
    beyond = spread.of_contrasts(sign * (worse - (1 + sign * minimum_effect) * better))
    largest = spread.largest(beyond, seed)
    p = (1 + (largest >= beyond.scores()[:, None]).sum(axis=1)) / (1 + DRAWS)
    plain = spread.of_contrasts(worse - better)
    low, high = plain.interval(
        np.full(len(named), np.quantile(spread.largest(plain, seed), LEVEL))
    )
    pairs = tuple(
        Pair(*name, float(d), float(a), float(b), float(q), bool(q <= 1 - LEVEL))
        for name, d, a, b, q in zip(named, plain.mean, low, high, p, strict=True)
    )
    critical = float(np.quantile(largest, LEVEL))
    return Comparison(
        pairs, _ties(judged, pairs, beyond, critical, minimum_effect), minimum_effect
    )


def _spread(judged: Judged) -> Spread:
    return Spread.of(judged.values, judged.labels, judged.shares_from, judged.groups)


def _ties(
    judged: Judged, pairs: Sequence[Pair], beyond: Contrasts, critical: float, minimum: float
) -> tuple[Tie, ...]:
    """Pairs without a claim either way, and what would have been seen of them."""
    means = judged.values.mean(axis=(1, 2))
    claimed = {(p.about, frozenset((p.worse, p.better))) for p in pairs if p.claimed}
    reach = critical + stats.norm.ppf(POWER)
    sign = 1 if judged.lower_is_better else -1
    found = []
    for i, pair in enumerate(pairs):
        who = (pair.about, frozenset((pair.worse, pair.better)))
        ahead = (sign * means[pair.better], pair.better) < (sign * means[pair.worse], pair.worse)
        if who in claimed or not ahead:
            continue
        better = abs(float(means[pair.better]))
        detectable = minimum + reach * beyond.error[i] / better if better else np.inf
        allowed = (max(WORTH_SEEING - minimum, 0) * better / reach) ** 2 - beyond.between[i]
        by_rows = beyond.error[i] ** 2 - beyond.between[i]
        n = judged.values.shape[-1]
        rows = int(np.ceil(n * by_rows / allowed)) if allowed > 0 else None
        found.append(Tie(pair.about, pair.better, pair.worse, float(detectable), rows))
    return tuple(found)
