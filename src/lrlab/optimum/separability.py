"""Linear separability: whether a logistic regression without l2 has a minimizer at all.

Albert & Anderson 1984, Biometrika 71(1): separation is complete if a hyperplane puts every row
strictly on its right side, quasi-complete if it does so with some rows and has the others on it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from lrlab.lazy import on_use
from lrlab.optimum.curvature import independent
from lrlab.optimum.recession import PATIENCE, recession, unit

if TYPE_CHECKING:
    import torch
else:
    torch = on_use("torch")

MOST_COLUMNS = 5
NEGLIGIBLE = 1e-6  # of the largest weight
KINDS = {"none": "overlap", "quasi": "quasi-complete"}
NEAREST = 200  # rows that a program for few columns begins with, and gets more
ROUNDS = 20


@dataclass(frozen=True)
class Separation:
    """How far a hyperplane separates the two classes.

    Args:
        kind: `complete` (every row can be on its right side), `quasi` (some can, with the others
            on the hyperplane), `none`, or `unknown`: no proof was found in time.
        inside: Rows that lie on every such hyperplane, [n] bool; all of them for `none`.
        weight: Of each column in such a direction, in units of the column's range, [p - 1]; as
            few as possible are not 0. Zeros for `none`.
        alone: The column that separates the classes completely by itself; -1 if none does.
    """

    kind: str
    inside: np.ndarray
    weight: np.ndarray
    alone: int = -1

    def told(self, names: Sequence[str]) -> Separability:
        """The same in few words, for columns of these names."""
        size = np.abs(self.weight)
        order = np.argsort(-size, kind="stable")
        used = [int(i) for i in order if size[i] > NEGLIGIBLE * size.max(initial=0.0)]
        fitted = 0 if self.kind == "unknown" else int((~self.inside).sum())
        return Separability(
            kind=KINDS.get(self.kind, self.kind),
            fitted=fitted,
            rows=len(self.inside),
            columns=tuple(names[i] for i in used[:MOST_COLUMNS]),
            more_columns=max(0, len(used) - MOST_COLUMNS),
            alone=names[self.alone] if self.alone >= 0 else "",
        )


@dataclass(frozen=True)
class Separability:
    """How far the training rows can be separated, as it is recorded and told.

    Args:
        kind: `overlap`, `quasi-complete`, `complete`, or `unknown`.
        fitted: Rows that some direction fits perfectly, with no row on its wrong side: without l2
            their loss falls towards 0 as weights grow forever. All of them if complete.
        rows: Training rows.
        columns: Columns of such a direction, that of the largest weight first, at most 5.
        more_columns: How many more it has.
        alone: The column that separates the classes completely by itself; empty if none does.
    """

    kind: str
    fitted: int
    rows: int
    columns: tuple[str, ...] = ()
    more_columns: int = 0
    alone: str = ""

    @classmethod
    def of(cls, read: Mapping[str, Any]) -> Separability:
        """From a record, which may hold more.

        Raises:
            KeyError: If it lacks something.
        """
        kept = {each.name: read[each.name] for each in fields(cls)}
        return cls(**kept | {"columns": tuple(read["columns"])})


def separation(margins: np.ndarray, check: Callable[[], None] = lambda: None) -> Separation:
    """How far the classes are separable, with a proof.

    Args:
        margins: Rows s_i (x_i, 1), s_i the label as a sign, [n, p] float64.
        check: Called again and again; may raise to end the search.
    """
    weights, alone = np.zeros(margins.shape[1] - 1), _alone(margins)
    if alone >= 0:
        weights[alone] = 1
        return Separation("complete", np.zeros(len(margins), dtype=bool), weights, alone)
    sign = margins[:, -1:]
    middle = np.append((sign * margins)[:, :-1].mean(axis=0), 0.0)
    scaled = margins - sign * middle  # the bias takes it up
    size = np.abs(scaled).max(axis=0)
    scaled = scaled / np.where(size > 0, size, 1)
    basis = independent(torch.from_numpy(scaled)).numpy()
    rows = unit(scaled @ basis)
    cone = recession(rows, check)
    if not cone.decided:
        return Separation("unknown", cone.inside, weights)
    if cone.inside.all():
        return Separation("none", cone.inside, weights)
    kind = "quasi" if cone.inside.any() else "complete"
    weight = _few_columns(scaled, cone.inside, basis @ cone.direction, check)
    return Separation(kind, cone.inside, weight[:-1])


def _alone(margins: np.ndarray) -> int:
    """The column whose values of one class all lie above the other's, by most; -1 if none."""
    ones = margins[:, -1] > 0
    if ones.all() or not ones.any():
        return -1
    first, second = margins[ones, :-1], -margins[~ones, :-1]
    between = np.maximum(first.min(0) - second.max(0), second.min(0) - first.max(0))
    width = np.maximum(first.max(0), second.max(0)) - np.minimum(first.min(0), second.min(0))
    share = np.where(between > 0, between / np.where(width > 0, width, 1), -1.0)
    return int(share.argmax()) if len(share) and share.max() > 0 else -1


def _few_columns(
    scaled: np.ndarray, inside: np.ndarray, known: np.ndarray, check: Callable[[], None]
) -> np.ndarray:
    """Weights with the smallest sum of sizes that separate as `known` [p] does.

    Minimize sum |w_j| with margins 0 of the rows inside and at least 1 of the others, on more and
    more of the others; `known` if that finds nothing.
    """
    from scipy.optimize import linprog

    p = scaled.shape[1]
    held = independent(torch.from_numpy(scaled[inside])).numpy().T if inside.any() else None
    others = scaled[~inside]
    taken = np.zeros(len(others), dtype=bool)
    taken[np.argsort(others @ known)[:NEAREST]] = True
    cost = np.ones(2 * p)  # w = up - down
    cost[[p - 1, 2 * p - 1]] = 0  # the bias
    for _ in range(ROUNDS):
        check()
        some = others[taken]
        found = linprog(
            cost,
            A_ub=np.hstack([-some, some]),
            b_ub=-np.ones(len(some)),
            A_eq=None if held is None else np.hstack([held, -held]),
            b_eq=None if held is None else np.zeros(len(held)),
            method="highs",
            options={"time_limit": PATIENCE},
        )
        if found.status != 0:
            return known
        weight: np.ndarray = found.x[:p] - found.x[p:]
        margins = others @ weight
        wrong = margins < 0.5
        if not wrong.any():
            return weight
        taken[np.argsort(margins)[:NEAREST]] = True
    return known
