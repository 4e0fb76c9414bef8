"""How a table was read: shown before a sweep, kept with it, and told in its report."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from lrlab.data import ColumnReading, TableReading
from lrlab.data.columns.suspects import IN_DISGUISE

READING = TableReading(
    (
        ColumnReading("age", "numeric", 4, None),
        ColumnReading("city", "categorical", 0, 3),
        ColumnReading("row", "left out", 0, None, "counts the rows"),
        ColumnReading("churn", "target", 6, 2),
    ),
    rows=34,
    rows_left_out={"churn": 6, "age": 4},
)


def wide(count: int) -> TableReading:
    columns = [ColumnReading(f"c{i}", "left out", 1, None, "why") for i in range(count)]
    return TableReading(tuple(columns), 5, {f"c{i}": 1 for i in range(count)})


def test_it_is_read_back_as_it_was_written():
    assert TableReading.from_json(READING.to_json()) == READING


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"columns": [1], "rows": 1}'])
def test_anything_else_is_not_taken_for_one(text):
    with pytest.raises(ValueError, match=r"."):
        TableReading.from_json(text)


def test_rows_and_columns_left_out_are_counted_and_named():
    assert READING.lost_rows() == (
        "10 of 44 rows are left out, because a value is missing: 'churn' 6, 'age' 4"
    )
    assert READING.left_out() == "1 column is left out: 'row' (counts the rows)"
    assert READING.left_out(besides=["row"]) == ""
    assert TableReading(READING.columns, 44).lost_rows() == ""


def test_the_sentences_do_not_grow_with_the_table():
    reading = wide(322)
    assert reading.lost_rows().endswith("'c9' 1 and 312 more")
    assert reading.left_out().startswith("322 columns are left out: 'c0' (why)")
    assert reading.left_out().endswith("'c9' (why) and 312 more")


@pytest.fixture
def churn(workdir: Path) -> Path:
    """A table of 60 rows with gaps, and a spec that leaves rows and a column out."""
    frame = pd.DataFrame(
        {
            "age": [None, *range(20, 79)],
            "city": [["Rome", "Oslo"][i % 3 == 0] for i in range(60)],
            "note": "text",
            "churn": [["no", "yes"][(i + i // 7) % 2] for i in range(60)],
        }
    )
    frame.loc[[5, 8, 11], "age"] = None
    frame.to_csv("churn.csv", index=False)
    spec = {
        "name": "churn",
        "data": {
            "source": "csv",
            "path": "churn.csv",
            "target": "churn",
            "drop": ["note"],
            "missing": "drop",
        },
        "train": {"steps": 5},
        "search": {"trials": 2, "sampler": "random", "space": {"optimizer": "sgd", "lr": 0.1}},
    }
    (workdir / "churn.yaml").write_text(json.dumps(spec))
    return workdir


def test_the_plan_shows_it(churn: Path, cli: Callable) -> None:
    plan = cli("sweep", "churn.yaml", "--dry-run").out.splitlines()
    start = next(i for i, line in enumerate(plan) if line.startswith("how the columns were read"))
    rows = [line.split() for line in plan[start + 1 : start + 5]]
    assert rows[0] == ["age", "numeric", "4", "-"]
    assert rows[1] == ["city", "categorical", "-", "2"]
    assert rows[2][:3] == ["note", "left", "out"]
    assert rows[3] == ["churn", "target", "-", "2"]
    assert "Note: 4 of 60 rows are left out, because a value is missing: 'age' 4." in plan
    data = json.loads(cli("sweep", "churn.yaml", "--dry-run", "--json").out)["data"]
    assert data["columns"][0] == "age"
    assert len(data["columns"]) == 2
    assert (data["rows"] + data["held_out_rows"], data["rows_left_out"]) == (56, {"age": 4})
    assert data["read"][1] == {
        "column": "city",
        "read_as": "categorical",
        "missing": 0,
        "categories": 2,
        "why": "",
    }


def test_a_sweep_notes_the_rows_left_out_and_its_report_has_the_table_when_the_file_is_gone(
    churn: Path, cli: Callable, unpainted: None
) -> None:
    note = "4 of 60 rows are left out, because a value is missing: 'age' 4."
    assert f"Note: {note}" in cli("sweep", "churn.yaml", "--workers", "0").err
    (churn / "churn.csv").unlink()
    assert cli("report", "churn", "-o", "out", "--format", "md", "--format", "json").code == 0
    text = (churn / "out" / "report.md").read_text()
    assert "## How the columns were read" in text
    assert note in text
    rows = json.loads((churn / "out" / "report.json").read_text())["tables"]["columns"]
    assert [row["read_as"] for row in rows] == ["numeric", "categorical", "left out", "target"]


def test_a_column_that_gives_the_answer_away_is_asked_about() -> None:
    """As in ISLP's Smarket, where Today's return tells its direction."""
    asked = ColumnReading("Today", "numeric", 0, None, IN_DISGUISE)
    plain = ColumnReading("Lag1", "numeric", 0, None)
    assert TableReading((plain, asked), 10).in_disguise() == (
        "column 'Today' alone separates the classes; if it gives the answer away, list it under "
        "data.drop"
    )
    old = replace(asked, why="alone it tells the classes apart: is this the answer in disguise?")
    assert TableReading((plain, old, asked), 10).in_disguise() == (
        "columns 'Today', 'Today' alone each separate the classes; if they give the answer away, "
        "list them under data.drop"
    )
    assert TableReading((plain,), 10).in_disguise() == ""


def test_categories_that_may_be_groups_of_rows_are_asked_about_unless_rows_are_grouped() -> None:
    patient = ColumnReading("patient", "categorical", 0, 150)
    town = ColumnReading("town", "categorical", 0, 40)
    asked = TableReading((patient, town), 900).in_groups()
    assert asked.startswith("rows may belong together by 'patient' (150); if they do, name the")
    assert TableReading((town,), 900).in_groups() == ""
    assert TableReading((replace(patient, categories=900),), 900).in_groups() == ""
    visit = ColumnReading("visit", "left out", 0, None, "rows are divided by it")
    assert TableReading((patient, visit), 900).in_groups() == ""
