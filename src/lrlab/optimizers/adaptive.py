"""A rate of its own for each weight, from the squares of its gradients."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lrlab.lazy import on_use
from lrlab.optimizers.optimizer import (
    Coefficients,
    Optimizer,
    Parameters,
    State,
    UpdateRule,
    eps_of,
    fraction,
    kept,
)
from lrlab.registry import Hyperparameter

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = on_use("torch")


def _build_adagrad(
    params: Parameters, lr: float, lr_decay: float, eps: float
) -> torch.optim.Optimizer:
    return torch.optim.Adagrad(params, lr=lr, lr_decay=lr_decay, eps=eps)


def _adagrad_coefficients(t: Tensor, lr: Tensor, lr_decay: Tensor, eps: Tensor) -> Coefficients:
    return {"rate": lr / (1 + (t - 1) * lr_decay), "eps": eps}


def _update_adagrad(w: Tensor, g: Tensor, state: State, rate: Tensor, eps: Tensor) -> None:
    """s <- s + g^2; w <- w - lr / (1 + (t-1) lr_decay) g / (sqrt(s) + eps)."""
    s = kept(state, "s", g).addcmul_(g, g)
    w.addcdiv_(rate * g, s.sqrt().add_(eps), value=-1)


adagrad = Optimizer(
    "adagrad",
    _build_adagrad,
    rule=UpdateRule(_adagrad_coefficients, _update_adagrad),
    formula="G <- G + g^2;  w <- w - lr g / (sqrt(G) + eps)",
    when="Sparse columns, or columns of different scale. Its steps only ever shrink.",
    source="Duchi, Hazan & Singer 2011, JMLR 12",
    default_lr=0.1,
    hyperparameters=(
        Hyperparameter("lr_decay", 0.0, meaning="lr is divided by 1 + (step-1) lr_decay"),
        eps_of(1e-10),
    ),
)


def _build_rmsprop(
    params: Parameters, lr: float, alpha: float, beta: float, eps: float
) -> torch.optim.Optimizer:
    return torch.optim.RMSprop(params, lr=lr, alpha=alpha, momentum=beta, eps=eps)


def _rmsprop_coefficients(
    t: Tensor, lr: Tensor, alpha: Tensor, beta: Tensor, eps: Tensor
) -> Coefficients:
    return {"lr": lr, "new": 1 - alpha, "beta": beta, "eps": eps}


def _update_rmsprop(
    w: Tensor, g: Tensor, state: State, lr: Tensor, new: Tensor, beta: Tensor, eps: Tensor
) -> None:
    """v averages g^2; u <- beta u + g / (sqrt(v) + eps); w <- w - lr u."""
    v = kept(state, "v", g).lerp_(g * g, new)
    u = kept(state, "u", g).mul_(beta).addcdiv_(g, v.sqrt().add_(eps))
    w.addcmul_(lr, u, value=-1)


rmsprop = Optimizer(
    "rmsprop",
    _build_rmsprop,
    rule=UpdateRule(_rmsprop_coefficients, _update_rmsprop),
    formula="v <- alpha v + (1-alpha) g^2;  w <- w - lr g / (sqrt(v) + eps)",
    when="Adagrad that forgets, for mini-batches and changing gradients. At a fixed lr it "
    "hovers around the optimum.",
    source="Tieleman & Hinton 2012, Neural Networks for Machine Learning, lecture 6.5",
    default_lr=0.01,
    hyperparameters=(
        fraction("alpha", 0.99, "decay of the average squared gradient"),
        fraction("beta", 0.0, "momentum on the scaled gradient"),
        eps_of(1e-8),
    ),
)


def _build_adadelta(
    params: Parameters, lr: float, rho: float, eps: float
) -> torch.optim.Optimizer:
    return torch.optim.Adadelta(params, lr=lr, rho=rho, eps=eps)


def _adadelta_coefficients(t: Tensor, lr: Tensor, rho: Tensor, eps: Tensor) -> Coefficients:
    return {"lr": lr, "new": 1 - rho, "eps": eps}


def _update_adadelta(
    w: Tensor, g: Tensor, state: State, lr: Tensor, new: Tensor, eps: Tensor
) -> None:
    """d = sqrt(D + eps) / sqrt(v + eps) g; w <- w - lr d; v averages g^2, D averages d^2."""
    v = kept(state, "v", g).lerp_(g * g, new)
    big = kept(state, "D", g)
    d = (big + eps).div_(v + eps).sqrt_().mul_(g)
    big.lerp_(d * d, new)
    w.addcmul_(lr, d, value=-1)


adadelta = Optimizer(
    "adadelta",
    _build_adadelta,
    rule=UpdateRule(_adadelta_coefficients, _update_adadelta),
    formula="w <- w - lr d,  d = sqrt(D + eps)/sqrt(v + eps) g;  D averages d^2",
    when="The lr is hard to choose: past steps set the unit of the step (lr = 1 is the "
    "paper's). It starts slowly.",
    source="Zeiler 2012, arXiv:1212.5701, algorithm 1",
    default_lr=1.0,
    hyperparameters=(fraction("rho", 0.9, "decay of both averages"), eps_of(1e-6)),
)
