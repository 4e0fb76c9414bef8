"""How a table was read, for people and for the record."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import astuple, dataclass, field
from typing import TYPE_CHECKING, Any

import pandas as pd

from lrlab.data.columns.choice import DIVIDES, ColumnReading
from lrlab.data.columns.suspects import (
    IN_DISGUISE,
    IN_DISGUISE_0_1,
    NAMED_LIKE_GROUP,
    NAMED_LIKE_IDENTIFIER,
)
from lrlab.wording import quoted

if TYPE_CHECKING:
    from lrlab.data.problem import Problem

ASKED = (IN_DISGUISE, IN_DISGUISE_0_1)
MOST = 10  # columns that a sentence names
KEYS = ("column", "read_as", "missing", "categories", "why")  # as ColumnReading has them


@dataclass(frozen=True)
class TableReading:
    """How the columns of a table were read, and what that cost.

    Args:
        columns: In the file's order.
        rows: Rows that are used, in whichever part.
        rows_left_out: Rows that are not, by the column whose missing value cost them.
    """

    columns: tuple[ColumnReading, ...]
    rows: int
    rows_left_out: Mapping[str, int] = field(default_factory=dict)

    @staticmethod
    def of(problem: Problem) -> TableReading:
        """Of a problem; without columns where its data come from no file."""
        rows = problem.rows_used or len(problem.y_train) + len(problem.y_val)
        return TableReading(problem.reading, rows, dict(problem.rows_left_out))

    def to_json(self) -> str:
        """As the record keeps it."""
        content = {
            "rows": self.rows,
            "rows_left_out": self.rows_left_out,
            "columns": self.records(),
        }
        return json.dumps(content, indent=1, ensure_ascii=False)

    @staticmethod
    def from_json(text: str) -> TableReading:
        """What `to_json` wrote.

        Raises:
            ValueError: If `text` is anything else.
        """
        try:
            content = json.loads(text)
            columns = tuple(ColumnReading(*map(row.get, KEYS)) for row in content["columns"])
            left_out = {str(name): int(n) for name, n in content["rows_left_out"].items()}
            return TableReading(columns, int(content["rows"]), left_out)
        except (TypeError, KeyError, AttributeError) as error:
            raise ValueError(f"not how a table was read: {error}") from error

    def frame(self) -> pd.DataFrame:
        """One row a column of the file: column, read_as, missing, categories, why."""
        frame = pd.DataFrame(self.records(), columns=pd.Index(KEYS))
        return frame.astype({"missing": "int64", "categories": "float64"})

    def records(self) -> list[dict[str, Any]]:
        """The same as plain objects."""
        return [dict(zip(KEYS, astuple(column), strict=True)) for column in self.columns]

    def lost_rows(self) -> str:
        """How many rows were left out and for which columns; a sentence without its full stop.

        Empty where all are used.
        """
        lost = sum(self.rows_left_out.values())
        if not lost:
            return ""
        are = "is" if lost == 1 else "are"
        costs = sorted(self.rows_left_out.items(), key=lambda item: -item[1])
        named = [f"{name!r} {count:,}" for name, count in costs[:MOST]]
        return (
            f"{lost:,} of {lost + self.rows:,} rows {are} left out, because a value is missing: "
            + _enumerated(named, len(costs))
        )

    def in_disguise(self) -> str:
        """Which columns alone separate the classes; as `lost_rows` gives it."""
        found = [
            quoted(c.name) for c in self.columns if any(question in c.why for question in ASKED)
        ]
        if not found:
            return ""
        what, verb = ("column", "separates") if len(found) == 1 else ("columns", "each separate")
        it, them, give = ("it", "it", "gives") if len(found) == 1 else ("they", "them", "give")
        return (
            f"{what} {_enumerated(found[:MOST], len(found))} alone {verb} the classes; if {it} "
            f"{give} the answer away, list {them} under data.drop"
        )

    def in_groups(self) -> str:
        """Which categories look like groups of rows that belong together; as `lost_rows` gives it.

        Empty where the spec groups the rows, or puts them in order.
        """
        if any(column.why == DIVIDES for column in self.columns):
            return ""
        found = [
            column
            for column in self.columns
            if column.read_as == "categorical"
            and any(k.fullmatch(column.name) for k in (NAMED_LIKE_GROUP, NAMED_LIKE_IDENTIFIER))
            and 2 < (column.categories or 0) <= self.rows / 2
        ]
        if not found:
            return ""
        named = [f"{c.name!r} ({c.categories:,})" for c in found[:MOST]]
        return (
            f"rows may belong together by {_enumerated(named, len(found))}; if they do, name the "
            "column under data.groups, or the verdict holds only for groups that are known"
        )

    def left_out(self, besides: Collection[str] = ()) -> str:
        """Which columns were left out and why, `besides` aside; as `lost_rows` gives it."""
        gone = [c for c in self.columns if c.read_as == "left out" and c.name not in besides]
        if not gone:
            return ""
        count = "1 column is" if len(gone) == 1 else f"{len(gone):,} columns are"
        named = [f"{c.name!r} ({c.why})" for c in gone[:MOST]]
        return f"{count} left out: {_enumerated(named, len(gone))}"


def _enumerated(named: list[str], count: int) -> str:
    more = f" and {count - len(named):,} more" if count > len(named) else ""
    return ", ".join(named) + more
