"""Baselines beside the best setting: the base rate, and log loss's own minimiser."""

from __future__ import annotations

import numpy as np

from lrlab.data import Problem
from lrlab.optimum.reference import fit_log_loss
from lrlab.report.evaluation import Weights

MOST = 2**25  # numbers of training data up to which the minimiser is found for a report


def reference_models(problem: Problem, replicates: int) -> dict[str, list[Weights]]:
    """Weights of each baseline, a model a replicate, learnt from what that replicate trains on.

    Args:
        problem: The data.
        replicates: Runs of a trial.

    Returns:
        `base rate`, which says the training rows' share of class 1 of every row; and, where there
        is one for every replicate, `bce solved exactly` without a penalty, or with the smallest
        l2 with which it has a minimiser (`lrlab.optimum.reference.fit_log_loss`).
    """
    own = problem.folds or (problem,)
    given = [own[r % len(own)] for r in range(replicates)]
    found = {"base rate": [base_rate_model(part) for part in given]}
    if sum(part.x_train.numel() for part in own) > MOST:
        return found
    fits = [fit_log_loss(part) for part in own]
    solved = [(fit.weight, fit.bias) for fit in fits if fit.weight is not None]
    if len(solved) == len(own):
        found["bce solved exactly"] = [solved[r % len(own)] for r in range(replicates)]
    return found


def base_rate_model(problem: Problem) -> Weights:
    """Weights that say the training rows' share of class 1 of every row."""
    share = problem.share_of_class_1
    return np.zeros(problem.n_features), float(np.log(share) - np.log1p(-share))
