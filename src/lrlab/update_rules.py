"""Update rules of many runs at once: what one step of an optimizer does to a stack of weights.

A rule is called `rule(w, g, state, step, lr, **hyperparameters)` and changes `w` and `state` in
place. `w` and `g` are [r, p], one row a run; `lr` and every hyperparameter are [r, 1] float64
columns, so that each run has its own and scalars such as bias corrections are formed in double
precision, as torch.optim forms them in Python floats. `state` starts empty. No operation mixes
rows. The formulas are those of torch.optim, in its order of operations.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

State = dict[str, Tensor]
UpdateRule = Callable[..., None]


def _zeros(state: State, name: str, like: Tensor) -> Tensor:
    if name not in state:
        state[name] = torch.zeros_like(like)
    return state[name]


def _average(state: State, name: str, new: Tensor, decay: Tensor) -> Tensor:
    """Exponential moving average, as torch's `lerp_`: old + (1 - decay) (new - old)."""
    old = _zeros(state, name, new)
    return old.add_((new - old) * (1 - decay).to(new.dtype))


def _average_of_squares(state: State, name: str, g: Tensor, decay: Tensor) -> Tensor:
    old = _zeros(state, name, g)
    return old.mul_(decay.to(g.dtype)).addcmul_(g * (1 - decay).to(g.dtype), g)


def sgd(w: Tensor, g: Tensor, state: State, step: int, lr: Tensor) -> None:
    """w <- w - lr g."""
    w.sub_(lr.to(w.dtype) * g)


def momentum(w: Tensor, g: Tensor, state: State, step: int, lr: Tensor, beta: Tensor) -> None:
    """v <- beta v + g; w <- w - lr v."""
    v = _zeros(state, "v", g).mul_(beta.to(g.dtype)).add_(g)
    w.sub_(lr.to(w.dtype) * v)


def nesterov(w: Tensor, g: Tensor, state: State, step: int, lr: Tensor, beta: Tensor) -> None:
    """v <- beta v + g; w <- w - lr (g + beta v)."""
    b = beta.to(g.dtype)
    v = _zeros(state, "v", g).mul_(b).add_(g)
    w.sub_(lr.to(w.dtype) * (g + b * v))


def adagrad(
    w: Tensor, g: Tensor, state: State, step: int, lr: Tensor, lr_decay: Tensor, eps: Tensor
) -> None:
    """s <- s + g^2; w <- w - lr / (1 + (step-1) lr_decay) g / (sqrt(s) + eps)."""
    s = _zeros(state, "s", g).addcmul_(g, g)
    rate = (lr / (1 + (step - 1) * lr_decay)).to(w.dtype)
    w.sub_(rate * g / s.sqrt().add_(eps.to(w.dtype)))


def rmsprop(
    w: Tensor,
    g: Tensor,
    state: State,
    step: int,
    lr: Tensor,
    alpha: Tensor,
    beta: Tensor,
    eps: Tensor,
) -> None:
    """v averages g^2; u <- beta u + g / (sqrt(v) + eps); w <- w - lr u."""
    v = _average_of_squares(state, "v", g, alpha)
    u = _zeros(state, "u", g).mul_(beta.to(g.dtype))
    u.add_(g / v.sqrt().add_(eps.to(g.dtype)))
    w.sub_(lr.to(w.dtype) * u)


def adadelta(
    w: Tensor, g: Tensor, state: State, step: int, lr: Tensor, rho: Tensor, eps: Tensor
) -> None:
    """d = sqrt(D + eps) / sqrt(v + eps) g; w <- w - lr d; v averages g^2, D averages d^2."""
    e = eps.to(g.dtype)
    v = _average_of_squares(state, "v", g, rho)
    big = _zeros(state, "D", g)
    d = (big + e).sqrt_().div_((v + e).sqrt_()).mul_(g)
    _average_of_squares(state, "D", d, rho)
    w.sub_(lr.to(w.dtype) * d)


def _adam_step(
    w: Tensor,
    m: Tensor,
    v: Tensor,
    step: int,
    lr: Tensor,
    beta1: Tensor,
    beta2: Tensor,
    eps: Tensor,
) -> None:
    rate = (lr / (1 - beta1**step)).to(w.dtype)
    root = (1 - beta2**step).sqrt().to(w.dtype)
    w.sub_(rate * m / v.sqrt().div_(root).add_(eps.to(w.dtype)))


