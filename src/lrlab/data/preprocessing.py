"""From columns to tensors: split, impute, one-hot, standardise."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pandas as pd
import torch

from lrlab.data.problem import Problem
from lrlab.data.splits import stratified
from lrlab.errors import UserError
from lrlab.spec import CsvData, ParquetData, SklearnData

MAX_CATEGORIES = 1000


def split_and_encode(
    frame: pd.DataFrame,
    y: np.ndarray,
    classes: tuple[str, str],
    columns: tuple[list[str], list[str]],
    data: CsvData | ParquetData | SklearnData,
    seed: int,
    dtype: torch.dtype,
    where: str,
    *,
    impute: bool,
) -> Problem:
    """Stratified split; then whatever is learnt from data is learnt from the training rows.

    Args:
        frame: The features, numeric and categorical columns, [n rows].
        y: Labels 0 and 1, [n] float64.
        classes: Names of class 0 and class 1.
        columns: Names of the numeric and of the categorical columns.
        data: For the options.
        seed: Of the split.
        dtype: Of the tensors.
        where: The source's name, for messages.
        impute: Whether to fill in missing values.

    Raises:
        UserError: If a column cannot be used, or the rows are too few to split.
    """
    _check_finite(frame, columns[0], where)
    train, val = stratified(y, data.val_fraction, seed, where)
    numeric, categorical = columns
    found = [_measured(frame[column], train, impute) for column in numeric]
    if categorical:
        found += _one_hot(frame[categorical], train, where, impute)
    kept = _without_constant(found, data, where)
    n, d = len(train), len(kept)
    x_train, x_val = (torch.empty(len(rows), d, dtype=dtype) for rows in (train, val))
    for j, column in enumerate(kept):  # one at a time: no second copy of the whole table
        values = _standardised(column, where)
        x_train[:, j] = torch.from_numpy(values[train])
        x_val[:, j] = torch.from_numpy(values[val])
    return Problem(
        x_train=x_train,
        y_train=torch.from_numpy(y[train]).to(dtype),
        x_val=x_val,
        y_val=torch.from_numpy(y[val]).to(dtype),
        feature_names=tuple(column.name for column in kept),
        classes=classes,
        mean=np.array([column.mean for column in kept]),
        scale=np.array([column.scale for column in kept]),
        description=f"{Path(where).name}: {n:,} rows x {d} columns, {len(val):,} held out, "
        f"class 1 is {classes[1]}",
        fill=np.array([column.fill for column in kept]) if impute else None,
    )


@dataclass(frozen=True)
class _Column:
    """One column of the design matrix, with what the training rows say of it.

    `values()` gives it raw, [n] float64; it is not kept, as the table holds it already. `fill` is
    what missing values became, NaN if there may be none.
    """

    name: str
    values: Callable[[], np.ndarray]
    mean: float
    scale: float
    constant: bool
    fill: float = np.nan


def _measured(column: pd.Series, train: np.ndarray, impute: bool) -> _Column:
    """A numeric column; missing values become the training rows' median if asked for."""

    def values() -> np.ndarray:
        raw = column.to_numpy(np.float64)
        return np.where(np.isnan(raw), median, raw) if impute else raw

    median = _median(column.to_numpy(np.float64)[train]) if impute else np.nan
    own = values()[train]
    with np.errstate(over="ignore", invalid="ignore"):
        mean, scale = float(own.mean()), float(own.std())
    return _Column(str(column.name), values, mean, scale, bool(own.min() == own.max()), median)


def _median(values: np.ndarray) -> float:
    """Of the values that are there; 0 if there are none."""
    there = values[~np.isnan(values)]
    return float(np.median(there)) if len(there) else 0.0


def _check_finite(frame: pd.DataFrame, numeric: list[str], where: str) -> None:
    for column in numeric:
        infinite = np.flatnonzero(np.isinf(frame[column].to_numpy(np.float64)))
        if len(infinite):
            raise UserError(
                f"{where}: column {column!r} is infinite in row {frame.index[infinite[0]] + 1}; "
                "mend the value or list the column under data.drop"
            )


def _one_hot(frame: pd.DataFrame, train: np.ndarray, where: str, impute: bool) -> list[_Column]:
    """One column a category seen in training; a category met only later is all zeros.

    They are not standardised: mean 0 and scale 1.
    """
    from sklearn.preprocessing import OneHotEncoder

    text = frame.astype("string")
    if impute:
        commonest = text.iloc[train].mode().reindex([0]).iloc[0]
        text = text.fillna(commonest).fillna("")  # "" where the training rows hold none
    for column in text:
        count = text[column].nunique()
        if count > MAX_CATEGORIES:
            raise UserError(
                f"{where}: column {column!r} has {count:,} different values, too many for one "
                "column each; list it under data.drop"
            )
    encoder = OneHotEncoder(
        handle_unknown="ignore", drop="if_binary", sparse_output=True, dtype=np.float64
    )
    values = text.astype(object)
    encoder.fit(values.iloc[train])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of unknown categories
        hot = encoder.transform(values).tocsc()
    names = [str(name) for name in encoder.get_feature_names_out()]
    ones = np.asarray(hot[train].sum(axis=0)).ravel()
    return [
        _Column(name, partial(_dense, hot, j), 0.0, 1.0, constant=bool(ones[j] in (0, len(train))))
        for j, name in enumerate(names)
    ]


def _dense(hot: Any, j: int) -> np.ndarray:
    return np.asarray(hot[:, [j]].todense()).ravel()


def _without_constant(
    found: list[_Column], data: CsvData | ParquetData | SklearnData, where: str
) -> list[_Column]:
    constant = [column.name for column in found if column.constant]
    if constant and data.constant == "error":
        _refuse_constant(where, constant[0], len(constant))
    if len(constant) == len(found):
        raise UserError(f"{where}: every column is constant on the training rows")
    return [column for column in found if not column.constant]


def _standardised(column: _Column, where: str) -> np.ndarray:
    """(x - mean) / scale, [n].

    Raises:
        UserError: If a column's values are too far apart, or too close, for that.
    """
    with np.errstate(all="ignore"):
        x = (column.values() - column.mean) / column.scale
    if not (np.isfinite(column.scale) and (np.abs(x) < np.finfo(np.float32).max).all()):
        raise UserError(
            f"{where}: column {column.name!r} cannot be standardised: its values are too far "
            "apart or too close together for floating point; rescale it or list it under data.drop"
        )
    return x


def _refuse_constant(where: str, column: str, count: int) -> NoReturn:
    others = f" (and {count - 1} more)" if count > 1 else ""
    raise UserError(
        f"{where}: column {column!r}{others} is constant on the training rows, so nothing can be "
        "learnt from it; list it under data.drop or set data.constant: drop"
    )
