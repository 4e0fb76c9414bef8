"""`lrlab init` looks at the table first: what it writes runs as it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from lrlab import UserError, load_spec
from lrlab.data import Problem, load_problem
from lrlab.starter import starter_spec

N = 60


def table(**more: Any) -> pd.DataFrame:
    """Two numeric columns and a target, and columns of one's own."""
    rng = np.random.default_rng(5)
    x = rng.normal(size=(N, 2)).round(2)
    y = np.where(x[:, 0] + rng.logistic(size=N) > 0, "yes", "no")
    return pd.DataFrame({"age": x[:, 0], "dose": x[:, 1], **more, "ill": y})


def begun(
    folder: Path, content: pd.DataFrame | str, target: str = "ill", **options: Any
) -> tuple[dict[str, Any], str, Problem]:
    """Section `data` of the spec for a table, its text, and the problem that it gives."""
    path = folder / "table.csv"
    if isinstance(content, str):
        path.write_text(content, encoding="utf-8")
    else:
        content.to_csv(path, index=False, **options)
    file = folder / "spec.yaml"
    text = starter_spec(file, str(path), target)
    file.write_text(text, encoding="utf-8")
    return yaml.safe_load(text)["data"], text, load_problem(load_spec(str(file)))


def test_a_clean_table_needs_its_classes_and_l2_is_searched(tmp_path: Path) -> None:
    data, text, problem = begun(tmp_path, table())
    assert data["positive"] == "yes"
    ill = int((table()["ill"] == "yes").sum())
    assert f"# class 1: {ill} of {N} rows, against 'no'" in text
    assert yaml.safe_load(text)["search"]["space"]["l2"] == {"low": 1e-6, "high": 1, "log": True}
    assert problem.feature_names == ("age", "dose")


def test_missing_values_are_counted_and_imputed_and_rows_without_a_target_left_out(
    tmp_path: Path,
) -> None:
    frame = table().astype({"age": str})
    frame.loc[[3, 4, 5], "age"] = "?"
    frame.loc[[7, 8], "ill"] = None
    data, text, problem = begun(tmp_path, frame)
    assert data["missing"] == "impute"
    assert "# missing values: age 3;" in text
    assert data["missing_target"] == "drop"
    assert "# 2 rows have no target" in text
    assert len(problem.y_train) + len(problem.y_val) == problem.rows_used == N - 2


@pytest.mark.parametrize(
    ("options", "keys"),
    [
        ({"sep": ";", "decimal": ","}, {"separator": ";", "decimal": ","}),
        ({"sep": "\t"}, {"separator": "\t"}),
        ({"encoding": "latin-1"}, {"encoding": "latin-1"}),
    ],
)
def test_how_the_file_is_written_is_found(
    tmp_path: Path, options: dict[str, Any], keys: dict[str, Any]
) -> None:
    frame = table(town=np.resize(["Zürich", "Bern"], N))
    data, _, problem = begun(tmp_path, frame, **options)
    assert data.items() >= keys.items()
    assert problem.feature_names == ("age", "dose", "town_Zürich")


def test_a_title_and_excels_line_are_skipped(tmp_path: Path) -> None:
    text = table().to_csv(index=False)
    assert begun(tmp_path, f"Patients\n\n{text}")[0]["skiprows"] == 2
    assert begun(tmp_path, "sep=;\n" + text.replace(",", ";"))[0]["separator"] == ";"


def test_columns_that_cannot_be_used_are_dropped_and_markers_among_numbers_named(
    tmp_path: Path,
) -> None:
    weight = pd.Series(np.arange(N) / 7).round(2).astype(str)
    weight[[1, 2]] = "about 7"
    when = pd.date_range("2026-01-01", periods=N).astype(str)
    data, text, problem = begun(tmp_path, table(weight=weight, when=when))
    assert data["drop"] == ["when"]
    assert data["na_values"] == ["about 7"]
    assert "# among the numbers of weight" in text
    assert "# missing values: weight 2;" in text
    assert problem.feature_names == ("age", "dose", "weight")


def test_what_is_left_out_by_itself_is_said(tmp_path: Path) -> None:
    _, text, problem = begun(tmp_path, table(row=np.arange(N)))
    assert "# Left out: row (it counts the rows (0 to 59))." in text
    assert problem.feature_names == ("age", "dose")


def test_a_column_that_gives_the_answer_away_is_asked_about(tmp_path: Path) -> None:
    frame = table()
    frame["paid"] = np.where(frame["ill"] == "yes", 2.0, 1.0) + frame["dose"] / 100
    _, text, _ = begun(tmp_path, frame)
    assert "# paid: it alone separates the classes: does it give the answer away?\n" in text


def test_constant_columns_are_left_out_and_named(tmp_path: Path) -> None:
    data, text, problem = begun(tmp_path, table(country="CH"))
    assert data["constant"] == "drop"
    assert "# country: the same in all training rows" in text
    assert problem.feature_names == ("age", "dose")


