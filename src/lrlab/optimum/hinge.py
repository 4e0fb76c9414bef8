"""The hinge's optimum by an interior point method, for a stack of l2 on the same rows.

The program and its dual, with the bias not penalized (Cortes & Vapnik 1995):

    minimize  l2/2 ||w||^2 + mean xi        where  xi >= 1 - m, xi >= 0
    maximize  mean a - l2/2 ||w||^2         where  0 <= a <= 1, mean a s = 0, l2 w = mean a s x

m = s (x w + b) are the margins. The difference of the two values, the duality gap, is at least
what is left to gain, so an optimum comes with its own proof. With l2 = 0 it is a linear program,
and the method the same. Steps: Mehrotra's predictor and corrector (1992, SIAM J. Optim. 2(4));
each solves one system of the size of the weights (Ferris & Munson 2002, SIAM J. Optim. 13(3)).
It begins in the middle: a neighbor on the path of l2 lies at the boundary, where such a method
is slow, and 8 to 20 iterations are enough from anywhere where the classes overlap.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields

import torch
from torch import Tensor

from lrlab.optimum.coordinates import Coordinates
from lrlab.optimum.curvature import independent

# How far inside the boundary it begins, and iterations at most: in the middle; if that is not
# enough, far inside, as separable rows need margins of many thousands.
BEGINNINGS = ((1.0, 30), (1e4, 150))
PATIENCE = 15  # iterations that do not narrow the gap: rounding is reached
GAP = 1e-9  # of the objective, at which an optimum is exact
LEAST = 1e-12  # gap at which nothing is left to gain: the objective is 1 for zero weights
INSIDE = 0.995  # of the way to the boundary that a step may go
JITTER = 1e-14  # of the diagonal
REFINED = 1  # times that a direction is corrected by what its equations leave
TILE = 2**21  # numbers formed at a time


@dataclass(frozen=True)
class Solution:
    """What was found for R objectives.

    Args:
        w: Weights with bias, [R, p].
        value: Objective there, [R].
        gap: Its duality gap: no weights are better by more, [R].
        iterations: Steps that were made, [R] int64.
    """

    w: Tensor
    value: Tensor
    gap: Tensor
    iterations: Tensor


def solve(
    rows: Tensor, y: Tensor, l2: Tensor, check: Callable[[], None] = lambda: None
) -> Solution:
    """Minimize mean max(0, 1 - m) + l2/2 ||w||^2 for each l2.

    Args:
        rows: Rows (x, 1), [n, p] float64.
        y: Labels 0 and 1, [n] float64.
        l2: [R] float64, at least 0.
        check: Called before every iteration; may raise to end the search.

    Returns:
        What is found within 180 iterations each; whether that is exact its gap says.
    """
    coordinates = Coordinates.of(rows)
    margins = (2 * y - 1)[:, None] * coordinates.inside(rows)
    ridges = coordinates.ridge(l2)
    w = rows.new_zeros(len(l2), rows.shape[1])
    gap, iterations = torch.full_like(l2, torch.inf), torch.zeros_like(l2, dtype=torch.int64)
    free = (l2 == 0).nonzero()[:, 0]
    if len(free):  # columns that depend on others are held by nothing else
        basis = independent(margins)
        none = basis.new_zeros(len(free), basis.shape[1])
        inner, gap[free], iterations[free] = _minimize(margins @ basis, none, check)
        w[free] = inner @ basis.T
    held = (l2 > 0).nonzero()[:, 0]
    if len(held):
        w[held], gap[held], iterations[held] = _minimize(margins, ridges[held], check)
    value = (1 - w @ margins.T).clamp(min=0).mean(1) + (ridges * w * w).sum(1) / 2
    return Solution(coordinates.outward(w), value, gap, iterations)


@dataclass(frozen=True)
class _Point:
    """Where the iteration is: weights [r, p]; a, 1 - a, xi and xi - 1 + m of every row, [r, n]."""

    w: Tensor
    dual: Tensor
    rest: Tensor
    short: Tensor
    slack: Tensor

    def select(self, which: Tensor) -> _Point:
        return _Point(*(part[which] for part in self))

    def moved(self, by: _Point, step: Tensor) -> _Point:
        return _Point(*(part + step * d for part, d in zip(self, by, strict=True)))

    def __iter__(self) -> Iterator[Tensor]:
        return (getattr(self, each.name) for each in fields(self))

    def complementarity(self) -> Tensor:
        """Mean of what is 0 at the optimum, [r, 1]."""
        pairs = self.dual * self.slack + self.rest * self.short
        return pairs.mean(1, keepdim=True) / 2

    def longest(self, by: _Point) -> Tensor:
        """How far it can go along a direction before something is negative, [r, 1]."""
        rates = [
            -by.dual / self.dual,
            -by.rest / self.rest,
            -by.short / self.short,
            -by.slack / self.slack,
        ]
        most = torch.stack([rate.amax(1) for rate in rates]).amax(0)[:, None]
        return 1 / most.clamp(min=1.0)


def _minimize(
    margins: Tensor, ridge: Tensor, check: Callable[[], None]
) -> tuple[Tensor, Tensor, Tensor]:
    """Weights [R, p], gaps and iterations [R] for penalties ridge [R, p] of the weights."""
    best, gap = torch.zeros_like(ridge), torch.full_like(ridge[:, 0], torch.inf)
    steps, left = torch.zeros_like(gap, dtype=torch.int64), torch.arange(len(ridge))
    for inside, most in BEGINNINGS:
        w, here, made, solved = _descend(margins, ridge[left], inside, most, check)
        better = here < gap[left]
        best[left[better]], gap[left[better]] = w[better], here[better]
        steps[left] += made
        left = left[~solved]
        if not len(left):
            break
    return best, gap, steps


def _descend(
    margins: Tensor, ridge: Tensor, inside: float, most: int, check: Callable[[], None]
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The best weights [R, p] of at most so many iterations, their gaps, how many, if solved."""
    now = _begin(margins, len(ridge), inside)
    best, gap = now.w.clone(), torch.full_like(ridge[:, 0], torch.inf)
    left = torch.arange(len(ridge))
    idle, steps = (torch.zeros(len(ridge), dtype=torch.int64) for _ in range(2))
    solved = torch.zeros(len(ridge), dtype=torch.bool)
    for last in [False] * most + [True]:
        check()
        value, here = certificate(margins, ridge[left], now.w, now.dual)
        idle[left] = torch.where(here < 0.99 * gap[left], 0, idle[left] + 1)
        better = here < gap[left]  # false for NaN
        best[left[better]], gap[left[better]] = now.w[better], here[better]
        solved[left] = here <= GAP * value + LEAST
        going = ~solved[left] & (idle[left] < PATIENCE)
        left, now = left[going], now.select(going)
        if last or not len(left):
            break
        now = _step(margins, ridge[left], now, check)
        steps[left] += 1
    return best, gap, steps, solved


