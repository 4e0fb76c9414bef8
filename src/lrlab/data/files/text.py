"""Text: which columns of text hold numbers or missing values, and what hinders the others."""

from __future__ import annotations

import pandas as pd


def as_typed(
    column: pd.Series, markers: frozenset[str], decimal: str = ".", thousands: str | None = None
) -> pd.Series:
    """A column with its missing values missing, and its numbers numbers.

    Text stays text unless all of it is numbers. Blanks around a number or a marker do not count;
    those around other text are part of it.

    Args:
        column: Of a frame, [n].
        markers: What stands for a missing value.
        decimal: Sign before the decimals.
        thousands: Sign between groups of digits, if any.

    Returns:
        The column itself, where there is nothing to do.
    """
    if pd.api.types.is_object_dtype(column):
        return _numbers_among_objects(column)
    if not pd.api.types.is_string_dtype(column):
        return column
    values = pd.Series(column.unique(), dtype="str").dropna()
    missing = values[values.str.strip().isin(markers)]
    present = values.drop(missing.index)
    if len(missing):
        column = column.mask(column.isin(missing))
    if len(present) and as_numbers(present, decimal, thousands).notna().all():
        return as_numbers(column, decimal, thousands)
    return column


def as_numbers(text: pd.Series, decimal: str = ".", thousands: str | None = None) -> pd.Series:
    """Text as numbers; NaN where it is none."""
    text = text.str.strip()
    if thousands:
        text = text.str.replace(thousands, "", regex=False)
    if decimal != ".":
        text = text.str.replace(decimal, ".", regex=False)
    return pd.to_numeric(text, errors="coerce")


def _numbers_among_objects(column: pd.Series) -> pd.Series:
    """Truth values with missing ones among them, and whole numbers too long for 64 bits."""
    kind = pd.api.types.infer_dtype(column, skipna=True)
    if kind == "boolean":
        return column.astype("boolean")
    if kind in ("integer", "floating", "mixed-integer-float"):
        return column.astype("float64")
    return column
