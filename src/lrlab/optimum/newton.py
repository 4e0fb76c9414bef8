"""Newton's method with line search, for a stack of objectives on the same rows.

An objective is the mean loss of the rows plus (l2 / 2) ||w||^2, the bias not penalised. All is in
double precision. Where the Hessian is not positive definite its eigenvalues are taken by their
absolute value, so that a step always descends (Dauphin et al. 2014, arXiv:1406.2572).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from lrlab.losses import Loss

ITERATIONS = 200
HALVINGS = 40
SUFFICIENT = 1e-4  # of the decrease that the slope promises (Armijo)
PRECISION = 1e-15  # of the objective that is still to be gained
TILE = 2**22  # numbers formed at a time
SINGULAR = 1e-13  # of the largest eigenvalue


@dataclass(frozen=True)
class Stack:
    """R objectives of one loss on the same rows.

    Args:
        loss: The loss.
        params: Its hyperparameters, each [R, 1] float64.
        l2: [R] float64.
        rows: Rows (x, 1), [n, p] float64.
        y: Labels, [n] float64.
    """

    loss: Loss
    params: Mapping[str, Tensor]
    l2: Tensor
    rows: Tensor
    y: Tensor

    def select(self, which: Tensor) -> Stack:
        """Some of the objectives."""
        params = {name: value[which] for name, value in self.params.items()}
        return Stack(self.loss, params, self.l2[which], self.rows, self.y)

    def _ridge(self) -> Tensor:
        """Second derivative of the penalty by weight, [R, p]."""
        ridge = self.l2[:, None].repeat(1, self.rows.shape[1])
        ridge[:, -1] = 0
        return ridge

    def _tiles(self, wide: int) -> Iterator[tuple[Tensor, Tensor]]:
        size = max(1, TILE // (max(1, len(self.l2)) * wide))
        yield from zip(self.rows.split(size), self.y.split(size), strict=True)

    def values(self, w: Tensor) -> Tensor:
        """Objective at w [R, p], [R]."""
        total = sum(
            self.loss.per_example(w @ x.T, y.expand(len(w), -1), **self.params).sum(1)
            for x, y in self._tiles(1)
        )
        return total / len(self.y) + 0.5 * (self._ridge() * w * w).sum(1)

    def derivatives(self, w: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Objective [R], gradient [R, p] and Hessian [R, p, p] at w [R, p]."""
        n, p = self.rows.shape
        value = w.new_zeros(len(w))
        gradient, hessian = torch.zeros_like(w), w.new_zeros(len(w), p, p)
        for x, y in self._tiles(p):
            f, first, second = by_logit(self.loss, w @ x.T, y, self.params)
            value += f.sum(1)
            gradient += first @ x
            hessian += torch.matmul(second[:, None, :] * x.T, x)
        ridge = self._ridge()
        return (
            value / n + 0.5 * (ridge * w * w).sum(1),
            gradient / n + ridge * w,
            hessian / n + torch.diag_embed(ridge),
        )


def by_logit(
    loss: Loss, z: Tensor, y: Tensor, params: Mapping[str, Tensor]
) -> tuple[Tensor, Tensor, Tensor]:
    """Values of a loss and its first two derivatives by the logit, by autograd.

    Args:
        loss: Any entry of the catalogue.
        z: Logits, [R, t].
        y: Labels, [t].
        params: Hyperparameters, each [R, 1].

    Returns:
        Three tensors [R, t].
    """
    z = z.detach().clone().requires_grad_()
    with torch.enable_grad():
        value = loss.per_example(z, y.expand_as(z), **params)
        (first,) = torch.autograd.grad(value.sum(), z, create_graph=True)
        second = torch.zeros_like(z)
        if first.requires_grad:
            (second,) = torch.autograd.grad(first.sum(), z, materialize_grads=True)
    return value.detach(), first.detach(), second.detach()


@torch.no_grad()
def minimise(stack: Stack, start: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Newton's method from `start` [R, p].

    An objective is done when a full Newton step promises to gain less than the last digits of
    what it has, or when no step along it gains anything.

    Returns:
        Where it ended, [R, p], the objective there, [R], and the gradient's norm, [R].
    """
    w = start.clone()
    left = torch.arange(len(w))
    for _ in range(ITERATIONS):
        part = stack.select(left)
        value, gradient, hessian = part.derivatives(w[left])
        direction, promised = _direction(gradient, hessian)
        going = promised > PRECISION * value.abs() + torch.finfo(value.dtype).tiny
        left, part = left[going], part.select(going.nonzero()[:, 0])
        if not len(left):
            break
        moved, gained = _line_search(
            part, w[left], value[going], direction[going], promised[going]
        )
        w[left] = moved
        left = left[gained]
        if not len(left):
            break
    value, gradient, _ = stack.derivatives(w)
    return w, value, gradient.norm(dim=1)


def _direction(gradient: Tensor, hessian: Tensor) -> tuple[Tensor, Tensor]:
    """The Newton step [R, p], and the decrease by its slope, [R]."""
    eigenvalues, vectors = torch.linalg.eigh(hessian)
    size = eigenvalues.abs()
    size = size.clamp(min=SINGULAR * size.amax(1, keepdim=True).clamp(min=1e-300))
    along = (vectors.mT @ gradient[..., None])[..., 0]
    return -(vectors @ (along / size)[..., None])[..., 0], (along.square() / size).sum(1)


def _line_search(
    stack: Stack, w: Tensor, value: Tensor, direction: Tensor, promised: Tensor
) -> tuple[Tensor, Tensor]:
    """Halve the step until it gains enough; [R, p] moved and [R] whether it gained anything."""
    step = torch.ones_like(value)
    best, gained = w.clone(), torch.zeros(len(w), dtype=torch.bool)
    for _ in range(HALVINGS):
        waiting = (~gained).nonzero()[:, 0]
        if not len(waiting):
            break
        tried = w[waiting] + step[waiting, None] * direction[waiting]
        reached = stack.select(waiting).values(tried)
        target = value[waiting] - SUFFICIENT * step[waiting] * promised[waiting]
        good = (reached <= target) & (reached < value[waiting])
        best[waiting[good]] = tried[good]
        gained[waiting[good]] = True
        step[waiting] *= 0.5
    return best, gained
