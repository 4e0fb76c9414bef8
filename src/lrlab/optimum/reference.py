"""What any search is measured by: log loss's exact minimizer, and what other solvers need."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor

from lrlab.data import Problem
from lrlab.optimum.curvature import FLAT_EIGENVALUE
from lrlab.optimum.newton import PRECISION, Stack, minimize
from lrlab.optimum.objectives import Objective, Optimum
from lrlab.optimum.optima import STABLE, Solver

LOG_LOSS = "bce_logits"
LEAST_L2 = tuple(10.0**k for k in range(-8, 1))  # tried in order where without l2 there is none
LARGEST = 2**27  # numbers of data
ARRIVED = 1e-3  # gap in units of that at the start
MOST_STEPS = 20_000  # of gradient descent
MOST_NEWTON = 50


@dataclass(frozen=True)
class LogLossFit:
    """Log loss's minimizer on a problem's training rows.

    Args:
        weight: [d] float64.
        bias: Its bias.
        l2: 0, or the smallest of 1e-8, 1e-7, ... with which there is a minimizer in reach.
        why: Why l2 is above 0, or there are no weights; else empty.
    """

    weight: np.ndarray | None
    bias: float
    l2: float
    why: str = ""


def fit_log_loss(problem: Problem, check: Callable[[], None] = lambda: None) -> LogLossFit:
    """The exact optimum of plain log loss by Newton's method: what a search should come near.

    Args:
        problem: The data, on any device; of a problem with folds, its own training rows.
        check: Called again and again; may raise to end it.
    """
    if problem.x_train.numel() > LARGEST:
        return LogLossFit(None, 0.0, 0.0, "the data are too large")
    solver = Solver(problem, check)
    ((_, plain),) = solver.solve([Objective(LOG_LOSS)])
    if plain.kind == "minimum" and plain.weight is not None:
        return LogLossFit(plain.weight, plain.bias, 0.0)
    kind = solver.data.separation.kind
    apart = {
        "complete": "the training rows are separable",
        "quasi": "some training rows can be fitted perfectly",
    }
    why = apart.get(kind, "without l2 no minimizer is in reach")
    for l2 in LEAST_L2:
        ((_, found),) = solver.solve([Objective(LOG_LOSS, (), l2)])
        if found.kind == "minimum" and found.weight is not None:
            return LogLossFit(found.weight, found.bias, l2, why)
    return LogLossFit(None, 0.0, 0.0, f"{why}, and with no l2 up to 1 a minimizer is in reach")


@dataclass(frozen=True)
class SolverRun:
    """What a solver needed to come to a gap of 1e-3 of that at the start.

    Args:
        method: Its name.
        iterations: Steps.
        evaluations: Of the objective, with or without derivatives.
        passes: Over the data: an evaluation takes one.
        seconds: By the clock given, on one process's threads, in double precision.
        gap: (f - f*) / (f_0 - f*) where it ended.
        arrived: Whether that is at most 1e-3.
        lr: Its learning rate; NaN if it has none.
    """

    method: str
    iterations: int
    evaluations: int
    passes: int
    seconds: float
    gap: float
    arrived: bool
    lr: float = math.nan


def reference_solvers(
    problem: Problem,
    objective: Objective,
    seed: int = 0,
    clock: Callable[[], float] = time.perf_counter,
) -> tuple[SolverRun, ...]:
    """Gradient descent at 2 / (L + mu), L-BFGS and Newton from the weights that a sweep starts at.

    L and mu are the largest eigenvalue of the Hessian at the optimum, and the smallest that is not
    0: the best fixed rate near it (Nesterov 2018, 2.1.5). On the way it may be too large.

    Args:
        problem: The data, on any device.
        objective: What to minimize.
        seed: Of the weights at the start.
        clock: What seconds are read from; `time.process_time` leaves out what others compute.

    Returns:
        One a method; none for an objective without a minimizer, or whose loss has a kink.
    """
    solver = Solver(problem)
    objective = replace(objective, loss=STABLE.get(objective.loss, objective.loss))
    ((_, optimum),) = solver.solve([objective])
    if optimum.weight is None or not np.isfinite(optimum.bound):
        return ()
    stack = solver.data.stack([objective])
    ridge = torch.full_like(stack.ridge, objective.l2)
    ridge[:, -1] = 0
    stack = replace(stack, rows=solver.data.plain_rows(), ridge=ridge)  # as a sweep trains
    model = problem.initial_model(seed).features
    parts = (model.weight[0], model.bias)
    start = torch.cat([part.detach().cpu().double() for part in parts])
    race = _Race(stack, start, optimum, clock)
    return (race.gradient_descent(), race.l_bfgs(), race.newton())


@dataclass(frozen=True)
class _Counted(Stack):
    """A stack that counts its passes over the rows."""

    passes: list[int] = field(default_factory=lambda: [0])

    def values(self, w: Tensor) -> Tensor:
        self.passes[0] += 1
        return super().values(w)

    def derivatives(self, w: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        self.passes[0] += 1
        return super().derivatives(w)


class _Race:
    """Solvers of one objective from one start."""

    def __init__(
        self, stack: Stack, start: Tensor, optimum: Optimum, clock: Callable[[], float]
    ) -> None:
        self.stack, self.start, self.optimum, self.clock = stack, start, optimum, clock
        self.width = float(stack.values(start[None])) - optimum.value

    def gap(self, value: float) -> float:
        return (value - self.optimum.value) / self.width

    def value_and_grad(self, w: Tensor) -> tuple[float, Tensor]:
        """Objective and gradient at w [p], one pass over the data."""
        leaf = w.detach().clone().requires_grad_()
        stack, z = self.stack, self.stack.rows @ leaf
        loss = stack.loss.per_example(z[None], stack.y[None], **self.stack.params).mean()
        value = loss + (stack.ridge[0] * leaf * leaf).sum() / 2
        value.backward()
        assert leaf.grad is not None
        return float(value.detach()), leaf.grad

    def gradient_descent(self) -> SolverRun:
        assert self.optimum.weight is not None
        there = torch.from_numpy(np.append(self.optimum.weight, self.optimum.bias))[None]
        eigenvalues = torch.linalg.eigvalsh(self.stack.derivatives(there)[2][0])
        largest = eigenvalues[-1]
        smallest = eigenvalues[eigenvalues > FLAT_EIGENVALUE * largest][0]
        lr, w, began = float(2 / (largest + smallest)), self.start, self.clock()
        value, slope = self.value_and_grad(w)
        steps = 0
        while self.gap(value) > ARRIVED and steps < MOST_STEPS:  # ends if it is no number any more
            w, steps = w - lr * slope, steps + 1
            value, slope = self.value_and_grad(w)
        spent = self.clock() - began
        return self._run("gradient descent", steps, steps + 1, spent, value, lr)

    def l_bfgs(self) -> SolverRun:
        from scipy.optimize import minimize

        seen: list[tuple[float, float]] = []
        steps: list[int] = []  # evaluations at the end of each iteration
        began = self.clock()

        def both(w: np.ndarray) -> tuple[float, np.ndarray]:
            value, slope = self.value_and_grad(torch.from_numpy(w))
            seen.append((value, self.clock() - began))
            return value, slope.numpy()

        minimize(
            both,
            self.start.numpy(),
            jac=True,
            method="L-BFGS-B",
            options={"maxiter": MOST_STEPS, "maxfun": MOST_STEPS, "ftol": 1e-15, "gtol": 0.0},
            callback=lambda _: steps.append(len(seen)),
        )
        arrived = [i for i, (value, _) in enumerate(seen) if self.gap(value) <= ARRIVED]
        last = arrived[0] if arrived else len(seen) - 1
        iterations = sum(count <= last for count in steps) + bool(last)
        return self._run("L-BFGS", iterations, last + 1, seen[last][1], seen[last][0])

    def newton(self) -> SolverRun:
        for iterations in range(MOST_NEWTON + 1):
            stack = self.stack
            counted = _Counted(stack.loss, stack.params, stack.ridge, stack.rows, stack.y)
            began = self.clock()
            end = minimize(counted, self.start[None], PRECISION, iterations)
            spent, value = self.clock() - began, float(end.value)
            if self.gap(value) <= ARRIVED:
                break
        return self._run("Newton", iterations, counted.passes[0], spent, value)

    def _run(
        self,
        method: str,
        steps: int,
        passes: int,
        seconds: float,
        value: float,
        lr: float = math.nan,
    ) -> SolverRun:
        gap = self.gap(value)
        return SolverRun(method, steps, passes, passes, seconds, gap, gap <= ARRIVED, lr)
