"""Evaluation: the measures of one or many runs from their logits."""

from __future__ import annotations

from torch import Tensor

from lrlab.measures import HELD_OUT, STEPPED, accuracy, log_loss


def stepped_measures(z_val: Tensor, y_val: Tensor) -> dict[str, Tensor]:
    """The held-out measures that are taken along the way.

    Args:
        z_val: Held-out logits, [..., m], in the working precision.
        y_val: Held-out labels, [m].

    Returns:
        Each of shape [...].
    """
    return {name: HELD_OUT[name](z_val, y_val) for name in STEPPED if name in HELD_OUT}


def final_measures(
    z_train: Tensor, z_val: Tensor, y_train: Tensor, y_val: Tensor
) -> dict[str, Tensor]:
    """Every final measure that logits decide and that is not taken along the way.

    Args:
        z_train: Logits on the training rows, [..., n] float64.
        z_val: Held-out logits, [..., m] float64.
        y_train: Labels, [n].
        y_val: Held-out labels, [m].

    Returns:
        Each of shape [...].
    """
    measures = {
        name: measure(z_val, y_val) for name, measure in HELD_OUT.items() if name not in STEPPED
    }
    return measures | {
        "train_log_loss": log_loss(z_train, y_train),
        "train_accuracy": accuracy(z_train, y_train),
    }
