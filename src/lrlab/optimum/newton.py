"""Newton's method with line search, for a stack of objectives on the same rows.

An objective is the mean loss of the rows plus (1 / 2) sum ridge_j w_j^2, the bias not penalized.
All is in double precision. Where the Hessian is not positive definite its eigenvalues are taken
by their absolute value, so that a step always descends (Dauphin et al. 2014, arXiv:1406.2572).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor

from lrlab.losses import Loss
from lrlab.optimum.curvature import DEPENDENT, by_logit

ITERATIONS = 200
HALVINGS = 40
SUFFICIENT = 1e-4  # of the decrease that the slope promises (Armijo)
PRECISION = 1e-15  # of the objective that is still to be gained
TILE = 2**22  # numbers formed at a time
SINGULAR = 1e-13  # of the largest eigenvalue
PIVOT = 1e-9  # of the largest, above which a Cholesky factor is exact enough


@dataclass(frozen=True)
class Stack:
    """R objectives of one loss on the same rows.

    Args:
        loss: The loss.
        params: Its hyperparameters, each [R, 1] float64.
        ridge: Second derivative of the penalty by weight, [R, p] float64; 0 for the bias.
        rows: Rows (x, 1), [n, p] float64.
        y: Labels, [n] float64.
        check: Called before every pass over the rows; may raise to end the search.
    """

    loss: Loss
    params: Mapping[str, Tensor]
    ridge: Tensor
    rows: Tensor
    y: Tensor
    check: Callable[[], None] = lambda: None

    def select(self, which: Tensor) -> Stack:
        """Some of the objectives."""
        params = {name: value[which] for name, value in self.params.items()}
        return replace(self, params=params, ridge=self.ridge[which])

    def _tiles(self, wide: int) -> Iterator[tuple[Tensor, Tensor]]:
        size = max(1, TILE // (max(1, len(self.ridge)) * wide))
        for tile in zip(self.rows.split(size), self.y.split(size), strict=True):
            self.check()
            yield tile

    def values(self, w: Tensor) -> Tensor:
        """Objective at w [R, p], [R]."""
        total = sum(
            self.loss.per_example(w @ x.T, y.expand(len(w), -1), **self.params).sum(1)
            for x, y in self._tiles(1)
        )
        return total / len(self.y) + 0.5 * (self.ridge * w * w).sum(1)

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
        return (
            value / n + 0.5 * (self.ridge * w * w).sum(1),
            gradient / n + self.ridge * w,
            hessian / n + torch.diag_embed(self.ridge),
        )


@dataclass(frozen=True)
class End:
    """Where a search ended.

    Args:
        w: Weights with bias, [R, p].
        value: Objective there, [R].
        gradient: [R, p].
        hessian: [R, p, p].
        iterations: Newton steps, those of ends that this one replaced too, [R] int64.
    """

    w: Tensor
    value: Tensor
    gradient: Tensor
    hessian: Tensor
    iterations: Tensor

    def lower(self, other: End) -> End:
        """Of each objective the end that is lower; this one, if neither is."""
        better = other.value < self.value
        parts = {}
        for each in fields(self):
            mine, theirs = getattr(self, each.name), getattr(other, each.name)
            parts[each.name] = torch.where(better.view(-1, *[1] * (mine.ndim - 1)), theirs, mine)
        return End(**parts | {"iterations": self.iterations + other.iterations})

    def gap(self, ridge: Tensor) -> Tensor:
        """What a convex objective may at most still lose, [R], for its penalty's ridge [R, p].

        With l2 > 0 by strong convexity ||g||^2 / (2 l2), and the bias's derivative for a bias that
        is off by as much as it is large, or by 1; without l2 half the Newton decrement, which is
        an estimate (Boyd & Vandenberghe 2004, 9.5.1), along what is no rounding of the columns.
        """
        slope, bias = self.gradient[:, :-1].square() / ridge[:, :-1], self.w[:, -1].abs()
        bound = slope.sum(1) / 2 + self.gradient[:, -1].abs() * (1 + bias)
        values, vectors = torch.linalg.eigh(self.hessian)
        along = (vectors.mT @ self.gradient[..., None])[..., 0].square()
        known = values > DEPENDENT * values[:, -1:]
        decrement = torch.where(known, along / values, 0.0).sum(1)
        return torch.where((ridge[:, :-1] > 0).all(1), bound, decrement / 2)


@torch.no_grad()
def minimize(
    stack: Stack, start: Tensor, precision: float = PRECISION, iterations: int = ITERATIONS
) -> End:
    """Newton's method from `start` [R, p].

    An objective is done when a full Newton step promises to gain less than `precision` of what it
    has, by default the last digits, or when no step along it gains anything.
    """
    w = start.clone()
    left, steps = torch.arange(len(w)), torch.zeros(len(w), dtype=torch.int64)
    for _ in range(iterations):
        steps[left] += 1
        part = stack.select(left)
        value, gradient, hessian = part.derivatives(w[left])
        direction, promised = _direction(gradient, hessian)
        going = promised > precision * value.abs() + torch.finfo(value.dtype).tiny
        w[left[~going]] += direction[~going]  # gains nothing, but a gradient of a few digits less
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
    return End(w, *stack.derivatives(w), steps)


def _direction(gradient: Tensor, hessian: Tensor) -> tuple[Tensor, Tensor]:
    """The Newton step [R, p], and the decrease by its slope, [R]."""
    factor, failed = torch.linalg.cholesky_ex(hessian)
    pivots = factor.diagonal(dim1=1, dim2=2).square()
    hard = (failed > 0) | ~(pivots.amin(1) > PIVOT * pivots.amax(1))
    direction = -torch.cholesky_solve(gradient[..., None], factor)[..., 0]
    if bool(hard.any()):  # an eigendecomposition costs ten times as much
        direction[hard] = _by_eigenvalues(gradient[hard], hessian[hard])
    return direction, -(gradient * direction).sum(1)


def _by_eigenvalues(gradient: Tensor, hessian: Tensor) -> Tensor:
    """The Newton step with eigenvalues by their absolute value, none of them singular, [R, p]."""
    eigenvalues, vectors = torch.linalg.eigh(hessian)
    size = eigenvalues.abs()
    size = size.clamp(min=SINGULAR * size.amax(1, keepdim=True).clamp(min=1e-300))
    along = (vectors.mT @ gradient[..., None])[..., 0]
    step: Tensor = -(vectors @ (along / size)[..., None])[..., 0]
    return step


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
