"""The measures by which runs are compared, whatever loss they trained with.

Held-out measures are the common yardstick of losses on different scales; `train_objective` is
what the run itself minimises (loss + l2) on the whole training set.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

Direction = Literal["minimize", "maximize"]


@dataclass(frozen=True)
class Measure:
    """A final measure of a run; `stepped` ones are also logged along the way."""

    name: str
    direction: Direction
    meaning: str
    stepped: bool = False


MEASURES: dict[str, Measure] = {
    measure.name: measure
    for measure in (
        Measure("val_log_loss", "minimize", "held-out log loss, nats a row", stepped=True),
        Measure("val_accuracy", "maximize", "held-out share classified right", stepped=True),
        Measure("val_auc", "maximize", "held-out area under the ROC curve"),
        Measure("val_brier", "minimize", "held-out Brier score, mean (p - y)^2"),
        Measure("val_ece", "minimize", "held-out expected calibration error, 15 bins"),
        Measure("train_objective", "minimize", "loss + l2 on all training rows", stepped=True),
        Measure("train_loss", "minimize", "loss + l2 of the last training step's batch"),
        Measure("train_log_loss", "minimize", "log loss on all training rows, nats a row"),
        Measure("train_accuracy", "maximize", "share of training rows classified right"),
    )
}

STEPPED = tuple(name for name, measure in MEASURES.items() if measure.stepped)


def log_loss(z: np.ndarray, y: np.ndarray) -> float:
    """Mean negative log likelihood, in nats, of labels `y` [n] under logits `z` [n]."""
    with np.errstate(invalid="ignore"):  # a logit that is NaN
        return float(np.mean(np.logaddexp(0.0, np.where(y > 0.5, -z, z))))


def accuracy(z: np.ndarray, y: np.ndarray) -> float:
    """Share of rows on the right side of p = 0.5; a logit of exactly 0 counts as class 1."""
    return float(np.mean((z >= 0) == (y > 0.5)))


def brier(z: np.ndarray, y: np.ndarray) -> float:
    """Mean squared error of the probability (Brier 1950)."""
    return float(np.mean((probability(z) - y) ** 2))


def auc(z: np.ndarray, y: np.ndarray) -> float:
    """Area under the ROC curve; NaN where one class is absent."""
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(y, z)) if 0 < y.sum() < len(y) else float("nan")


def expected_calibration_error(z: np.ndarray, y: np.ndarray, bins: int = 15) -> float:
    """Mean gap between p(y = 1) and the observed frequency over equal-width bins of p.

    Source: Naeini, Cooper & Hauskrecht 2015, Obtaining Well Calibrated Probabilities Using
    Bayesian Binning, eq. 3, for the probability of class 1.
    """
    p = probability(z)
    which = np.minimum((p * bins).astype(np.int64), bins - 1)
    gaps = np.bincount(which, weights=p - y, minlength=bins)
    return float(np.abs(gaps).sum() / len(y))


def probability(z: np.ndarray) -> np.ndarray:
    """sigmoid(z), without overflow for logits of either sign."""
    return np.exp(-np.logaddexp(0.0, -z))


HELD_OUT: dict[str, Callable[[np.ndarray, np.ndarray], float]] = {
    "val_log_loss": log_loss,
    "val_accuracy": accuracy,
    "val_auc": auc,
    "val_brier": brier,
    "val_ece": expected_calibration_error,
}
