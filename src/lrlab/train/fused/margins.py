"""Training rows as margins: what a matrix product with a stack of weights needs.

Rows of class 0 have their sign turned, and a last column holds the bias's ones, signed too: so a
product with weights [r, d + 1] gives margins s z, which losses are functions of.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from lrlab.data import Problem
from lrlab.trial import Run

COPIED = 2**24  # numbers of training data up to which all margins are kept as a copy
FEW = 10  # columns, bias included, up to which products are faster with x column by column


@dataclass(frozen=True)
class Tile:
    """Some rows: signed `x` [t, d + 1] and labels `y` [t]."""

    x: Tensor
    y: Tensor


class Folds:
    """The margins of every fold; without folds, of the problem itself.

    Small data are held as a signed copy, large data are not: together they may be a few copies.
    """

    def __init__(self, problem: Problem) -> None:
        folds = problem.folds or (problem,)
        copied = sum(fold.x_train.numel() for fold in folds) <= COPIED
        self._each = [Margins(fold, copied=copied) for fold in folds]

    @property
    def n_rows(self) -> list[int]:
        """Training rows of each fold."""
        return [each.n_rows for each in self._each]

    def of(self, run: Run) -> Margins:
        """Those that a run trains on."""
        return self._each[run.replicate % len(self._each)]


class Margins:
    """The training rows of a problem as margins, in tiles.

    Args:
        problem: Whose.
        copied: Whether they are held as a signed copy; else every tile is formed when it is asked
            for, to the same bits.
    """

    def __init__(self, problem: Problem, *, copied: bool = True) -> None:
        self.problem = problem
        self.n_rows = len(problem.y_train)
        self._by_column = problem.n_features + 1 <= FEW
        self._copy: Tile | None = None
        self._whole: dict[int, list[Tile]] = {}
        if copied:
            self._copy = self._formed(slice(None))

    def tiles(self, rows: Tensor | None, size: int) -> Iterable[Tile]:
        """A batch in tiles of at most `size` rows.

        Args:
            rows: Row numbers of the batch, [b] int64 on the data's device; all rows if None.
            size: Rows of a tile.
        """
        if rows is not None:
            return (self._rows(part) for part in rows.split(size))
        if self._copy is None:
            return self._all(size)
        if size not in self._whole:
            self._whole[size] = list(self._all(size))
        return self._whole[size]

    def _all(self, size: int) -> Iterator[Tile]:
        for start in range(0, self.n_rows, size):
            yield self._rows(slice(start, start + size))

    def _rows(self, rows: slice | Tensor) -> Tile:
        if self._copy is None:
            return self._formed(rows)
        x, y = self._copy.x, self._copy.y
        if self._by_column and isinstance(rows, Tensor):
            return Tile(x.T.index_select(1, rows).T, y[rows])
        return Tile(x[rows], y[rows])

    def _formed(self, rows: slice | Tensor) -> Tile:
        y = self.problem.y_train[rows]
        sign = (2 * y - 1)[:, None]
        x = torch.cat([self.problem.x_train[rows] * sign, sign], 1)
        return Tile(x.T.contiguous().T if self._by_column else x, y)
