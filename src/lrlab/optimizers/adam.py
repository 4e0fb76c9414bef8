"""Adam and its relatives: averages of the gradient and of its square."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, cast

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

_BETAS = (
    fraction("beta1", 0.9, "decay of the average gradient"),
    fraction("beta2", 0.999, "decay of the average squared gradient"),
    eps_of(1e-8),
)


def _built(name: str, **fixed: bool) -> Callable[..., torch.optim.Optimizer]:
    """How an optimizer of torch is built whose two averages decay by beta1 and beta2."""

    def build(
        params: Parameters, lr: float, beta1: float, beta2: float, **others: float
    ) -> torch.optim.Optimizer:
        kind = getattr(torch.optim, name)
        return cast(
            "torch.optim.Optimizer",
            kind(params, lr=lr, betas=(beta1, beta2), **others, **fixed),
        )

    return build


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
    m = kept(state, "m", g).lerp_(g, new1)
    return m, kept(state, "v", g).lerp_(g * g, new2)


def _update_adam(
    w: Tensor, g: Tensor, state: State, new1: Tensor, new2: Tensor, rate: Tensor, eps: Tensor
) -> None:
    """w <- w - lr m^ / (sqrt(v^) + eps)."""
    m, v = _moments(g, state, new1, new2)
    w.addcdiv_(m * rate, v.sqrt().add_(eps), value=-1)


adam = Optimizer(
    "adam",
    _built("Adam"),
    rule=UpdateRule(_adam_coefficients, _update_adam),
    formula="w <- w - lr m^ / (sqrt(v^) + eps)",
    when="A safe first choice: it works over a wide range of lr, at any scale of g.",
    source="Kingma & Ba 2015, arXiv:1412.6980, algorithm 1",
    default_lr=0.01,
    hyperparameters=_BETAS,
)


def _adamw_coefficients(
    t: Tensor, lr: Tensor, weight_decay: Tensor, **hyperparameters: Tensor
) -> Coefficients:
    return {"keep": 1 - lr * weight_decay} | _adam_coefficients(t, lr, **hyperparameters)


def _update_adamw(w: Tensor, g: Tensor, state: State, keep: Tensor, **adams: Tensor) -> None:
    """w <- (1 - lr weight_decay) w; then as adam."""
    w.mul_(keep)
    _update_adam(w, g, state, **adams)


adamw = Optimizer(
    "adamw",
    _built("AdamW"),
    rule=UpdateRule(_adamw_coefficients, _update_adamw),
    formula="w <- w - lr weight_decay w;  then as adam",
    when="Adam, if the weights should stay small: their decay is not scaled by v.",
    source="Loshchilov & Hutter 2019, arXiv:1711.05101, algorithm 2",
    default_lr=0.01,
    hyperparameters=(
        *_BETAS,
        Hyperparameter("weight_decay", 0.01, meaning="decoupled decay, of the bias too"),
    ),
)


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


def _update_nadam(
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


nadam = Optimizer(
    "nadam",
    _built("NAdam"),
    rule=UpdateRule(_nadam_coefficients, _update_nadam),
    formula="adam with Nesterov's look-ahead in m^",
    when="Adam that slows down earlier before the optimum.",
    source="Dozat 2016, Incorporating Nesterov Momentum into Adam",
    default_lr=0.01,
    hyperparameters=(
        *_BETAS,
        Hyperparameter("momentum_decay", 0.004, meaning="how fast beta1's warm-up ends"),
    ),
)


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


def _update_radam(
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


radam = Optimizer(
    "radam",
    _built("RAdam"),
    rule=UpdateRule(_radam_coefficients, _update_radam),
    formula="adam; the first steps, while the variance of v is unknown, are plain momentum",
    when="Adam, if its first steps at a large lr go astray: a warm-up without tuning.",
    source="Liu et al. 2020, arXiv:1908.03265, algorithm 2",
    default_lr=0.01,
    hyperparameters=_BETAS,
)


def _update_amsgrad(
    w: Tensor, g: Tensor, state: State, new1: Tensor, new2: Tensor, rate: Tensor, eps: Tensor
) -> None:
    """Adam with the largest v so far in the denominator."""
    m, v = _moments(g, state, new1, new2)
    largest = kept(state, "largest", g)
    torch.maximum(largest, v, out=largest)
    w.addcdiv_(m * rate, largest.sqrt().add_(eps), value=-1)


amsgrad = Optimizer(
    "amsgrad",
    _built("Adam", amsgrad=True),
    rule=UpdateRule(_adam_coefficients, _update_amsgrad),
    formula="adam with the largest v seen so far in the denominator",
    when="Adam, if it does not settle: its effective steps never grow again.",
    source="Reddi, Kale & Kumar 2018, arXiv:1904.09237, algorithm 2",
    default_lr=0.01,
    hyperparameters=_BETAS,
)


def _adamax_coefficients(
    t: Tensor, lr: Tensor, beta1: Tensor, beta2: Tensor, eps: Tensor
) -> Coefficients:
    return {"new1": 1 - beta1, "beta2": beta2, "rate": lr / (1 - beta1**t), "eps": eps}


def _update_adamax(
    w: Tensor, g: Tensor, state: State, new1: Tensor, beta2: Tensor, rate: Tensor, eps: Tensor
) -> None:
    """u <- max(beta2 u, |g| + eps); w <- w - lr m^ / u."""
    m = kept(state, "m", g).lerp_(g, new1)
    u = kept(state, "u", g).mul_(beta2)
    torch.maximum(u, g.abs().add_(eps), out=u)
    w.addcdiv_(m * rate, u, value=-1)


adamax = Optimizer(
    "adamax",
    _built("Adamax"),
    rule=UpdateRule(_adamax_coefficients, _update_adamax),
    formula="u <- max(beta2 u, |g| + eps);  w <- w - lr m^ / u",
    when="Adam for rare, large gradients: the largest recent one sets the step.",
    source="Kingma & Ba 2015, arXiv:1412.6980, algorithm 2",
    default_lr=0.01,
    hyperparameters=_BETAS,
)
