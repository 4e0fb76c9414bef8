"""What each row adds to a metric, so that rows can be the units of a test."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import special

from lrlab.report.analysis.distributions import average_ranks

NEWTON_STEPS = 50
Z_LIMIT = 1e6  # of a logit; what lies beyond changes no probability in double precision


def log_loss(z: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Negative log likelihood of each row, in nats, of labels y [n] under logits z [..., n]."""
    return np.asarray(np.logaddexp(0.0, -(2 * y - 1) * z))


def brier(z: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Squared error of the probability (Brier 1950), [..., n]."""
    return np.asarray((special.expit(z) - y) ** 2)


def accuracy(z: np.ndarray, y: np.ndarray) -> np.ndarray:
    """1 where the row is on the right side of p = 0.5, [..., n]; a logit of 0 is class 1."""
    return np.asarray((z >= 0) == (y > 0.5), dtype=np.float64)


def auc(z: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Values whose mean is the area under the ROC curve and whose spread gives its variance.

    The area is a mean over pairs of rows, not over rows. A row's *placement* is the share of the
    other class that it is ranked rightly to, ties counted half; the area's variance is that of
    the mean placements of the two classes (DeLong, DeLong & Clarke-Pearson 1988, eq. 4 to 6). A
    row of class c gets area + n / n_c (placement - area), [..., n]; NaN for a single class.
    """
    n, positive = len(y), y > 0.5
    if positive.all() or not positive.any():
        return np.full(z.shape, np.nan)
    n_pos = int(positive.sum())
    n_neg = n - n_pos
    ranks = average_ranks(z)
    placements = np.empty(z.shape)
    within = average_ranks(z[..., positive])
    placements[..., positive] = (ranks[..., positive] - within) / n_neg
    within = average_ranks(z[..., ~positive])
    placements[..., ~positive] = 1 - (ranks[..., ~positive] - within) / n_pos
    area = placements[..., positive].mean(axis=-1, keepdims=True)
    weight = np.where(positive, n / n_pos, n / n_neg)
    return np.asarray(area + weight * (placements - area))


ROW_VALUES: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "val_log_loss": log_loss,
    "val_brier": brier,
    "val_accuracy": accuracy,
    "val_auc": auc,
}


def row_values(
    metric: str, z: np.ndarray, y: np.ndarray, folds: np.ndarray | None = None
) -> np.ndarray:
    """What each row adds to a metric; their mean is the metric.

    Args:
        metric: A key of `ROW_VALUES`.
        z: Logits, [..., n].
        y: Labels 0 and 1, [n].
        folds: Fold of each row, [n], where rows of different folds were scored by different
            models: ranks are then taken within each fold, as scores of two models have no common
            scale; the metric is the folds' mean, weighted by their rows.

    Returns:
        [..., n] float64; NaN where a fold lacks a class and the metric needs both.

    Raises:
        KeyError: For a metric that has no value for a row.
    """
    z, y = np.asarray(z, dtype=np.float64), np.asarray(y, dtype=np.float64)
    if folds is None:
        return ROW_VALUES[metric](z, y)
    found = np.empty(z.shape)
    for fold in np.unique(folds):
        rows = folds == fold
        found[..., rows] = ROW_VALUES[metric](z[..., rows], y[rows])
    return found


def platt(z: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Slope and intercept that make probabilities of scores: p = expit(slope z + intercept).

    Maximum likelihood on smoothed labels, (n_1 + 1) / (n_1 + 2) and 1 / (n_0 + 2) for 1 and 0
    (Platt 1999), by Newton's method with halved steps (Lin, Lin & Weng 2007). A slope below zero
    is kept: such scores rank the classes the wrong way round.

    Args:
        z: Scores, [..., m]; m >= 2.
        y: Labels 0 and 1, [m].

    Returns:
        Slopes and intercepts, each [...] float64. Scores that are all equal get slope 0.
    """
    z, y = np.clip(np.asarray(z, dtype=np.float64), -Z_LIMIT, Z_LIMIT), np.asarray(y) > 0.5
    ones, rows = int(y.sum()), z.shape[-1]
    target = np.where(y, (ones + 1) / (ones + 2), 1 / (rows - ones + 2))
    center, spread = z.mean(axis=-1, keepdims=True), z.std(axis=-1, keepdims=True)
    flat = spread[..., 0] <= 1e-12 * (1 + np.abs(center[..., 0]))
    scale = np.where(flat[..., None], 1.0, spread)
    u = np.where(flat[..., None], 0.0, (z - center) / scale)
    slope, intercept = _newton(u, target)
    slope = slope / scale[..., 0]
    return slope, intercept - slope * center[..., 0]


def _newton(u: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Minimum of the log loss of expit(a u + b) against targets in (0, 1); a, b are [...]."""
    a = np.zeros(u.shape[:-1])
    b = np.broadcast_to(special.logit(target.mean()), a.shape).copy()

    def value(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        m = a[..., None] * u + b[..., None]
        return np.asarray((np.logaddexp(0, m) - target * m).mean(axis=-1))

    best = value(a, b)
    for _ in range(NEWTON_STEPS):
        p = special.expit(a[..., None] * u + b[..., None])
        error, weight = p - target, p * (1 - p) + 1e-12
        ga, gb = (error * u).mean(axis=-1), error.mean(axis=-1)
        haa, hab = (weight * u * u).mean(axis=-1) + 1e-12, (weight * u).mean(axis=-1)
        hbb = weight.mean(axis=-1)
        determinant = haa * hbb - hab**2
        da, db = (hbb * ga - hab * gb) / determinant, (haa * gb - hab * ga) / determinant
        step, descent = np.ones(a.shape), ga * da + gb * db
        for _ in range(30):
            tried = value(a - step * da, b - step * db)
            short = tried > best - 1e-4 * step * descent + 1e-15
            if not short.any():
                break
            step = np.where(short, step / 2, step)
        a, b, best = a - step * da, b - step * db, tried
        if (np.maximum(np.abs(ga), np.abs(gb)) < 1e-12).all():
            break
    return a, b
