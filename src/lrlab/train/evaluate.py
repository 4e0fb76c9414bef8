"""Evaluation: the metrics of one or many runs."""

from __future__ import annotations

import torch
from torch import Tensor

from lrlab.data import Problem
from lrlab.metrics import HELD_OUT, STEPPED, accuracy, log_loss

TILE = 2**20  # logits at a time, in double precision


def stepped_metrics(z_val: Tensor, y_val: Tensor) -> dict[str, Tensor]:
    """The held-out metrics that are taken along the way.

    Args:
        z_val: Held-out logits, [..., m], in the working precision.
        y_val: Held-out labels, [m].

    Returns:
        Each of shape [...].
    """
    return {name: HELD_OUT[name](z_val, y_val) for name in STEPPED if name in HELD_OUT}


def final_metrics(weights: Tensor, problem: Problem) -> dict[str, Tensor]:
    """Every metric that the final weights decide, in double precision whatever trained them.

    So they are those of the logged model on the same rows, to the last digits.

    Args:
        weights: Weights with the bias last, [r, d + 1] float64, on the problem's device.
        problem: The data.

    Returns:
        Each [r] float64.
    """
    some = max(1, TILE // max(len(problem.y_train), len(problem.y_val)))
    parts = []
    for rows in weights.split(some):  # all logits at once would take much memory
        z_train, z_val = (exact_logits(rows, x) for x in (problem.x_train, problem.x_val))
        parts.append(
            {name: metric(z_val, problem.y_val) for name, metric in HELD_OUT.items()}
            | {
                "train_log_loss": log_loss(z_train, problem.y_train),
                "train_accuracy": accuracy(z_train, problem.y_train),
            }
        )
    return {name: torch.cat([part[name] for part in parts]) for name in parts[0]}


def exact_logits(weights: Tensor, x: Tensor) -> Tensor:
    """Logits in double precision, [r, n] float64.

    Columns are added one by one, so that equal rows have equal logits: a matrix product may add up
    the last rows of a block in another order, and ties, which AUC counts half, would be broken.

    Args:
        weights: Weights with the bias last, [r, d + 1] float64.
        x: Rows, [n, d] of any precision.
    """
    z = weights[:, -1:].repeat(1, len(x))
    for j in range(x.shape[1]):
        z.addcmul_(weights[:, j : j + 1], x[:, j].to(weights.dtype))
    return z
