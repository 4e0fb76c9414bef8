"""Gradient descent, plain and with momentum."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lrlab.lazy import on_use
from lrlab.optimizers.optimizer import (
    Coefficients,
    Optimizer,
    Parameters,
    State,
    UpdateRule,
    fraction,
    kept,
)

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = on_use("torch")

_BETA = fraction("beta", 0.9, "share of the velocity kept at each step")


def _as_they_are(t: Tensor, **hyperparameters: Tensor) -> Coefficients:
    return hyperparameters


def _build_sgd(params: Parameters, lr: float) -> torch.optim.Optimizer:
    return torch.optim.SGD(params, lr=lr)


def _update_sgd(w: Tensor, g: Tensor, state: State, lr: Tensor) -> None:
    """w <- w - lr g."""
    w.addcmul_(lr, g, value=-1)


sgd = Optimizer(
    "sgd",
    _build_sgd,
    rule=UpdateRule(_as_they_are, _update_sgd),
    formula="w <- w - lr g",
    when="A baseline with nothing to tune but lr; stable up to lr = 2/L on a smooth loss.",
    source="Robbins & Monro 1951, Annals of Mathematical Statistics 22(3)",
    default_lr=0.1,
)


def _build_momentum(params: Parameters, lr: float, beta: float) -> torch.optim.Optimizer:
    return torch.optim.SGD(params, lr=lr, momentum=beta)


def _update_momentum(w: Tensor, g: Tensor, state: State, lr: Tensor, beta: Tensor) -> None:
    """v <- beta v + g; w <- w - lr v."""
    v = kept(state, "v", g).mul_(beta).add_(g)
    w.addcmul_(lr, v, value=-1)


momentum = Optimizer(
    "momentum",
    _build_momentum,
    rule=UpdateRule(_as_they_are, _update_momentum),
    formula="v <- beta v + g;  w <- w - lr v",
    when="The tutorial's choice: faster than sgd where curvature differs between directions.",
    source="Polyak 1964, USSR Comp. Math. and Math. Physics 4(5)",
    default_lr=0.01,
    hyperparameters=(_BETA,),
)


def _build_nesterov(params: Parameters, lr: float, beta: float) -> torch.optim.Optimizer:
    # torch refuses nesterov without momentum; at beta = 0 both are plain SGD.
    return torch.optim.SGD(params, lr=lr, momentum=beta, nesterov=beta > 0)


def _update_nesterov(w: Tensor, g: Tensor, state: State, lr: Tensor, beta: Tensor) -> None:
    """v <- beta v + g; w <- w - lr (g + beta v)."""
    v = kept(state, "v", g).mul_(beta).add_(g)
    w.addcmul_(lr, torch.addcmul(g, beta, v), value=-1)


nesterov = Optimizer(
    "nesterov",
    _build_nesterov,
    rule=UpdateRule(_as_they_are, _update_nesterov),
    formula="v <- beta v + g;  w <- w - lr (g + beta v)",
    when="Momentum that looks ahead: less overshoot, best known rate for convex losses.",
    source="Nesterov 1983; in torch's form: Sutskever et al. 2013",
    default_lr=0.01,
    hyperparameters=(_BETA,),
)
