"""Columns: what each column of a table is taken for, and what is said of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from lrlab.data import ColumnReading, Problem, load_problem
from lrlab.spec import make_spec


def load(path: Path, frame: pd.DataFrame, **data: Any) -> Problem:
    frame.to_csv(path / "t.csv", index=False)
    given = {"source": "csv", "path": str(path / "t.csv"), "target": "y"} | data
    return load_problem(make_spec({"name": "t", "data": given}))


def with_holes() -> pd.DataFrame:
    frame = pd.DataFrame(
        {"a": [0.5, 1.5, 2.5, 4.0] * 10, "b": ["u", "v"] * 20, "c": [1.0, 7.5] * 20}
    )
    frame["y"] = ["no", "yes"] * 10 + ["yes", "no"] * 10
    frame.loc[[0, 1, 2], "a"] = None
    frame.loc[[2, 3], "b"] = None
    frame.loc[[3, 5], "y"] = None
    return frame


def test_the_problem_says_how_every_column_of_the_file_was_read(tmp_path: Path) -> None:
    problem = load(tmp_path, with_holes(), missing="drop", drop=["c"])
    assert problem.reading == (
        ColumnReading("a", "numeric", 3, None),
        ColumnReading("b", "categorical", 2, 2),
        ColumnReading("c", "left out", 0, None, "data.drop names it"),
        ColumnReading("y", "target", 2, 2),
    )


def test_rows_left_out_are_counted_once_for_the_column_that_cost_them(tmp_path: Path) -> None:
    """Rows 3 and 5 lack the target, rows 0 to 2 the column that lacks most."""
    problem = load(tmp_path, with_holes(), missing="drop", drop=["c"])
    assert problem.rows_left_out == {"y": 2, "a": 3}
    assert len(problem.y_train) + len(problem.y_val) == 40 - 5
