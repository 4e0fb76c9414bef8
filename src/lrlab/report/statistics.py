"""Statistics of a comparison: intervals, paired tests, tunability, performance profiles.

Methods are compared on the same seeds: a row of a table is a seed, that is one draw of initial
weights and mini-batch order, a column a method. Pairing takes out what the seeds have in common.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from scipy import special, stats

LEVEL = 0.95  # of intervals; tests are at 1 - LEVEL
RESAMPLES = 2000
MOST_FLIPS = 2**14  # of signs; all there are up to 14 seeds
LEAST_SEEDS = 6  # with fewer no paired test can reach 5 %: 2 / 2^5 is 0.06
NEGLIGIBLE = 0.01  # of the better value: a smaller difference is called a tie, however certain


def bootstrap_median(values: np.ndarray, seed: int = 0) -> tuple[float, float, float]:
    """The median and its 95 % bootstrap interval (percentile method; Efron 1979).

    Args:
        values: [n]; NaNs are left out.
        seed: Of the resampling.

    Returns:
        Median, lower and upper end; the ends are NaN for fewer than two values.
    """
    found = values[np.isfinite(values)]
    if len(found) == 0:
        return np.nan, np.nan, np.nan
    if len(found) == 1:
        return float(found[0]), np.nan, np.nan
    interval = _interval(found, seed)
    return float(np.median(found)), float(interval.low), float(interval.high)


def _interval(values: np.ndarray, seed: int) -> Any:
    """Bootstrap interval of the median along the first axis."""
    return stats.bootstrap(
        (values,),
        np.median,
        confidence_level=LEVEL,
        n_resamples=RESAMPLES,
        method="percentile",
        rng=np.random.default_rng(seed),
    ).confidence_interval


def holm(p: np.ndarray) -> np.ndarray:
    """P-values adjusted for their number by Holm's step-down method (Holm 1979), [k]."""
    order = np.argsort(p, kind="stable")
    factors = np.arange(len(p), 0, -1)
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(np.maximum.accumulate(p[order] * factors), 1)
    return adjusted


def sign_flips(n: int, seed: int = 0) -> np.ndarray:
    """Signs by which n paired differences are flipped, [f, n]: all ways, else a random sample.

    The first is always that of the data themselves.
    """
    if 2**n <= MOST_FLIPS:
        bits = (np.arange(2**n)[:, None] >> np.arange(n)) & 1
        return 1.0 - 2.0 * bits
    flips = np.random.default_rng(seed).choice([-1.0, 1.0], size=(MOST_FLIPS, n))
    flips[0] = 1.0
    return flips


