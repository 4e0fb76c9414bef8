"""How objectives of one loss are solved, by what the loss looks like."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import torch

from lrlab.losses import LOSSES
from lrlab.optimum import hinge
from lrlab.optimum.curvature import extremes
from lrlab.optimum.newton import End, Stack, minimize
from lrlab.optimum.objectives import Objective, Optimum

if TYPE_CHECKING:
    from torch import Tensor

    from lrlab.optimum.training_set import TrainingSet

# Where an objective that is not convex begins: at multiples of log loss's minimizer, and at random
# with logits of about this size.
MULTIPLES = (1.0,)
MORE_MULTIPLES, SIZES = (0.0, 3.0, 10.0), tuple(10 ** (k / 4) for k in range(8))
EVERY = 4  # of such objectives by l2, each such one begins at random
FEW = 8  # objectives that all do
WIDE = 10**6  # multiplications of an iteration, above which only the first ones do
# Of a minimum that is certain: norm of the gradient, in units of its size at zero; duality gap, in
# units of the value.
EXACT = 1e-7
ROUGH = 1e-9, 50  # of the value that is to be gained, and iterations, while starts are compared
MOST_STEPS = 2000  # of L-BFGS-B

Found = Iterator[tuple[Objective, Optimum]]


def is_solved(value: float, gap: float) -> bool:
    """Whether a value that may be `gap` above the minimum counts as the minimum."""
    return gap <= EXACT * value + hinge.LEAST


def _convex(data: TrainingSet, objectives: list[Objective]) -> Found:
    """Newton's method along the path of l2."""
    for part in data.anchors_first(objectives):
        for some in data.chunks(part):
            stack = data.stack(some)
            end = minimize(stack, data.nearest(some))
            data.keep(some, end.w)
            yield from zip(some, _read_off(data, stack, end, convex=True), strict=True)


def _several(data: TrainingSet, objectives: list[Objective]) -> Found:
    """Where there may be several minima: the lowest from several starts.

    All begin at what log loss takes and at what their neighbors found, the first ones at zero and
    at random too; where another one's weights serve better, those are taken. From there to the
    last digits.
    """
    first, rest = _at_random_first(data, objectives)
    for part, alone in ((first, True), (rest, False)):
        for some in data.chunks(part):
            stack = data.stack(some)
            end = minimize(stack, data.nearest(some), *ROUGH)
            for start in _starts(stack, alone):
                end = end.lower(minimize(stack, start, *ROUGH))
            for step in (1, -1):  # neighbors in the order of l2
                end = end.lower(minimize(stack, end.w.roll(step, 0), *ROUGH))
            last = minimize(stack, _swapped(stack, end))
            end = replace(last, iterations=last.iterations + end.iterations)
            data.keep(some, end.w)
            yield from zip(some, _read_off(data, stack, end, convex=False), strict=True)


def _at_random_first(
    data: TrainingSet, objectives: list[Objective]
) -> tuple[list[Objective], list[Objective]]:
    """Those that begin at random too, spread over l2, and the others."""
    n, p = data.rows.shape
    if n * p * p > WIDE:
        return data.anchors_first(objectives)
    ordered = sorted(objectives, key=lambda o: (o.loss_params, o.l2))
    every = EVERY if len(ordered) > FEW else 1  # few are far from their neighbors
    return ordered[::every], [o for i, o in enumerate(ordered) if i % every]


def _starts(stack: Stack, alone: bool) -> Iterator[Tensor]:
    """Where each of R objectives may begin, [R, p] at a time."""
    count, p = stack.ridge.shape
    alike = replace(stack, loss=LOSSES["bce_logits"], params={})
    sure = minimize(alike, stack.rows.new_zeros(count, p), *ROUGH).w
    yield from (multiple * sure for multiple in MULTIPLES)
    if not alone:
        return
    yield from (multiple * sure for multiple in MORE_MULTIPLES)
    stream = torch.Generator().manual_seed(0)
    size = math.sqrt(p) * stack.rows.square().mean(0).sqrt().clamp(min=1e-12)
    for scale in SIZES:
        yield scale * torch.randn(count, p, generator=stream, dtype=size.dtype) / size


