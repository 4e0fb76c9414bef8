"""Directions along which no row's margin falls: the cone of recession of a logistic regression.

Albert & Anderson 1984, Biometrika 71(1): the maximum likelihood estimate exists unless some
hyperplane puts no row strictly on its wrong side and some row strictly on its right one. What is
found here comes with a proof at any number of rows: a direction whose margins are looked at, or
positive weights of the rows that balance each other (Stiemke's lemma). Where Newton's method comes
upon neither, a linear program decides on a few hundred of the rows, and is held against all.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lrlab.lazy import on_use
from lrlab.optimum.curvature import independent

if TYPE_CHECKING:
    import torch
else:
    torch = on_use("torch")

PATIENCE = 5.0  # seconds for one linear program
ROUNDS = 50  # of adding rows to it
STEPS = 25  # of Newton's method
SIDE = 1e-9  # of a row's length times the direction's, which it must lie beside the plane
SURE = 0.5  # of its weight, that a row's correction may be
FLOOR = 1e-9  # weight of a row far on its side
FAR = (35.0, 20.0, 12.0)  # margins beyond which rows may be those that can be separated


@dataclass(frozen=True)
class Cone:
    """What is known of the directions z with rows @ z >= 0.

    Args:
        decided: Whether it is known.
        inside: Rows on the plane of every such direction, [n] bool.
        direction: One for which all other rows are strictly on their right side, [q]; zeros if
            there are no others.
    """

    decided: bool
    inside: np.ndarray
    direction: np.ndarray


def recession(rows: np.ndarray, check: Callable[[], None]) -> Cone:
    """The cone of rows [n, q] of length 1 that span all q directions.

    `check` is called again and again; it may raise to end the search.
    """
    every = np.ones(len(rows), dtype=bool)
    kind, w, margins = _proved(rows, check)
    if kind == "none":
        return Cone(True, every, np.zeros(rows.shape[1]))
    if kind == "complete":
        return Cone(True, ~every, w)
    for far in FAR:
        inside = margins <= far
        if inside.any() and not inside.all():
            direction = _in_part(rows, inside, check)
            if direction is not None:
                return Cone(True, inside, direction)
    return _by_program(rows, np.argsort(margins), check)


def _proved(rows: np.ndarray, check: Callable[[], None]) -> tuple[str, np.ndarray, np.ndarray]:
    """What Newton's method on the log loss comes upon, where it ended, and the margins there.

    Weights that put every row on its right side prove that it can be done. Positive weights l of
    the rows with sum l_i rows_i = 0 prove that it cannot, not even in part. At a minimum
    sigmoid(-margin) are such; elsewhere they are corrected in proportion, which keeps them
    positive where the correction is below 1.
    """
    w = np.zeros(rows.shape[1])
    margins = rows @ w
    for _ in range(STEPS):
        check()
        if w.any() and (margins > SIDE * np.sqrt(w @ w)).all():
            return "complete", w, margins
        weights = np.exp(-np.logaddexp(0, margins))  # sigmoid(-margins)
        if _balanced(rows, np.maximum(weights, FLOOR)):
            return "none", w, margins
        pull = weights @ rows
        step = _solved((rows * (weights * (1 - weights))[:, None]).T @ rows, pull)
        w = w + step * _damped(rows, w, step, pull)
        margins = rows @ w
    return "unknown", w, margins


def _balanced(rows: np.ndarray, weights: np.ndarray) -> bool:
    """Whether weights become sum l_i rows_i = 0 by a correction that leaves them positive."""
    pull = weights @ rows
    share = rows @ _solved((rows * weights[:, None]).T @ rows, pull)
    left = np.abs((weights * (1 - share)) @ rows)
    rounding = 1e-13 * np.abs(rows * weights[:, None]).sum(axis=0)
    return bool((np.abs(share) < SURE).all() and (left <= rounding).all())


def _in_part(rows: np.ndarray, inside: np.ndarray, check: Callable[[], None]) -> np.ndarray | None:
    """A direction that separates just the rows that are not inside, the others on its plane."""
    there = rows[inside]
    basis = independent(torch.from_numpy(there)).numpy()
    plane = _complement(basis)
    if not plane.shape[1] or _proved(unit(there @ basis), check)[0] != "none":
        return None
    beside = rows[~inside] @ plane
    if not (np.sqrt((beside**2).sum(axis=1)) > SIDE).all():
        return None  # such a row lies on the plane too
    kind, w, _ = _proved(unit(beside), check)
    direction: np.ndarray = plane @ w
    right = rows[~inside] @ direction > SIDE * np.sqrt(w @ w)
    return direction if kind == "complete" and right.all() else None


def _complement(basis: np.ndarray) -> np.ndarray:
    """Orthonormal basis of what is perpendicular to an orthonormal one [q, r], [q, q - r]."""
    whole, _ = np.linalg.qr(np.column_stack([basis, np.eye(len(basis))]))
    return whole[:, basis.shape[1] :]


def unit(rows: np.ndarray) -> np.ndarray:
    """Rows [n, q] of length 1, which changes no side; rows of zeros stay as they are."""
    length = np.sqrt((rows**2).sum(axis=1, keepdims=True))
    found: np.ndarray = rows / np.where(length > 0, length, 1)
    return found


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


def _by_program(rows: np.ndarray, order: np.ndarray, check: Callable[[], None]) -> Cone:
    """By linear programs on more and more of the rows, those first that `order` names.

    The directions are a cone, so of the rows in a program an optimal u is 1 for each that any of
    them separates strictly, and 0 for the others. A direction that is wrong for a row outside the
    program brings that row in, and so does one that has it on the plane, unless the rows there
    span it: those on the plane of every direction hold it there.
    """
    n, q = rows.shape
    more = max(200, 4 * q)
    taken = np.zeros(n, dtype=bool)
    taken[order[:more]] = True
    nothing = Cone(False, np.ones(n, dtype=bool), np.zeros(q))
    for _ in range(ROUNDS):
        check()
        found = _program(rows[taken])
        if found is None:
            return nothing
        direction, held = found
        margins, size = rows @ direction, SIDE * max(1.0, np.sqrt(direction @ direction))
        inside = np.zeros(n, dtype=bool)
        inside[np.flatnonzero(taken)[held]] = True
        off = rows[~taken]
        if inside.any():
            plane = _complement(independent(torch.from_numpy(rows[inside])).numpy())
            off = off @ plane @ plane.T
        free = np.zeros(n, dtype=bool)
        free[~taken] = np.sqrt((off**2).sum(axis=1)) > SIDE  # not held on the plane by others
        open_ = free & (margins <= size)
        if not open_.any():
            return Cone(True, ~(taken & ~inside | free), direction)
        taken[np.flatnonzero(open_)[np.argsort(margins[open_])[:more]]] = True
    return nothing


def _program(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """Maximize sum u, u <= rows z, 0 <= u <= 1, z free: z, and where u is 0; None if it fails."""
    from scipy import sparse
    from scipy.optimize import linprog

    n, q = rows.shape
    found = linprog(
        np.r_[np.zeros(q), -np.ones(n)],
        A_ub=sparse.hstack([-rows, sparse.identity(n)]).tocsr(),
        b_ub=np.zeros(n),
        bounds=[(None, None)] * q + [(0, 1)] * n,
        method="highs",
        options={"time_limit": PATIENCE},
    )
    return (found.x[:q], found.x[q:] < 0.5) if found.status == 0 else None
