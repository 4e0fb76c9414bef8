"""How far means over rows may be from what they estimate, and the largest of many statistics.

Sources are named in `lrlab.report.analysis.judging`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from lrlab.report.analysis.distributions import normal_score, normal_tail, t_score, t_tail

DRAWS = 10_000  # of the largest statistic
CHUNK = 2_000  # draws at a time
ROUNDING = 1e-12  # of the methods' errors: a difference that varies by less does not vary
SYMMETRIC = 1e-6  # skewness below which Hall's transform is the identity in double precision


@dataclass(frozen=True)
class Contrasts:
    """Estimates of p linear combinations of methods; arrays are [p].

    Args:
        weights: Of the methods, [p, k].
        mean: Estimate.
        error: Standard error.
        between: The part of its square that replicates bring.
        skewness: Third standardized moment of the estimate.
        freedom: Degrees of freedom of the error.
    """

    weights: np.ndarray
    mean: np.ndarray
    error: np.ndarray
    between: np.ndarray
    skewness: np.ndarray
    freedom: np.ndarray

    def scores(self) -> np.ndarray:
        """How far above 0 each is, as a normal score; minus infinity where nothing varies."""
        with np.errstate(divide="ignore", invalid="ignore"):
            t = self.mean / self.error
            k = self.skewness
            hall = t + k * t**2 / 3 + k**2 * t**3 / 27 + k / 6
            scores = normal_score(t_tail(hall, self.freedom))
        return np.where(self.error > 0, scores, -np.inf)

    def interval(self, critical: float) -> tuple[np.ndarray, np.ndarray]:
        """Ends of the intervals whose ends are `critical` normal scores away."""
        reach = t_score(normal_tail(critical), self.freedom)
        return (
            self.mean - self.error * _inverse_hall(reach, self.skewness),
            self.mean - self.error * _inverse_hall(-reach, self.skewness),
        )


def _inverse_hall(x: np.ndarray, k: np.ndarray) -> np.ndarray:
    """The t whose transform is x."""
    safe = np.where(np.abs(k) < SYMMETRIC, 1.0, k)
    root = 3 / safe * (np.cbrt(1 + safe * (x - safe / 6)) - 1)
    return np.where(np.abs(k) < SYMMETRIC, x, root)


@dataclass(frozen=True)
class Spread:
    """What the variances of all linear combinations of the methods follow from.

    Args:
        mean: Of each method, [k].
        influence: What each row (or group) moves the means by, [k, g]; its second moments are
            their covariance.
        strata: Class of each row, [g]; with groups all 0.
        between: Covariance of the means that replicates bring, [k, k].
        replicates: R.
        widening: Factor of the variance that the rows bring.
    """

    mean: np.ndarray
    influence: np.ndarray
    strata: np.ndarray
    between: np.ndarray
    replicates: int
    widening: float = 1.0

    @classmethod
    def of(
        cls,
        values: np.ndarray,
        labels: np.ndarray,
        shares_from: int,
        groups: np.ndarray | None = None,
        widening: float = 1.0,
    ) -> Spread:
        """Of values [k, R, n]; arguments as of `lrlab.report.analysis.judging.Judged`."""
        by_row = values.mean(axis=1)
        strata = (labels > 0.5).astype(np.int64)
        influence = _influence(by_row, strata, shares_from, correct=groups is None)
        if groups is not None:
            influence, strata = _by_group(influence, groups)
        between = _between_replicates(values)
        return cls(by_row.mean(axis=1), influence, strata, between, values.shape[1], widening)

    def of_contrasts(self, weights: np.ndarray) -> Contrasts:
        """Estimates of the combinations of methods with weights [p, k]."""
        moved = weights @ self.influence
        squares = moved**2
        by_rows = self.widening * squares.sum(axis=1)
        between = np.einsum("pk,kl,pl->p", weights, self.between, weights).clip(min=0)
        error = np.sqrt(by_rows + between)
        single = np.sqrt((self.influence**2).sum(axis=1) + np.diag(self.between))
        error = np.where(error > ROUNDING * (np.abs(weights) @ single), error, 0.0)
        parts = [between**2 / max(self.replicates - 1, 1)]
        for stratum in np.unique(self.strata):
            own = self.strata == stratum
            own_part = self.widening * squares[:, own].sum(axis=1)
            parts.append(own_part**2 / max(own.sum() - 1, 1))
        with np.errstate(divide="ignore", invalid="ignore"):
            skewness = np.nan_to_num((moved * squares).sum(axis=1) / error**3)
            freedom = np.nan_to_num(error**4 / sum(parts), nan=1.0, posinf=1e9)
        return Contrasts(weights, weights @ self.mean, error, between, skewness, freedom)

    def scores(self, contrasts: Contrasts, seed: int) -> Iterator[np.ndarray]:
        """Draws of the p normal scores of contrasts that are 0, in chunks [CHUNK, p]."""
        covariance = self.widening * self.influence @ self.influence.T + self.between
        values, vectors = np.linalg.eigh(covariance)
        root = vectors * np.sqrt(values.clip(min=0))
        error = np.where(contrasts.error > 0, contrasts.error, np.inf)
        loadings = (contrasts.weights @ root) / error[:, None]
        generator = np.random.default_rng(seed)
        for _ in range(DRAWS // CHUNK):
            yield generator.standard_normal((CHUNK, len(root))) @ loadings.T

    def largest(
        self, contrasts: Contrasts, seed: int, shift: np.ndarray | float = 0
    ) -> np.ndarray:
        """Draws of the largest of the normal scores [p] plus a shift [p] or number, [DRAWS]."""
        return np.concatenate([(z + shift).max(axis=1) for z in self.scores(contrasts, seed)])


def _influence(
    values: np.ndarray, strata: np.ndarray, shares_from: int, correct: bool
) -> np.ndarray:
    """What each row moves the means by, [k, n], from values [k, n].

    A row differs from the mean by what it differs from its class, and by what its class differs
    from the whole. The second is as uncertain as the shares of the classes: its weight is that of
    n rows in place of `shares_from`, and 0 where the shares are known.
    """
    n = values.shape[1]
    of_shares = np.sqrt(n / shares_from) if shares_from else 0.0
    whole = values.mean(axis=1, keepdims=True)
    found = np.empty(values.shape)
    for stratum in np.unique(strata):
        own = strata == stratum
        rows, mean = int(own.sum()), values[:, own].mean(axis=1, keepdims=True)
        factor = np.sqrt(rows / max(rows - 1, 1)) if correct else 1.0
        found[:, own] = factor * (values[:, own] - mean) + of_shares * (mean - whole)
    return np.asarray(found / n)


def _by_group(influence: np.ndarray, groups: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sums over rows that belong together, [k, g], as one stratum."""
    names, which = np.unique(groups, return_inverse=True)
    many = len(names)
    sums = np.stack([np.bincount(which, weights=row, minlength=many) for row in influence])
    return np.asarray(sums * np.sqrt(many / max(many - 1, 1))), np.zeros(many, dtype=np.int64)


def _between_replicates(values: np.ndarray) -> np.ndarray:
    """Covariance [k, k] that replicates bring to the means of values [k, R, n].

    Two-way random effects: that of the replicates' means, less what rows and replicates bring
    together, which the rows' variance holds already; no direction below 0.
    """
    k, replicates, n = values.shape
    if replicates == 1:
        return np.zeros((k, k))
    by_replicate = values.mean(axis=2)
    off = by_replicate - by_replicate.mean(axis=1, keepdims=True)
    both = values - values.mean(axis=1, keepdims=True) - off[:, :, None]
    flat = both.reshape(k, -1)
    together = flat @ flat.T / ((replicates - 1) * max(n - 1, 1) * n)
    found, vectors = np.linalg.eigh((off @ off.T / (replicates - 1) - together) / replicates)
    return np.asarray((vectors * found.clip(min=0)) @ vectors.T)
