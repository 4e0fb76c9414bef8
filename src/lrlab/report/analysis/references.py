"""Baselines beside the best setting: the base rate, and log loss's own minimizer."""

from __future__ import annotations

import numpy as np

from lrlab.data import Problem
from lrlab.optimum.objectives import Objective
from lrlab.optimum.optima import Solver
from lrlab.optimum.reference import LOG_LOSS, fit_log_loss
from lrlab.report.analysis.evaluation import Weights

MOST = 2**25  # numbers of training data up to which the minimizer is found for a report
PLAIN = "logistic regression without penalty, solved exactly"
PENALIZED = "logistic regression with l2 1/n, solved exactly"


def reference_models(problem: Problem, replicates: int) -> dict[str, list[Weights]]:
    """Weights of each baseline, a model a replicate, learned from what that replicate trains on.

    Args:
        problem: The data.
        replicates: Runs of a trial.

    Returns:
        `base rate`, which says the training rows' share of class 1 of every row; and
        `logistic regression without penalty, solved exactly`, or, where the training rows of some
        replicate are separable so that log loss has no minimizer, the same with l2 1/n, which is
        what scikit-learn's LogisticRegression minimizes by default. Neither for very large data.
    """
    own = problem.folds or (problem,)
    found = {"base rate": [base_rate_model(part) for part in own]}
    if sum(part.x_train.numel() for part in own) <= MOST:
        plain = [fit_log_loss(part) for part in own]
        if all(fit.weight is not None and fit.l2 == 0 for fit in plain):
            found[PLAIN] = [(fit.weight, fit.bias) for fit in plain]  # type: ignore[misc]
        else:
            found[PENALIZED] = [_penalized(part) for part in own]
    return {name: [of[r % len(own)] for r in range(replicates)] for name, of in found.items()}


def _penalized(problem: Problem) -> Weights:
    objective = Objective(LOG_LOSS, (), 1 / len(problem.y_train))
    ((_, optimum),) = Solver(problem).solve([objective])
    assert optimum.weight is not None  # strictly convex
    return optimum.weight, optimum.bias


def base_rate_model(problem: Problem) -> Weights:
    """Weights that say the training rows' share of class 1 of every row."""
    share = problem.share_of_class_1
    return np.zeros(problem.n_features), float(np.log(share) - np.log1p(-share))