def _swapped(stack: Stack, end: End) -> Tensor:
    """Where each objective is lowest of all their ends, [R, p]."""
    values = torch.stack([stack.values(w.expand_as(end.w)) for w in end.w], dim=1)
    lowest, whose = values.min(dim=1)
    better = lowest < end.value - ROUGH[0] * end.value.abs()
    return torch.where(better[:, None], end.w[whose], end.w)


def _read_off(data: TrainingSet, stack: Stack, end: End, convex: bool) -> list[Optimum]:
    smallest, largest = extremes(data.coordinates.outward_form(end.hessian))
    scale = stack.derivatives(torch.zeros_like(end.w))[1].norm(dim=1)
    slope, gap = end.gradient.norm(dim=1), end.gap(stack.ridge)
    certain = slope <= EXACT * torch.maximum(scale, extremes(end.hessian)[1])
    w = data.coordinates.outward(end.w)
    return [
        Optimum(
            value=float(end.value[i]),
            kind="minimum" if convex and certain[i] else "best known",
            gap=float(gap[i]) if convex else math.nan,
            gradient_norm=float(slope[i]),
            weight=w[i, :-1].numpy(),
            bias=float(w[i, -1]),
            largest=float(largest[i]),
            smallest=float(smallest[i]),
            iterations=int(end.iterations[i]),
        )
        for i in range(len(end.w))
    ]


def _unattained(data: TrainingSet, objectives: list[Objective]) -> Found:
    """Rows that can be separated add nothing in the limit; the others have a minimum."""
    inside = torch.from_numpy(data.separation.inside)
    share = float(inside.double().mean())
    for objective in objectives:
        if not share:
            yield objective, Optimum(0.0, "infimum", gap=0.0)
            continue
        stack = data.stack([objective])
        rest = replace(stack, rows=data.rows[inside], y=data.y[inside])
        end = minimize(rest, data.rows.new_zeros(1, data.rows.shape[1]))
        gap = float(end.gap(stack.ridge)[0]) * share
        value, steps = float(end.value[0]) * share, int(end.iterations[0])
        yield objective, Optimum(value, "infimum", gap=gap, iterations=steps)


def _hinge(data: TrainingSet, objectives: list[Objective]) -> Found:
    """A linear or quadratic program, whose dual bounds it."""
    for some in data.chunks(objectives):
        l2 = torch.tensor([o.l2 for o in some], dtype=torch.float64)
        end = hinge.solve(data.plain_rows(), data.y, l2, data.check)
        for i, objective in enumerate(some):
            certain = is_solved(float(end.value[i]), float(end.gap[i]))
            optimum = Optimum(
                value=float(end.value[i]),
                kind="minimum" if certain else "best known",
                gap=float(end.gap[i]),
                weight=end.w[i, :-1].numpy(),
                bias=float(end.w[i, -1]),
                iterations=int(end.iterations[i]),
            )
            yield objective, optimum


def _kinked(data: TrainingSet, objectives: list[Objective]) -> Found:
    """A loss with a kink, by scipy's L-BFGS-B from zero: no certificate."""
    from scipy.optimize import minimize

    for objective in objectives:
        stack = data.stack([objective])

        def value_and_gradient(w: np.ndarray, stack: Stack = stack) -> tuple[float, np.ndarray]:
            value, gradient, _ = stack.derivatives(torch.from_numpy(w)[None])
            return float(value), gradient[0].numpy()

        start, options = np.zeros(data.rows.shape[1]), {"maxiter": MOST_STEPS}
        found = minimize(value_and_gradient, start, jac=True, method="L-BFGS-B", options=options)
        (w,) = data.coordinates.outward(torch.from_numpy(found.x)[None]).numpy()
        yield (
            objective,
            Optimum(
                float(found.fun),
                "best known",
                weight=w[:-1],
                bias=float(w[-1]),
                iterations=int(found.nit),
            ),
        )


# How objectives of one loss are solved, the quickest first in case time runs out; a loss with a
# kink may have a program under its own name.
METHODS: dict[str, Callable[[TrainingSet, list[Objective]], Found]] = {
    "convex": _convex,
    "unattained": _unattained,
    "hinge": _hinge,
    "kinked": _kinked,
    "several": _several,
}
