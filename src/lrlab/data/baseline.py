"""The base rate: what is had without looking at any column."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lrlab.data.problem import Problem

SHARE = "share_of_class_1"


@dataclass(frozen=True)
class Baseline:
    """What always predicting the training rows' share of class 1 gives.

    Args:
        share: That share, in [0, 1].
        metrics: Final metrics by name. Those are left out for which it means nothing: the
            objective depends on the loss, and the calibration error of a share is about zero.
    """

    share: float
    metrics: dict[str, float]

    def to_dict(self) -> dict[str, float]:
        """The share and the metrics, flat."""
        return {SHARE: self.share, **self.metrics}

    def to_json(self) -> str:
        """As the record keeps it."""
        return json.dumps({name: round(value, 12) for name, value in self.to_dict().items()})

    @staticmethod
    def from_json(text: str) -> Baseline:
        """What `to_json` wrote.

        Raises:
            ValueError: If `text` is anything else.
        """
        content = json.loads(text)
        if not isinstance(content, dict) or SHARE not in content:
            raise ValueError(f"no {SHARE}")
        if not all(isinstance(value, int | float) for value in content.values()):
            raise ValueError("not all values are numbers")
        metrics = {str(name): float(value) for name, value in content.items() if name != SHARE}
        return Baseline(float(content[SHARE]), metrics)


def baseline_of(problem: Problem) -> Baseline:
    """The base rate of a problem: learned from its training rows, judged on the validation rows.

    With folds it is learned and judged in each, and the mean is taken, as of a trial's objective.
    """
    if problem.folds:
        return _mean([baseline_of(fold) for fold in problem.folds])
    p = problem.share_of_class_1
    held_out = float(problem.y_val.double().mean())
    found = {
        "val_log_loss": _log_loss(p, held_out),
        "val_accuracy": _accuracy(p, held_out),
        "val_auc": 0.5,
        "val_brier": held_out * (1 - p) ** 2 + (1 - held_out) * p**2,
        "train_log_loss": _log_loss(p, p),
        "train_accuracy": _accuracy(p, p),
    }
    return Baseline(p, {name: value for name, value in found.items() if math.isfinite(value)})


def _mean(found: Sequence[Baseline]) -> Baseline:
    names = [name for name in found[0].metrics if all(name in each.metrics for each in found)]
    metrics = {name: fmean(each.metrics[name] for each in found) for name in names}
    return Baseline(fmean(each.share for each in found), metrics)


def _log_loss(p: float, share: float) -> float:
    """Nats a row of predicting `p` where a `share` of the rows is of class 1."""
    parts = ((share, p), (1 - share, 1 - p))
    if any(weight > 0 and q == 0 for weight, q in parts):
        return math.inf
    return -sum(weight * math.log(q) for weight, q in parts if weight > 0)


def _accuracy(p: float, share: float) -> float:
    """As `metrics`: a probability of exactly one half counts as class 1."""
    return share if p >= 0.5 else 1 - share
