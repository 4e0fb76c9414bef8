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
  any wrong claim is at most 5%.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import permutations

import numpy as np

from lrlab.report.analysis.distributions import normal_quantile
from lrlab.report.analysis.judged import Comparison, Estimate, Judged, Pair, Refusal, Tie
from lrlab.report.analysis.row_values import ROW_VALUES
from lrlab.report.analysis.spread import Contrasts, Spread

__all__ = [
    "Comparison",
    "Estimate",
    "Judged",
    "Pair",
    "Refusal",
    "Tie",
    "compare",
    "estimates",
    "metric_refusals",
    "optimism",
    "refusals",
]

LEVEL = 0.95  # of intervals, for all pairs together; of claims 1 - LEVEL
MINIMUM_EFFECT = 0.01  # of the better value: a claim must be of more
POWER = 0.9  # with which a difference that is called detectable is detected
WORTH_SEEING = 0.05  # of the better value: how many rows would do is said of this difference
BESIDES = 0.005  # of the 5%: what it costs to learn which pairs are far from a claim
LEAST_ROWS = 100  # test rows (or groups) below which nothing is tested
LEAST_OUT_OF_FOLD = 200  # the same of rows that are judged out of fold
LEAST_OF_A_CLASS = 20  # judging rows of the rarer class


def refusals(judged: Judged) -> tuple[Refusal, ...]:
    """Why these rows can judge nothing; empty if they can.

    The limits are where the simulation in `benchmarks/verdict.py` begins to miss its level.
    """
    found = []
    least = _least_rows(judged)
    n = judged.values.shape[-1]
    if n < least:
        found.append(Refusal("few_rows", n, least))
    if judged.groups is not None and (many := len(np.unique(judged.groups))) < least:
        found.append(Refusal("few_groups", many, least))
    rarer = int(min((judged.labels > 0.5).sum(), (judged.labels <= 0.5).sum()))
    if rarer < LEAST_OF_A_CLASS:
        found.append(Refusal("few_of_a_class", rarer, LEAST_OF_A_CLASS))
    if not np.isfinite(judged.values).all():
        found.append(Refusal("not_finite"))
    return tuple(found)


def _least_rows(judged: Judged) -> int:
    return LEAST_OUT_OF_FOLD if judged.folds else LEAST_ROWS


def metric_refusals(metric: str) -> tuple[Refusal, ...]:
    """Why no rows can judge by a metric; empty if they can.

    A metric of the training rows says nothing of new ones; the calibration error is no mean of
    anything that rows have by themselves.
    """
    return () if metric in ROW_VALUES else (Refusal("no_row_values"),)


def estimates(judged: Judged) -> tuple[Estimate, ...]:
    """Expected value of each method on new rows of the same source, with its 95% interval."""
    k, replicates, _ = judged.values.shape
    projected = _spread(judged).of_contrasts(np.eye(k))
    low, high = projected.interval(normal_quantile((1 + LEVEL) / 2))
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
    spread = _spread(judged, _between_methods(judged))
    sign = 1.0 if judged.lower_is_better else -1.0
    rows = np.eye(len(judged.values))
    worse, better = rows[[a for _, a, _ in named]], rows[[b for _, _, b in named]]
    beyond = spread.of_contrasts(sign * (worse - (1 + sign * minimum_effect) * better))
    scores = beyond.scores()
    largest = spread.largest(beyond, seed, _at_most(spread, beyond, scores, seed))
    p = np.minimum(BESIDES + _share_above(largest, scores), 1)
    claimed, critical = p <= 1 - LEVEL, _critical(largest)
    low, high = _intervals(spread, worse - better, sign * claimed, critical, seed)
    difference = (worse - better) @ spread.mean
    pairs = tuple(
        Pair(
            *who,
            float(difference[i]),
            float(low[i]),
            float(high[i]),
            float(p[i]),
            bool(claimed[i]),
        )
        for i, who in enumerate(named)
    )
    return Comparison(
        pairs, _ties(judged, pairs, beyond, critical, minimum_effect), minimum_effect
    )


