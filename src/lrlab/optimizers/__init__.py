"""The optimizers by name: lrlab's own, and those of other packages (entry points)."""

from __future__ import annotations

from lrlab.optimizers import adam, adaptive, sgd
from lrlab.optimizers.optimizer import Coefficients, Optimizer, State, UpdateRule
from lrlab.registry import Registry

OPTIMIZERS: Registry[Optimizer] = Registry("optimizer", Optimizer, group="lrlab.optimizers")

for _optimizer in (
    sgd.sgd,
    sgd.momentum,
    sgd.nesterov,
    adaptive.adagrad,
    adaptive.rmsprop,
    adaptive.adadelta,
    adam.adam,
    adam.adamw,
    adam.nadam,
    adam.radam,
    adam.amsgrad,
    adam.adamax,
):
    OPTIMIZERS.register(_optimizer)

__all__ = ["OPTIMIZERS", "Coefficients", "Optimizer", "State", "UpdateRule"]
