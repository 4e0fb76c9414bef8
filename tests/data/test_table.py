"""Tables: what is learned from the training rows, and how bad tables are refused."""

from __future__ import annotations

import gzip
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sklearn.datasets
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.preprocessing import StandardScaler

from lrlab.data import Problem, load_problem
from lrlab.errors import UserError
from lrlab.spec import make_spec

N = 80
FORMATS = pytest.mark.parametrize("suffix", ["csv", "parquet"])


def table(n: int = N) -> pd.DataFrame:
    """Two numeric columns, one categorical one, and a target that they decide."""
    rng = np.random.default_rng(4)
    frame = pd.DataFrame(
        {
            "age": rng.normal(50, 12, n).round(1),
            "dose": rng.integers(1, 9, n),
            "ward": rng.choice(["north", "south", "west"], n),
        }
    )
    frame["ill"] = np.where(frame["age"] + 2 * frame["dose"] > 58, "yes", "no")
    return frame


def load(path: Path, **data: Any) -> Problem:
    source = "parquet" if path.suffix == ".parquet" else "csv"
    given = {"source": source, "path": str(path), "target": "ill"} | data
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # nothing that pandas or scikit-learn would mutter
        return load_problem(make_spec({"name": "t", "data": given}))


def write(folder: Path, frame: pd.DataFrame, suffix: str = "csv") -> Path:
    path = folder / f"table.{suffix}"
    if suffix == "csv":
        frame.to_csv(path, index=False)
    else:
        frame.to_parquet(path)
    return path


def refusal(path: Path, **data: Any) -> str:
    """The message, which begins with the file."""
    with pytest.raises(UserError) as caught:
        load(path, **data)
    message = str(caught.value)
    assert len(message.splitlines()) == 1
    assert message.startswith(f"{path}: ")
    return message.removeprefix(f"{path}: ")


def rows_of(frame: pd.DataFrame, problem: Problem, column: str) -> tuple[list[int], list[int]]:
    """Which rows were trained on and which held out, found by a column of distinct values."""
    j = problem.feature_names.index(column)
    order = np.argsort(frame[column].to_numpy(), kind="stable")
    found = []
    for x in (problem.x_train, problem.x_val):
        raw = (
            x[:, j].double().numpy() * problem.preprocessing.scale[j]
            + problem.preprocessing.mean[j]
        )
        at = np.searchsorted(frame[column].to_numpy()[order], raw - 1e-3)
        found.append(order[at].tolist())
    return found[0], found[1]


