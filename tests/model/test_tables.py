"""Tables to predict on, written in other ways than the one that was trained on."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from lrlab.errors import UserError
from lrlab.model.tables import read_parts

NUMBERS = {
    "cells": {"missing_markers": ["", "NA"], "missing_numbers": []},
    "columns": [{"name": "age", "kind": "numeric"}, {"name": "city", "kind": "categorical"}],
}
TABLE = pd.DataFrame({"city": ["Oslo", "Rome"], "age": [41.0, 37.5], "other": [1, 2]})


def read(path: Path) -> pd.DataFrame:
    return pd.concat(list(read_parts(path, NUMBERS)))


@pytest.mark.parametrize(
    "text",
    [
        "city, age, other\nOslo, 41, 1\nRome, 37.5, 2\n",
        "'city','age','other'\n'Oslo',41,1\n'Rome',37.5,2\n",
        "city,age,other\nOslo,41,1,\nRome,37.5,2,\n",
        "city,age,other\n1,Oslo,41,1\n2,Rome,37.5,2\n",
    ],
    ids=["blanks after commas", "single quotes", "trailing separators", "names of rows"],
)
def test_a_header_is_understood_as_in_training(tmp_path: Path, text: str) -> None:
    (tmp_path / "t.csv").write_text(text)
    found = read(tmp_path / "t.csv")
    pd.testing.assert_frame_equal(found, TABLE[["age", "city"]])


def test_the_index_of_a_frame_in_parquet_is_a_column(tmp_path: Path) -> None:
    TABLE.set_index("city").to_parquet(tmp_path / "t.parquet")
    found = read(tmp_path / "t.parquet")
    pd.testing.assert_frame_equal(found, TABLE[["age", "city"]], check_dtype=False)


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_table_without_rows_is_one_empty_part(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"t.{kind}"
    none = TABLE.head(0)
    none.to_csv(path, index=False) if kind == "csv" else none.to_parquet(path)
    [part] = read_parts(path, NUMBERS)
    assert (list(part), len(part)) == (["age", "city"], 0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("city,age\nOslo,41\nRo,me,37\n", "Expected 2 fields in line 3, saw 3"),
        ("age,city,age\n1,Oslo,41\n", "column 'age' appears twice; rename one of the two"),
    ],
)
def test_what_training_refuses_is_not_predicted_on(
    tmp_path: Path, text: str, message: str
) -> None:
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(UserError, match=message):
        read(tmp_path / "t.csv")
