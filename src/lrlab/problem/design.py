"""From columns to tensors: split, impute, one-hot, standardise."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import NoReturn

import numpy as np
import pandas as pd
import torch

from lrlab.errors import UserError
from lrlab.problem.problem import Problem
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
    from sklearn.model_selection import train_test_split

    _check_finite(frame, columns[0], where)
    try:
        train, val = train_test_split(
            np.arange(len(y)), test_size=data.val_fraction, random_state=seed, stratify=y
        )
    except ValueError:
        fewest = int(min(y.sum(), len(y) - y.sum()))
        raise UserError(
            f"{where}: {len(y):,} rows, {fewest:,} of the rarer class, are too few for a "
            f"stratified split with data.val_fraction = {data.val_fraction:g}"
        ) from None
    train, val = np.sort(train), np.sort(val)
    x, names, mean, scale = _design_matrix(frame, train, columns, where, impute)
    x, names, mean, scale = _without_constant(x, train, names, mean, scale, data, where)
    x = _standardised(x, mean, scale, names, where)
    n, d = len(train), len(names)
    return Problem(
        x_train=torch.from_numpy(x[train]).to(dtype),
        y_train=torch.from_numpy(y[train]).to(dtype),
        x_val=torch.from_numpy(x[val]).to(dtype),
        y_val=torch.from_numpy(y[val]).to(dtype),
        feature_names=tuple(names),
        classes=classes,
        mean=mean,
        scale=scale,
        description=f"{Path(where).name}: {n:,} rows x {d} columns, {len(val):,} held out, "
        f"class 1 is {classes[1]}",
    )


def _check_finite(frame: pd.DataFrame, numeric: list[str], where: str) -> None:
    for column in numeric:
        infinite = np.flatnonzero(np.isinf(frame[column].to_numpy(np.float64)))
        if len(infinite):
            raise UserError(
                f"{where}: column {column!r} is infinite in row {frame.index[infinite[0]] + 1}; "
                "mend the value or list the column under data.drop"
            )


def _design_matrix(
    frame: pd.DataFrame,
    train: np.ndarray,
    columns: tuple[list[str], list[str]],
    where: str,
    impute: bool,
) -> tuple[np.ndarray, list[str], np.ndarray, np.ndarray]:
    """Raw columns [n, d] float64, their names, and each one's mean and scale on training rows.

    One-hot columns keep mean 0 and scale 1.
    """
    from sklearn.impute import SimpleImputer

    numeric, categorical = columns
    x = frame[numeric].to_numpy(np.float64)
    if impute and numeric:
        imputer = SimpleImputer(strategy="median", keep_empty_features=True)
        x = imputer.fit(x[train]).transform(x)
    with np.errstate(over="ignore", invalid="ignore"):
        mean, scale = x[train].mean(axis=0), x[train].std(axis=0)
    names = list(numeric)
    if categorical:
        hot, hot_names = _one_hot(frame[categorical], train, where, impute)
        x = np.hstack([x, hot])
        names += hot_names
        mean = np.concatenate([mean, np.zeros(len(hot_names))])
        scale = np.concatenate([scale, np.ones(len(hot_names))])
    return x, names, mean, scale


def _one_hot(
    frame: pd.DataFrame, train: np.ndarray, where: str, impute: bool
) -> tuple[np.ndarray, list[str]]:
    """One column a category seen in training; a category met only later is all zeros."""
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
        handle_unknown="ignore", drop="if_binary", sparse_output=False, dtype=np.float64
    )
    values = text.astype(object)
    encoder.fit(values.iloc[train])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of unknown categories
        hot = encoder.transform(values)
    return hot, [str(name) for name in encoder.get_feature_names_out()]


def _without_constant(
    x: np.ndarray,
    train: np.ndarray,
    names: list[str],
    mean: np.ndarray,
    scale: np.ndarray,
    data: CsvData | ParquetData | SklearnData,
    where: str,
) -> tuple[np.ndarray, list[str], np.ndarray, np.ndarray]:
    constant = x[train].min(axis=0) == x[train].max(axis=0)
    if not constant.any():
        return x, names, mean, scale
    if data.constant == "error":
        column = names[int(np.flatnonzero(constant)[0])]
        _refuse_constant(where, column, int(constant.sum()))
    if constant.all():
        raise UserError(f"{where}: every column is constant on the training rows")
    kept = ~constant
    return (
        x[:, kept],
        [name for name, keep in zip(names, kept, strict=True) if keep],
        mean[kept],
        scale[kept],
    )


def _standardised(
    x: np.ndarray, mean: np.ndarray, scale: np.ndarray, names: list[str], where: str
) -> np.ndarray:
    """(x - mean) / scale, [n, d].

    Raises:
        UserError: If a column's values are too far apart, or too close, for that.
    """
    with np.errstate(all="ignore"):
        x = (x - mean) / scale
    limit = np.finfo(np.float32).max
    bad = ~((np.abs(x) < limit).all(axis=0) & np.isfinite(scale))
    if bad.any():
        column = names[int(np.flatnonzero(bad)[0])]
        raise UserError(
            f"{where}: column {column!r} cannot be standardised: its values are too far apart or "
            "too close together for floating point; rescale it or list it under data.drop"
        )
    return x


def _refuse_constant(where: str, column: str, count: int) -> NoReturn:
    others = f" (and {count - 1} more)" if count > 1 else ""
    raise UserError(
        f"{where}: column {column!r}{others} is constant on the training rows, so nothing can be "
        "learnt from it; list it under data.drop or set data.constant: drop"
    )
