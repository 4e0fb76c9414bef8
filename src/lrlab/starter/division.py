"""Division: how a starter spec divides the rows, and how else they could be."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pandas as pd

from lrlab.data import Problem
from lrlab.data.columns.suspects import NAMED_LIKE_GROUP, NAMED_LIKE_IDENTIFIER
from lrlab.data.rows.groups import are_times
from lrlab.spec import SweepSpec

MOST = 3  # columns that are suggested of each kind
NAMED_LIKE_TIME = re.compile(r"(?i:(?:.*[\W_])?(?:date|datetime|timestamp|time|year|day))")


@dataclass(frozen=True)
class Key:
    """A line of the spec: a key of `data`, its value, and what was seen."""

    name: str
    value: Any
    seen: str


def division_keys(spec: SweepSpec, problem: Problem) -> Iterator[Key]:
    """The keys that divide the rows as they are divided where the spec says nothing.

    Args:
        spec: With its division written out.
        problem: Its data.
    """
    folds = getattr(spec.data, "folds", None)
    if folds:
        rows = f"{problem.rows_used:,} rows are few"
        yield Key("folds", folds, f"{rows}: each is validated by a model without it")
        return
    for name, part, use in (
        ("val_fraction", problem.y_val, "choose the settings"),
        ("test_fraction", problem.y_test, "judge the choice"),
    ):
        yield Key(name, getattr(spec.data, name), f"of the rows: {len(part):,} {use}")


def likely_divisions(frame: pd.DataFrame, target: str | None) -> Iterator[Key]:
    """Columns that rows may have to be kept together or put in order by.

    Args:
        frame: The whole table, [n].
        target: Its column to predict.
    """
    columns = [frame[name] for name in frame.columns if name != target]
    groups = [column for column in columns if _repeats(column)]
    for column in groups[:MOST]:
        seen = (
            f"{column.nunique():,} different ones: rows of one stay together, and it is no feature"
        )
        yield Key("groups", str(column.name), seen)
    for column in [column for column in columns if _is_time(column)][:MOST]:
        seen = "if the future is to be predicted: the latest rows judge, the earliest train"
        yield Key("split", {"by": str(column.name)}, seen)


def _repeats(column: pd.Series) -> bool:
    """Whether a column is named like an identifier, or whose, but names several rows alike."""
    kinds = (NAMED_LIKE_IDENTIFIER, NAMED_LIKE_GROUP)
    named = any(kind.fullmatch(str(column.name)) for kind in kinds)
    if not named or column.isna().any():
        return False
    if pd.api.types.is_float_dtype(column) or pd.api.types.is_bool_dtype(column):
        return False
    try:
        return 2 < column.nunique() <= len(column) / 2
    except TypeError:  # lists and mappings
        return False


def _is_time(column: pd.Series) -> bool:
    if column.isna().any() or column.empty:
        return False
    if pd.api.types.is_numeric_dtype(column):
        named = NAMED_LIKE_TIME.fullmatch(str(column.name)) is not None
        return named and not pd.api.types.is_bool_dtype(column) and column.nunique() > 2
    return are_times(column)