def test_of_several_classes_the_commonest_is_set_against_the_rest(tmp_path: Path) -> None:
    frame = table(kind=np.resize(["a", "b", "b", "c"], N))
    data, text, problem = begun(tmp_path, frame, target="kind")
    assert data["positive"] == "b"
    assert "3 classes were seen, name any of them" in text
    assert problem.classes == ("rest", "b")


@pytest.mark.parametrize("values", [[0, 1], [True, False], ["1", "on"], ["NA", "yes"]])
def test_classes_that_yaml_or_pandas_would_take_for_something_else_stay_what_they_are(
    tmp_path: Path, values: list[Any]
) -> None:
    _, _, problem = begun(tmp_path, table(kind=np.resize(values, N)), target="kind")
    assert set(map(str, problem.classes)) == set(map(str, values))


def test_a_target_that_is_a_number_is_no_class(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"'age' has .* they cannot be classes. Add a column"):
        begun(tmp_path, table(), target="age")


def test_without_a_target_the_columns_that_could_be_are_listed(tmp_path: Path) -> None:
    table(kind=np.resize([0, 1], N)).to_csv(tmp_path / "table.csv", index=False)
    with pytest.raises(UserError, match=r"name the column to predict .*: kind, ill"):
        starter_spec(tmp_path / "spec.yaml", str(tmp_path / "table.csv"), None)


def test_a_misspelt_target_is_corrected(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no column 'il'.*'ill'"):
        begun(tmp_path, table(), target="il")


def test_what_cannot_be_learned_from_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    frame = table()
    frame["ill"] = ["yes", *["no"] * (N - 1)]
    with pytest.raises(UserError, match="1 of class yes"):
        begun(tmp_path, frame)
    assert not (tmp_path / "spec.yaml").exists()


def test_infinite_numbers_are_dropped_and_counted(tmp_path: Path) -> None:
    ratio = [float("inf"), float("-inf"), *np.linspace(0, 1, N - 2)]
    data, text, problem = begun(tmp_path, table(ratio=ratio))
    assert data["drop"] == ["ratio"]
    assert "ratio is infinite in some rows (2)" in text
    assert problem.feature_names == ("age", "dose")


@pytest.mark.parametrize(
    ("written", "keys"),
    [("{:,}", {"thousands": ","}), ("{}.250,5", {"thousands": ".", "decimal": ","})],
)
def test_signs_within_numbers_kept_as_text_are_found_in_parquet_too(
    tmp_path: Path, written: str, keys: dict[str, str]
) -> None:
    income = [1 + 7 * i % 59 for i in range(N)]
    values = [written.format(n if "." in written else 1000 * n + 5) for n in income]
    table(income=values).to_parquet(tmp_path / "table.parquet")
    file = tmp_path / "spec.yaml"
    file.write_text(starter_spec(file, str(tmp_path / "table.parquet"), "ill"))
    data = yaml.safe_load(file.read_text())["data"]
    assert {key: data.get(key) for key in keys} == keys
    assert load_problem(load_spec(str(file))).feature_names == ("age", "dose", "income")


def test_the_division_of_the_rows_is_written_out_as_it_would_be_without_a_word(
    tmp_path: Path,
) -> None:
    small, text, problem = begun(tmp_path, table())
    assert small["folds"] == len(problem.folds) == 5
    assert "folds: 5               # 60 rows are few: each is validated by a model" in text
    assert yaml.safe_load(text)["search"]["replicates"] == 5
    large = pd.concat([table()] * 40, ignore_index=True)
    data, text, problem = begun(tmp_path, large)
    assert (data["val_fraction"], data["test_fraction"]) == (0.2, 0.2)
    assert "# of the rows: 480 judge the choice" in text
    assert yaml.safe_load(text)["search"]["replicates"] == 1
    assert len(problem.y_test) == 480


def test_a_column_named_after_whose_rows_they_are_is_suggested_as_groups(tmp_path: Path) -> None:
    patient = [f"P{i // 4:03}" for i in range(N)]
    _, text, _ = begun(tmp_path, table(patient=patient, impatient=patient))
    assert "  # groups: patient " in text
    assert text.count("# groups") == 1


def test_columns_by_which_rows_may_have_to_be_divided_are_named(tmp_path: Path) -> None:
    when = pd.date_range("2026-01-01", periods=N).astype(str)
    frame = table(patient_id=np.arange(N) // 4, visit_date=when, no_id=np.arange(N))
    _, text, _ = begun(tmp_path, frame)
    assert "  # groups: patient_id" in text
    assert "# 15 different ones: rows of one stay together" in text
    assert "  # split: {by: visit_date}" in text
    assert text.count("# groups") == text.count("# split") == 1
    for key in ("groups", "split"):
        (tmp_path / "spec.yaml").write_text(text.replace(f"# {key}:", f"{key}:"))
        problem = load_problem(load_spec(str(tmp_path / "spec.yaml")))
        assert len(problem.folds) == 5
        left_out = {column.name for column in problem.reading if column.read_as == "left out"}
        assert ("patient_id" if key == "groups" else "visit_date") in left_out
