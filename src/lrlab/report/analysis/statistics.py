"""Statistics of a comparison: tunability, widths of good ranges, performance profiles."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import special

LEVEL = 0.95  # of intervals
LEAST_SEEDS = 6  # that judge; with fewer an interval over seeds is too wide to be of use


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
        values: Objective to be minimized at each, [m]; NaN where runs diverged.
        factor: Near: at most this factor above the best.

    Returns:
        log10 of the ratio between the ends of the stretch that holds the best, neighbors counted
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
