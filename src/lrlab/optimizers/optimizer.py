"""What an optimizer is: how torch builds it, and its update for many runs at once.

In the formulas g is the gradient, w the weights, m and v running averages of g and g^2
(bias-corrected where hatted), and all operations are elementwise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lrlab.lazy import on_use
from lrlab.registry import Hyperparameter

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = on_use("torch")

Parameters = Iterable["torch.nn.Parameter"]
State = dict[str, "Tensor"]
Coefficients = dict[str, "Tensor"]


@dataclass(frozen=True)
class UpdateRule:
    """What one step of an optimizer does to the stacked weights of many runs.

    No operation mixes rows of different runs. The formulas are those of torch.optim.

    Args:
        coefficients: `(t, lr, **hyperparameters)` forms the scalars of many steps ahead: `t` is
            [k, 1, 1], the numbers of k steps from 1; `lr` and every hyperparameter are [r, 1],
            one row a run; all are float64, so that bias corrections are formed in double
            precision, as torch.optim forms them in Python floats. A result is [r, 1], or
            [k, r, 1] if it changes from step to step.
        update: `(w, g, state, **coefficients)` does one step: `w` and `g` are [r, p],
            coefficients [r, 1] of their dtype; `w` and `state` are changed in place, `state`
            starts empty.
    """

    coefficients: Callable[..., Coefficients]
    update: Callable[..., None]


@dataclass(frozen=True)
class Optimizer:
    """One entry of the registry.

    Args:
        name: The name a spec uses.
        build: `(parameters, lr, **hyperparameters) -> torch.optim.Optimizer`.
        formula: One update, as text.
        when: When it is the right choice, in a sentence.
        source: Paper of the update rule.
        default_lr: A learning rate to start from.
        hyperparameters: Its own numbers; a spec writes them `name.hyperparameter`.
        rule: The same update for many runs at once; without one its runs are trained one by
            one.
    """

    name: str
    build: Callable[..., torch.optim.Optimizer]
    formula: str
    when: str
    source: str
    default_lr: float
    hyperparameters: tuple[Hyperparameter, ...] = ()
    rule: UpdateRule | None = None


def kept(state: State, name: str, like: Tensor) -> Tensor:
    """A tensor of the state; zeros at first."""
    if name not in state:
        state[name] = torch.zeros_like(like)
    return state[name]


def fraction(name: str, default: float, meaning: str) -> Hyperparameter:
    """A hyperparameter in [0, 1)."""
    return Hyperparameter(name, default, low=0, high=1, high_open=True, meaning=meaning)


def eps_of(default: float) -> Hyperparameter:
    """The term that keeps a denominator from 0."""
    return Hyperparameter("eps", default, low=0, low_open=True, meaning="added to the denominator")
