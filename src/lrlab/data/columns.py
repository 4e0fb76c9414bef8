"""Columns: what each column of a table is, and how it was read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from lrlab.catalogue import did_you_mean
from lrlab.data.preprocessing import Label
from lrlab.errors import UserError
from lrlab.spec import CsvData, ParquetData

MANY_VALUES = 20  # fewer different values than this are never taken for identifiers

ReadAs = Literal["numeric", "categorical", "target", "left out"]


@dataclass(frozen=True)
class ColumnReading:
    """How one column of the user's file was read.

    Args:
        name: As the file has it.
        read_as: What it was taken for.
        missing: Rows of the file in which it has no value.
        categories: Different values of a categorical column or of the target; else None.
        why: Why it was left out, or what is odd about it; empty if there is nothing to say.
    """

    name: str
    read_as: ReadAs
    missing: int
    categories: int | None
    why: str = ""


def choose_columns(
    frame: pd.DataFrame, data: CsvData | ParquetData, where: str, index: tuple[str, ...] = ()
) -> tuple[list[str], list[str]]:
    """Numeric and categorical columns: as the spec says, else by what they hold.

    Raises:
        UserError: If the spec names a column that is not there, or a column cannot be used.
    """
    columns = tuple(frame.columns)
    listed = {
        "target": (data.target,),
        "drop": data.drop,
        "numeric": data.numeric or (),
        "categorical": data.categorical or (),
    }
    for key, named in listed.items():
        for name in named:
            if name not in columns:
                raise UserError(
                    f"{where}: no column {name!r} (data.{key}){did_you_mean(name, columns)}"
                )
    features = [*listed["numeric"], *listed["categorical"]]
    chosen = set(features)
    if len(chosen) < len(features):
        twice = next(name for name in features if features.count(name) > 1)
        raise UserError(
            f"{where}: column {twice!r} is listed twice (data.numeric, data.categorical)"
        )
    for name in chosen & {data.target, *data.drop}:
        raise UserError(f"{where}: column {name!r} is a feature, but also the target or dropped")
    rest = [c for c in columns if c not in chosen and c not in (data.target, *data.drop, *index)]
    kinds = {column: _kind(frame[column]) for column in rest}
    numeric, categorical = (
        [c for c in rest if kinds[c] == kind] if given is None else list(given)
        for kind, given in (("numeric", data.numeric), ("categorical", data.categorical))
    )
    for column in rest if data.numeric is None or data.categorical is None else ():
        if kinds[column] not in ("numeric", "categorical"):
            raise UserError(
                f"{where}: column {column!r} holds {kinds[column]}; list it under data.drop "
                "or convert it"
            )
        if kinds[column] == "categorical" and data.categorical is None:
            _refuse_identifier(frame[column], where)
    for column in numeric:
        frame[column] = _as_numbers(frame[column], where)
    if not numeric and not categorical:
        raise UserError(f"{where}: no column is left to learn from")
    return numeric, categorical


def how_read(
    frame: pd.DataFrame,
    columns: tuple[list[str], list[str]],
    data: CsvData | ParquetData,
    index: tuple[str, ...] = (),
) -> tuple[ColumnReading, ...]:
    """Every column of the file, in its order.

    Args:
        frame: The whole file.
        columns: Names of the numeric and of the categorical columns.
        data: For the target, and for what was left out on request.
        index: Columns that pandas wrote for the index of a frame.
    """
    numeric, categorical = map(set, columns)

    def one(name: str) -> ColumnReading:
        column = frame[name]
        missing = int(column.isna().sum())
        if name == data.target:
            return ColumnReading(name, "target", missing, _different(column))
        if name in categorical:
            return ColumnReading(name, "categorical", missing, _different(column))
        if name in numeric:
            return ColumnReading(name, "numeric", missing, None)
        why = "data.drop names it" if name in data.drop else "neither list names it"
        if name in index:
            why = "the index of the frame that pandas wrote"
        return ColumnReading(name, "left out", missing, None, why)

    return tuple(one(name) for name in frame.columns)


def _different(column: pd.Series) -> int | None:
    try:
        return int(column.nunique())
    except TypeError:  # lists, mappings
        return None


def _refuse_identifier(column: pd.Series, where: str) -> None:
    """Text that is different in almost every row is a name or number of the row, no feature."""
    different = column.astype("string").nunique()
    if different > MANY_VALUES and different > 0.9 * len(column):
        raise UserError(
            f"{where}: column {column.name!r} has {different:,} different values in "
            f"{len(column):,} rows, so it looks like an identifier; list it under data.drop (or "
            "under data.categorical, to use it all the same)"
        )


def _kind(column: pd.Series) -> str:
    if pd.api.types.is_bool_dtype(column) or pd.api.types.is_numeric_dtype(column):
        return "categorical" if pd.api.types.is_complex_dtype(column) else "numeric"
    if isinstance(column.dtype, pd.CategoricalDtype) or pd.api.types.is_string_dtype(column):
        return "categorical"
    if column.isna().all():
        return "numeric"
    if pd.api.types.is_object_dtype(column):
        return "categorical"
    return f"{column.dtype} values"


def _as_numbers(column: pd.Series, where: str) -> pd.Series:
    try:
        return column.astype("float64")
    except (ValueError, TypeError):
        numbers = pd.to_numeric(column, errors="coerce")
        row = int(np.flatnonzero(numbers.isna() & column.notna())[0])
        raise UserError(
            f"{where}: column {column.name!r} is not numeric: row {row + 1} holds "
            f"{str(column.iloc[row])[:40]!r}; list it under data.categorical or data.drop"
        ) from None


def encode_target(
    target: pd.Series, positive: Any, where: str
) -> tuple[np.ndarray, tuple[Label, Label]]:
    """Labels 0 and 1, [n] float64, and what class 0 and class 1 are in the table.

    Class 1 is `positive` if given, against all the rest; else the larger of two values.

    Raises:
        UserError: If there are not two classes, or `positive` is none of them.
    """
    try:
        found = sorted(target.unique().tolist(), key=lambda value: (str(type(value)), value))
    except TypeError:  # lists, mappings: neither hashable nor ordered
        raise UserError(
            f"{where}: the target {target.name!r} holds values that are no classes, such as "
            f"{str(target.iloc[0])[:40]}; name another column as data.target"
        ) from None
    shown = ", ".join(str(value) for value in found[:6]) + (", ..." if len(found) > 6 else "")
    if len(found) < 2:
        raise UserError(f"{where}: the target {target.name!r} has one class ({shown}); need two")
    if positive is None and len(found) > 2:
        raise UserError(
            f"{where}: the target {target.name!r} has {len(found):,} classes ({shown}); name one "
            "as data.positive to set it against the rest"
        )
    if positive is None:
        positive = found[1]
    matches = [value for value in found if value == positive or str(value) == str(positive)]
    if not matches:
        hint = ""
        if isinstance(positive, bool):
            hint = "; write yes and no in quotes, as YAML takes them for true and false"
        raise UserError(
            f"{where}: the target {target.name!r} has no class {positive!r} (data.positive); "
            f"it has {shown}{hint}"
        )
    others = [value for value in found if value != matches[0]]
    labels = (others[0] if len(others) == 1 else "rest", matches[0])
    y = (target == matches[0]).to_numpy(np.float64)
    if type(labels[0]) is type(labels[1]) and isinstance(labels[0], Label):
        return y, labels
    return y, (str(labels[0]), str(labels[1]))
