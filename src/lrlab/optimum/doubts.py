"""Which recorded optima are not certain, and by how much."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from lrlab.optimum.methods import is_solved
from lrlab.optimum.objectives import Objective
from lrlab.optimum.record import Optima

TELLING = 32  # times the training's precision, that a value is below another
LEAST = 1e-6  # of the value


@dataclass(frozen=True)
class Unsolved:
    """A convex objective that was not solved to its tolerance within the iterations for it.

    Args:
        objective: Which.
        fold: Whose training rows; 0 without folds.
        value: The lowest found.
        gap: What the minimum may at most be below it.
        iterations: That were made.
    """

    objective: Objective
    fold: int
    value: float
    gap: float
    iterations: int


@dataclass(frozen=True)
class Beaten:
    """A best known value that is above what a run of the sweep came to.

    Args:
        objective: Which.
        fold: Whose training rows; 0 without folds.
        value: The best known.
        reached: What a run came to.
    """

    objective: Objective
    fold: int
    value: float
    reached: float

    @property
    def by(self) -> float:
        """How far the run is below."""
        return self.value - self.reached


def unsolved(optima: Optima) -> tuple[Unsolved, ...]:
    """What was not solved and has a gap that says so, the widest gap first."""
    found = [
        Unsolved(objective, fold, each.value, each.gap, each.iterations)
        for fold, known in enumerate(optima.folds or (optima,))
        for objective, each in known.found.items()
        if each.kind == "best known" and not math.isnan(each.gap)
        if not is_solved(each.value, each.gap)
    ]
    return tuple(sorted(found, key=lambda each: -each.gap))


def beaten(optima: Optima, reached: Mapping[tuple[int, Objective], float]) -> tuple[Beaten, ...]:
    """The best known values that runs beat by more than rounding, the widest difference first.

    Args:
        optima: What is recorded.
        reached: The lowest value of an objective that a run came to, by fold and objective.
    """
    share = max(LEAST, TELLING * optima.precision)
    found = []
    for (fold, objective), low in reached.items():
        known = optima.of(fold).found.get(objective)
        if known is None or known.kind != "best known" or not math.isfinite(low):
            continue
        if known.value - low > share * abs(known.value):
            found.append(Beaten(objective, fold, known.value, low))
    return tuple(sorted(found, key=lambda each: -each.by))