def adam(
    w: Tensor,
    g: Tensor,
    state: State,
    step: int,
    lr: Tensor,
    beta1: Tensor,
    beta2: Tensor,
    eps: Tensor,
) -> None:
    """m averages g, v averages g^2; w <- w - lr m^ / (sqrt(v^) + eps)."""
    m = _average(state, "m", g, beta1)
    v = _average_of_squares(state, "v", g, beta2)
    _adam_step(w, m, v, step, lr, beta1, beta2, eps)


def adamw(
    w: Tensor,
    g: Tensor,
    state: State,
    step: int,
    lr: Tensor,
    beta1: Tensor,
    beta2: Tensor,
    eps: Tensor,
    weight_decay: Tensor,
) -> None:
    """w <- (1 - lr weight_decay) w; then as adam."""
    w.mul_((1 - lr * weight_decay).to(w.dtype))
    adam(w, g, state, step, lr, beta1, beta2, eps)


def amsgrad(
    w: Tensor,
    g: Tensor,
    state: State,
    step: int,
    lr: Tensor,
    beta1: Tensor,
    beta2: Tensor,
    eps: Tensor,
) -> None:
    """Adam with the largest v so far in the denominator."""
    m = _average(state, "m", g, beta1)
    v = _average_of_squares(state, "v", g, beta2)
    largest = _zeros(state, "largest", g)
    torch.maximum(largest, v, out=largest)
    _adam_step(w, m, largest, step, lr, beta1, beta2, eps)


def nadam(
    w: Tensor,
    g: Tensor,
    state: State,
    step: int,
    lr: Tensor,
    beta1: Tensor,
    beta2: Tensor,
    eps: Tensor,
    momentum_decay: Tensor,
) -> None:
    """Adam whose m^ looks one step ahead (Dozat 2016), with torch's warm-up of beta1."""
    mu = beta1 * (1 - 0.5 * 0.96 ** (step * momentum_decay))
    mu_next = beta1 * (1 - 0.5 * 0.96 ** ((step + 1) * momentum_decay))
    # torch keeps this product in single precision whatever the weights are in.
    product = state.setdefault("product", torch.ones_like(beta1, dtype=torch.float32))
    product = product.mul_(mu.float()).double()
    m = _average(state, "m", g, beta1)
    v = _average_of_squares(state, "v", g, beta2)
    scale = (1 - beta2**step).to(w.dtype)
    denominator = v.div(scale).sqrt_().add_(eps.to(w.dtype))
    w.sub_((lr * (1 - mu) / (1 - product)).to(w.dtype) * g / denominator)
    w.sub_((lr * mu_next / (1 - product * mu_next)).to(w.dtype) * m / denominator)


def radam(
    w: Tensor,
    g: Tensor,
    state: State,
    step: int,
    lr: Tensor,
    beta1: Tensor,
    beta2: Tensor,
    eps: Tensor,
) -> None:
    """Adam, rectified: plain momentum until the variance of v can be told (rho > 5)."""
    m = _average(state, "m", g, beta1)
    v = _average_of_squares(state, "v", g, beta2)
    correction = 1 - beta2**step
    rho_inf = 2 / (1 - beta2) - 1
    rho = rho_inf - 2 * step * beta2**step / correction
    known = rho > 5
    ratio = (rho - 4) * (rho - 2) * rho_inf / ((rho_inf - 4) * (rho_inf - 2) * rho)
    rectified = torch.where(known, ratio, torch.ones_like(ratio)).sqrt()
    adaptive = (rectified * correction.sqrt()).to(w.dtype) / v.sqrt().add_(eps.to(w.dtype))
    scale = torch.where(known, adaptive, torch.ones_like(adaptive))
    w.sub_((lr / (1 - beta1**step)).to(w.dtype) * m * scale)


def adamax(
    w: Tensor,
    g: Tensor,
    state: State,
    step: int,
    lr: Tensor,
    beta1: Tensor,
    beta2: Tensor,
    eps: Tensor,
) -> None:
    """u <- max(beta2 u, |g| + eps); w <- w - lr m^ / u."""
    m = _average(state, "m", g, beta1)
    u = _zeros(state, "u", g).mul_(beta2.to(g.dtype))
    torch.maximum(u, g.abs().add_(eps.to(g.dtype)), out=u)
    w.sub_((lr / (1 - beta1**step)).to(w.dtype) * m / u)
