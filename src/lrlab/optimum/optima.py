"""The exact optimum of every objective of a sweep, on one training set.

An objective is a loss with its hyperparameters and an l2. Knowing its minimum, a curve can be
read as the gap f(x_k) - f*, which is what convergence means.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from lrlab.data import Problem
from lrlab.losses import LOSSES
from lrlab.optimum import hinge
from lrlab.optimum.curvature import Shape, extremes, shape_of
from lrlab.optimum.newton import End, Stack, minimise
from lrlab.optimum.objectives import Objective, Optimum
from lrlab.optimum.separability import Separation, separation

WORK = 5e8  # multiplications of an iteration over the objectives that are solved together
NUMBERS = 2**20  # rows times objectives of it, as a hinge keeps some of each
STARTS = 6  # of an objective that is not convex and has no neighbour
STRIDE = 16  # of a loss's objectives by l2, each such one is solved first
EXACT = 1e-7  # norm of the gradient, in units of its size at zero, of a minimum that is certain
ROUGH = 1e-9, 50  # of the value that is to be gained, and iterations, while starts are compared
NO_L2 = 1e-9  # stands for l2 = 0 where distances are logarithmic
MOST_STEPS = 2000  # of L-BFGS-B
STABLE = {"bce": "bce_logits"}  # the same function, whose derivatives keep their digits

Found = Iterator[tuple[Objective, Optimum]]


class Solver:
    """Finds optima on one training set, and begins the next ones at what it has found.

    What it finds depends on the objectives and the order in which they come, on nothing else.

    Args:
        problem: The data, on any device.
        check: Called again and again; may raise to end the search.
    """

    def __init__(self, problem: Problem, check: Callable[[], None] = lambda: None) -> None:
        self._problem, self.check = problem, check
        self._shapes: dict[tuple[str, tuple[tuple[str, float], ...]], Shape] = {}
        self._paths: dict[str, list[tuple[Objective, Tensor]]] = defaultdict(list)

    @cached_property
    def y(self) -> Tensor:
        """Labels, [n] float64."""
        return self._problem.y_train.detach().cpu().double()

    @cached_property
    def rows(self) -> Tensor:
        """Rows (x, 1), [n, p] float64."""
        x = self._problem.x_train.detach().cpu().double()
        return torch.cat([x, torch.ones(len(x), 1, dtype=x.dtype)], 1)

    @cached_property
    def separation(self) -> Separation:
        """How far the classes are separable."""
        return separation(((2 * self.y - 1)[:, None] * self.rows).numpy(), self.check)

    @property
    def separation_so_far(self) -> str:
        """The same, `unknown` if nobody has asked for it."""
        found: Separation | None = vars(self).get("separation")
        return "unknown" if found is None else found.kind

    @cached_property
    def spread(self) -> float:
        """Largest eigenvalue of the rows' second moments."""
        return float(torch.linalg.eigvalsh(self.rows.T @ self.rows / len(self.rows))[-1])

    def solve(self, objectives: Iterable[Objective]) -> Found:
        """The optimum of each objective, in double precision, some at a time.

        Args:
            objectives: What to minimise; the same one twice is solved once.
        """
        names: dict[Objective, list[Objective]] = defaultdict(list)
        for objective in dict.fromkeys(objectives):
            stable = STABLE.get(objective.loss, objective.loss)
            names[replace(objective, loss=stable)].append(objective)
        groups: dict[tuple[str, str], list[Objective]] = defaultdict(list)
        for objective in names:
            groups[self._method(objective), objective.loss].append(objective)
        order = list(METHODS)
        for (method, _), members in sorted(groups.items(), key=lambda g: order.index(g[0][0])):
            for objective, optimum in METHODS[method](self, members):
                bound = self._shape(objective).steepest * self.spread + objective.l2
                for name in names[objective]:
                    yield name, replace(optimum, bound=bound)

    def _method(self, objective: Objective) -> str:
        shape = self._shape(objective)
        if objective.l2 == 0 and shape.falls:
            kind = self.separation.kind
            if kind == "complete" or (kind == "quasi" and shape.convex):
                return "unattained"
        if math.isinf(shape.steepest):
            return objective.loss if objective.loss in METHODS else "kinked"
        return "convex" if shape.convex else "several"

    def _shape(self, objective: Objective) -> Shape:
        key = objective.loss, objective.loss_params
        if key not in self._shapes:
            self._shapes[key] = shape_of(LOSSES[objective.loss], dict(objective.loss_params))
        return self._shapes[key]

    def stack(self, objectives: Sequence[Objective]) -> Stack:
        """Objectives of one loss as a stack."""
        loss, dtype = LOSSES[objectives[0].loss], self.y.dtype
        params = {
            h.name: torch.tensor([[dict(o.loss_params)[h.name]] for o in objectives], dtype=dtype)
            for h in loss.hyperparameters
        }
        l2 = torch.tensor([o.l2 for o in objectives], dtype=dtype)
        return Stack(loss, params, l2, self.rows, self.y, self.check)

    def chunks(self, objectives: Sequence[Objective]) -> Iterator[list[Objective]]:
        """As many at a time as an iteration may work on, so that what is found is kept."""
        n, p = self.rows.shape
        size = int(max(1, min(WORK // (n * p * p), NUMBERS // n)))
        for start in range(0, len(objectives), size):
            yield list(objectives[start : start + size])

    def anchors_first(
        self, objectives: Sequence[Objective]
    ) -> tuple[list[Objective], list[Objective]]:
        """Those to solve first, and those that begin at their neighbours."""
        if self._paths[objectives[0].loss]:
            return [], list(objectives)
        ordered = sorted(objectives, key=lambda o: (o.loss_params, o.l2))
        first = ordered[len(ordered) % STRIDE // 2 :: STRIDE]
        return first, [o for o in ordered if o not in set(first)]

    def nearest(self, objectives: Sequence[Objective]) -> Tensor:
        """For each the weights of the nearest objective that is solved, [R, p]; else zeros."""
        path = self._paths[objectives[0].loss]
        if not path:
            return self.rows.new_zeros(len(objectives), self.rows.shape[1])
        there = np.array([_place(o) for o, _ in path])
        here = np.array([_place(o) for o in objectives])
        closest = np.abs(here[:, None] - there[None]).sum(axis=2).argmin(axis=1)
        return torch.stack([path[i][1] for i in closest])

    def keep(self, objectives: Sequence[Objective], w: Tensor) -> None:
        """Remember where optima lie, [R, p]."""
        self._paths[objectives[0].loss] += zip(objectives, w, strict=True)


def _place(objective: Objective) -> list[float]:
    return [math.log10(max(objective.l2, NO_L2)), *(v for _, v in objective.loss_params)]


def _convex(solver: Solver, objectives: list[Objective]) -> Found:
    """Newton's method along the path of l2."""
    for part in solver.anchors_first(objectives):
        for some in solver.chunks(part):
            stack = solver.stack(some)
            end = minimise(stack, solver.nearest(some))
            solver.keep(some, end.w)
            yield from zip(some, _read_off(stack, end, convex=True), strict=True)


def _several(solver: Solver, objectives: list[Objective]) -> Found:
    """Where there may be several minima: the lowest from several starts.

    The first ones begin at zero and at random, the others at a neighbour's lowest; where another
    one's weights serve better, those are taken. From there to the last digits.
    """
    first, rest = solver.anchors_first(objectives)
    p = solver.rows.shape[1]
    for part, alone in ((first, True), (rest, False)):
        for some in solver.chunks(part):
            stack = solver.stack(some)
            end = minimise(stack, solver.nearest(some), *ROUGH)
            stream = torch.Generator().manual_seed(0)
            size = solver.rows.square().mean(0).sqrt().clamp(min=1e-12)
            for _ in range(STARTS - 1 if alone else 0):
                start = torch.randn(len(some), p, generator=stream, dtype=size.dtype) / size
                end = end.lower(minimise(stack, start, *ROUGH))
            end = minimise(stack, _swapped(stack, end))
            solver.keep(some, end.w)
            yield from zip(some, _read_off(stack, end, convex=False), strict=True)


def _swapped(stack: Stack, end: End) -> Tensor:
    """Where each objective is lowest of all their ends, [R, p]."""
    values = torch.stack([stack.values(w.expand_as(end.w)) for w in end.w], dim=1)
    lowest, whose = values.min(dim=1)
    better = lowest < end.value - ROUGH[0] * end.value.abs()
    return torch.where(better[:, None], end.w[whose], end.w)


def _read_off(stack: Stack, end: End, convex: bool) -> list[Optimum]:
    smallest, largest = extremes(end.hessian)
    scale = stack.derivatives(torch.zeros_like(end.w))[1].norm(dim=1)
    slope, gap = end.gradient.norm(dim=1), end.gap(stack.l2)
    certain = slope <= EXACT * torch.maximum(scale, largest)
    return [
        Optimum(
            value=float(end.value[i]),
            kind="minimum" if convex and certain[i] else "best known",
            gap=float(gap[i]) if convex else math.nan,
            gradient_norm=float(slope[i]),
            weight=end.w[i, :-1].numpy(),
            bias=float(end.w[i, -1]),
            largest=float(largest[i]),
            smallest=float(smallest[i]),
        )
        for i in range(len(end.w))
    ]


def _unattained(solver: Solver, objectives: list[Objective]) -> Found:
    """Rows that can be separated add nothing in the limit; the others have a minimum."""
    inside = torch.from_numpy(solver.separation.inside)
    share = float(inside.double().mean())
    for objective in objectives:
        if not share:
            yield objective, Optimum(0.0, "infimum", gap=0.0)
            continue
        stack = solver.stack([objective])
        rest = replace(stack, rows=solver.rows[inside], y=solver.y[inside])
        end = minimise(rest, solver.rows.new_zeros(1, solver.rows.shape[1]))
        gap = float(end.gap(stack.l2)[0]) * share
        yield objective, Optimum(float(end.value[0]) * share, "infimum", gap=gap)


def _hinge(solver: Solver, objectives: list[Objective]) -> Found:
    """A linear or quadratic program, whose dual bounds it."""
    for some in solver.chunks(objectives):
        l2 = torch.tensor([o.l2 for o in some], dtype=torch.float64)
        w, value, gap = hinge.solve(solver.rows, solver.y, l2, solver.check)
        for i, objective in enumerate(some):
            certain = bool(gap[i] <= EXACT * value[i] + hinge.LEAST)
            optimum = Optimum(
                value=float(value[i]),
                kind="minimum" if certain else "best known",
                gap=float(gap[i]),
                weight=w[i, :-1].numpy(),
                bias=float(w[i, -1]),
            )
            yield objective, optimum


def _kinked(solver: Solver, objectives: list[Objective]) -> Found:
    """A loss with a kink, by scipy's L-BFGS-B from zero: no certificate."""
    from scipy.optimize import minimize

    for objective in objectives:
        stack = solver.stack([objective])

        def value_and_gradient(w: np.ndarray, stack: Stack = stack) -> tuple[float, np.ndarray]:
            value, gradient, _ = stack.derivatives(torch.from_numpy(w)[None])
            return float(value), gradient[0].numpy()

        start, options = np.zeros(solver.rows.shape[1]), {"maxiter": MOST_STEPS}
        found = minimize(value_and_gradient, start, jac=True, method="L-BFGS-B", options=options)
        weight, bias = found.x[:-1], float(found.x[-1])
        yield objective, Optimum(float(found.fun), "best known", weight=weight, bias=bias)


# How objectives of one loss are solved, the quickest first in case time runs out; a loss with a
# kink may have a program under its own name.
METHODS: dict[str, Callable[[Solver, list[Objective]], Found]] = {
    "convex": _convex,
    "unattained": _unattained,
    "hinge": _hinge,
    "kinked": _kinked,
    "several": _several,
}


def find_optima(
    problem: Problem, objectives: Iterable[Objective]
) -> tuple[dict[Objective, Optimum], Separation]:
    """The optimum of each objective on a problem's training rows, in double precision.

    Args:
        problem: The data, on any device.
        objectives: What to minimise.

    Returns:
        Optima by objective, and how far the classes are separable.
    """
    solver = Solver(problem)
    return dict(solver.solve(objectives)), solver.separation
