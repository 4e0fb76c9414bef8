"""Missing values: which rows are used, and what is said of the others."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd

from lrlab.errors import UserError
from lrlab.spec import CsvData, ParquetData
from lrlab.wording import quoted, some

Written = Callable[[str], Mapping[str, int]]  # how a column's missing values are written


def usable_rows(
    frame: pd.DataFrame, data: CsvData | ParquetData, written: Written
) -> tuple[pd.DataFrame, dict[str, int]]:
    """The rows to use, and how many are left out for want of a value in which column.

    A row that lacks several values is counted once: for the target, else for the column that
    lacks most.

    Args:
        frame: Features and target, [n].
        data: What to do about missing values.
        written: How the missing values of a column are written in the file, and how often.

    Raises:
        UserError: If there are missing values and the spec does not say what to do about them.
    """
    missing = frame.isna().sum()
    if missing[data.target] and data.missing_target == "error" and data.missing != "drop":
        raise UserError(f"{data.path}: {_of_target(frame[data.target], written(data.target))}")
    costs: dict[str, int] = {}
    kept = frame
    if data.missing == "drop":
        kept, costs = frame.dropna(), _costs(frame, missing, data.target)
    elif missing[data.target]:
        kept = frame[frame[data.target].notna()]
        costs[data.target] = int(missing[data.target])
    if kept.empty:
        worst = str(missing.idxmax())
        raise UserError(
            f"{data.path}: no row is complete (column {quoted(worst)} lacks {missing[worst]:,} "
            "values); drop that column (data.drop) or impute (data.missing: impute)"
        )
    if data.missing == "error":
        _refuse(kept, data, written)
    return kept, costs


def refuse_missing(column: pd.Series, data: CsvData | ParquetData, where: str) -> None:
    """Make sure that the column that divides the rows has a value in each.

    Raises:
        UserError: If it has not.
    """
    if column.isna().any():
        key = "groups" if column.name == data.groups else "split.by"
        raise UserError(
            f"{where}: column {quoted(column.name)} (data.{key}) has {_count(column, {})}; fill "
            "them in, or set data.missing: drop to leave these rows out"
        )


def _refuse(frame: pd.DataFrame, data: CsvData | ParquetData, written: Written) -> None:
    missing = frame.isna().sum()
    lacking = missing[missing > 0]
    if not len(lacking):
        return
    name = str(lacking.idxmax())
    others = [str(other) for other in lacking.index if other != name]
    also = f"; missing values also in {some(others)}" if others else ""
    raise UserError(
        f"{data.path}: column {quoted(name)} has {_count(frame[name], written(name))}; set "
        f"data.missing to drop or impute, or list the column under data.drop"
        f"{_if_category(frame[name], written(name))}{also}"
    )


def _of_target(target: pd.Series, written: Mapping[str, int]) -> str:
    hint = f", or data.keep_default_na: false if {_signs(written)} is a class" if written else ""
    return (
        f"the target {quoted(target.name)} has {_count(target, written)}; set "
        f"data.missing_target: drop to leave these rows out{hint}"
    )


def _if_category(column: pd.Series, written: Mapping[str, int]) -> str:
    if not written or pd.api.types.is_numeric_dtype(column):
        return ""
    return f"; if {_signs(written)} is a category of its own, set data.keep_default_na: false"


def _signs(written: Mapping[str, int]) -> str:
    return " or ".join(quoted(sign) for sign in list(written)[:3])


def _count(column: pd.Series, written: Mapping[str, int]) -> str:
    rows = column.index[column.isna()] + 1
    values = "1 missing value" if len(rows) == 1 else f"{len(rows):,} missing values"
    signs = some((f"{count:,} written {sign}" for sign, count in written.items()), 3)
    place = "row" if len(rows) == 1 else "rows"
    return f"{values}{f' ({signs})' if signs else ''} in {place} {some(rows)}"


def _costs(frame: pd.DataFrame, missing: pd.Series, target: str) -> dict[str, int]:
    """Incomplete rows by the column that costs them: the target first, then the dearest one."""
    lacking = missing[missing > 0].sort_values(ascending=False, kind="stable")
    whole = np.ones(len(frame), bool)
    costs: dict[str, int] = {}
    for name in sorted(lacking.index, key=lambda name: name != target):
        lost = frame[name].isna().to_numpy() & whole
        whole &= ~lost
        if lost.any():
            costs[name] = int(lost.sum())
    return costs
