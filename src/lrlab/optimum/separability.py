"""Linear separability: whether a logistic regression without l2 has a minimiser at all.

Albert & Anderson 1984, Biometrika 71(1): the maximum likelihood estimate exists unless some
hyperplane puts no row strictly on the wrong side and some row strictly on the right one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from lrlab.optimum.curvature import DEPENDENT, independent

LARGEST = 100_000  # numbers of data up to which the linear program is solved
PATIENCE = 5.0  # seconds for it
STEPS = 25  # of Newton's method
SIDE = 1e-9  # of a row's size, which it must lie beside the plane to be on one side
SURE = 0.5  # of its weight, that a row's correction may be
FLOOR = 1e-9  # weight of a row far on its side
FAR = (35.0, 20.0, 12.0)  # margins beyond which rows may be those that can be separated


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
    """How far the classes are separable: by a proof, else, if the data are few, by a program.

    Args:
        margins: Rows s_i (x_i, 1), s_i the label as a sign, [n, p] float64.
        check: Called again and again; may raise to end the search.
    """
    size = np.abs(margins).max(axis=0)
    margins = margins / np.where(size > 0, size, 1)
    every = np.ones(len(margins), dtype=bool)
    rows = margins @ _basis(margins)
    kind, reached = _proved(rows, check)
    if kind == "none":
        return Separation("none", every)
    if kind == "complete":
        return Separation("complete", ~every)
    for far in FAR:
        inside = reached <= far
        if inside.any() and not inside.all() and _in_part(rows, inside, check):
            return Separation("quasi", inside)
    return _by_program(margins)


def _basis(margins: np.ndarray) -> np.ndarray:
    """Basis of the directions in which rows differ by more than rounding, [p, q]."""
    return independent(torch.from_numpy(margins)).numpy()


def _proved(rows: np.ndarray, check: Callable[[], None]) -> tuple[str, np.ndarray]:
    """What Newton's method on the log loss comes upon, and the margins where it ended.

    Weights that put every row on its right side prove that it can be done. Positive weights l of
    the rows with sum l_i s_i (x_i, 1) = 0 prove that it cannot, not even in part (Stiemke's
    lemma). At a minimum sigmoid(-margin) are such; elsewhere they are corrected in proportion,
    which keeps them positive where the correction is below 1.
    """
    w, length = np.zeros(rows.shape[1]), np.sqrt((rows**2).sum(axis=1))
    margins = rows @ w
    for _ in range(STEPS):
        check()
        if w.any() and (margins > SIDE * length * np.sqrt(w @ w)).all():
            return "complete", margins
        weights = np.exp(-np.logaddexp(0, margins))  # sigmoid(-margins)
        if _balanced(rows, np.maximum(weights, FLOOR)):
            return "none", margins
        pull = weights @ rows
        step = _solved((rows * (weights * (1 - weights))[:, None]).T @ rows, pull)
        w = w + step * _damped(rows, w, step, pull)
        margins = rows @ w
    return "unknown", margins


def _balanced(rows: np.ndarray, weights: np.ndarray) -> bool:
    """Whether weights become sum l_i rows_i = 0 by a correction that leaves them positive."""
    pull = weights @ rows
    share = rows @ _solved((rows * weights[:, None]).T @ rows, pull)
    left = np.abs((weights * (1 - share)) @ rows)
    rounding = 1e-13 * np.abs(rows * weights[:, None]).sum(axis=0)
    return bool((np.abs(share) < SURE).all() and (left <= rounding).all())


def _in_part(rows: np.ndarray, inside: np.ndarray, check: Callable[[], None]) -> bool:
    """Whether just the rows that are not inside can be separated, with the others on the plane."""
    there = rows[inside]
    values, vectors = np.linalg.eigh(there.T @ there)
    plane = vectors[:, values <= DEPENDENT * values[-1]]
    if not plane.shape[1] or _proved(there @ _basis(there), check)[0] != "none":
        return False
    return _proved(rows[~inside] @ plane, check)[0] == "complete"


def _solved(matrix: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Least squares: the matrix may be singular."""
    found: np.ndarray = np.linalg.lstsq(matrix, right, rcond=None)[0]
    return found


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
