"""What a loss is: a function of the logit z and the label y in {0, 1}.

Every loss is given per example, so that it can be averaged, weighted or differentiated for
many models at once. Where torch has a criterion of its own, `mean` holds it: its backward
pass rounds differently in the last bit, and the tutorial's program uses it.
In the formulas s = 2y - 1 is the label as a sign, p = sigmoid(z) the probability of class 1.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lrlab.registry import Hyperparameter

if TYPE_CHECKING:
    from torch import Tensor

PerExample = Callable[..., "Tensor"]


@dataclass(frozen=True)
class Loss:
    """One entry of the registry.

    Args:
        name: The name a spec uses.
        per_example: `(z, y, **hyperparameters) -> values`, elementwise: `z`, `y` and the
            result have one shape and dtype. Differentiable by autograd.
        formula: The value for one example, as text.
        when: When it is the right choice, in a sentence.
        source: Paper or documentation of the formula.
        hyperparameters: Its own numbers; a spec writes them `name.hyperparameter`.
        mean: Torch's own mean reduction of the same loss, where there is one.
        value_and_grad: `(m, y, **hyperparameters) -> (values, derivatives by m)` in closed
            form, for training many runs at once: `m` [r, n] are margins s z, `y` [n] the
            labels; hyperparameters are [r, 1]. Where it is None, autograd differentiates
            `per_example`.
        proper: Whether it is a strictly proper score of p = sigmoid(z), least on average where p
            is the probability of class 1 (Gneiting & Raftery 2007). The scores of other losses
            are no probabilities until they are recalibrated.
    """

    name: str
    per_example: PerExample
    formula: str
    when: str
    source: str
    hyperparameters: tuple[Hyperparameter, ...] = ()
    mean: PerExample | None = None
    value_and_grad: Callable[..., tuple[Tensor, Tensor]] | None = None
    proper: bool = False

    def criterion(self, z: Tensor, y: Tensor, **hyperparameters: float) -> Tensor:
        """Mean loss over the batch, a scalar tensor with the graph attached."""
        if self.mean is not None:
            return self.mean(z, y, **hyperparameters)
        return self.per_example(z, y, **hyperparameters).mean()


def margin(z: Tensor, y: Tensor) -> Tensor:
    """s z: positive where the label is classified right."""
    return (2 * y - 1) * z
