"""The exact optimum of every objective of a sweep, on one training set.

An objective is a loss with its hyperparameters and an l2. Knowing its minimum, a curve can be
read as the gap f(x_k) - f*, which is what convergence means.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import replace

from lrlab.data import Problem
from lrlab.losses import LOSSES
from lrlab.optimum.curvature import Shape, shape_of
from lrlab.optimum.methods import METHODS, Found
from lrlab.optimum.objectives import Objective, Optimum
from lrlab.optimum.separability import Separation
from lrlab.optimum.training_set import TrainingSet

STABLE = {"bce": "bce_logits"}  # the same function, whose derivatives keep their digits


class Solver:
    """Finds optima on one training set, and begins the next ones at what it has found.

    What it finds depends on the objectives and the order in which they come, on nothing else.

    Args:
        problem: The data, on any device.
        check: Called again and again; may raise to end the search.
    """

    def __init__(self, problem: Problem, check: Callable[[], None] = lambda: None) -> None:
        self.data = TrainingSet(problem, check)
        self._shapes: dict[tuple[str, tuple[tuple[str, float], ...]], Shape] = {}

    def solve(self, objectives: Iterable[Objective]) -> Found:
        """The optimum of each objective, in double precision, some at a time.

        Args:
            objectives: What to minimize; the same one twice is solved once.
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
            for objective, optimum in METHODS[method](self.data, members):
                shape = self._shape(objective)
                bound = shape.steepest * self.data.spread + objective.l2
                known = replace(optimum, bound=bound, quadratic=shape.quadratic)
                for name in names[objective]:
                    yield name, known

    def _method(self, objective: Objective) -> str:
        shape = self._shape(objective)
        if objective.l2 == 0 and shape.falls:
            kind = self.data.separation.kind
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


def find_optima(
    problem: Problem, objectives: Iterable[Objective]
) -> tuple[dict[Objective, Optimum], Separation]:
    """The optimum of each objective on a problem's training rows, in double precision.

    Args:
        problem: The data, on any device.
        objectives: What to minimize.

    Returns:
        Optima by objective, and how far the classes are separable.
    """
    solver = Solver(problem)
    return dict(solver.solve(objectives)), solver.data.separation
