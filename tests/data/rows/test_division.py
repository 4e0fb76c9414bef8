"""How rows are divided: against scikit-learn's own splitters, and what is said of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.model_selection import StratifiedKFold, TimeSeriesSplit, train_test_split
from sklearn.preprocessing import StandardScaler

from lrlab.data import Problem, load_divided, load_problem, why_other_folds
from lrlab.errors import SpecError, UserError
from lrlab.spec import SweepSpec, make_spec

N = 240


def table(n: int = N, share: float = 0.3) -> pd.DataFrame:
    """Two columns of numbers of which the first is the row's own, and a target."""
    rng = np.random.default_rng(3)
    frame = pd.DataFrame({"row": rng.permutation(n) + 0.5, "x": rng.normal(size=n)})
    frame["y"] = np.where(rng.permutation(n) < share * n, "yes", "no")
    return frame


@pytest.fixture
def spec_of(tmp_path: Path) -> Any:
    """A spec for a frame, which is written to a file."""

    def make(frame: pd.DataFrame, search: dict[str, Any] | None = None, **data: Any) -> SweepSpec:
        frame.to_csv(tmp_path / "t.csv", index=False)
        given = {"source": "csv", "path": str(tmp_path / "t.csv"), "target": "y"} | data
        train = {"dtype": "float64"}
        return make_spec({"name": "t", "data": given, "search": search or {}, "train": train})

    return make


def rows_in(frame: pd.DataFrame, problem: Problem, part: str) -> list[int]:
    """Which rows of the frame a part is, by the column that tells them apart."""
    column = problem.preprocessing.columns[0]
    values = getattr(problem, f"x_{part}")[:, 0].numpy() * column.scale + column.mean
    at = {round(value, 6): i for i, value in enumerate(frame["row"])}
    return [at[round(float(value), 6)] for value in values]


def parts(frame: pd.DataFrame, problem: Problem) -> tuple[list[int], list[int], list[int]]:
    train, val, test = (rows_in(frame, problem, part) for part in ("train", "val", "test"))
    for rows in (train, val, test):
        assert rows == sorted(rows)
    assert not set(train) & set(val) | set(train) & set(test) | set(val) & set(test)
    return train, val, test


# --- what is done where nothing is said ------------------------------------------------------


def test_a_small_table_is_divided_into_five_folds_and_a_large_one_in_three(spec_of: Any) -> None:
    small, _ = load_divided(spec_of(table(1999)))
    assert (small.data.folds, small.data.test_fraction, small.search.replicates) == (5, 0, 5)
    large, problem = load_divided(spec_of(table(2000)))
    assert (large.data.val_fraction, large.data.test_fraction) == (0.2, 0.2)
    assert (large.data.folds, large.search.replicates) == (None, 1)
    assert [len(y) for y in (problem.y_train, problem.y_val, problem.y_test)] == [1200, 400, 400]


@pytest.mark.parametrize(
    ("replicates", "folds"), [(1, None), (2, None), (3, 3), (8, 8), (11, None), (5, 5), (30, 5)]
)
def test_replicates_that_are_said_decide_how_many_folds_fit(
    spec_of: Any, replicates: int, folds: int | None
) -> None:
    given = spec_of(table(), {"replicates": replicates})
    spec, problem = load_divided(given)
    assert spec.data.folds == folds
    assert spec.search.replicates == replicates
    assert len(problem.folds) == (replicates if folds else 0)
    assert why_other_folds(given, spec) == ""


def test_what_is_not_said_follows_from_what_is(spec_of: Any) -> None:
    frame = table(60)

    def shares(**data: Any) -> tuple[Any, ...]:
        spec = spec_of(frame, **data)
        assert spec.is_divided
        return spec.data.val_fraction, spec.data.test_fraction, spec.data.folds

    assert shares(val_fraction=0.3) == (0.3, 0.2, None)
    assert shares(test_fraction=0.1) == (0.2, 0.1, None)
    assert shares(folds=4) == (None, 0, 4)
    assert shares(folds=0) == (0.2, 0.2, 0)
    assert shares(test="other.csv") == (0.2, 0, None)
    assert spec_of(frame, folds=4).search.replicates == 4
    assert spec_of(frame, folds=4).n_runs == 400


