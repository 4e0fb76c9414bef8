"""From a table's columns to a problem's tensors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from lrlab.data.columns.choice import ColumnReading
from lrlab.data.preprocessing import (
    Categorical,
    Column,
    Label,
    Preprocessing,
    learn,
    refuse_many_categories,
)
from lrlab.data.problem import Problem
from lrlab.data.rows.division import in_words, parts_of
from lrlab.data.rows.splits import Labelled, Parts
from lrlab.errors import UserError
from lrlab.spec import BlobsData, SweepSpec
from lrlab.spec.sources import MAX_NUMBERS
from lrlab.wording import printable, quoted

EXAMPLE_ROWS = 5
LARGEST = float(np.finfo(np.float32).max)


@dataclass(frozen=True)
class Further:
    """Rows of another file, which only judge.

    Args:
        frame: Numeric and categorical columns, [t].
        y: Labels 0 and 1, [t].
        groups: A number for each row, [t], alike for rows that belong together; None if each
            stands for itself.
    """

    frame: pd.DataFrame
    y: np.ndarray
    groups: np.ndarray | None = None


@dataclass(frozen=True)
class Usable:
    """The rows of a table that are used, not yet divided.

    Args:
        frame: Numeric and categorical columns, [n].
        rows: Their labels, groups and times.
        labels: What class 0 and class 1 are in the table.
        numeric: Names of the numeric columns.
        categorical: Names of the categorical ones.
        impute: Whether missing values are filled in; else there are none.
        test: Further rows, of a file of their own, that only judge; None if there are none.
        reading: As `Problem` has it.
        rows_left_out: As `Problem` has it.
        cells: As `Problem` has it.
    """

    frame: pd.DataFrame
    rows: Labelled
    labels: tuple[Label, Label]
    numeric: list[str]
    categorical: list[str]
    impute: bool = False
    test: Further | None = None
    reading: tuple[ColumnReading, ...] = ()
    rows_left_out: Mapping[str, int] = field(default_factory=dict)
    cells: Mapping[str, Any] = field(default_factory=dict)


def encoded(table: Usable, spec: SweepSpec, dtype: torch.dtype) -> Problem:
    """Divide the rows; then whatever is learned from data is learned from the training rows.

    Args:
        table: The rows.
        spec: How they are divided (`SweepSpec.is_divided`), and other options.
        dtype: Of the tensors.

    Raises:
        UserError: If a column cannot be used, or the rows are too few to divide.
    """
    data, where = spec.data, table.rows.where
    assert not isinstance(data, BlobsData)
    _check_finite(table.frame, table.numeric, where)
    if table.test is not None:
        _check_finite(table.test.frame, table.numeric, str(getattr(data, "test", where)))
    parts = parts_of(data, spec.search.replicates, table.rows, spec.data_seed)
    for name in table.categorical:
        refuse_many_categories(table.frame[name], where)
    drop_constant = data.constant == "drop"
    if data.folds:
        _refuse_too_much(table, len(parts))
        # A column that varies may still be constant without one fold; there it is left out.
        _learned(table, np.setdiff1d(np.arange(len(table.rows.y)), parts[0].test), drop_constant)
        drop_constant = True
    problems = [_problem(table, part, dtype, drop_constant) for part in parts]
    n_test = len(problems[0].y_test)
    shares_from = _shares_from(table, parts, n_test)
    problems = [replace(problem, shares_from=shares_from) for problem in problems]
    about = _described(table, problems[0].n_features, data.folds, parts, n_test)
    first = replace(problems[0], description=about)
    if data.folds:
        return replace(first, folds=tuple(problems))
    return replace(first, val_rows=np.empty(0, np.int64))


def _described(table: Usable, d: int, folds: int | None, parts: list[Parts], n_test: int) -> str:
    return (
        f"{Path(table.rows.where).name}: {len(table.rows.y):,} rows x {d} columns "
        f"({in_words(folds, parts, n_test)}), class 1 is {printable(table.labels[1])}"
    )


def _shares_from(table: Usable, parts: list[Parts], n_test: int) -> int:
    """From how many rows the judging rows have their shares of the classes."""
    if table.test is None and table.rows.kind == "classes":
        return len(table.rows.y)
    return n_test or len(np.unique(np.concatenate([part.val for part in parts])))


def _refuse_too_much(table: Usable, replicates: int) -> None:
    numbers = len(table.rows.y) * len(table.frame.columns) * replicates
    if numbers > MAX_NUMBERS:
        raise UserError(
            f"{table.rows.where}: {len(table.rows.y):,} rows for {replicates:,} replicates, each "
            f"with rows of its own (data.folds), are too much data; at most {MAX_NUMBERS:,} "
            "numbers. Set fewer replicates (search.replicates), or data.val_fraction in place of "
            "data.folds"
        )


def _learned(table: Usable, train: np.ndarray, drop_constant: bool) -> Preprocessing:
    return learn(
        table.frame.iloc[train],
        table.numeric,
        table.categorical,
        table.rows.where,
        impute=table.impute,
        drop_constant=drop_constant,
    )


def _problem(table: Usable, part: Parts, dtype: torch.dtype, drop_constant: bool) -> Problem:
    """The problem of one division."""
    preprocessing = _learned(table, part.train, drop_constant)
    where, y = table.rows.where, table.rows.y
    matrix = partial(_tensors, preprocessing, dtype=dtype, where=where)
    x_train, x_val, x_test = matrix(table.frame, (part.train, part.val, part.test))
    y_test, groups = y[part.test], table.rows.groups
    test_groups = None if groups is None else groups[part.test]
    if table.test is not None:
        y_test, test_groups = table.test.y, table.test.groups
        (x_test,) = matrix(table.test.frame, (np.arange(len(y_test)),))
    features = table.frame[[*table.numeric, *table.categorical]]
    return Problem(
        x_train=x_train,
        y_train=torch.from_numpy(y[part.train]).to(dtype),
        x_val=x_val,
        y_val=torch.from_numpy(y[part.val]).to(dtype),
        x_test=x_test,
        y_test=torch.from_numpy(y_test).to(dtype),
        preprocessing=preprocessing,
        labels=table.labels,
        description=_described(table, x_train.shape[1], None, [part], len(y_test)),
        example=features.iloc[part.val[:EXAMPLE_ROWS]].reset_index(drop=True),
        val_rows=part.val.astype(np.int64),
        ordered=table.rows.times is not None,
        val_groups=_numbers(None if groups is None else groups[part.val]),
        test_groups=_numbers(test_groups),
        rows_used=len(y),
        reading=table.reading,
        rows_left_out=table.rows_left_out,
        cells=table.cells,
    )


def _numbers(groups: np.ndarray | None) -> np.ndarray:
    return np.empty(0, np.int64) if groups is None else groups.astype(np.int64)


def _tensors(
    preprocessing: Preprocessing,
    frame: pd.DataFrame,
    parts: tuple[np.ndarray, ...],
    dtype: torch.dtype,
    where: str,
) -> list[torch.Tensor]:
    """The matrix of some rows each; one column at a time, so there is no second copy of it all."""
    d = len(preprocessing.feature_names)
    tensors = [torch.empty(len(rows), d, dtype=dtype) for rows in parts]
    with np.errstate(all="ignore"):
        for j, (column, values) in enumerate(preprocessing.matrix_columns(frame)):
            _check_representable(column, values, where)
            for tensor, rows in zip(tensors, parts, strict=True):
                tensor[:, j] = torch.from_numpy(values[rows])
    return tensors


def _check_representable(column: Column, x: np.ndarray, where: str) -> None:
    if isinstance(column, Categorical):
        return
    if not (np.isfinite(column.scale) and (np.abs(x) < LARGEST).all()):
        raise UserError(
            f"{where}: column {quoted(column.name)} cannot be standardized: its values are too "
            "far apart or too close together for floating point; rescale it or list it under "
            "data.drop"
        )


def _check_finite(frame: pd.DataFrame, numeric: list[str], where: str) -> None:
    for column in numeric:
        infinite = np.flatnonzero(np.isinf(frame[column].to_numpy(np.float64)))
        if len(infinite):
            row = frame.index[infinite[0]] + 1
            raise UserError(
                f"{where}: column {quoted(column)} is infinite in row {row}; correct the value or "
                "list the column under data.drop"
            )
