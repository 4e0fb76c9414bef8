"""Update rules of many runs at once: what one step of an optimizer does to a stack of weights.

A rule has two parts. `coefficients(t, lr, **hyperparameters)` forms the scalars of many steps
ahead: `t` is [k, 1, 1], the numbers of k steps from 1; `lr` and every hyperparameter are [r, 1],
one row a run; all are float64, so that bias corrections are formed in double precision, as
torch.optim forms them in Python floats. A result is [r, 1], or [k, r, 1] if it changes from step
to step. `update(w, g, state, **coefficients)` does one step: `w` and `g` are [r, p], coefficients
[r, 1] of their dtype; `w` and `state` are changed in place, `state` starts empty. No operation
mixes rows. The formulas are those of torch.optim.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lrlab.lazy import on_use

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = on_use("torch")

State = dict[str, "Tensor"]
Coefficients = dict[str, "Tensor"]


@dataclass(frozen=True)
class UpdateRule:
    """One optimizer for many runs at once; see the module's docstring for both parts."""

    coefficients: Callable[..., Coefficients]
    update: Callable[..., None]


def _zeros(state: State, name: str, like: Tensor) -> Tensor:
    if name not in state:
        state[name] = torch.zeros_like(like)
    return state[name]


# --- sgd, momentum, nesterov -----------------------------------------------------------------


def _sgd(w: Tensor, g: Tensor, state: State, lr: Tensor) -> None:
    """w <- w - lr g."""
    w.addcmul_(lr, g, value=-1)


def _momentum(w: Tensor, g: Tensor, state: State, lr: Tensor, beta: Tensor) -> None:
    """v <- beta v + g; w <- w - lr v."""
    v = _zeros(state, "v", g).mul_(beta).add_(g)
    w.addcmul_(lr, v, value=-1)


def _nesterov(w: Tensor, g: Tensor, state: State, lr: Tensor, beta: Tensor) -> None:
    """v <- beta v + g; w <- w - lr (g + beta v)."""
    v = _zeros(state, "v", g).mul_(beta).add_(g)
    w.addcmul_(lr, torch.addcmul(g, beta, v), value=-1)


def _as_they_are(t: Tensor, **hyperparameters: Tensor) -> Coefficients:
    return hyperparameters


sgd = UpdateRule(_as_they_are, _sgd)
momentum = UpdateRule(_as_they_are, _momentum)
nesterov = UpdateRule(_as_they_are, _nesterov)


# --- adagrad, rmsprop, adadelta --------------------------------------------------------------


def _adagrad_coefficients(t: Tensor, lr: Tensor, lr_decay: Tensor, eps: Tensor) -> Coefficients:
    return {"rate": lr / (1 + (t - 1) * lr_decay), "eps": eps}


def _adagrad(w: Tensor, g: Tensor, state: State, rate: Tensor, eps: Tensor) -> None:
    """s <- s + g^2; w <- w - lr / (1 + (t-1) lr_decay) g / (sqrt(s) + eps)."""
    s = _zeros(state, "s", g).addcmul_(g, g)
    w.addcdiv_(rate * g, s.sqrt().add_(eps), value=-1)


def _rmsprop_coefficients(
    t: Tensor, lr: Tensor, alpha: Tensor, beta: Tensor, eps: Tensor
) -> Coefficients:
    return {"lr": lr, "new": 1 - alpha, "beta": beta, "eps": eps}


def _rmsprop(
    w: Tensor, g: Tensor, state: State, lr: Tensor, new: Tensor, beta: Tensor, eps: Tensor
) -> None:
    """v averages g^2; u <- beta u + g / (sqrt(v) + eps); w <- w - lr u."""
    v = _zeros(state, "v", g).lerp_(g * g, new)
    u = _zeros(state, "u", g).mul_(beta).addcdiv_(g, v.sqrt().add_(eps))
    w.addcmul_(lr, u, value=-1)


def _adadelta_coefficients(t: Tensor, lr: Tensor, rho: Tensor, eps: Tensor) -> Coefficients:
    return {"lr": lr, "new": 1 - rho, "eps": eps}


def _adadelta(w: Tensor, g: Tensor, state: State, lr: Tensor, new: Tensor, eps: Tensor) -> None:
    """d = sqrt(D + eps) / sqrt(v + eps) g; w <- w - lr d; v averages g^2, D averages d^2."""
    v = _zeros(state, "v", g).lerp_(g * g, new)
    big = _zeros(state, "D", g)
    d = (big + eps).div_(v + eps).sqrt_().mul_(g)
    big.lerp_(d * d, new)
    w.addcmul_(lr, d, value=-1)


adagrad = UpdateRule(_adagrad_coefficients, _adagrad)
rmsprop = UpdateRule(_rmsprop_coefficients, _rmsprop)
adadelta = UpdateRule(_adadelta_coefficients, _adadelta)


# --- adam and its relatives ------------------------------------------------------------------


def _adam_coefficients(
    t: Tensor, lr: Tensor, beta1: Tensor, beta2: Tensor, eps: Tensor
) -> Coefficients:
    # lr m^ / (sqrt(v^) + eps), both corrections drawn into the numbers: m and v stay as they are.
    root = (1 - beta2**t).sqrt()
    return {
        "new1": 1 - beta1,
        "new2": 1 - beta2,
        "rate": lr * root / (1 - beta1**t),
        "eps": eps * root,
    }