def compare_pairs(table: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """Every pair of methods, by a paired permutation test on the differences.

    Under the hypothesis that two methods do equally well, the difference of a seed is as likely
    with either sign (Fisher 1935). The statistic is Student's t of the differences. `p_adjusted`
    holds for all pairs together: step-down max-t over the same flips (Westfall & Young 1993),
    which never needs more evidence than Holm's method, as it knows how the pairs hang together.

    Args:
        table: Rows are seeds, columns methods; finite.
        seed: Of the random flips and of the bootstrap.

    Returns:
        a, b (b has the higher median), n, difference (median of b - a) with its 95 % bootstrap
        interval low..high, effect (matched-pairs rank-biserial correlation, -1..1: Kerby 2014),
        p, p_holm and p_adjusted.
    """
    medians = table.median().sort_values(kind="stable")
    pairs = list(combinations(medians.index, 2))
    columns = ["a", "b", "n", "difference", "low", "high", "effect", "p", "p_holm", "p_adjusted"]
    if not pairs or len(table) < 2:
        return pd.DataFrame(columns=columns)
    differences = np.stack([(table[b] - table[a]).to_numpy(dtype=float) for a, b in pairs], 1)
    t = np.abs(_student(differences, sign_flips(len(table), seed)))
    p = _share_as_large(t)
    interval = _interval(differences, seed)
    frame = pd.DataFrame(pairs, columns=columns[:2])
    return frame.assign(
        n=len(table),
        difference=np.median(differences, axis=0),
        low=interval.low,
        high=interval.high,
        effect=[rank_biserial(column) for column in differences.T],
        p=p,
        p_holm=holm(p),
        p_adjusted=_step_down(t),
    )


def _student(differences: np.ndarray, flips: np.ndarray) -> np.ndarray:
    """Student's t of every column under every flip, [f, k]."""
    n = len(differences)
    mean = flips @ differences / n
    square = (differences**2).mean(axis=0)
    # a spread of nothing but rounding must not decide
    least = 1e-12 * square + np.finfo(float).tiny
    return np.asarray(mean / np.sqrt(np.maximum(square - mean**2, least) / (n - 1)))


def _share_as_large(t: np.ndarray) -> np.ndarray:
    return np.asarray((t >= t[0] * (1 - 1e-9)).mean(axis=0))


def _step_down(t: np.ndarray) -> np.ndarray:
    """Adjusted p-values: each pair against the largest t of those that are not above it."""
    order = np.argsort(-t[0], kind="stable")
    largest = np.maximum.accumulate(t[:, order[::-1]], axis=1)[:, ::-1]
    p = (largest >= t[0, order] * (1 - 1e-9)).mean(axis=0)
    adjusted = np.empty(len(p))
    adjusted[order] = np.maximum.accumulate(p)
    return adjusted


def rank_biserial(differences: np.ndarray) -> float:
    """Matched-pairs rank-biserial correlation: share of rank in favour minus share against."""
    found = differences[differences != 0]
    if len(found) == 0:
        return 0.0
    ranks = stats.rankdata(np.abs(found))
    return float((ranks * np.sign(found)).sum() / ranks.sum())


@dataclass(frozen=True)
class Standing:
    """Who leads, who is level with the leader, and who is behind for certain.

    Args:
        leader: The method of the best median; None if no method has a value.
        level: Methods that cannot be told from it, best first.
        behind: Methods that are worse, by a test and by more than a negligible amount.
        tested: Whether there were enough seeds to tell anything.
        n: Seeds.
        pairs: What `compare_pairs` returns.
    """

    leader: str | None
    level: tuple[str, ...]
    behind: tuple[str, ...]
    tested: bool
    n: int
    pairs: pd.DataFrame


def standing(table: pd.DataFrame, *, minimize: bool = True, seed: int = 0) -> Standing:
    """Compare all methods and say what may be said.

    As p-values are adjusted for all pairs, the chance that any method is wrongly said to be
    behind is at most 5 %, whichever leads.

    Args:
        table: Rows are seeds, columns methods, values the objective.
        minimize: Whether less is better.
        seed: Of the resampling.
    """
    complete = table.dropna(axis=1)
    signed = complete if minimize else -complete
    order = [str(name) for name in signed.median().sort_values(kind="stable").index]
    pairs = compare_pairs(signed, seed)
    if not order:
        return Standing(None, (), (), False, len(table), pairs)
    leader, others = order[0], order[1:]
    tested = len(signed) >= LEAST_SEEDS
    best = abs(float(complete[leader].median()))
    own = pairs[(pairs["a"] == leader) | (pairs["b"] == leader)]
    behind = set()
    for row in own.to_dict("records"):
        large = abs(row["difference"]) > NEGLIGIBLE * best
        if tested and large and row["p_adjusted"] <= 1 - LEVEL:
            behind.add(row["b"] if row["a"] == leader else row["a"])
    return Standing(
        leader=leader,
        level=tuple(name for name in others if name not in behind),
        behind=tuple(name for name in others if name in behind),
        tested=tested,
        n=len(signed),
        pairs=pairs,
    )


def expected_best(values: np.ndarray, budgets: Sequence[int]) -> np.ndarray:
    """Expected lowest of k values drawn without replacement, for every budget k.

    The unbiased estimate of how good the best of k random trials is (Dodge et al. 2019,
    arXiv:1909.03004, corrected in Tang et al. 2020, arXiv:2004.13705).

    Args:
        values: [n], finite, of trials drawn at random.
        budgets: Each k >= 1.

    Returns:
        [k]; NaN where k > n.
    """
    ordered, n = np.sort(values), len(values)
    place = np.arange(n)
    found = np.full(len(budgets), np.nan)
    for i, k in enumerate(budgets):
        if not 1 <= k <= n:
            continue
        # the i-th smallest is the lowest of k if the other k - 1 lie above it
        above = n - 1 - place
        with np.errstate(invalid="ignore"):
            logs = _log_choose(above, k - 1) - _log_choose(np.array(n), k)
        weights = np.where(above >= k - 1, np.exp(logs), 0)
        found[i] = float(weights @ ordered)
    return found


def _log_choose(n: np.ndarray, k: int) -> np.ndarray:
    return np.asarray(special.gammaln(n + 1) - special.gammaln(k + 1) - special.gammaln(n - k + 1))


def lr_width(lr: np.ndarray, values: np.ndarray, factor: float = 1.1) -> float:
    """Decades of learning rate around the best within which a method stays near its best.

    Args:
        lr: Learning rates, [m].
        values: Objective to be minimised at each, [m]; NaN where runs diverged.
        factor: Near: at most this factor above the best.

    Returns:
        log10 of the ratio between the ends of the stretch that holds the best, neighbours counted
        half way; 0 for a single learning rate, NaN if there is no value.
    """
    order = np.argsort(lr)
    logs, found = np.log10(lr[order]), values[order]
    if not np.isfinite(found).any():
        return float("nan")
    best = int(np.nanargmin(found))
    limit = found[best] + (factor - 1) * abs(found[best])
    near = np.isfinite(found) & (found <= limit)
    low = high = best
    while low > 0 and near[low - 1]:
        low -= 1
    while high < len(logs) - 1 and near[high + 1]:
        high += 1
    left = (logs[low] + logs[low - 1]) / 2 if low else logs[low]
    right = (logs[high] + logs[high + 1]) / 2 if high < len(logs) - 1 else logs[high]
    return float(right - left)


def performance_profile(costs: pd.DataFrame, ratios: np.ndarray) -> pd.DataFrame:
    """Share of problems that each method solves within a factor of the best (Dolan & Moré 2002).

    Args:
        costs: Rows are problems, columns methods; positive, NaN where a problem was not solved.
        ratios: Factors tau >= 1, [t].

    Returns:
        One row a factor, one column a method, values in [0, 1]. Problems that no method solves
        are left out.
    """
    solved = costs.dropna(how="all")
    relative = solved.div(solved.min(axis=1), axis=0)
    shares = [(relative <= tau * (1 + 1e-12)).mean() for tau in ratios]
    return pd.DataFrame(shares, index=pd.Index(ratios, name="ratio"), columns=costs.columns)