def test_runs_are_counted_before_the_table_is_read_with_the_most_that_there_may_be(
    spec_of: Any,
) -> None:
    spec = spec_of(table())
    assert (spec.n_runs, load_divided(spec)[0].n_runs) == (500, 500)
    spec = spec_of(table(), {"replicates": 3})
    assert (spec.n_runs, load_divided(spec)[0].n_runs) == (300, 300)


@pytest.mark.parametrize(("sampler", "batch"), [("tpe", 64), ("random", 102)])
def test_a_trial_batch_is_as_small_as_its_many_runs_ask_for(
    spec_of: Any, sampler: str, batch: int
) -> None:
    spec, _ = load_divided(spec_of(table(), {"sampler": sampler}))
    assert spec.search.batch == batch
    assert spec.search.batch == spec_of(table(), {"sampler": sampler}, folds=5).search.batch


def test_fewer_folds_are_taken_where_a_class_has_few_rows_and_it_is_said(spec_of: Any) -> None:
    given = spec_of(table(100, share=0.03))
    spec, problem = load_divided(given)
    assert (spec.data.folds, spec.search.replicates) == (3, 3)
    assert why_other_folds(given, spec) == (
        "5 folds would leave one without rows of both classes, so there are 3"
    )
    assert all(fold.y_val.sum() == 1 for fold in problem.folds)


# --- who gets which row ----------------------------------------------------------------------


def test_folds_are_those_of_scikit_learn_and_every_row_is_validated_once_a_repeat(
    spec_of: Any,
) -> None:
    frame = table()
    problem = load_problem(spec_of(frame, {"replicates": 10}, folds=5))
    y = (frame["y"] == "yes").to_numpy()
    split = StratifiedKFold(5, shuffle=True, random_state=1).split(y, y)
    for fold, (train, val) in zip(problem.folds, split, strict=False):
        assert parts(frame, fold) == (train.tolist(), val.tolist(), [])
        assert fold.val_rows.tolist() == val.tolist()
    for repeat in (problem.folds[:5], problem.folds[5:]):
        seen = np.concatenate([fold.val_rows for fold in repeat])
        assert sorted(seen) == list(range(N))
    assert problem.folds[5].val_rows.tolist() != problem.folds[0].val_rows.tolist()
    assert problem.shares_from == N
    assert [problem.of(r) is problem.folds[r % 10] for r in range(20)] == [True] * 20
    assert torch.equal(problem.x_val, problem.folds[0].x_val)
    assert problem.description == (
        "t.csv: 240 rows x 2 columns (5 folds in 2 repeats), class 1 is yes"
    )
    for fold in problem.folds:  # a model of any of them is logged with how the table is read
        assert (fold.cells, fold.reading) == (problem.cells, problem.reading)
        assert "(192 training, 48 validation)" in fold.description


def test_each_fold_is_scaled_by_its_own_training_rows(spec_of: Any) -> None:
    frame = table()
    problem = load_problem(spec_of(frame, folds=3, test_fraction=0.25))
    for fold in problem.folds:
        train, val, test = parts(frame, fold)
        x = frame[["row", "x"]].to_numpy()
        scaler = StandardScaler().fit(x[train])
        for found, rows in ((fold.x_train, train), (fold.x_val, val), (fold.x_test, test)):
            np.testing.assert_allclose(found.numpy(), scaler.transform(x[rows]), atol=1e-12)


def test_test_rows_are_the_same_for_all_folds_and_validated_by_none(spec_of: Any) -> None:
    frame = table()
    problem = load_problem(spec_of(frame, folds=4, test_fraction=0.25))
    tests = {tuple(parts(frame, fold)[2]) for fold in problem.folds}
    assert len(tests) == 1
    validated = {row for fold in problem.folds for row in fold.val_rows}
    assert validated == set(range(N)) - set(*tests)
    assert len(problem.y_test) == 60


def test_without_test_rows_the_validation_rows_are_those_of_earlier_releases(
    spec_of: Any,
) -> None:
    frame = table()
    problem = load_problem(spec_of(frame, val_fraction=0.25, test_fraction=0))
    y = (frame["y"] == "yes").to_numpy().astype(float)
    train, val = train_test_split(np.arange(N), test_size=0.25, random_state=1, stratify=y)
    assert parts(frame, problem) == (sorted(train), sorted(val), [])
    assert len(problem.folds) == len(problem.val_rows) == 0


