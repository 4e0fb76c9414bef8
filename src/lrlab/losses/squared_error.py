"""The squared error of the probability."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lrlab.lazy import on_use
from lrlab.losses.loss import Loss

if TYPE_CHECKING:
    import torch
    import torch.nn.functional as F
    from torch import Tensor
else:
    torch, F = on_use("torch"), on_use("torch.nn.functional")


def _mse(z: Tensor, y: Tensor) -> Tensor:
    return (torch.sigmoid(z) - y) ** 2


def _mse_mean(z: Tensor, y: Tensor) -> Tensor:
    return F.mse_loss(torch.sigmoid(z), y)


def _mse_value_and_grad(m: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    off = torch.sigmoid(-m)
    square = off.square()
    return square, (off - 1).mul_(square).mul_(2)


mse = Loss(
    "mse",
    _mse,
    value_and_grad=_mse_value_and_grad,
    formula="(p - y)^2",
    when="The Brier score: bounded, so mislabeled points pull little. It is not convex in "
    "the weights, and flat where the model is wrong and certain.",
    source="Brier 1950, Monthly Weather Review 78(1)",
    mean=_mse_mean,
    proper=True,
)
