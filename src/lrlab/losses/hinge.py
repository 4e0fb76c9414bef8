"""Losses of the margin alone: what is classified right by far costs nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lrlab.lazy import on_use
from lrlab.losses.loss import Loss, margin

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = on_use("torch")


def _hinge(z: Tensor, y: Tensor) -> Tensor:
    return torch.clamp(1 - margin(z, y), min=0)


def _hinge_value_and_grad(m: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    short = 1 - m
    # `out` saves the detour over bool, which takes longer than all the rest.
    return short.clamp(min=0), torch.ge(short, 0, out=torch.empty_like(short)).neg_()


hinge = Loss(
    "hinge",
    _hinge,
    value_and_grad=_hinge_value_and_grad,
    formula="max(0, 1 - s z)",
    when="Only the decision counts: a linear support vector machine. Its scores are not "
    "probabilities.",
    source="Cortes & Vapnik 1995, Machine Learning 20(3)",
)


def _squared_hinge(z: Tensor, y: Tensor) -> Tensor:
    return torch.clamp(1 - margin(z, y), min=0) ** 2


def _squared_hinge_value_and_grad(m: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    short = (1 - m).clamp_(min=0)
    return short.square(), short.mul_(-2)


squared_hinge = Loss(
    "squared_hinge",
    _squared_hinge,
    value_and_grad=_squared_hinge_value_and_grad,
    formula="max(0, 1 - s z)^2",
    when="Like hinge, but smooth, so that gradient methods converge faster. Outliers weigh "
    "more, and a large lr diverges.",
    source="Chang, Hsieh & Lin 2008, JMLR 9",
)


def _modified_huber(z: Tensor, y: Tensor) -> Tensor:
    m = margin(z, y)
    return torch.where(m < -1, -4 * m, torch.clamp(1 - m, min=0) ** 2)


def _modified_huber_value_and_grad(m: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    # short^2 up to 2, then on along the tangent: u (2 short - u) with u = short within [0, 2].
    short = 1 - m
    within = short.clamp(0, 2)
    return short.mul_(2).sub_(within).mul_(within), within.mul(-2)


modified_huber = Loss(
    "modified_huber",
    _modified_huber,
    value_and_grad=_modified_huber_value_and_grad,
    formula="max(0, 1 - s z)^2 if s z >= -1, else -4 s z",
    when="Squared hinge, but linear far on the wrong side: smooth, and robust against outliers.",
    source="Zhang 2004, Statistical behavior and consistency of classification methods, "
    "Annals of Statistics 32(1)",
)
