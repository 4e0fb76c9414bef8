"""A training set while objectives on it are solved: its rows, and what is found so far."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from lrlab.data import Problem
from lrlab.losses import LOSSES
from lrlab.optimum.coordinates import Coordinates
from lrlab.optimum.newton import Stack
from lrlab.optimum.objectives import Objective
from lrlab.optimum.separability import Separability, Separation, separation

WORK = 5e8  # multiplications of an iteration over the objectives that are solved together
NUMBERS = 2**20  # rows times objectives of it, as a hinge keeps some of each
STRIDE = 16  # of a loss's objectives by l2, each such one is solved first
NO_L2 = 1e-9  # stands for l2 = 0 where distances are logarithmic


class TrainingSet:
    """One training set.

    Args:
        problem: The data, on any device.
        check: Called again and again; may raise to end the search.
    """

    def __init__(self, problem: Problem, check: Callable[[], None] = lambda: None) -> None:
        self._problem, self.check = problem, check
        self._paths: dict[str, list[tuple[Objective, Tensor]]] = defaultdict(list)

    @cached_property
    def y(self) -> Tensor:
        """Labels, [n] float64."""
        return self._problem.y_train.detach().cpu().double()

    def plain_rows(self) -> Tensor:
        """Rows (x, 1) as they are trained on, [n, p] float64."""
        x = self._problem.x_train.detach().cpu().double()
        return torch.cat([x, torch.ones(len(x), 1, dtype=x.dtype)], 1)

    @cached_property
    def coordinates(self) -> Coordinates:
        """In which optima are looked for."""
        return Coordinates.of(self.plain_rows())

    @cached_property
    def rows(self) -> Tensor:
        """Rows (x, 1) in these coordinates, [n, p] float64."""
        return self.coordinates.inside(self.plain_rows())

    @cached_property
    def separation(self) -> Separation:
        """How far the classes are separable."""
        return separation(((2 * self.y - 1)[:, None] * self.rows).numpy(), self.check)

    @property
    def separability(self) -> Separability:
        """The same, as it is recorded and told."""
        return self.separation.told(self._problem.feature_names)

    @property
    def separability_so_far(self) -> Separability | None:
        """The same; None if nobody has asked for it."""
        return self.separability if "separation" in vars(self) else None

    @cached_property
    def spread(self) -> float:
        """Largest eigenvalue of the second moments of the rows as they are trained on."""
        moments = self.coordinates.outward_form(self.rows.T @ self.rows / len(self.rows))
        return float(torch.linalg.eigvalsh(moments)[-1])

    def stack(self, objectives: Sequence[Objective]) -> Stack:
        """Objectives of one loss as a stack, in these coordinates."""
        loss, dtype = LOSSES[objectives[0].loss], self.y.dtype
        params = {
            h.name: torch.tensor([[dict(o.loss_params)[h.name]] for o in objectives], dtype=dtype)
            for h in loss.hyperparameters
        }
        l2 = torch.tensor([o.l2 for o in objectives], dtype=dtype)
        return Stack(loss, params, self.coordinates.ridge(l2), self.rows, self.y, self.check)

    def chunks(self, objectives: Sequence[Objective]) -> Iterator[list[Objective]]:
        """As many at a time as an iteration may work on, so that what is found is kept."""
        n, p = self.rows.shape
        size = int(max(1, min(WORK // (n * p * p), NUMBERS // n)))
        for start in range(0, len(objectives), size):
            yield list(objectives[start : start + size])

    def anchors_first(
        self, objectives: Sequence[Objective]
    ) -> tuple[list[Objective], list[Objective]]:
        """Those to solve first, and those that begin at their neighbors."""
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
