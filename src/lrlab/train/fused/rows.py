"""Rows of a fused group that train with one loss, or that one optimizer updates."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby

import torch
from torch import Tensor

from lrlab.losses import Loss
from lrlab.optimizers import Coefficients, State, UpdateRule

CHUNK = 256  # steps whose coefficients are formed at a time


@dataclass
class LossRows:
    """Consecutive rows that train with one loss.

    Args:
        loss: Theirs.
        params: Its hyperparameters, each [r, 1].
        sums: Where the rows' sums of losses go, [r].
        gradients: Where their gradients go, [r, d + 1].
        where: Which rows of the group they are.
    """

    loss: Loss
    params: Mapping[str, Tensor]
    sums: Tensor
    gradients: Tensor
    where: slice

    def add(self, margins: Tensor, x: Tensor, y: Tensor, *, first: bool) -> None:
        """Add losses and gradients of some examples; the first ones begin the sums.

        Args:
            margins: Of the group, [R, t].
            x: Signed rows, [t, d + 1].
            y: Labels, [t].
            first: Whether these are the first.
        """
        values, grad = self.value_and_grad(margins[self.where], y)
        if first:
            torch.sum(values, 1, out=self.sums)
            torch.mm(grad, x, out=self.gradients)
        else:
            self.sums.add_(values.sum(1))
            self.gradients.addmm_(grad, x)

    def value_and_grad(self, m: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Loss of every example and its derivative by the margin, both [r, t]."""
        if self.loss.value_and_grad is not None:
            return self.loss.value_and_grad(m, y, **self.params)
        sign = 2 * y - 1
        with torch.inference_mode(False), torch.enable_grad():
            z = (m * sign).clone().requires_grad_()
            params = {name: value.clone() for name, value in self.params.items()}
            values = self.loss.per_example(z, y.clone().expand_as(z), **params)
            (grad,) = torch.autograd.grad(values.sum(), z)
        return values.detach(), grad * sign


@dataclass
class OptimizerRows:
    """The rows that one optimizer updates, and its state.

    Args:
        rule: Its update.
        params: lr and hyperparameters, each [r, 1] float64.
    """

    rule: UpdateRule
    params: Mapping[str, Tensor]
    state: State = field(default_factory=dict)
    fixed: Coefficients = field(default_factory=dict)
    ahead: list[Coefficients] = field(default_factory=list)  # of the steps that come, reversed

    def update(self, w: Tensor, g: Tensor, step: int) -> None:
        """One step of the rows w [r, p], in place."""
        if not self.ahead:
            self._look_ahead(step, w.dtype)
        self.rule.update(w, g, self.state, **self.fixed, **self.ahead.pop())

    def keep(self, stays: Tensor) -> None:
        """Go on with some of the rows, [r] bool."""
        self.state = {key: value[stays] for key, value in self.state.items()}
        self.params = {key: value[stays] for key, value in self.params.items()}
        self.ahead = []

    def _look_ahead(self, step: int, dtype: torch.dtype) -> None:
        device = self.params["lr"].device
        t = torch.arange(step, step + CHUNK, dtype=torch.float64, device=device)[:, None, None]
        found = self.rule.coefficients(t, **self.params)
        self.fixed = {name: c.to(dtype) for name, c in found.items() if c.dim() == 2}
        varying = {name: c.to(dtype).unbind() for name, c in found.items() if c.dim() == 3}
        self.ahead = [
            {name: values[i] for name, values in varying.items()} for i in reversed(range(CHUNK))
        ]


def stretches(names: Sequence[str]) -> Iterator[tuple[str, slice]]:
    """Where each name stands in a list in which equal names stand together."""
    start = 0
    for name, members in groupby(names):
        stop = start + sum(1 for _ in members)
        yield name, slice(start, stop)
        start = stop
