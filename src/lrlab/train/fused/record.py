"""What is kept of the runs of a fused group, also of those that have left it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from lrlab.clock import now_ms
from lrlab.data import Problem
from lrlab.metrics import STEPPED
from lrlab.train.evaluate import final_metrics
from lrlab.train.trajectory import Trajectory, outcome_of, with_final


@dataclass
class Record:
    """What is kept of r runs, on the device that trains them.

    Args:
        evaluated: Steps at which metrics are taken, [e] int64.
        losses: Loss of each step's batch, [steps, r], NaN where a run has ended.
        stepped: Stepped metrics, each [r, e] float64, NaN where not taken.
        weights: Final weights with the bias last, [r, d + 1].
        ended_at: The last step of each run, [r] int64.
        diverged: Which runs have diverged, [r] bool.
        start: Objective on all training rows at the initial weights, [r].
        began: When the training began, in milliseconds since 1970.
    """

    evaluated: np.ndarray
    losses: Tensor
    stepped: dict[str, Tensor]
    weights: Tensor
    ended_at: Tensor
    diverged: Tensor
    start: Tensor
    began: int = field(default_factory=now_ms)
    by_step: tuple[Tensor, ...] = field(init=False)  # the losses' own memory, step by step

    def __post_init__(self) -> None:
        self.by_step = self.losses.unbind()

    @staticmethod
    def blank(weights: Tensor, steps: int, evaluated: np.ndarray) -> Record:
        """That of runs whose initial weights are [r, d + 1]."""
        count, device = len(weights), weights.device
        blank = torch.full((count, len(evaluated)), torch.nan, dtype=torch.float64)
        return Record(
            evaluated,
            torch.full((steps, count), torch.nan, dtype=weights.dtype, device=device),
            {name: blank.to(device, copy=True) for name in STEPPED},
            torch.empty_like(weights),
            torch.full((count,), steps, device=device),
            torch.zeros(count, dtype=torch.bool, device=device),
            torch.empty(count, dtype=weights.dtype, device=device),
        )

    def trajectories(self, problem: Problem) -> list[Trajectory]:
        """One a run; only here the device is waited for."""
        kept = _Kept(
            self.evaluated,
            self.losses.T.double().cpu().contiguous().numpy(),
            {name: values.cpu().numpy() for name, values in self.stepped.items()},
            self._finals(problem),
            self.weights.double().cpu().numpy(),
            self.ended_at.tolist(),
            self.diverged.tolist(),
            self.start.tolist(),
            (self.began, now_ms()),
        )
        return [kept.trajectory(run) for run in range(len(self.weights))]

    def _finals(self, problem: Problem) -> list[dict[str, float]]:
        """Final metrics of every run; those that are not numbers are left out."""
        metrics = final_metrics(self.weights.double(), problem)
        metrics["train_loss"] = self.losses.gather(0, (self.ended_at - 1)[None])[0]
        column = torch.as_tensor(self.evaluated, device=self.weights.device)
        column = torch.searchsorted(column, self.ended_at)[:, None]
        metrics["train_objective"] = self.stepped["train_objective"].gather(1, column)[:, 0]
        names = list(metrics)
        table = torch.stack([metrics[name].double() for name in names], 1).tolist()
        return [
            {name: value for name, value in zip(names, values, strict=True) if np.isfinite(value)}
            for values in table
        ]


@dataclass(frozen=True)
class _Kept:
    """A record off the device: losses are [r, steps]."""

    evaluated: np.ndarray
    losses: np.ndarray
    stepped: Mapping[str, np.ndarray]
    finals: list[dict[str, float]]
    weights: np.ndarray
    ended_at: list[int]
    diverged: list[bool]
    start: list[float]
    span: tuple[int, int]

    def trajectory(self, run: int) -> Trajectory:
        """That of one run."""
        losses, diverged_at = self._losses(run)
        taken = np.isfinite(self.stepped["train_objective"][run])
        evaluated = self.evaluated[taken]
        curves = {name: values[run, taken] for name, values in self.stepped.items()}
        outcome, final = "diverged", {}
        if diverged_at is None:
            final = self.finals[run]
            outcome = outcome_of(self.start[run], evaluated, curves["train_objective"])
            with_final(curves, final)
        return Trajectory(
            train_loss=losses,
            evaluated=evaluated,
            stepped=curves,
            final=final,
            outcome=outcome,
            weight=self.weights[run, :-1],
            bias=float(self.weights[run, -1]),
            start=self.start[run],
            diverged_at=diverged_at,
            began=self.span[0],
            ended=self.span[1],
        )

    def _losses(self, run: int) -> tuple[np.ndarray, int | None]:
        """Its finite losses, and the step at which it diverged, if it did."""
        own = self.losses[run, : self.ended_at[run]]
        if not self.diverged[run]:
            return own, None
        bad = np.flatnonzero(~np.isfinite(own))
        if len(bad):
            return own[: bad[0]], int(bad[0]) + 1
        return own, self.ended_at[run]