def certificate(margins: Tensor, ridge: Tensor, w: Tensor, dual: Tensor) -> tuple[Tensor, Tensor]:
    """Objective at w and duality gap, each [R].

    Where nothing is penalized, mean a s x should be 0; what it is by rounding counts in the gap,
    for weights that are off by as much as they are large, or by 1.

    Args:
        margins: Rows s (x, 1), [n, p].
        ridge: Penalty of each weight, [R, p].
        w: [R, p].
        dual: a, between 0 and 1, [R, n].
    """
    value = (1 - w @ margins.T).clamp(min=0).mean(1) + (ridge * w * w).sum(1) / 2
    pull = dual @ margins / len(margins)
    held = ridge > 0
    least = dual.mean(1) - torch.where(held, pull.square() / ridge, 0.0).sum(1) / 2
    rest = torch.where(held, 0.0, pull.abs() * (1 + w.abs())).sum(1)
    return value, value - least + rest


def _begin(margins: Tensor, count: int, inside: float) -> _Point:
    """Zero weights, a dual in the middle, and xi so far above what it must be."""
    n, p = margins.shape
    dual = margins.new_full((count, n), 0.5)
    return _Point(
        w=margins.new_zeros(count, p),
        dual=dual,
        rest=1 - dual,
        short=torch.full_like(dual, 1 + inside),
        slack=torch.full_like(dual, inside),
    )


def _step(margins: Tensor, ridge: Tensor, now: _Point, check: Callable[[], None]) -> _Point:
    """Predict without centering, then correct by what that would have left."""
    residual = ridge * now.w - now.dual @ margins / len(margins)
    weight = 1 / (now.slack / now.dual + now.short / now.rest)
    scale, factor = _factor(margins, ridge, weight, check)

    def direction(first: Tensor, second: Tensor) -> _Point:
        """The Newton direction for right-hand sides of the two complementarities."""
        pull = weight * (first / now.dual - second / now.rest)
        w, margin, dual = 0.0 * now.w, 0.0 * pull, pull
        for _ in range(1 + REFINED):
            left = dual @ margins / len(margins) - residual - ridge * w
            by = scale * torch.cholesky_solve((scale * left)[..., None], factor)[..., 0]
            w, margin = w + by, margin + by @ margins.T
            dual = pull - weight * margin
        short = (second + now.short * dual) / now.rest
        return _Point(w, dual, -dual, short, short + margin)

    first, second = -now.dual * now.slack, -now.rest * now.short
    ahead = direction(first, second)
    mean = now.complementarity()
    left = now.moved(ahead, now.longest(ahead)).complementarity()
    center = mean * (left / mean) ** 3
    way = direction(
        first + center - ahead.dual * ahead.slack, second + center + ahead.dual * ahead.short
    )
    return now.moved(way, (now.longest(way) * INSIDE))


def _factor(
    margins: Tensor, ridge: Tensor, weight: Tensor, check: Callable[[], None]
) -> tuple[Tensor, Tensor]:
    """Scale [r, p] and Cholesky factor [r, p, p] of ridge + mean weight m m^T, scaled to 1."""
    n, p = margins.shape
    system = torch.diag_embed(ridge)
    for part, some in zip(
        margins.split(max(1, TILE // (p * len(weight)))),
        weight.split(max(1, TILE // (p * len(weight))), dim=1),
        strict=True,
    ):
        check()
        system += torch.matmul(some[:, None, :] * part.T, part) / n
    scale = system.diagonal(dim1=1, dim2=2).clamp(min=1e-300).rsqrt()
    system = system * scale[:, :, None] * scale[:, None, :]
    identity = torch.eye(p, dtype=system.dtype)
    factor, failed = torch.linalg.cholesky_ex(system + JITTER * identity)
    if bool(failed.any()):
        factor, _ = torch.linalg.cholesky_ex(system + 1e-10 * identity)
    return scale, factor
