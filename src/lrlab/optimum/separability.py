"""Linear separability: whether a logistic regression without l2 has a minimiser at all.

Albert & Anderson 1984, Biometrika 71(1): the maximum likelihood estimate exists unless some
hyperplane puts no row strictly on the wrong side and some row strictly on the right one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from lrlab.optimum.curvature import independent

LARGEST = 500_000  # numbers of data up to which the linear program is solved
PATIENCE = 10.0  # seconds for it
STEPS = 25  # of Newton's method
SIDE = 1e-9  # of a row's size, which it must lie beside the plane to be on one side
SURE = 0.5  # of its weight, that a row's correction may be


@dataclass(frozen=True)
class Separation:
    """How far a hyperplane separates the two classes.

    Args:
        kind: `complete` (every row can be on its right side), `quasi` (some can, with the others
            on the hyperplane), `none`, or `unknown`: the data are too large for the program.
        inside: Rows that lie on every such hyperplane, [n] bool; all of them for `none`.
    """

    kind: str
    inside: np.ndarray


def separation(margins: np.ndarray, check: Callable[[], None] = lambda: None) -> Separation:
    """How far the classes are separable: by a proof of either, else by a linear program.

    Args:
        margins: Rows s_i (x_i, 1), s_i the label as a sign, [n, p] float64.
        check: Called again and again; may raise to end the search.
    """
    size = np.abs(margins).max(axis=0)
    margins = margins / np.where(size > 0, size, 1)
    basis = independent(torch.from_numpy(margins)).numpy()
    return _proved(margins @ basis, check) or _by_program(margins)


def _proved(margins: np.ndarray, check: Callable[[], None]) -> Separation | None:
    """What Newton's method on the log loss comes upon.

    Weights that put every row on its right side prove that it can be done. Positive weights of the
    rows with sum l_i s_i (x_i, 1) = 0 prove that it cannot, not even in part (Stiemke's lemma);
    sigmoid(-margin) are such at a minimum.
    """
    n, p = margins.shape
    w, all_rows = np.zeros(p), np.ones(n, dtype=bool)
    length = np.sqrt((margins**2).sum(axis=1))
    for _ in range(STEPS):
        check()
        m = margins @ w
        if (m > SIDE * length * np.sqrt(w @ w)).all() and w.any():
            return Separation("complete", ~all_rows)
        weights = np.exp(-np.logaddexp(0, m))  # sigmoid(-m)
        pull = weights @ margins
        off = margins @ np.linalg.lstsq(margins.T @ margins, pull, rcond=None)[0]
        if np.abs(off @ margins - pull).max() <= 1e-12 * n and (off < SURE * weights).all():
            return Separation("none", all_rows)
        curvature = (margins * (weights * (1 - weights))[:, None]).T @ margins
        step = np.linalg.lstsq(curvature, pull, rcond=None)[0]
        w = w + step * _damped(margins, w, step, pull)
    return None


def _damped(margins: np.ndarray, w: np.ndarray, step: np.ndarray, pull: np.ndarray) -> float:
    """The longest of 1, 1/2, 1/4 ... of a step by which the log loss falls as it promises."""

    def loss(at: np.ndarray) -> float:
        return float(np.logaddexp(0, -margins @ at).sum())

    length, now, promised = 1.0, loss(w), float(pull @ step)
    while length > 1e-6 and not loss(w + length * step) <= now - 1e-4 * length * promised:
        length /= 2
    return length


def _by_program(margins: np.ndarray) -> Separation:
    """Maximise sum u with u <= margins w, 0 <= u <= 1, w free.

    The feasible directions are a cone, so an optimal u is 1 for every row that any of them
    separates strictly, and 0 for the others.
    """
    from scipy import sparse
    from scipy.optimize import linprog

    n, p = margins.shape
    nothing = np.zeros(n, dtype=bool)
    if n * p > LARGEST:
        return Separation("unknown", ~nothing)
    found = linprog(
        np.r_[np.zeros(p), -np.ones(n)],
        A_ub=sparse.hstack([-margins, sparse.identity(n)]).tocsr(),
        b_ub=np.zeros(n),
        bounds=[(None, None)] * p + [(0, 1)] * n,
        method="highs",
        options={"time_limit": PATIENCE},
    )
    if found.status != 0:
        return Separation("unknown", ~nothing)
    inside = found.x[p:] < 0.5
    kind = "none" if inside.all() else "quasi" if inside.any() else "complete"
    return Separation(kind, inside)