def _at_most(spread: Spread, beyond: Contrasts, scores: np.ndarray, seed: int) -> np.ndarray:
    """How far below 0 each contrast lies at least, as a normal score, [p]; 0 if it may be at 0.

    Not all contrasts can be at 0 at once: where a is far better than b, "a is worse" is so far
    from true that it must not cost the other claims (Romano, Shaikh & Wolf 2014, section 3).
    """
    farthest = np.quantile(
        spread.largest(beyond, seed), 1 - BESIDES
    )  # or the smallest: they mirror
    return np.asarray(np.minimum(scores + farthest, 0))


def _intervals(
    spread: Spread, weights: np.ndarray, claimed: np.ndarray, critical: float, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Ends of the intervals of the plain differences [p, k], for all pairs together.

    Of a claim (1 or -1 by its sign, else 0) the end next to 0 is that of the test of claims, which
    knows which pairs compete, so that claim and interval never disagree.
    """
    plain = spread.of_contrasts(weights)
    low, high = plain.interval(np.quantile(spread.largest(plain, seed), LEVEL))
    above, below = plain.interval(critical)
    return (
        np.where(claimed > 0, np.maximum(low, above), low),
        np.where(claimed < 0, np.minimum(high, below), high),
    )


def _critical(largest: np.ndarray) -> float:
    """The normal score that a claim takes, at least that of a single one."""
    level = LEVEL + BESIDES
    of_one = float(normal_quantile(level))
    finite = largest[np.isfinite(largest)]
    return max(float(np.quantile(finite, level)), of_one) if len(finite) else of_one


def _share_above(draws: np.ndarray, scores: np.ndarray) -> np.ndarray:
    above = len(draws) - np.searchsorted(np.sort(draws), scores, side="left")
    return np.asarray((1 + above) / (1 + len(draws)))


def _spread(judged: Judged, widening: float = 1.0) -> Spread:
    return Spread.of(judged.values, judged.labels, judged.shares_from, judged.groups, widening)


def _between_methods(judged: Judged) -> float:
    """By which factor rows vary differences more than their spread says.

    Every row that judges out of fold is also a training row of the other folds' models. That moves
    a method's own value little, but two methods of which the models are nearly the same differ by
    no more than that. The factor is that of the corrected resampled t (Nadeau & Bengio 2003):
    1 + K / (K - 1) for K folds.
    """
    return 1 + judged.folds / (judged.folds - 1) if judged.folds > 1 else 1.0


def _ties(
    judged: Judged, pairs: Sequence[Pair], beyond: Contrasts, critical: float, minimum: float
) -> tuple[Tie, ...]:
    """Pairs without a claim either way, and what would have been seen of them."""
    means = judged.values.mean(axis=(1, 2))
    claimed = {(p.about, frozenset((p.worse, p.better))) for p in pairs if p.claimed}
    reach = critical + normal_quantile(POWER)
    sign = 1 if judged.lower_is_better else -1
    found = []
    for i, pair in enumerate(pairs):
        who = (pair.about, frozenset((pair.worse, pair.better)))
        ahead = (sign * means[pair.better], pair.better) < (sign * means[pair.worse], pair.worse)
        if who in claimed or not ahead:
            continue
        better = abs(float(means[pair.better]))
        detectable = float(minimum + reach * beyond.error[i] / better) if better else None
        allowed = (max(WORTH_SEEING - minimum, 0) * better / reach) ** 2 - beyond.between[i]
        by_rows = beyond.error[i] ** 2 - beyond.between[i]
        rows = judged.values.shape[-1] * by_rows / allowed if allowed > 0 else None
        enough = None if rows is None else max(int(np.ceil(rows)), _least_rows(judged))
        found.append(Tie(pair.about, pair.better, pair.worse, detectable, enough))
    return tuple(found)
