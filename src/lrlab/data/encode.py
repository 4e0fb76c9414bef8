"""From a table's columns to a problem's tensors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import torch

from lrlab.data.preprocessing import (
    Categorical,
    Column,
    Label,
    Preprocessing,
    learn,
    refuse_many_categories,
)
from lrlab.data.problem import Problem
from lrlab.data.splits import stratified
from lrlab.errors import UserError
from lrlab.spec import CsvData, ParquetData, SklearnData
from lrlab.wording import printable, quoted

EXAMPLE_ROWS = 5
LARGEST = float(np.finfo(np.float32).max)


def split_and_encode(
    frame: pd.DataFrame,
    y: np.ndarray,
    labels: tuple[Label, Label],
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
        labels: What class 0 and class 1 are in the table.
        columns: Names of the numeric and of the categorical columns.
        data: For the options.
        seed: Of the split.
        dtype: Of the tensors.
        where: The source's name, for messages.
        impute: Whether to fill in missing values.

    Raises:
        UserError: If a column cannot be used, or the rows are too few to split.
    """
    numeric, categorical = columns
    _check_finite(frame, numeric, where)
    train, val = stratified(y, data.val_fraction, seed, where, labels)
    for name in categorical:
        refuse_many_categories(frame[name], where)
    preprocessing = learn(
        frame.iloc[train],
        numeric,
        categorical,
        where,
        impute=impute,
        drop_constant=data.constant == "drop",
    )
    x_train, x_val = _tensors(preprocessing, frame, (train, val), dtype, where)
    n, d = x_train.shape
    return Problem(
        x_train=x_train,
        y_train=torch.from_numpy(y[train]).to(dtype),
        x_val=x_val,
        y_val=torch.from_numpy(y[val]).to(dtype),
        preprocessing=preprocessing,
        labels=labels,
        description=f"{Path(where).name}: {n:,} rows x {d} columns, {len(val):,} held out, "
        f"class 1 is {printable(labels[1])}",
        example=frame[[*numeric, *categorical]].iloc[val[:EXAMPLE_ROWS]].reset_index(drop=True),
    )


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
            f"{where}: column {quoted(column.name)} cannot be standardised: its values are too "
            "far apart or too close together for floating point; rescale it or list it under "
            "data.drop"
        )


def _check_finite(frame: pd.DataFrame, numeric: list[str], where: str) -> None:
    for column in numeric:
        infinite = np.flatnonzero(np.isinf(frame[column].to_numpy(np.float64)))
        if len(infinite):
            row = frame.index[infinite[0]] + 1
            raise UserError(
                f"{where}: column {quoted(column)} is infinite in row {row}; mend the value or "
                "list the column under data.drop"
            )
