"""Choose settings on some rows, so that others can judge them.

A setting that is chosen and judged by the same rows looks better than it is. With folds every row
can do both, but never for the same decision: the rows of a fold are judged by the setting that the
other folds chose (the outer loop of nested cross-validation: Stone 1974; Varma & Simon 2006). The
same with replicates in place of folds: a setting is chosen on the other seeds and judged on this.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lrlab.search.results import mean

NONE = -1  # in place of a trial, where a method has none that may be chosen


@dataclass(frozen=True)
class Chosen:
    """Which trial each method is taken at.

    Args:
        methods: Names of the k methods, sorted.
        trials: [k, R, K] int64 (cross-fitted) or [k] (plain): index of the trial; -1 where no
            trial of the method may be chosen.
    """

    methods: tuple[str, ...]
    trials: np.ndarray


def cross_fitted(
    values: np.ndarray, methods: Sequence[str], *, lower_is_better: bool = True
) -> Chosen:
    """The trial of each method that is best on the other folds, for every repeat and fold.

    Args:
        values: Objective of every trial on every fold of every repeat, [T, R, K]. A trial with a
            value that is not finite (it diverged) is never chosen.
        methods: Of each trial, [T].
        lower_is_better: Whether the best value is the lowest.

    Raises:
        ValueError: For fewer than two folds: there are no others to choose by.
    """
    folds = values.shape[2]
    if folds < 2:
        raise ValueError("choosing on the other folds takes two folds or more")
    eligible = np.isfinite(values).all(axis=(1, 2))
    finite = np.where(eligible[:, None, None], values, 0.0)
    others = (finite.sum(axis=2, keepdims=True) - finite) / (folds - 1)
    return _best(others, eligible, methods, lower_is_better)


def plain(values: np.ndarray, methods: Sequence[str], *, lower_is_better: bool = True) -> Chosen:
    """The trial of each method whose mean over all repeats and folds is best; arguments as above.

    Returns:
        Trials [k]. `values` may as well be [T, R].
    """
    whole = values.reshape(len(values), -1)
    eligible = np.isfinite(whole).all(axis=1)
    scores = np.full(len(whole), np.nan)
    scores[eligible] = [mean(row) for row in whole[eligible].tolist()]
    return _best(scores, eligible, methods, lower_is_better)


def _best(
    scores: np.ndarray, eligible: np.ndarray, methods: Sequence[str], lower_is_better: bool
) -> Chosen:
    """Of each method the eligible trial with the best score [T, ...]; the first of equal ones."""
    of, names = np.asarray(methods, dtype=object), tuple(sorted(set(methods)))
    found = np.full((len(names), *scores.shape[1:]), NONE, dtype=np.int64)
    signed = scores if lower_is_better else -scores
    for i, name in enumerate(names):
        own = np.flatnonzero((of == name) & eligible)
        if len(own):
            found[i] = own[signed[own].argmin(axis=0)]
    return Chosen(names, found)
