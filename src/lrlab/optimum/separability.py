"""Linear separability: whether a logistic regression without l2 has a minimiser at all.

Albert & Anderson 1984, Biometrika 71(1): the maximum likelihood estimate exists unless some
hyperplane puts no row strictly on the wrong side and some row strictly on the right one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.optimize import linprog

LARGEST = 500_000  # numbers of data up to which the linear program is solved
PATIENCE = 10.0  # seconds for it


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


def separation(margins: np.ndarray) -> Separation:
    """Solve the linear program: maximise sum u with u <= margins w, 0 <= u <= 1, w free.

    The feasible directions are a cone, so an optimal u is 1 for every row that any of them
    separates strictly, and 0 for the others.

    Args:
        margins: Rows s_i (x_i, 1), s_i the label as a sign, [n, p] float64.
    """
    n, p = margins.shape
    nothing = np.zeros(n, dtype=bool)
    if n * p > LARGEST:
        return Separation("unknown", ~nothing)
    scale = np.abs(margins).max(axis=0)
    rows = sparse.hstack([-margins / np.where(scale > 0, scale, 1), sparse.identity(n)])
    found = linprog(
        np.r_[np.zeros(p), -np.ones(n)],
        A_ub=rows.tocsr(),
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
