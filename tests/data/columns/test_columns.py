"""Columns: what each column of a table is taken for, and what is said of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from lrlab.data import ColumnReading, Problem, load_problem
from lrlab.data.columns.suspects import identifier
from lrlab.data.files.sources import missing_signs
from lrlab.spec import CsvData, make_spec


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


@pytest.mark.parametrize("missing", ["error", "impute"])
def test_rows_without_a_target_can_be_left_out_whatever_else_is_missing(
    tmp_path: Path, missing: str
) -> None:
    frame = with_holes()
    if missing == "error":
        frame = frame.fillna({"a": 1.0, "b": "u"})
    problem = load(tmp_path, frame, missing=missing, missing_target="drop")
    assert problem.rows_left_out == {"y": 2}
    assert len(problem.y_train) + len(problem.y_val) == 38


def test_missing_rows_do_not_change_what_the_classes_are_called(tmp_path: Path) -> None:
    frame = with_holes().assign(y=[1, 0] * 20)
    frame["y"] = frame["y"].where(frame.index > 2)
    assert load(tmp_path, frame, missing="drop").classes == ("0", "1")
    frame["y"] = frame["y"] == 1
    frame["y"] = frame["y"].astype(object).where(frame.index > 2)
    assert load(tmp_path, frame, missing="drop").classes == ("False", "True")


ROWS = 40
RNG = np.random.default_rng(8)


@pytest.mark.parametrize(
    ("name", "values", "left_out"),
    [
        ("k", range(ROWS), True),
        ("k", range(100, 100 - ROWS, -1), True),
        ("k", RNG.permutation(ROWS), True),
        ("k", RNG.permutation(100)[:ROWS], True),
        ("k", RNG.permutation(100_000)[:ROWS], False),
        ("id", RNG.permutation(100_000)[:ROWS], True),
        ("patient_id", RNG.permutation(100_000)[:ROWS], True),
        ("PassengerId", RNG.permutation(100_000)[:ROWS], True),
        ("customerid", RNG.permutation(100_000)[:ROWS], True),
        ("humid", RNG.permutation(100_000)[:ROWS], False),
        ("k", np.sort(RNG.permutation(100_000)[:ROWS]), True),
        ("k", [*range(ROWS - 1), 3], False),
        ("k", np.arange(ROWS) / 1.0, False),
        ("k", RNG.normal(size=ROWS), False),
        ("k", [f"name {i}" for i in range(ROWS)], True),
        ("k", [f"name {i % 19}" for i in range(ROWS)], False),
    ],
)
def test_what_is_left_out_as_an_identifier(name: str, values: Any, left_out: bool) -> None:
    assert bool(identifier(pd.Series(values, name=name))) is left_out


@pytest.mark.parametrize("values", [range(20), [f"name {i}" for i in range(20)]])
def test_a_small_table_has_no_identifiers_but_columns_without_a_name(values: Any) -> None:
    assert not identifier(pd.Series(values, name="k"))
    assert bool(identifier(pd.Series(values, name="Unnamed: 0"))) is isinstance(values, range)


def test_random_whole_numbers_are_hardly_ever_taken_for_identifiers() -> None:
    """Those that happen to be different among themselves are, at most once in a thousand."""
    draws = [pd.Series(RNG.integers(0, span, 30)) for span in [60, 200, 900] for _ in range(700)]
    assert sum(bool(identifier(draw)) for draw in draws) <= 2


@pytest.mark.parametrize(
    ("rows", "head"),
    [
        ("{i},{a},{b},{y}", ",a,b,y"),
        ("{i},{a},{b},{y}", "a,b,y"),
        ("{a},{b},{y},", "a,b,y"),
        ("{a},{b},{y},", "a,b,y,"),
    ],
    ids=["an index", "row names", "separators at the end", "also of the header"],
)
def test_how_missing_values_are_written_is_told_however_the_rows_are_laid_out(
    tmp_path: Path, rows: str, head: str
) -> None:
    lines = [
        rows.format(i=i, a=i / 8, b=["u", "v", "NA"][i % 3], y=["no", "yes"][i * 7 % 5 > 2])
        for i in range(40)
    ]
    (tmp_path / "t.csv").write_text("\n".join([head, *lines]))
    data = CsvData(path=tmp_path / "t.csv", target="y")
    assert missing_signs(data, "b") == {"NA": 13}
    assert missing_signs(data, "a") == {}
