"""Groups and times: the column by which the rows of a table are kept together or put in order."""

from __future__ import annotations

import numpy as np
import pandas as pd

from lrlab.errors import UserError
from lrlab.spec import CsvData, ParquetData
from lrlab.wording import quoted

LOOK = 100  # rows that are looked at first


def dividing_numbers(
    rows: pd.DataFrame, data: CsvData | ParquetData, where: str
) -> dict[str, np.ndarray]:
    """`groups` or `times` of `Labelled`, each [n]; nothing if rows are divided by class alone.

    Args:
        rows: Those that are used, with the column that divides them, none missing.
        data: Which column that is.
        where: The source's name, for messages.

    Raises:
        UserError: If the column holds no groups or no times.
    """
    if data.groups is not None:
        return {"groups": _groups(rows[data.groups], where)}
    return {} if data.split is None else {"times": _times(rows[data.split.by], where)}


def _groups(column: pd.Series, where: str) -> np.ndarray:
    try:
        codes, found = pd.factorize(column)
    except TypeError:  # lists, mappings
        raise UserError(
            f"{where}: column {quoted(column.name)} (data.groups) holds lists or structs; name a "
            "column of numbers or text"
        ) from None
    if len(found) < 2:
        raise UserError(
            f"{where}: column {quoted(column.name)} (data.groups) has one value, so all rows are "
            "one group and cannot be divided; leave data.groups out"
        )
    return codes


def _times(column: pd.Series, where: str) -> np.ndarray:
    """Times as numbers that are in the same order."""
    if pd.api.types.is_numeric_dtype(column):
        return column.rank(method="dense").to_numpy(np.float64)  # nanoseconds are no floats
    found = _dates(column)
    wrong = np.flatnonzero(found.isna())
    if len(wrong):
        others = f" (and {len(wrong) - 1:,} more rows)" if len(wrong) > 1 else ""
        raise UserError(
            f"{where}: column {quoted(column.name)} (data.split.by) is not a time: row "
            f"{column.index[wrong[0]] + 1} holds {quoted(column.iloc[wrong[0]])}{others}; write "
            "times as numbers or as 2024-01-31, 2024-01-31 23:59"
        )
    times: np.ndarray = found.to_numpy("datetime64[ns]").astype(np.int64)
    return times


def are_times(column: pd.Series) -> bool:
    """Whether a column of a table that is no numbers, none missing, can put its rows in order."""
    return bool(_dates(column.head(LOOK)).notna().all() and _dates(column).notna().all())


def _dates(column: pd.Series) -> pd.Series:
    """The moments that a column holds, missing where it holds something else."""
    given = column.astype("str") if pd.api.types.is_string_dtype(column) else column
    try:
        return pd.to_datetime(given, format="ISO8601", errors="coerce", utc=True)
    except (TypeError, ValueError):  # durations, lists: nothing of them is a date
        return pd.Series(pd.NaT, column.index)
