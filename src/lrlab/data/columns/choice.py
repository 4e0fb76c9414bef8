"""Columns: what each column of a table is, and how it was read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, NoReturn

import numpy as np
import pandas as pd

from lrlab.data.columns.roles import check_names, dividing_column
from lrlab.data.columns.shapes import hindrance
from lrlab.data.columns.suspects import disguise, identifier
from lrlab.data.files.text import as_numbers
from lrlab.errors import UserError
from lrlab.spec import CsvData, ParquetData
from lrlab.wording import quoted, some

ReadAs = Literal["numeric", "categorical", "target", "left out"]
# Types of values that are no feature, by what pandas calls them; others are named by their class.
NO_FEATURES = {"date": "dates", "time": "times", "bytes": "bytes", "timedelta": "durations"}
NO_FEATURES |= {"datetime": "dates", "period": "periods", "interval": "intervals"}
DIVIDES = "rows are divided by it"
INDEX = "the index of the frame that pandas wrote"
ASK = "; name it under data.numeric or data.categorical to use it"
CLASSES = {"ndarray": "lists", "list": "lists", "dict": "structs", "tuple": "lists"}


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


@dataclass(frozen=True)
class Look:
    """What a column is by what it holds, if the spec says nothing of it.

    Args:
        kind: What to take it for; `unusable` if it can be neither numbers nor categories.
        why: Why it is left out or unusable.
        advice: What to do about an unusable one.
        keys: Keys of `data` that would do, with their values; empty if `drop` is all there is.
    """

    kind: Literal["numeric", "categorical", "left out", "unusable"]
    why: str = ""
    advice: str = ""
    keys: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Choice:
    """The columns to learn from, and why others are left out.

    Args:
        numeric: Names of the numeric columns.
        categorical: Names of the categorical ones.
        left_out: Why each other column but the target is left out.
    """

    numeric: list[str]
    categorical: list[str]
    left_out: Mapping[str, str]


def look(column: pd.Series, data: CsvData | ParquetData) -> Look:
    """What a column is by what it holds.

    Args:
        column: As `read_table` gives it, [n].
        data: How its text is written.
    """
    odd = _no_feature(column)
    if odd:
        return Look("unusable", f"holds {odd}", "list it under data.drop or convert it to numbers")
    why = identifier(column)
    if pd.api.types.is_numeric_dtype(column) or column.isna().all():
        return Look("left out", why) if why else Look("numeric")
    found = hindrance(column, lambda text: as_numbers(text, data.decimal, data.thousands).notna())
    if found:
        return Look("unusable", found.what, found.advice, found.keys)
    return Look("left out", why) if why else Look("categorical")


def choose_columns(
    frame: pd.DataFrame, data: CsvData | ParquetData, where: str, index: tuple[str, ...] = ()
) -> Choice:
    """Numeric and categorical columns: as the spec says, else by what they hold.

    Columns of numbers are turned into float64, in place.

    Raises:
        UserError: If the spec names a column that is not there, or a column cannot be used.
    """
    chosen = check_names(tuple(frame.columns), data, where)
    left_out = dict.fromkeys(data.drop, "data.drop names it")
    if (by := dividing_column(data)) is not None:
        left_out[by] = DIVIDES
    left_out |= dict.fromkeys((name for name in index if name not in chosen), INDEX)
    rest = [c for c in frame.columns if c not in chosen and c != data.target and c not in left_out]
    found, unnamed = _by_kind(frame, rest, data, where)
    left_out |= unnamed
    numeric = found["numeric"] if data.numeric is None else list(data.numeric)
    categorical = found["categorical"] if data.categorical is None else list(data.categorical)
    for name in numeric:
        if frame[name].dtype != np.float64:
            frame[name] = _floats(frame[name], data, where)
    for name in categorical:
        if _no_feature(frame[name]) in CLASSES.values():
            raise UserError(
                f"{where}: column {quoted(name)} holds {_no_feature(frame[name])}, which cannot "
                "be categories; list it under data.drop"
            )
    if not numeric and not categorical:
        raise UserError(f"{where}: no column is left to learn from{_reasons(left_out)}")
    return Choice(numeric, categorical, left_out)


def _by_kind(
    frame: pd.DataFrame, names: list[str], data: CsvData | ParquetData, where: str
) -> tuple[dict[str, list[str]], dict[str, str]]:
    """Columns that the spec does not name: names by kind, and why others are left out."""
    found: dict[str, list[str]] = {"numeric": [], "categorical": []}
    left_out: dict[str, str] = {}
    unusable: dict[str, Look] = {}
    if data.numeric is not None and data.categorical is not None:
        return found, dict.fromkeys(names, "data.numeric and data.categorical do not name it")
    for name in names:
        seen = look(frame[name], data)
        if seen.kind == "unusable":
            unusable[name] = seen
        elif seen.kind == "left out":
            left_out[name] = seen.why + ASK
        elif getattr(data, seen.kind) is not None:
            left_out[name] = f"data.{seen.kind} does not name it"
        else:
            found[seen.kind].append(name)
    if unusable:
        _refuse(unusable, where)
    return found, left_out


def _refuse(unusable: Mapping[str, Look], where: str) -> NoReturn:
    name, *others = unusable
    also = f"; not usable either: {some(others)}" if others else ""
    seen = unusable[name]
    raise UserError(f"{where}: column {quoted(name)} {seen.why}; {seen.advice}{also}")


def _reasons(left_out: Mapping[str, str]) -> str:
    """Which columns were left out unasked, and why."""
    odd = [f"{name} ({why.removesuffix(ASK)})" for name, why in left_out.items() if ASK in why]
    return f"; left out: {some(odd, 3)}" if odd else ""


def _no_feature(column: pd.Series) -> str:
    """What a column holds that is neither numbers nor categories, with its type; else empty."""
    dtype = column.dtype
    if pd.api.types.is_object_dtype(column):
        kind = pd.api.types.infer_dtype(column, skipna=True)
        if kind in NO_FEATURES:
            return NO_FEATURES[kind]
        present = column.dropna()
        name = type(present.iloc[0]).__name__ if len(present) else ""
        return CLASSES.get(name, "")
    for test, what in (
        (pd.api.types.is_datetime64_any_dtype, "dates"),
        (pd.api.types.is_timedelta64_dtype, "durations"),
        (pd.api.types.is_complex_dtype, "complex numbers"),
        (lambda dtype: isinstance(dtype, pd.PeriodDtype), "periods"),
        (lambda dtype: isinstance(dtype, pd.IntervalDtype), "intervals"),
    ):
        if test(dtype):
            return f"{what} ({dtype})"
    return ""


def _floats(column: pd.Series, data: CsvData | ParquetData, where: str) -> pd.Series:
    odd = _no_feature(column)
    if odd:
        raise UserError(
            f"{where}: column {quoted(column.name)} is not numeric: it holds {odd}; list it under "
            "data.drop or convert it to numbers"
        )
    try:
        return column.astype("float64")
    except (ValueError, TypeError):
        numbers = as_numbers(column.astype("str"), data.decimal, data.thousands)
        wrong = np.flatnonzero(numbers.isna() & column.notna())
        found = hindrance(
            column.astype("str"),
            lambda text: as_numbers(text, data.decimal, data.thousands).notna(),
        )
        advice = found.advice if found else "list it under data.categorical or data.drop"
        others = f" (and {len(wrong) - 1:,} more rows hold text)" if len(wrong) > 1 else ""
        raise UserError(
            f"{where}: column {quoted(column.name)} is not numeric: row {wrong[0] + 1} holds "
            f"{quoted(column.iloc[wrong[0]])}{others}; {advice}"
        ) from None


def how_read(frame: pd.DataFrame, choice: Choice, target: str) -> tuple[ColumnReading, ...]:
    """Every column of the file, in its order.

    Args:
        frame: The whole file, [n].
        choice: What its columns were taken for.
        target: Name of the target.
    """
    kinds: dict[str, ReadAs] = dict.fromkeys(choice.numeric, "numeric")
    kinds |= dict.fromkeys(choice.categorical, "categorical")
    kinds[target] = "target"

    def one(name: str) -> ColumnReading:
        kind = kinds.get(name, "left out")
        missing = int(frame[name].isna().sum())
        different = _different(frame[name]) if kind in ("categorical", "target") else None
        return ColumnReading(name, kind, missing, different, choice.left_out.get(name, ""))

    return tuple(one(name) for name in frame.columns)


def _different(column: pd.Series) -> int | None:
    try:
        return int(column.nunique())
    except TypeError:  # lists and mappings as a target, which is refused later
        return None


def with_notes(
    reading: tuple[ColumnReading, ...],
    rows: pd.DataFrame,
    y: np.ndarray,
    notes: Mapping[str, str],
) -> tuple[ColumnReading, ...]:
    """The same with what is odd about the columns that are used.

    Args:
        reading: As `how_read` gives it.
        rows: The rows that are used, [m].
        y: Their labels 0 and 1, [m].
        notes: What else there is to say of a column.
    """

    def one(column: ColumnReading) -> ColumnReading:
        why = [column.why, notes.get(column.name, "")]
        if column.read_as in ("numeric", "categorical"):
            why.append(disguise(rows[column.name], y))
        return replace(column, why="; ".join(filter(None, why)))

    return tuple(one(column) for column in reading)
