"""Preprocessing: names, numbers, and that one record makes every matrix."""

from __future__ import annotations

import math
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from lrlab.data import Problem, load_problem
from lrlab.data.preprocessing import Categorical, Numeric, category_text, learn, mean_and_scale
from lrlab.errors import UserError
from lrlab.spec import make_spec


def learned(frame: pd.DataFrame, numeric: list[str], categorical: list[str], **how: bool) -> Any:
    how = {"impute": False, "drop_constant": False} | how
    return learn(frame, numeric, categorical, "t.csv", **how)


def load(path: Path, frame: pd.DataFrame, **data: Any) -> Problem:
    frame.to_csv(path / "t.csv", index=False)
    given = {"source": "csv", "path": str(path / "t.csv"), "target": "y"} | data
    return load_problem(make_spec({"name": "t", "data": given}))


def test_the_record_makes_the_matrix_that_is_trained_on(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "at": 1.7e9 + rng.normal(0, 3e4, 60),
            "small": rng.normal(0, 1e-12, 60),
            "club": rng.choice(["red", "green", "blue"], 60),
            "sex": rng.choice(["f", "m"], 60),
            "y": [0, 1] * 30,
        }
    )
    frame.loc[::9, "small"] = np.nan
    frame.loc[::11, "club"] = None
    problem = load(tmp_path, frame, missing="impute")
    assert [type(c) for c in problem.preprocessing.columns] == [Numeric] * 2 + [Categorical] * 2
    again = problem.preprocessing.transform(pd.read_csv(tmp_path / "t.csv"))
    assert again.dtype == np.float64
    ours = torch.cat([problem.x_train, problem.x_val]).numpy()
    np.testing.assert_array_equal(np.sort(again.astype(np.float32), axis=0), np.sort(ours, axis=0))


def test_a_category_and_a_column_may_have_the_same_words() -> None:
    frame = pd.DataFrame(
        {
            "color=red": [1.0, 2.0, 3.0],
            "color_red": [1.0, 0.0, 3.0],
            "color": ["red", "green", "blue"],
            "color_red (2)": ["x", "y", "z"],
            "color=red ": [1.0, 2.0, 0.0],
        }
    )
    record = learned(frame, ["color=red", "color_red"], ["color"])
    assert record.feature_names == (
        *("color=red", "color_red"),
        *("color_blue", "color_green", "color=red (2)"),
    )
    assert record.columns[2].categories == ("blue", "green", "red")


def test_names_of_two_categorical_columns_do_not_meet() -> None:
    frame = pd.DataFrame({"a": ["b_c", "d", "e"], "a_b": ["c", "d", "e"]})
    names = learned(frame, [], ["a", "a_b"]).feature_names
    assert len(set(names)) == 6
    assert names == ("a_b_c", "a_d", "a_e", "a_b=c", "a_b_d", "a_b_e")


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ([1, 2, 3], ["1", "2", "3"]),
        ([1.0, 2.0, None], ["1", "2", None]),
        ([1.5, 1e300, -0.0], ["1.5", "1e+300", "0"]),
        ([True, False, True], ["True", "False", "True"]),
        (["a", None, ""], ["a", None, ""]),
        (pd.Categorical([3, 1, None]), ["3", "1", None]),
        (pd.array([1, None, 3], "Int64"), ["1", None, "3"]),
    ],
)
def test_a_category_is_one_text_whatever_type_holds_it(values: Any, text: list[Any]) -> None:
    found = category_text(pd.Series(values))
    assert [None if pd.isna(value) else value for value in found] == text


@pytest.mark.parametrize(("offset", "spread"), [(1.7e9, 1e-3), (1e12, 1.0), (0.0, 1e-12), (-3, 7)])
def test_mean_and_scale_are_those_of_exact_arithmetic(offset: float, spread: float) -> None:
    x = offset + spread * np.random.default_rng(1).normal(size=999)
    exact = [Fraction(value) for value in x.tolist()]
    mean = sum(exact) / len(exact)
    variance = sum((value - mean) ** 2 for value in exact) / len(exact)
    found = mean_and_scale(x)
    assert found[0] == pytest.approx(float(mean), rel=4e-16, abs=1e-15 * spread)
    assert found[1] == pytest.approx(math.sqrt(variance), rel=1e-12)


def test_errors_name_the_user_s_own_column() -> None:
    frame = pd.DataFrame({"region": ["2. Middle Atlantic"] * 3, "age": [1.0, 2.0, 3.0]})
    with pytest.raises(UserError, match=r"column 'region' is constant"):
        learned(frame, ["age"], ["region"])
    assert learned(frame, ["age"], ["region"], drop_constant=True).feature_names == ("age",)


def test_labels_keep_their_type(tmp_path: Path) -> None:
    frame = pd.DataFrame({"a": np.arange(40.0)})
    for values, labels in (
        ([0, 1], (0, 1)),
        ([True, False], (False, True)),
        (["no", "yes"], ("no", "yes")),
        ([0.5, 2.0], (0.5, 2.0)),
    ):
        problem = load(tmp_path, frame.assign(y=values * 20))
        assert problem.labels == labels
        assert [type(label) for label in problem.labels] == [type(label) for label in labels]
    problem = load(tmp_path, frame.assign(y=[1, 2, 3, 4] * 10), positive=3)
    assert problem.labels == ("rest", "3")