def test_three_parts_are_shares_of_all_rows_with_the_same_share_of_class_1(spec_of: Any) -> None:
    frame = table(1070)
    problem = load_problem(spec_of(frame, val_fraction=0.2, test_fraction=0.2))
    counts = [len(rows) for rows in parts(frame, problem)]
    assert counts == [642, 214, 214]
    for y in (problem.y_train, problem.y_val, problem.y_test):
        assert float(y.mean()) == pytest.approx(0.3, abs=1 / len(y))
    assert problem.description == (
        "t.csv: 1,070 rows x 2 columns (642 training, 214 validation, 214 test), class 1 is yes"
    )


@pytest.mark.parametrize("how", [{"folds": 4}, {"val_fraction": 0.3}, {"folds": 3, "test": 0.2}])
def test_groups_are_never_divided(spec_of: Any, how: dict[str, Any]) -> None:
    frame = table().assign(patient=[f"p{i % 37}" for i in range(N)])
    how = {{"test": "test_fraction"}.get(key, key): value for key, value in how.items()}
    problem = load_problem(spec_of(frame, groups="patient", **how))
    assert problem.feature_names == ("row", "x")
    for fold in problem.folds or (problem,):
        groups = [set(frame["patient"][rows]) for rows in parts(frame, fold)]
        assert not groups[0] & groups[1] | groups[0] & groups[2] | groups[1] & groups[2]
        assert sum(map(len, groups)) == 37
        assert len(groups[2]) > 0 or how == {"folds": 4}
    codes = pd.factorize(frame["patient"])[0]
    for fold in problem.folds or (problem,):
        assert fold.test_groups.tolist() == codes[parts(frame, fold)[2]].tolist()
        assert fold.val_groups.tolist() == codes[parts(frame, fold)[1]].tolist()
    assert problem.rows_used == N
    assert problem.shares_from == (len(problem.y_test) or N)
    if problem.folds:
        seen = sorted(row for fold in problem.folds for row in fold.val_rows)
        assert len(seen) == len(set(seen)) == N - len(problem.y_test)


TIMES = {
    "numbers": lambda n: np.arange(n) * 1.5,
    "nanoseconds": lambda n: 1_700_000_000_000_000_000 + np.arange(n),
    "dates": lambda n: pd.date_range("2020-01-30", periods=n).astype(str),
    "times of day": lambda n: pd.date_range("2020-01-30", periods=n, freq="7h").strftime("%FT%TZ"),
}


@pytest.mark.parametrize("kind", TIMES)
def test_in_time_the_latest_rows_judge_and_those_before_them_validate(
    spec_of: Any, kind: str
) -> None:
    frame = table().assign(at=TIMES[kind](N)).sample(frac=1, random_state=2, ignore_index=True)
    spec = spec_of(frame, split={"by": "at"}, val_fraction=0.25, test_fraction=0.125)
    problem = load_problem(spec)
    assert problem.feature_names == ("row", "x")
    train, val, test = (frame["at"][rows] for rows in parts(frame, problem))
    assert (len(train), len(val), len(test)) == (150, 60, 30)
    assert train.max() < val.min() <= val.max() < test.min()


def test_folds_in_time_are_the_expanding_windows_of_scikit_learn(spec_of: Any) -> None:
    frame = table().assign(at=np.arange(N))
    problem = load_problem(spec_of(frame, split={"by": "at"}, folds=5))
    split = TimeSeriesSplit(5).split(np.arange(N))
    for fold, (train, val) in zip(problem.folds, split, strict=True):
        assert parts(frame, fold) == (train.tolist(), val.tolist(), [])
    assert (problem.rows_used, problem.shares_from) == (N, 200)


