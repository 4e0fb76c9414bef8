"""The catalogue of optimizers, each built from `torch.optim`, the reference.

In the formulas g is the gradient, w the weights, m and v running averages of g and g^2
(bias-corrected where hatted), and all operations are elementwise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lrlab import update_rules
from lrlab.lazy import on_use
from lrlab.registry import Catalogue, Hyperparameter
from lrlab.update_rules import UpdateRule

if TYPE_CHECKING:
    import torch
else:
    torch = on_use("torch")

Parameters = Iterable["torch.nn.Parameter"]


@dataclass(frozen=True)
class Optimizer:
    """One entry of the catalogue.

    Args:
        name: The name a spec uses.
        build: `(parameters, lr, **hyperparameters) -> torch.optim.Optimizer`.
        formula: One update, as text.
        when: When it is the right choice, in a sentence.
        source: Paper of the update rule.
        default_lr: A learning rate to start from.
        hyperparameters: Its own numbers; a spec writes them `name.hyperparameter`.
        rule: The same update for many runs at once (`lrlab.update_rules`); without one its runs
            are trained one by one.
    """

    name: str
    build: Callable[..., torch.optim.Optimizer]
    formula: str
    when: str
    source: str
    default_lr: float
    hyperparameters: tuple[Hyperparameter, ...] = ()
    rule: UpdateRule | None = None


def _fraction(name: str, default: float, meaning: str) -> Hyperparameter:
    return Hyperparameter(name, default, low=0, high=1, high_open=True, meaning=meaning)


def _eps(default: float) -> Hyperparameter:
    return Hyperparameter("eps", default, low=0, low_open=True, meaning="added to the denominator")


_BETA = _fraction("beta", 0.9, "share of the velocity kept at each step")
_BETAS = (
    _fraction("beta1", 0.9, "decay of the average gradient"),
    _fraction("beta2", 0.999, "decay of the average squared gradient"),
    _eps(1e-8),
)


def _sgd(params: Parameters, lr: float) -> torch.optim.Optimizer:
    return torch.optim.SGD(params, lr=lr)


def _momentum(params: Parameters, lr: float, beta: float) -> torch.optim.Optimizer:
    return torch.optim.SGD(params, lr=lr, momentum=beta)


def _nesterov(params: Parameters, lr: float, beta: float) -> torch.optim.Optimizer:
    # torch refuses nesterov without momentum; at beta = 0 both are plain SGD.
    return torch.optim.SGD(params, lr=lr, momentum=beta, nesterov=beta > 0)


def _adagrad(params: Parameters, lr: float, lr_decay: float, eps: float) -> torch.optim.Optimizer:
    return torch.optim.Adagrad(params, lr=lr, lr_decay=lr_decay, eps=eps)


def _rmsprop(
    params: Parameters, lr: float, alpha: float, beta: float, eps: float
) -> torch.optim.Optimizer:
    return torch.optim.RMSprop(params, lr=lr, alpha=alpha, momentum=beta, eps=eps)


def _adadelta(params: Parameters, lr: float, rho: float, eps: float) -> torch.optim.Optimizer:
    return torch.optim.Adadelta(params, lr=lr, rho=rho, eps=eps)


def _adam(
    params: Parameters, lr: float, beta1: float, beta2: float, eps: float
) -> torch.optim.Optimizer:
    return torch.optim.Adam(params, lr=lr, betas=(beta1, beta2), eps=eps)


def _adamw(
    params: Parameters, lr: float, beta1: float, beta2: float, eps: float, weight_decay: float
) -> torch.optim.Optimizer:
    return torch.optim.AdamW(
        params, lr=lr, betas=(beta1, beta2), eps=eps, weight_decay=weight_decay
    )


def _nadam(
    params: Parameters, lr: float, beta1: float, beta2: float, eps: float, momentum_decay: float
) -> torch.optim.Optimizer:
    return torch.optim.NAdam(
        params, lr=lr, betas=(beta1, beta2), eps=eps, momentum_decay=momentum_decay
    )


def _radam(
    params: Parameters, lr: float, beta1: float, beta2: float, eps: float
) -> torch.optim.Optimizer:
    return torch.optim.RAdam(params, lr=lr, betas=(beta1, beta2), eps=eps)


def _amsgrad(
    params: Parameters, lr: float, beta1: float, beta2: float, eps: float
) -> torch.optim.Optimizer:
    return torch.optim.Adam(params, lr=lr, betas=(beta1, beta2), eps=eps, amsgrad=True)


def _adamax(
    params: Parameters, lr: float, beta1: float, beta2: float, eps: float
) -> torch.optim.Optimizer:
    return torch.optim.Adamax(params, lr=lr, betas=(beta1, beta2), eps=eps)


OPTIMIZERS: Catalogue[Optimizer] = Catalogue("optimizer", Optimizer, group="lrlab.optimizers")

for _optimizer in (
    Optimizer(
        "sgd",
        _sgd,
        rule=update_rules.sgd,
        formula="w <- w - lr g",
        when="The baseline: nothing to tune but lr, stable up to lr = 2/L on a smooth loss.",
        source="Robbins & Monro 1951, Annals of Mathematical Statistics 22(3)",
        default_lr=0.1,
    ),
    Optimizer(
        "momentum",
        _momentum,
        rule=update_rules.momentum,
        formula="v <- beta v + g;  w <- w - lr v",
        when="The tutorial's choice: faster than sgd where the curvature differs by direction.",
        source="Polyak 1964, USSR Comp. Math. and Math. Physics 4(5)",
        default_lr=0.01,
        hyperparameters=(_BETA,),
    ),
    Optimizer(
        "nesterov",
        _nesterov,
        rule=update_rules.nesterov,
        formula="v <- beta v + g;  w <- w - lr (g + beta v)",
        when="Momentum that looks ahead: less overshoot, the best rate known for convex losses.",
        source="Nesterov 1983; in torch's form: Sutskever et al. 2013",
        default_lr=0.01,
        hyperparameters=(_BETA,),
    ),
    Optimizer(
        "adagrad",
        _adagrad,
        rule=update_rules.adagrad,
        formula="G <- G + g^2;  w <- w - lr g / (sqrt(G) + eps)",
        when="Sparse columns, or columns of different scale; its steps shrink for ever.",
        source="Duchi, Hazan & Singer 2011, JMLR 12",
        default_lr=0.1,
        hyperparameters=(
            Hyperparameter("lr_decay", 0.0, meaning="lr is divided by 1 + (step-1) lr_decay"),
            _eps(1e-10),
        ),
    ),
    Optimizer(
        "rmsprop",
        _rmsprop,
        rule=update_rules.rmsprop,
        formula="v <- alpha v + (1-alpha) g^2;  w <- w - lr g / (sqrt(v) + eps)",
        when="Adagrad that forgets: mini-batches and changing gradients. Hovers about the "
        "optimum at a fixed lr.",
        source="Tieleman & Hinton 2012, Neural Networks for Machine Learning, lecture 6.5",
        default_lr=0.01,
        hyperparameters=(
            _fraction("alpha", 0.99, "decay of the average squared gradient"),
            _fraction("beta", 0.0, "momentum on the scaled gradient"),
            _eps(1e-8),
        ),
    ),
    Optimizer(
        "adadelta",
        _adadelta,
        rule=update_rules.adadelta,
        formula="w <- w - lr d,  d = sqrt(D + eps)/sqrt(v + eps) g;  D averages d^2",
        when="lr hard to choose: the unit of the step comes from past steps (lr = 1 is the "
        "paper's). Slow to start.",
        source="Zeiler 2012, arXiv:1212.5701, algorithm 1",
        default_lr=1.0,
        hyperparameters=(_fraction("rho", 0.9, "decay of both averages"), _eps(1e-6)),
    ),
    Optimizer(
        "adam",
        _adam,
        rule=update_rules.adam,
        formula="w <- w - lr m^ / (sqrt(v^) + eps)",
        when="A safe first choice: works over a wide range of lr, whatever the scale of g.",
        source="Kingma & Ba 2015, arXiv:1412.6980, algorithm 1",
        default_lr=0.01,
        hyperparameters=_BETAS,
    ),
    Optimizer(
        "adamw",
        _adamw,
        rule=update_rules.adamw,
        formula="w <- w - lr weight_decay w;  then as adam",
        when="Adam with weights that should stay small: the decay is not scaled by v.",
        source="Loshchilov & Hutter 2019, arXiv:1711.05101, algorithm 2",
        default_lr=0.01,
        hyperparameters=(
            *_BETAS,
            Hyperparameter("weight_decay", 0.01, meaning="decoupled decay, of the bias too"),
        ),
    ),
    Optimizer(
        "nadam",
        _nadam,
        rule=update_rules.nadam,
        formula="adam with Nesterov's look-ahead in m^",
        when="Adam that brakes earlier before the optimum.",
        source="Dozat 2016, Incorporating Nesterov Momentum into Adam",
        default_lr=0.01,
        hyperparameters=(
            *_BETAS,
            Hyperparameter("momentum_decay", 0.004, meaning="how fast beta1's warm-up ends"),
        ),
    ),
    Optimizer(
        "radam",
        _radam,
        rule=update_rules.radam,
        formula="adam; the first steps, while the variance of v is unknown, are plain momentum",
        when="Adam whose first steps at a large lr go astray: a warm-up that needs no tuning.",
        source="Liu et al. 2020, arXiv:1908.03265, algorithm 2",
        default_lr=0.01,
        hyperparameters=_BETAS,
    ),
    Optimizer(
        "amsgrad",
        _amsgrad,
        rule=update_rules.amsgrad,
        formula="adam with the largest v seen so far in the denominator",
        when="Adam that must settle: effective steps never grow again.",
        source="Reddi, Kale & Kumar 2018, arXiv:1904.09237, algorithm 2",
        default_lr=0.01,
        hyperparameters=_BETAS,
    ),
    Optimizer(
        "adamax",
        _adamax,
        rule=update_rules.adamax,
        formula="u <- max(beta2 u, |g| + eps);  w <- w - lr m^ / u",
        when="Adam with rare, large gradients: the largest recent one sets the step.",
        source="Kingma & Ba 2015, arXiv:1412.6980, algorithm 2",
        default_lr=0.01,
        hyperparameters=_BETAS,
    ),
):
    OPTIMIZERS.register(_optimizer)
