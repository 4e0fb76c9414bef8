"""The metrics by which runs are compared, whatever loss they trained with.

Held-out metrics are common to all losses, whatever their scale; `train_objective` is what the run
itself minimizes (loss + l2) on the whole training set.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from lrlab.lazy import on_use

if TYPE_CHECKING:
    import torch
    import torch.nn.functional as F
    from torch import Tensor
else:
    torch, F = on_use("torch"), on_use("torch.nn.functional")

Direction = Literal["minimize", "maximize"]


@dataclass(frozen=True)
class Metric:
    """A final metric of a run.

    Args:
        name: As it is logged.
        direction: Which values are better.
        meaning: In a few words.
        stepped: Whether it is also logged along the way.
        chance: Its value for a model that says p = 1/2 of every row, where it has one.
    """

    name: str
    direction: Direction
    meaning: str
    stepped: bool = False
    chance: float | None = None


METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("val_log_loss", "minimize", "held-out log loss, nats a row", True, math.log(2)),
        Metric("val_accuracy", "maximize", "held-out share classified right", True, 0.5),
        Metric("val_auc", "maximize", "held-out area under the ROC curve", chance=0.5),
        Metric("val_brier", "minimize", "held-out Brier score, mean (p - y)^2", chance=0.25),
        Metric("val_ece", "minimize", "held-out expected calibration error, 15 bins"),
        Metric("train_objective", "minimize", "loss + l2 on all training rows", stepped=True),
        Metric("train_loss", "minimize", "loss + l2 of the last training step's batch"),
        Metric(
            "train_log_loss",
            "minimize",
            "log loss on all training rows, nats a row",
            False,
            math.log(2),
        ),
        Metric("train_accuracy", "maximize", "share of training rows classified right"),
    )
}

# A run's objective on all training rows at its initial weights, also of one that diverged. It says
# what a gap is relative to, and nothing of how good a run is: so it is no metric to choose by.
START = "start_objective"
OF_PROBABILITIES = ("val_log_loss", "val_brier")  # what recalibration changes of what is judged
STEPPED = tuple(name for name, metric in METRICS.items() if metric.stepped)


def log_loss(z: Tensor, y: Tensor) -> Tensor:
    """Mean negative log likelihood, in nats, of labels `y` [n] under logits `z` [..., n].

    Summed in double precision, whatever the logits are in.
    """
    return -F.logsigmoid((2 * y - 1) * z).mean(-1, dtype=torch.float64)


def accuracy(z: Tensor, y: Tensor) -> Tensor:
    """Share of rows on the right side of p = 0.5; a logit of exactly 0 counts as class 1."""
    positive = torch.ge(z, 0, out=torch.empty_like(z))  # no detour over bool, which is slow
    sign = (2 * y - 1).to(z.dtype)
    return (positive @ sign + (sign < 0).sum()).double() / z.shape[-1]


def brier(z: Tensor, y: Tensor) -> Tensor:
    """Mean squared error of the probability (Brier 1950)."""
    return (torch.sigmoid(z) - y).square().mean(-1)


def auc(z: Tensor, y: Tensor) -> Tensor:
    """Area under the ROC curve; NaN for a single class.

    The share of pairs of a positive and a negative row in which the positive one has the larger
    logit, equal ones counted half (Mann & Whitney 1947).
    """
    positives, negatives = z[..., y == 1].contiguous(), z[..., y == 0].sort(-1).values
    below, upto = (torch.searchsorted(negatives, positives, side=s) for s in ("left", "right"))
    pairs = positives.shape[-1] * negatives.shape[-1]
    return (below + upto).sum(-1).to(z.dtype) / 2 / pairs


def expected_calibration_error(z: Tensor, y: Tensor, bins: int = 15) -> Tensor:
    """Mean gap between p(y = 1) and the observed frequency over equal-width bins of p.

    Source: Naeini, Cooper & Hauskrecht 2015, Obtaining Well Calibrated Probabilities Using
    Bayesian Binning, eq. 3, for the probability of class 1.
    """
    p = torch.sigmoid(z)
    which = (p * bins).long().clamp_(0, bins - 1)
    gaps = torch.zeros(*z.shape[:-1], bins, dtype=z.dtype, device=z.device)
    return gaps.scatter_add_(-1, which, p - y).abs().sum(-1) / z.shape[-1]


HELD_OUT: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "val_log_loss": log_loss,
    "val_accuracy": accuracy,
    "val_auc": auc,
    "val_brier": brier,
    "val_ece": expected_calibration_error,
}