def _moments(g: Tensor, state: State, new1: Tensor, new2: Tensor) -> tuple[Tensor, Tensor]:
    """m averages g, v averages g^2."""
    m = _zeros(state, "m", g).lerp_(g, new1)
    return m, _zeros(state, "v", g).lerp_(g * g, new2)


def _adam(
    w: Tensor, g: Tensor, state: State, new1: Tensor, new2: Tensor, rate: Tensor, eps: Tensor
) -> None:
    """w <- w - lr m^ / (sqrt(v^) + eps)."""
    m, v = _moments(g, state, new1, new2)
    w.addcdiv_(m * rate, v.sqrt().add_(eps), value=-1)


def _adamw_coefficients(
    t: Tensor, lr: Tensor, weight_decay: Tensor, **hyperparameters: Tensor
) -> Coefficients:
    return {"keep": 1 - lr * weight_decay} | _adam_coefficients(t, lr, **hyperparameters)


def _adamw(w: Tensor, g: Tensor, state: State, keep: Tensor, **adams: Tensor) -> None:
    """w <- (1 - lr weight_decay) w; then as adam."""
    w.mul_(keep)
    _adam(w, g, state, **adams)


def _amsgrad(
    w: Tensor, g: Tensor, state: State, new1: Tensor, new2: Tensor, rate: Tensor, eps: Tensor
) -> None:
    """Adam with the largest v so far in the denominator."""
    m, v = _moments(g, state, new1, new2)
    largest = _zeros(state, "largest", g)
    torch.maximum(largest, v, out=largest)
    w.addcdiv_(m * rate, largest.sqrt().add_(eps), value=-1)


def _nadam_coefficients(
    t: Tensor, lr: Tensor, beta1: Tensor, beta2: Tensor, eps: Tensor, momentum_decay: Tensor
) -> Coefficients:
    mu = beta1 * (1 - 0.5 * 0.96 ** (t * momentum_decay))
    mu_next = beta1 * (1 - 0.5 * 0.96 ** ((t + 1) * momentum_decay))
    root = (1 - beta2**t).sqrt()
    return {
        "new1": 1 - beta1,
        "new2": 1 - beta2,
        "mu": mu,
        "mu_next": mu_next,
        "rate_g": lr * (1 - mu) * root,
        "rate_m": lr * mu_next * root,
        "eps": eps * root,
    }


def _nadam(
    w: Tensor,
    g: Tensor,
    state: State,
    new1: Tensor,
    new2: Tensor,
    mu: Tensor,
    mu_next: Tensor,
    rate_g: Tensor,
    rate_m: Tensor,
    eps: Tensor,
) -> None:
    """Adam whose m^ looks one step ahead (Dozat 2016), with torch's warm-up of beta1."""
    # torch keeps this product in single precision whatever the weights are in.
    if "product" not in state:
        state["product"] = torch.ones_like(mu, dtype=torch.float32)
    product = state["product"].mul_(mu.float()).to(w.dtype)
    m, v = _moments(g, state, new1, new2)
    numerator = g * (rate_g / (1 - product)) + m * (rate_m / (1 - product * mu_next))
    w.addcdiv_(numerator, v.sqrt().add_(eps), value=-1)


def _radam_coefficients(
    t: Tensor, lr: Tensor, beta1: Tensor, beta2: Tensor, eps: Tensor
) -> Coefficients:
    correction = 1 - beta2**t
    rho_inf = 2 / (1 - beta2) - 1
    rho = rho_inf - 2 * t * beta2**t / correction
    known = rho > 5
    ratio = (rho - 4) * (rho - 2) * rho_inf / ((rho_inf - 4) * (rho_inf - 2) * rho)
    rectified = torch.where(known, ratio, 0).sqrt()
    rate = lr / (1 - beta1**t)
    return {
        "new1": 1 - beta1,
        "new2": 1 - beta2,
        "plain": rate * known.logical_not(),
        "adaptive": rate * rectified * correction.sqrt(),
        "eps": eps,
    }


def _radam(
    w: Tensor,
    g: Tensor,
    state: State,
    new1: Tensor,
    new2: Tensor,
    plain: Tensor,
    adaptive: Tensor,
    eps: Tensor,
) -> None:
    """Adam, rectified: plain momentum until the variance of v can be told (rho > 5)."""
    m, v = _moments(g, state, new1, new2)
    w.addcmul_((adaptive / v.sqrt().add_(eps)).add_(plain), m, value=-1)


def _adamax_coefficients(
    t: Tensor, lr: Tensor, beta1: Tensor, beta2: Tensor, eps: Tensor
) -> Coefficients:
    return {"new1": 1 - beta1, "beta2": beta2, "rate": lr / (1 - beta1**t), "eps": eps}


def _adamax(
    w: Tensor, g: Tensor, state: State, new1: Tensor, beta2: Tensor, rate: Tensor, eps: Tensor
) -> None:
    """u <- max(beta2 u, |g| + eps); w <- w - lr m^ / u."""
    m = _zeros(state, "m", g).lerp_(g, new1)
    u = _zeros(state, "u", g).mul_(beta2)
    torch.maximum(u, g.abs().add_(eps), out=u)
    w.addcdiv_(m * rate, u, value=-1)


adam = UpdateRule(_adam_coefficients, _adam)
adamw = UpdateRule(_adamw_coefficients, _adamw)
amsgrad = UpdateRule(_adam_coefficients, _amsgrad)
nadam = UpdateRule(_nadam_coefficients, _nadam)
radam = UpdateRule(_radam_coefficients, _radam)
adamax = UpdateRule(_adamax_coefficients, _adamax)