def test_rows_of_one_time_stay_together(spec_of: Any) -> None:
    frame = table().assign(day=np.arange(N) // 17)
    for data in ({"folds": 4}, {"val_fraction": 0.2}):
        problem = load_problem(spec_of(frame, split={"by": "day"}, **data))
        for fold in problem.folds or (problem,):
            days = [set(frame["day"][rows]) for rows in parts(frame, fold)]
            assert not days[0] & days[1] | days[1] & days[2] | days[0] & days[2]


def test_a_file_of_its_own_judges_and_changes_nothing_else(spec_of: Any, tmp_path: Path) -> None:
    frame = table().assign(club=["red", "blue", "green"] * (N // 3))
    other = frame.head(20).assign(club="unknown", more=1)[["y", "more", "club", "x", "row"]]
    other.to_csv(tmp_path / "later.csv", index=False)
    without = load_problem(spec_of(frame, val_fraction=0.2, test_fraction=0))
    for data in ({"val_fraction": 0.2}, {"folds": 3}):
        problem = load_problem(spec_of(frame, test=str(tmp_path / "later.csv"), **data))
        for fold in problem.folds or (problem,):
            x = other[["row", "x"]].to_numpy()
            found = (
                fold.preprocessing.mean[:2]
                + fold.x_test[:, :2].numpy() * (fold.preprocessing.scale[:2])
            )
            np.testing.assert_allclose(found, x, atol=1e-9)
            assert (fold.x_test[:, 2:] == 0).all()
            assert fold.y_test.tolist() == (other["y"] == "yes").astype(float).tolist()
        if not problem.folds:
            assert torch.equal(problem.x_train, without.x_train)
            assert torch.equal(problem.x_val, without.x_val)


def test_groups_of_a_test_file_are_its_own_if_it_has_their_column(
    spec_of: Any, tmp_path: Path
) -> None:
    frame = table().assign(patient=np.arange(N) // 4)
    frame.head(20).to_csv(tmp_path / "later.csv", index=False)
    frame.drop(columns="patient").head(20).to_csv(tmp_path / "without.csv", index=False)
    for name, groups in (("later.csv", [i // 4 for i in range(20)]), ("without.csv", [])):
        problem = load_problem(spec_of(frame, groups="patient", test=str(tmp_path / name)))
        assert problem.test_groups.tolist() == groups
        assert len(problem.y_test) == 20


def test_a_column_that_varies_in_one_fold_only_is_left_out_of_the_others(spec_of: Any) -> None:
    frame = table().assign(rare=[1.0] + [0.0] * (N - 1))
    frame = frame.assign(late=[0.0] * (N - 1) + [1.0], at=range(N))
    problem = load_problem(spec_of(frame, folds=4, split={"by": "at"}, drop=["rare"]))
    assert [fold.n_features for fold in problem.folds] == [2, 2, 2, 2]
    frame = frame.drop(columns=["late", "at"])
    problem = load_problem(spec_of(frame, folds=4))
    assert sorted(fold.n_features for fold in problem.folds) == [2, 3, 3, 3]
    assert "column 'flat' is constant" in refused(spec_of(frame.assign(flat=2), folds=4))


# --- what is refused -------------------------------------------------------------------------


def refused(spec: SweepSpec) -> str:
    with pytest.raises(UserError) as caught:
        load_problem(spec)
    message = str(caught.value)
    assert message.isprintable()
    assert len(message) < 500 + 2 * len(str(getattr(spec.data, "path", "")))
    return message


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"folds": 1}, "data.folds: should be 2 to 100, or 0 for none; got 1"),
        ({"folds": 3, "val_fraction": 0.2}, "folds and val_fraction exclude each other"),
        ({"val_fraction": 0.9}, "val_fraction = 0.9 and test_fraction = 0.2 leave no row to"),
        ({"test": "t.csv", "test_fraction": 0.1}, "test and test_fraction exclude each other"),
        ({"groups": "x", "split": {"by": "x"}}, "groups and split exclude each other"),
        ({"split": {"bye": "x"}}, "data.split.bye: unknown key; did you mean 'by'?"),
        ({"split": "x"}, "data.split: should be a section with keys"),
    ],
)
def test_keys_that_contradict_each_other_are_refused_with_both_names(
    spec_of: Any, data: dict[str, Any], said: str
) -> None:
    with pytest.raises(SpecError, match="spec: data") as caught:
        spec_of(table(), **data)
    assert said in str(caught.value)


def test_replicates_that_are_no_multiple_of_the_folds_are_refused_with_what_to_set(
    spec_of: Any,
) -> None:
    with pytest.raises(SpecError) as caught:
        spec_of(table(), {"replicates": 7}, folds=5)
    assert str(caught.value) == (
        "spec: search.replicates: 7 is no multiple of data.folds = 5, and each replicate trains "
        "without one fold; set search.replicates: 10, or other data.folds"
    )


@pytest.mark.parametrize(
    ("share", "data", "said"),
    [
        (0.02, {"folds": 5}, "(98 of class no, 2 of class yes) cannot be divided into 5 folds"),
        (0.02, {"folds": 5}, "set data.folds: 2, or add rows of class yes"),
        (0.02, {"val_fraction": 0.2}, "set data.folds: 2 in place of both, or add rows of class"),
        (0.01, {}, "each part needs a row of class yes, so add rows of that class"),
        (0.02, {"folds": 2, "test_fraction": 0.2}, "set fewer folds, data.test_fraction: 0, or"),
        (
            0.3,
            {"groups": "half", "folds": 5},
            "set fewer folds, or add groups with rows of class yes",
        ),
        (0.3, {"groups": "one"}, "(data.groups) has one value, so all rows are one group"),
        (0.3, {"groups": "gap"}, "column 'gap' (data.groups) has 2 missing values in rows 3, 4; "),
        (0.3, {"split": {"by": "gap"}}, "column 'gap' (data.split.by) has 2 missing values"),
        (0.3, {"split": {"by": "word"}}, "row 1 holds 'w0' (and 99 more rows); write times as"),
        (0.3, {"groups": "nix"}, "no column 'nix' (data.groups)"),
        (0.3, {"groups": "y"}, "rows are divided by the column 'y', so it is neither the target"),
        (0.3, {"groups": "x", "numeric": ["x"]}, "rows are divided by the column 'x'"),
        (0.3, {"split": {"by": "one"}, "folds": 3}, "cannot be divided into 3 folds (data.folds)"),
        (0.3, {"split": {"by": "one"}, "val_fraction": 0.2}, "or name a column with more differe"),
    ],
)
def test_rows_that_cannot_be_divided_are_refused_with_what_to_set(
    spec_of: Any, share: float, data: dict[str, Any], said: str
) -> None:
    frame = table(100, share).assign(
        half=["a", "b"] * 50, one=1, word=[f"w{i}" for i in range(100)]
    )
    frame["gap"] = [1.0, 2.0, None, None, *range(96)]
    if "gap" not in str(data):
        frame = frame.drop(columns="gap")
    if "word" not in str(data):
        frame = frame.drop(columns="word")
    if "one" not in str(data):
        frame = frame.drop(columns="one")
    assert said in refused(spec_of(frame, **data))


def test_rows_without_a_group_can_be_left_out(spec_of: Any) -> None:
    frame = table(100).assign(gap=[None, None, *[i % 9 for i in range(98)]])
    problem = load_problem(spec_of(frame, groups="gap", missing="drop", folds=3))
    assert problem.rows_left_out == {"gap": 2}
    assert problem.rows_used == 98


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"y": "perhaps"}, "holds 'perhaps', but the classes of the table are no, yes"),
        ({"y": "no"}, "the target 'y' has one class (no); two are needed"),
        ({"x": "text"}, "column 'x' is not numeric"),
        ({"x": None}, "column 'x' has 20 missing values"),
    ],
)
def test_a_test_file_that_is_another_table_is_refused_by_its_own_name(
    spec_of: Any, tmp_path: Path, changes: dict[str, Any], said: str
) -> None:
    table().head(20).assign(**changes).to_csv(tmp_path / "later.csv", index=False)
    message = refused(spec_of(table(), test=str(tmp_path / "later.csv")))
    assert message.startswith(f"{tmp_path / 'later.csv'}: ")
    assert said in message
    gone = refused(spec_of(table(), test=str(tmp_path / "gone.csv")))
    assert "gone.csv: no such file (data.test)" in gone


def test_a_table_does_not_judge_itself(spec_of: Any, tmp_path: Path) -> None:
    spec = spec_of(table())
    own = spec.model_copy(update={"data": spec.data.model_copy(update={"test": spec.data.path})})
    assert "is the table itself (data.path)" in refused(own)
