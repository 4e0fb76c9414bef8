"""Trajectory: what a training leaves behind."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from lrlab.clock import now_ms

EVALUATIONS = 60
TAIL = 0.1  # share of the steps, counted from the end, in which a converged run stands still
LAST_PLACES = 4  # units in the last place by which a run at rest may still move
STILL = 1e-3  # ... which means: moves by less than this share of its whole descent


@dataclass(frozen=True)
class Trajectory:
    """History, final metrics and weights of one run.

    Args:
        train_loss: Loss of each step's batch before that step's update, [steps] float64;
            finite.
        evaluated: Steps after which the stepped metrics were taken, [e] int64, increasing.
        stepped: Stepped metrics by name, each [e] float64; finite. Taken in the working
            precision, but held-out ones of the final weights in double precision.
        final: Final metrics by name; those that are not finite are left out.
        outcome: `converged`, `slow` or `diverged`.
        weight: Weights, [d] float64.
        bias: Bias.
        start: Objective (loss + l2) on all training rows at the initial weights, in the working
            precision; may be infinite or NaN.
        diverged_at: The step at which the loss left the finite range, if it did.
        began: When its training began, in milliseconds since 1970; runs trained together share
            it.
        ended: When it ended, likewise.
        files: Its files by name, if they are formed already (`lrlab.train.artifacts`).
    """

    train_loss: np.ndarray
    evaluated: np.ndarray
    stepped: Mapping[str, np.ndarray]
    final: Mapping[str, float]
    outcome: str
    weight: np.ndarray
    bias: float
    start: float = math.nan
    diverged_at: int | None = None
    began: int = field(default_factory=now_ms, compare=False)
    ended: int = field(default_factory=now_ms, compare=False)
    files: Mapping[str, bytes] | None = field(default=None, repr=False, compare=False)

    @property
    def steps(self) -> int:
        """Steps whose loss was finite."""
        return len(self.train_loss)

    def columns(self) -> dict[str, np.ndarray]:
        """The history as columns of length `steps`: `step`, `train_loss`, then the stepped
        metrics, NaN where not taken."""
        columns = {"step": np.arange(1, self.steps + 1), "train_loss": self.train_loss}
        for name, values in self.stepped.items():
            columns[name] = np.full(self.steps, np.nan)
            columns[name][self.evaluated - 1] = values
        return columns

    def history(self) -> pd.DataFrame:
        """One row a step: `step`, `train_loss`, and the stepped metrics where taken."""
        return pd.DataFrame(self.columns())


def evaluation_steps(steps: int, count: int = EVALUATIONS) -> np.ndarray:
    """About `count` log-spaced steps from 1 to `steps`, both included, [e] int64."""
    return np.unique(np.geomspace(1, steps, count).round().astype(np.int64))


def outcome_of(start: float, evaluated: np.ndarray, objective: np.ndarray) -> str:
    """`converged` or `slow`, for a run that stayed finite.

    Converged: the objective ended below where it began, and over the last tenth of the steps
    it moved by less than a thousandth of its whole descent. All else is slow, a run that stands
    still where it began included.

    Args:
        start: The objective at the initial weights.
        evaluated: Steps of `objective`, [e].
        objective: Loss + l2 on all training rows, [e].
    """
    descent = start - objective[-1]
    tail = objective[_tail(evaluated) :]
    still = tail.max() - tail.min() < STILL * descent
    return "converged" if 0 < descent < math.inf and len(tail) > 1 and still else "slow"


def at_rest(start: Tensor, evaluated: np.ndarray, objective: Tensor) -> Tensor:
    """Whether runs have converged to the working precision, [r] bool.

    The objective ended below where it began, and over the last tenth of the steps it moved by no
    more than a few units of its last place.

    Args:
        start: The objective at the initial weights, [r], in the working precision.
        evaluated: Evaluation steps, of which the first e are those of `objective`.
        objective: Loss + l2 on all training rows, [r, e] float64.
    """
    tail = objective[:, _tail(evaluated[: objective.shape[1]]) :]
    if tail.shape[1] < 2:
        return torch.zeros(len(objective), dtype=torch.bool, device=objective.device)
    moved = tail.amax(1) - tail.amin(1)
    precision = LAST_PLACES * torch.finfo(start.dtype).eps
    return (objective[:, -1] < start) & (moved <= precision * tail.abs().amax(1))


def with_final(stepped: Mapping[str, np.ndarray], final: Mapping[str, float]) -> None:
    """Let curves end, in place, at the final metrics, which are taken more precisely."""
    for name, values in stepped.items():
        values[-1] = final.get(name, values[-1])


def _tail(evaluated: np.ndarray) -> int:
    """Index of the last evaluation before the last tenth of the steps."""
    return max(int(np.searchsorted(evaluated, evaluated[-1] * (1 - TAIL), side="right")) - 1, 0)
