"""The few distributions and ranks that a verdict needs.

`scipy.stats` has them all, but takes half a second to import, which is longer than a verdict takes
to compute; they are the same functions of `scipy.special`, to the last bit.
"""

from __future__ import annotations

import math

import numpy as np
from scipy import special


def normal_quantile(p: float) -> float:
    """z with P(Z <= z) = p of a standard normal Z."""
    return float(special.ndtri(p))


def normal_score(p: np.ndarray) -> np.ndarray:
    """z with P(Z > z) = p, elementwise; infinite for p of 0 and 1."""
    return np.asarray(-special.ndtri(p))


def normal_tail(z: float) -> float:
    """P(Z > z)."""
    return float(special.ndtr(-z))


def t_tail(t: np.ndarray, freedom: np.ndarray) -> np.ndarray:
    """P(T > t) of Student's t, elementwise."""
    return np.asarray(special.stdtr(freedom, -t))


def t_score(p: float, freedom: np.ndarray | float) -> np.ndarray:
    """t with P(T > t) = p, for each number of degrees of freedom."""
    return np.asarray(-special.stdtrit(freedom, p))


def average_ranks(z: np.ndarray) -> np.ndarray:
    """Ranks along the last axis, from 1, [..., n]; equal values share the mean of theirs.

    Where a value is NaN, all ranks of its row are.
    """
    flat = z.reshape(-1, z.shape[-1])
    found = np.empty(flat.shape)
    for row, values in zip(found, flat, strict=True):
        _, which, counts = np.unique(values, return_inverse=True, return_counts=True)
        last = np.cumsum(counts)
        row[:] = (0.5 * (last + (last - counts) + 1))[which]
    found[np.isnan(flat).any(axis=1)] = np.nan
    return found.reshape(z.shape)


def share_interval(count: int, of: int, level: float = 0.95) -> tuple[float, float]:
    """Wilson's interval of a share (Wilson 1927), 1 <= count <= of or 0."""
    p, z = count / of, normal_quantile(0.5 + 0.5 * level)
    whole = 2 * (of + z**2)
    centre = (2 * of * p + z**2) / whole
    reach = z / whole * math.sqrt(4 * of * p * (1 - p) + z**2)
    low = 0.0 if count == 0 else centre - reach
    return low, 1.0 if count == of else centre + reach
