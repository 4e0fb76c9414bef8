"""The losses by name: lrlab's own, and those of other packages (entry points)."""

from __future__ import annotations

from lrlab.losses import cross_entropy, hinge, squared_error
from lrlab.losses.loss import Loss, PerExample
from lrlab.registry import Registry

LOSSES: Registry[Loss] = Registry("loss", Loss, group="lrlab.losses")

for _loss in (
    cross_entropy.bce,
    cross_entropy.bce_logits,
    squared_error.mse,
    hinge.hinge,
    hinge.squared_hinge,
    cross_entropy.focal,
    cross_entropy.label_smoothing,
    cross_entropy.weighted_bce,
    hinge.modified_huber,
):
    LOSSES.register(_loss)


def is_proper(loss: str) -> bool:
    """Whether scores trained with a loss are probabilities; one that is not known has none."""
    return loss in LOSSES and LOSSES[loss].proper


__all__ = ["LOSSES", "Loss", "PerExample", "is_proper"]