def distinct(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(age=np.random.default_rng(0).permutation(len(frame)) + 0.5)


# --- what a table becomes --------------------------------------------------------------------


@FORMATS
def test_numeric_columns_are_standardized_on_the_training_rows(
    tmp_path: Path, suffix: str
) -> None:
    frame = distinct(table())
    problem = load(write(tmp_path, frame, suffix), drop=["ward"], seed=3)
    assert problem.feature_names == ("age", "dose")
    train, val = rows_of(frame, problem, "age")
    assert sorted(train + val) == list(range(N))
    raw = frame[["age", "dose"]].to_numpy(float)
    scaler = StandardScaler().fit(raw[train])
    np.testing.assert_allclose(problem.preprocessing.mean, scaler.mean_)
    np.testing.assert_allclose(problem.preprocessing.scale, scaler.scale_)
    np.testing.assert_allclose(problem.x_train, scaler.transform(raw[train]), atol=1e-5)
    np.testing.assert_allclose(problem.x_val, scaler.transform(raw[val]), atol=1e-5)
    labels = (frame["ill"] == "yes").to_numpy(float)
    np.testing.assert_array_equal(problem.y_train, labels[train])
    np.testing.assert_array_equal(problem.y_val, labels[val])


@FORMATS
def test_a_categorical_column_becomes_one_column_a_category(tmp_path: Path, suffix: str) -> None:
    frame = distinct(table())
    problem = load(write(tmp_path, frame, suffix))
    assert problem.feature_names == ("age", "dose", "ward_north", "ward_south", "ward_west")
    train, val = rows_of(frame, problem, "age")
    hot = pd.get_dummies(frame["ward"]).to_numpy(float)
    np.testing.assert_array_equal(problem.x_train[:, 2:], hot[train])
    np.testing.assert_array_equal(problem.x_val[:, 2:], hot[val])
    np.testing.assert_array_equal(problem.preprocessing.mean[2:], 0)
    np.testing.assert_array_equal(problem.preprocessing.scale[2:], 1)


def test_csv_and_parquet_of_one_table_are_one_problem(tmp_path: Path) -> None:
    one, two = (load(write(tmp_path, table(), suffix)) for suffix in ("csv", "parquet"))
    assert one.digest() == two.digest()


def test_a_category_of_two_becomes_one_column(tmp_path: Path) -> None:
    frame = table().assign(ward=["a", "b"] * (N // 2))
    assert load(write(tmp_path, frame)).feature_names == ("age", "dose", "ward_b")


def test_a_category_met_only_in_held_out_rows_is_all_zeros(tmp_path: Path) -> None:
    frame = distinct(table())
    _, val = rows_of(frame, load(write(tmp_path, frame)), "age")
    frame.loc[val[0], "ward"] = "moon"
    problem = load(write(tmp_path, frame))
    assert problem.feature_names == ("age", "dose", "ward_north", "ward_south", "ward_west")
    _, val_again = rows_of(frame, problem, "age")
    row = val_again.index(val[0])
    assert problem.x_val[row, 2:].tolist() == [0, 0, 0]
    assert (problem.x_val[:, 2:].sum(axis=1) == 0).sum() == 1


@pytest.mark.parametrize("fraction", [0.1, 0.25, 0.5])
def test_both_parts_have_the_same_share_of_class_1(tmp_path: Path, fraction: float) -> None:
    frame = table(400)
    frame["ill"] = ["yes" if i % 8 == 0 else "no" for i in range(400)]
    problem = load(write(tmp_path, frame), val_fraction=fraction, test_fraction=0)
    assert len(problem.y_val) == 400 * fraction
    assert problem.y_val.mean().item() == pytest.approx(1 / 8, abs=1 / len(problem.y_val))
    assert problem.y_train.mean().item() == pytest.approx(1 / 8, abs=1 / len(problem.y_train))


def test_the_split_depends_on_the_seed_and_keeps_the_order_of_rows(tmp_path: Path) -> None:
    frame = distinct(table())
    path = write(tmp_path, frame)
    splits = [rows_of(frame, load(path, seed=seed), "age")[0] for seed in (1, 1, 2)]
    assert splits[0] == splits[1] != splits[2]
    assert all(rows == sorted(rows) for rows in splits)


def test_only_listed_columns_are_used_where_both_lists_are_given(tmp_path: Path) -> None:
    frame = table().assign(day=pd.Timestamp("2020-01-01"), other=1.0)
    path = write(tmp_path, frame, "parquet")
    problem = load(path, numeric=["dose"], categorical=[])
    assert problem.feature_names == ("dose",)


def test_numbers_may_be_listed_as_categories(tmp_path: Path) -> None:
    frame = table().assign(dose=[1, 2, 3, 4] * (N // 4))
    names = load(write(tmp_path, frame), categorical=["dose"], drop=["ward"]).feature_names
    assert names == ("age", "dose_1", "dose_2", "dose_3", "dose_4")


def test_truth_values_are_numbers(tmp_path: Path) -> None:
    frame = table().assign(ward=[True, False] * (N // 2))
    assert load(write(tmp_path, frame)).feature_names == ("age", "dose", "ward")


@pytest.mark.parametrize("separator", [";", "\t", "|", "§"])
def test_a_csv_file_may_have_another_separator(tmp_path: Path, separator: str) -> None:
    path = tmp_path / "table.csv"
    path.write_text(table().to_csv(index=False).replace(",", separator))
    assert load(path, separator=separator).digest() == load(write(tmp_path, table())).digest()


def test_a_long_column_with_one_text_is_text_from_its_first_row_on(tmp_path: Path) -> None:
    """pandas would read the first chunk as numbers: '1' and 1 would be two classes."""
    path = tmp_path / "table.csv"
    path.write_text("a,ill\n" + "1.5,1\n2.5,0\n" * 200_000 + "3.5,x\n")
    with pytest.raises(UserError, match=r"has 3 classes \(0, 1, x\)"):
        load(path)


# --- the target ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "positive", "classes"),
    [
        (["no", "yes"], None, ("no", "yes")),
        (["no", "yes"], "no", ("yes", "no")),
        ([0, 1], None, ("0", "1")),
        ([0, 1], 0, ("1", "0")),
        ([0, 1], "1", ("0", "1")),
        ([2.5, -1.0], None, ("-1.0", "2.5")),
        ([True, False], None, ("False", "True")),
        (["a", "b", "c"], "b", ("rest", "b")),
        ([1, 2, 3, 4], 3, ("rest", "3")),
    ],
)
def test_class_1_is_the_positive_one_or_the_larger_of_two(
    tmp_path: Path, values: list[Any], positive: Any, classes: tuple[str, str]
) -> None:
    frame = distinct(table()).assign(ill=[values[i % len(values)] for i in range(N)])
    problem = load(write(tmp_path, frame), positive=positive)
    assert problem.classes == classes
    train, _ = rows_of(frame, problem, "age")
    expected = [float(str(frame["ill"][row]) == classes[1]) for row in train]
    assert problem.y_train.tolist() == expected


@pytest.mark.parametrize(
    ("values", "data", "expected"),
    [
        (["yes"], {}, "has one class (yes); two are needed"),
        (["a", "b", "c"], {}, "has 3 classes (a, b, c); name one as data.positive"),
        (range(N), {}, "has 80 classes (0, 1, 2, 3, 4, 5 and 74 more); name one as data.positive"),
        (["a", "b"], {"positive": "c"}, "has no class 'c' (data.positive); it has a, b"),
        (
            ["yes", "no"],
            {"positive": True},
            "has no class True (data.positive); it has no, yes; write yes and no in quotes",
        ),
        (
            ["a", None],
            {},
            "has 40 missing values in rows 2, 4, 6, 8, 10, 12, 14, 16, 18, 20",
        ),
    ],
)
def test_a_target_without_two_classes_is_refused(
    tmp_path: Path, values: Any, data: dict[str, Any], expected: str
) -> None:
    frame = table().assign(ill=[[*values][i % len(values)] for i in range(N)])
    message = refusal(write(tmp_path, frame), **data)
    assert message.startswith(f"the target 'ill' {expected}")


@pytest.mark.parametrize("value", [[1, 2], {"a": 1}], ids=["lists", "mappings"])
def test_a_target_of_lists_or_mappings_is_refused(tmp_path: Path, value: Any) -> None:
    frame = table().assign(ill=[value] * N)
    path = write(tmp_path, frame, "parquet")
    assert refusal(path).startswith(
        "the target 'ill' holds values that cannot be classes, such as"
    )


# --- missing values --------------------------------------------------------------------------


def with_holes() -> pd.DataFrame:
    frame = distinct(table())
    frame["dose"] = np.exp(np.random.default_rng(2).normal(size=N))
    frame.loc[[3, 10, 20], "dose"] = np.nan
    frame.loc[7, "ward"] = None
    return frame


@FORMATS
def test_missing_values_are_refused_unless_the_spec_says_what_to_do(
    tmp_path: Path, suffix: str
) -> None:
    path = write(tmp_path, with_holes(), suffix)
    assert refusal(path) == (
        "column 'dose' has 3 missing values in rows 4, 11, 21; set data.missing to drop or "
        "impute, or list the column under data.drop; missing values also in ward"
    )
    assert "column 'ward' has 1 missing value in row 8" in refusal(path, drop=["dose"])


@FORMATS
def test_rows_with_missing_values_can_be_dropped(tmp_path: Path, suffix: str) -> None:
    frame = with_holes()
    frame.loc[30, "ill"] = None
    problem = load(write(tmp_path, frame, suffix), missing="drop")
    whole = write(tmp_path, frame.dropna(), suffix)
    assert problem.digest() == load(whole).digest()


@FORMATS
def test_missing_values_can_be_imputed_from_the_training_rows(tmp_path: Path, suffix: str) -> None:
    frame = with_holes()
    problem = load(write(tmp_path, frame, suffix), missing="impute")
    train, val = rows_of(frame, problem, "age")
    filled = frame.assign(
        dose=frame["dose"].fillna(frame["dose"].iloc[train].median()),
        ward=frame["ward"].fillna(frame["ward"].iloc[train].mode()[0]),
    )
    dose = StandardScaler().fit(filled[["dose"]].to_numpy()[train])
    for rows, x in ((train, problem.x_train), (val, problem.x_val)):
        expected = dose.transform(filled[["dose"]].to_numpy()[rows])[:, 0]
        np.testing.assert_allclose(x[:, 1], expected, atol=1e-5)
        hot = pd.get_dummies(filled["ward"]).to_numpy(float)[rows]
        np.testing.assert_array_equal(x[:, 2:], hot)


def test_a_category_missing_in_every_training_row_is_a_constant_column(tmp_path: Path) -> None:
    frame = distinct(table())
    parts = {"val_fraction": 0.25, "test_fraction": 0}
    _, val = rows_of(frame, load(write(tmp_path, frame), **parts), "age")
    frame["ward"] = [str(i) if i in val[:2] else None for i in range(N)]
    path = write(tmp_path, frame)
    assert "is constant on the training rows" in refusal(path, missing="impute", **parts)
    problem = load(path, missing="impute", constant="drop", **parts)
    assert problem.feature_names == ("age", "dose")


def test_a_column_of_nothing_but_missing_values_is_named(tmp_path: Path) -> None:
    path = write(tmp_path, table().assign(empty=None), "parquet")
    assert "column 'empty' has 80 missing values" in refusal(path)
    assert refusal(path, missing="drop").startswith(
        "no row is complete (column 'empty' lacks 80 values); drop that column (data.drop)"
    )
    assert "column 'empty' is constant" in refusal(path, missing="impute")
    assert "column 'empty' is constant" in refusal(path, missing="impute", categorical=["empty"])


def test_a_missing_target_is_never_imputed(tmp_path: Path) -> None:
    frame = table()
    frame.loc[[1, 2], "ill"] = None
    message = refusal(write(tmp_path, frame), missing="impute")
    assert message == (
        "the target 'ill' has 2 missing values in rows 2, 3; set data.missing_target: drop to "
        "leave these rows out"
    )


# --- bad files -------------------------------------------------------------------------------


@FORMATS
def test_a_file_that_is_not_there_is_named(tmp_path: Path, suffix: str) -> None:
    assert refusal(tmp_path / f"no.{suffix}") == "no such file (data.path)"


@FORMATS
def test_a_folder_is_no_table(tmp_path: Path, suffix: str) -> None:
    folder = tmp_path / f"folder.{suffix}"
    folder.mkdir()
    assert "irectory" in refusal(folder)


@FORMATS
def test_a_name_with_a_nul_byte_is_no_file(tmp_path: Path, suffix: str) -> None:
    message = refusal(tmp_path / f"a\0b.{suffix}")
    assert "null byte" in message or "NUL" in message


@FORMATS
@pytest.mark.parametrize(
    "content",
    [b"", bytes(range(256)) * 9, b"PAR1" + b"\xff" * 90 + b"PAR1", b"\xff\xfea\0,\0b\0\n\0"],
    ids=["empty", "garbage", "false Parquet", "UTF-16"],
)
def test_what_is_no_table_is_refused(tmp_path: Path, suffix: str, content: bytes) -> None:
    path = tmp_path / f"table.{suffix}"
    path.write_bytes(content)
    assert refusal(path).startswith("is not a table that can be read: ")


@pytest.mark.parametrize("packing", ["gz", "bz2", "zip", "xz", "zst", "tar"])
def test_a_broken_archive_is_refused(tmp_path: Path, packing: str) -> None:
    path = tmp_path / f"table.csv.{packing}"
    path.write_bytes(b"this is not an archive at all")
    assert refusal(path).startswith(("is not a table that can be read: ", "cannot read: "))


def test_a_packed_csv_file_is_read_and_a_truncated_one_refused(tmp_path: Path) -> None:
    path = tmp_path / "table.csv.gz"
    packed = gzip.compress(table().to_csv(index=False).encode())
    path.write_bytes(packed)
    assert load(path).digest() == load(write(tmp_path, table())).digest()
    path.write_bytes(packed[:-30])
    assert refusal(path).startswith("is not a table that can be read: ")


@FORMATS
def test_a_header_without_rows_is_refused(tmp_path: Path, suffix: str) -> None:
    assert refusal(write(tmp_path, table().iloc[:0], suffix)) == "has no rows"


def test_a_csv_file_is_not_parquet(tmp_path: Path) -> None:
    path = tmp_path / "table.parquet"
    path.write_text(table().to_csv(index=False))
    assert "Parquet" in refusal(path)


def test_rows_of_more_fields_than_the_header_are_refused(tmp_path: Path) -> None:
    """pandas would take the first column for row names and shift all others by one."""
    path = tmp_path / "table.csv"
    path.write_text("a,b,ill\n" + "1,2,0,9\n3,4,1,9\n" * 10)
    assert refusal(path) == "rows have more fields than the header line names"


def test_two_columns_of_one_name_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("a,a,ill\n" + "1,2,0\n3,4,1\n" * 10)
    assert refusal(path) == "column 'a' appears twice; rename one of the two"
    path = tmp_path / "table.parquet"
    columns = [pa.array([1.0, 2.0] * 10), pa.array([3.0, 4.0] * 10), pa.array([0, 1] * 10)]
    pq.write_table(pa.table(columns, names=["a", "a", "ill"]), path)
    assert refusal(path) == "column 'a' appears twice; rename one of the two"


# --- bad columns -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"target": "il"}, "no column 'il' (data.target); did you mean 'ill'?"),
        ({"target": "qqq"}, "no column 'qqq' (data.target); known: age, dose, ward, ill"),
        ({"drop": ["wards"]}, "no column 'wards' (data.drop); did you mean 'ward'?"),
        ({"numeric": ["agee"]}, "no column 'agee' (data.numeric); did you mean 'age'?"),
        ({"categorical": ["wrd"]}, "no column 'wrd' (data.categorical); did you mean 'ward'?"),
        ({"numeric": ["ill"]}, "column 'ill' is a feature, but also the target or dropped"),
        (
            {"numeric": ["age"], "drop": ["age"]},
            "column 'age' is a feature, but also the target or dropped",
        ),
        ({"numeric": ["age", "age"]}, "column 'age' is listed twice (data.numeric, data.categori"),
        (
            {"numeric": ["dose"], "categorical": ["dose"]},
            "column 'dose' is listed twice (data.numeric, data.categorical)",
        ),
        (
            {"numeric": ["ward"]},
            "column 'ward' is not numeric: row 1 holds 'west' (and 79 more rows hold text)",
        ),
        ({"drop": ["age", "dose", "ward"]}, "no column is left to learn from"),
        ({"numeric": [], "categorical": []}, "no column is left to learn from"),
    ],
)
def test_a_column_that_cannot_be_is_named_with_a_remedy(
    tmp_path: Path, data: dict[str, Any], expected: str
) -> None:
    frame = table()
    frame.loc[0, "ward"] = "west"
    assert refusal(write(tmp_path, frame), **data).startswith(expected)


@FORMATS
@pytest.mark.parametrize("sign", [1, -1])
def test_an_infinite_value_is_named_with_its_row(tmp_path: Path, suffix: str, sign: float) -> None:
    frame = table()
    frame.loc[12, "age"] = sign * np.inf
    expected = "column 'age' is infinite in row 13; correct the value or list the column under"
    assert refusal(write(tmp_path, frame, suffix)).startswith(expected)
    frame.loc[[2, 3], "dose"] = np.nan
    path = write(tmp_path, frame, suffix)
    assert refusal(path, missing="drop").startswith(expected)  # the file's row, not what is left


def test_the_row_of_a_text_among_numbers_is_named(tmp_path: Path) -> None:
    frame = table().astype({"age": object})
    frame.loc[41, "age"] = "old"
    assert refusal(write(tmp_path, frame), numeric=["age"]).startswith(
        "column 'age' is not numeric: row 42 holds 'old'; set data.na_values: [\"old\"] if that "
    )


@FORMATS
def test_a_constant_column_is_refused_or_dropped(tmp_path: Path, suffix: str) -> None:
    frame = table().assign(same=7, all="x")
    path = write(tmp_path, frame, suffix)
    assert refusal(path) == (
        "column 'same' (and 1 more) is constant on the training rows, so nothing can be learned "
        "from it; list it under data.drop or set data.constant: drop"
    )
    assert load(path, constant="drop").digest() == load(path, drop=["same", "all"]).digest()
    message = refusal(path, constant="drop", drop=["age", "dose", "ward"])
    assert message == "every column is constant on the training rows"


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (pd.date_range("2020-01-01", periods=N), "datetime64"),
        (pd.date_range("2020-01-01", periods=N, tz="UTC"), "UTC"),
        (pd.to_timedelta(range(N)), "timedelta64"),
    ],
    ids=["dates", "dates with a zone", "durations"],
)
def test_a_column_of_dates_is_refused_with_a_remedy(
    tmp_path: Path, values: Any, kind: str
) -> None:
    path = write(tmp_path, table().assign(day=values), "parquet")
    message = refusal(path)
    assert message.startswith("column 'day' holds ")
    assert kind in message
    assert message.endswith("list it under data.drop or convert it to numbers")
    assert "day" not in load(path, drop=["day"]).feature_names


@pytest.mark.parametrize(
    "values",
    [[1e308, -1e308], [1e200, -1e200], [1e-200, -1e-200], [5e-324, 0.0]],
    ids=str,
)
def test_numbers_that_floating_point_cannot_standardize_are_refused(
    tmp_path: Path, values: list[float]
) -> None:
    path = write(tmp_path, table().assign(far=values * (N // 2)))
    assert refusal(path).startswith("column 'far' cannot be standardized: its values are too far")


@pytest.mark.parametrize(
    ("yes", "no", "fraction", "remedy"),
    [
        (1, 79, 0.25, "each part needs a row of class yes, so add rows of that class"),
        (2, 2, 0.25, "set data.val_fraction: 0.5, or add rows of class no"),
        (40, 40, 0.001, "set data.val_fraction between 0.03 and 0.97, or add rows of class no"),
        (40, 40, 0.9999, "set data.val_fraction between 0.03 and 0.97, or add rows of class no"),
        (3, 77, 0.1, "set data.val_fraction between 0.34 and 0.66, or add rows of class yes"),
        (3, 77, 0.95, "set data.val_fraction between 0.34 and 0.66, or add rows of class yes"),
    ],
)
def test_a_split_that_leaves_a_part_without_a_class_is_refused_with_the_counts(
    tmp_path: Path, yes: int, no: int, fraction: float, remedy: str
) -> None:
    frame = table(yes + no).assign(ill=["yes"] * yes + ["no"] * no)
    message = refusal(write(tmp_path, frame), val_fraction=fraction, test_fraction=0)
    assert message.startswith(
        f"{yes + no} rows ({no} of class no, {yes} of class yes) cannot be split with "
        f"data.val_fraction = {fraction:g}: "
    )
    assert message.endswith(remedy)


def test_a_column_of_too_many_categories_is_refused_even_if_asked_for(tmp_path: Path) -> None:
    frame = table(1200).assign(patient=[f"p{i}" for i in range(1200)])
    assert refusal(write(tmp_path, frame), categorical=["patient"]) == (
        "column 'patient' has 1,200 different values, too many for one column each; list it "
        "under data.drop"
    )


# --- scikit-learn's own ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("dataset", "positive"),
    [("breast_cancer", None), ("digits", 3), ("iris", "virginica"), ("wine", "class_1")],
)
def test_every_data_set_of_scikit_learn_loads(dataset: str, positive: Any) -> None:
    data = {"source": "sklearn", "dataset": dataset, "positive": positive}
    problem = load_problem(make_spec({"name": "t", "data": data}))
    bunch = getattr(sklearn.datasets, f"load_{dataset}")()
    assert len(problem.y_train) + len(problem.y_val) == len(bunch.target)
    wanted = str(bunch.target_names[1]) if positive is None else str(positive)
    names = [str(name) for name in bunch.target_names[bunch.target]]
    ones = problem.y_train.sum() + problem.y_val.sum()
    assert ones == names.count(wanted)
    assert problem.classes[1] == wanted
    assert torch.isfinite(problem.x_train).all()
    assert problem.x_train.mean(dim=0).abs().max() < 1e-5


@pytest.mark.parametrize("dataset", ["digits", "iris", "wine"])
def test_a_data_set_of_many_classes_needs_a_positive_one(dataset: str) -> None:
    spec = make_spec({"name": "t", "data": {"source": "sklearn", "dataset": dataset}})
    with pytest.raises(UserError, match=rf"^sklearn {dataset}: .* name one as data\.positive"):
        load_problem(spec)


# --- whatever the table ----------------------------------------------------------------------

CELLS = {
    "short": st.floats(-3, 3, width=16),
    "letters": st.sampled_from("abc"),
    "numbers": st.floats(width=32) | st.integers(-5, 5),
    "wide": st.floats(),
    "few numbers": st.sampled_from([0, 1]),
    "words": st.sampled_from(["a", "b", "", "NA", "1", "x,y", 'q"', "\n"]),
    "text": st.text(max_size=5),
    "truth": st.booleans(),
    "dates": st.dates(),
    "mixed": st.one_of(st.none(), st.integers(), st.text(max_size=3), st.floats(), st.dates()),
    "nothing": st.none(),
}


@st.composite
def tables(draw: st.DrawFn) -> pd.DataFrame:
    n = draw(st.sampled_from([24, 30, 17, 12, 8, 3, 0]))
    names = draw(
        st.lists(st.sampled_from(["a", "b", "c", "a.1", "", "é"]), unique=True, max_size=4)
    )
    kinds = st.sampled_from(["short", "letters", "few numbers"]) | st.sampled_from(sorted(CELLS))
    columns = {name: draw(st.lists(CELLS[draw(kinds)], min_size=n, max_size=n)) for name in names}
    target = draw(st.sampled_from(["few numbers", "few numbers", "truth", "words", "mixed"]))
    columns["ill"] = draw(st.lists(CELLS[target], min_size=n, max_size=n))
    return pd.DataFrame(columns)


def check_problem_or_refusal(path: Path, data: dict[str, Any]) -> bool:
    """Whether a problem came out; fails on any exception but UserError."""
    try:
        problem = load(path, **data)
    except UserError as error:
        refused = str(error)
    else:
        check_problem(problem)
        return True
    assert refused.startswith(f"{path}: ")
    return False


def check_problem(problem: Problem) -> None:
    for tensor in (problem.x_train, problem.x_val, problem.y_train, problem.y_val):
        assert torch.isfinite(tensor).all()
    assert problem.x_train.shape == (len(problem.y_train), len(problem.feature_names))
    assert (
        len(problem.preprocessing.mean)
        == len(problem.preprocessing.scale)
        == problem.n_features
        >= 1
    )
    assert problem.digest()


IN_ORDER = st.fixed_dictionaries(
    {
        "missing": st.sampled_from(["impute", "drop"]),
        "constant": st.just("drop"),
        "split": st.fixed_dictionaries({"by": st.sampled_from(["a", "c"])}),
        "folds": st.integers(2, 3),
    }
)
HOW = st.fixed_dictionaries(
    {
        "missing": st.sampled_from(["impute", "drop", "error"]),
        "constant": st.sampled_from(["drop", "error"]),
        "val_fraction": st.just(0.25) | st.floats(0.01, 0.99),
        "test_fraction": st.just(0),
    }
) | st.fixed_dictionaries(
    {},
    optional={
        "missing": st.sampled_from(["drop", "impute"]),
        "constant": st.just("drop"),
        "positive": st.sampled_from([0, 1, "a", True]),
        "folds": st.integers(2, 6),
        "groups": st.sampled_from(["a", "b", "é"]),
        "numeric": st.lists(st.sampled_from(["a", "b"]), max_size=2),
        "categorical": st.lists(st.sampled_from(["a", "c"]), max_size=2),
        "drop": st.lists(st.sampled_from(["a", "é"]), max_size=1),
        "separator": st.sampled_from([",", ";", "a", "\n", '"', "é"]),
    },
)
QUICK = settings(
    max_examples=50,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@QUICK
@given(frame=tables(), how=HOW | IN_ORDER)
def test_any_csv_table_gives_a_problem_or_a_user_error(
    tmp_path: Path, frame: pd.DataFrame, how: dict[str, Any]
) -> None:
    path = tmp_path / "any.csv"
    text = frame.to_csv(index=False)
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    check_problem_or_refusal(path, how)


@QUICK
@given(frame=tables(), how=HOW | IN_ORDER)
def test_any_parquet_table_gives_a_problem_or_a_user_error(
    tmp_path: Path, frame: pd.DataFrame, how: dict[str, Any]
) -> None:
    path = tmp_path / "any.parquet"
    try:
        frame.to_parquet(path)
    except (pa.ArrowException, UnicodeEncodeError, OverflowError):
        return  # a mixed column; pandas writes none
    how.pop("separator", None)
    check_problem_or_refusal(path, how)


@QUICK
@given(raw=st.binary(max_size=80), suffix=st.sampled_from(["csv", "parquet", "csv.gz"]))
def test_any_bytes_give_a_problem_or_a_user_error(tmp_path: Path, raw: bytes, suffix: str) -> None:
    path = tmp_path / f"any.{suffix}"
    path.write_bytes(raw)
    check_problem_or_refusal(path, {})
    path.write_bytes(b"ill,a\n" + raw)
    check_problem_or_refusal(path, {})


def test_the_strategies_above_make_problems_too(tmp_path: Path) -> None:
    """Else the property tests would never come past the first check."""
    found = []

    easy = {"missing": "impute", "missing_target": "drop", "constant": "drop"}

    @settings(QUICK, max_examples=250, database=None, derandomize=True)
    @given(frame=tables())
    def collect(frame: pd.DataFrame) -> None:
        path = tmp_path / "any.csv"
        path.write_bytes(frame.to_csv(index=False).encode("utf-8", "surrogatepass"))
        found.append(check_problem_or_refusal(path, easy))

    collect()
    assert sum(found) > 5
