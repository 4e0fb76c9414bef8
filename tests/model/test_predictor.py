"""The page of code that predicts: on tables as they come, and against what was recorded."""

from __future__ import annotations

import ast
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from sklearn.metrics import accuracy_score, brier_score_loss, roc_auc_score
from sklearn.model_selection import train_test_split

from lrlab.data import Problem, load_problem
from lrlab.model import predictor
from lrlab.model.numbers import model_numbers
from lrlab.spec import SweepSpec, make_spec
from lrlab.train.loop import train
from lrlab.trial import TrialConfig

N = 160
Numbers = dict[str, Any]


def base(n: int = N, seed: int = 0) -> pd.DataFrame:
    """Two numeric columns, two categorical ones, and a target `y` that they decide in part."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "age": rng.normal(50, 12, n).round(1),
            "dose": rng.integers(1, 9, n),
            "ward": rng.choice(["north", "south", "west"], n),
            "sex": rng.choice(["f", "m"], n),
        }
    )
    told = (frame["age"] - 50) / 12 + (frame["ward"] == "west") + rng.normal(0, 1, n)
    frame["y"] = np.where(told > 0.3, "yes", "no")
    return frame


def numbers_of(
    spec: SweepSpec, problem: Problem, weight: np.ndarray, bias: float = 0.25
) -> Numbers:
    """As they come out of the file."""
    return dict(json.loads(json.dumps(model_numbers(spec, problem, weight, bias, {}))))


def spec_of(path: Path, **data: Any) -> SweepSpec:
    train = {"dtype": data.pop("dtype", "float32")}
    source = path.suffix[1:]
    given = {"source": source, "path": str(path), "target": "y"} | data
    return make_spec({"name": "t", "data": given, "train": train})


def model_on(folder: Path, frame: pd.DataFrame, **data: Any) -> tuple[Numbers, Problem]:
    """A model with weights 0.5, 1, 1.5 ... on a table."""
    frame.to_csv(folder / "t.csv", index=False)
    spec = spec_of(folder / "t.csv", **data)
    problem = load_problem(spec)
    return numbers_of(spec, problem, 0.5 * np.arange(1, 1 + problem.n_features)), problem


def expected(problem: Problem, frame: pd.DataFrame) -> np.ndarray:
    x = problem.preprocessing.transform(frame).astype(np.float32).astype(float)
    return expit(0.25 + x @ (0.5 * np.arange(1, 1 + problem.n_features)))


# --- what it takes -------------------------------------------------------------------------------


def test_it_gives_the_class_and_both_probabilities_of_the_raw_rows(tmp_path: Path) -> None:
    frame = base()
    model, problem = model_on(tmp_path, frame)
    found = predictor.predict(model, frame.set_index(np.arange(N) + 7))
    assert list(found) == ["prediction", "probability_no", "probability_yes"]
    assert list(found.index) == [*range(7, N + 7)]
    np.testing.assert_allclose(found["probability_yes"], expected(problem, frame), rtol=1e-13)
    np.testing.assert_allclose(found["probability_yes"] + found["probability_no"], 1, rtol=1e-15)
    assert (found["prediction"] == np.where(found["probability_yes"] >= 0.5, "yes", "no")).all()


@pytest.mark.parametrize(
    ("labels", "kind"),
    [([0, 1], "int64"), ([False, True], "bool"), ([0.5, 2.0], "float64"), (["a", "b"], "str")],
)
def test_a_prediction_is_a_label_of_the_table_in_its_own_type(
    tmp_path: Path, labels: list[Any], kind: str
) -> None:
    frame = base().assign(y=labels * (N // 2))
    found = predictor.predict(model_on(tmp_path, frame)[0], frame)
    assert str(found["prediction"].dtype) == kind
    assert set(found["prediction"]) <= set(labels)
    assert list(found)[1:] == [f"probability_{label}" for label in labels]


CHANGES: dict[str, Callable[[pd.DataFrame], pd.DataFrame]] = {
    "columns in another order": lambda f: f[[*reversed(f.columns)]],
    "columns beside": lambda f: f.assign(other=1, age2="x"),
    "whole numbers as decimals": lambda f: f.astype({"dose": float}),
    "nullable types": lambda f: f.convert_dtypes(),
    "numbers as text": lambda f: f.astype({"age": str, "dose": str}),
    "numbers as objects": lambda f: f.astype({"age": object, "dose": object}),
    "categories as pandas has them": lambda f: f.astype({"ward": "category", "sex": object}),
    "numbers as categories": lambda f: f.astype({"dose": "category"}),
    "blanks around numbers": lambda f: f.assign(dose=" " + f["dose"].astype(str) + " "),
}


@pytest.mark.parametrize("change", CHANGES)
def test_the_same_rows_in_other_types_are_predicted_alike(tmp_path: Path, change: str) -> None:
    frame = base()
    model, _ = model_on(tmp_path, frame)
    pd.testing.assert_frame_equal(
        predictor.predict(model, CHANGES[change](frame)), predictor.predict(model, frame)
    )


def test_a_category_that_training_did_not_see_counts_as_none(tmp_path: Path) -> None:
    frame = base()
    model, problem = model_on(tmp_path, frame)
    odd = frame.assign(ward="moon")
    found = predictor.predict(model, odd)["probability_yes"]
    np.testing.assert_allclose(found, expected(problem, odd), rtol=1e-13)


@pytest.mark.parametrize("marker", [np.nan, "?", "", "NA", None])
def test_missing_values_become_what_training_made_of_them(tmp_path: Path, marker: Any) -> None:
    frame = base()
    frame.loc[::9, "age"] = np.nan
    frame.loc[::11, "ward"] = None
    model, problem = model_on(tmp_path, frame, missing="impute")
    marked = frame.astype({"age": object})
    marked.loc[::9, "age"] = marker
    marked.loc[::11, "ward"] = marker
    found = predictor.predict(model, marked)["probability_yes"]
    np.testing.assert_allclose(found, expected(problem, frame), rtol=1e-13)


def test_a_value_that_training_never_missed_is_asked_for(tmp_path: Path) -> None:
    model, _ = model_on(tmp_path, base())
    for column in ("age", "ward"):
        frame = base()
        frame.loc[[2, 5], column] = None
        with pytest.raises(ValueError, match=f"^column '{column}' lacks a value in rows 3, 6; "):
            predictor.predict(model, frame)


def test_rows_that_training_would_have_left_out_get_no_prediction(tmp_path: Path) -> None:
    frame = base()
    frame.loc[[2, 5], "age"] = None
    frame.loc[7, "ward"] = None
    model, _ = model_on(tmp_path, frame, missing="drop")
    found = predictor.predict(model, frame)
    assert found.index[found.isna().all(axis=1)].tolist() == [2, 5, 7]
    assert found.drop(index=[2, 5, 7]).notna().all(axis=None)


def test_decimal_and_thousands_signs_hold_for_text_as_in_training(tmp_path: Path) -> None:
    frame = base().assign(income=lambda f: (f["age"] * 1000).astype(int))
    written = frame.assign(
        age=frame["age"].astype(str).str.replace(".", ","),
        income=frame["income"].map("{:,}".format).str.replace(",", "."),
    )
    written.to_csv(tmp_path / "t.csv", index=False, sep=";")
    how = {"separator": ";", "decimal": ",", "thousands": "."}
    spec = spec_of(tmp_path / "t.csv", **how)
    problem = load_problem(spec)
    model = numbers_of(spec, problem, 0.5 * np.arange(1, 1 + problem.n_features))
    for table in (frame, written):
        found = predictor.predict(model, table)["probability_yes"]
        np.testing.assert_allclose(found, expected(problem, frame), rtol=1e-12)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"drop": ["age", "sex"]}, "the table has no columns 'age', 'sex'; the model needs 'age'"),
        ({"age": "old"}, "column 'age' should hold numbers, but holds 'old' (first in row 1)"),
        ({"age": np.inf}, "column 'age' is infinite in rows 1, 2, 3"),
        ({"age": [[1]] * N}, "column 'age' holds values that are neither numbers nor text"),
        ({"age": pd.Timestamp(0)}, "column 'age' should hold numbers, but holds datetime64"),
    ],
)
def test_what_cannot_be_used_is_named(
    tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    model, _ = model_on(tmp_path, base())
    frame = base().drop(columns=change.pop("drop", [])).assign(**change)
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the message is compared
        predictor.predict(model, frame)
    assert str(caught.value).startswith(message)
    assert len(str(caught.value)) < 400


def test_no_rows_have_no_predictions_of_the_same_types(tmp_path: Path) -> None:
    model, _ = model_on(tmp_path, base())
    some, none = (predictor.predict(model, base().head(n)) for n in (3, 0))
    assert len(none) == 0
    pd.testing.assert_series_equal(none.dtypes, some.dtypes)


def test_a_threshold_moves_the_classes_and_not_the_probabilities(tmp_path: Path) -> None:
    model, _ = model_on(tmp_path, base())
    usual, strict = (predictor.predict(model, base(), threshold) for threshold in (None, 0.9))
    assert (strict["prediction"] == np.where(usual["probability_yes"] >= 0.9, "yes", "no")).all()
    np.testing.assert_array_equal(strict["probability_yes"], usual["probability_yes"])
    assert (predictor.predict(model, base(), 0.0)["prediction"] == "yes").all()
    with pytest.raises(ValueError, match=r"between 0 and 1, not 1\.5"):
        predictor.predict(model, base(), 1.5)


def test_probabilities_near_0_keep_their_digits(tmp_path: Path) -> None:
    model, _ = model_on(tmp_path, base())
    far = base().head(1).assign(age=-1e6)
    z, _ = predictor.logits(model, far)
    assert z[0] < -700 or predictor.predict(model, far)["probability_yes"][0] == np.exp(z[0])
    assert predictor.predict(model, far)["probability_no"][0] == 1


def test_the_page_needs_numpy_and_pandas_alone() -> None:
    tree = ast.parse(Path(predictor.__file__).read_text())
    found = {
        name
        for node in tree.body
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in ([node.module] if isinstance(node, ast.ImportFrom) else
                     [alias.name for alias in node.names])
    }  # fmt: skip
    assert found == {"__future__", "json", "math", "typing", "numpy", "pandas"}


# --- against the record --------------------------------------------------------------------------


@dataclass(frozen=True)
class Table:
    """A table, how it is read, and how it is learned."""

    frame: pd.DataFrame
    data: dict[str, Any]
    lr: float = 0.3
    suffix: str = "csv"


def tables() -> dict[str, Table]:
    rng = np.random.default_rng(3)
    z = rng.normal(size=(N, 3))
    frame = base()
    ties = pd.DataFrame(rng.integers(0, 2, (N + 83, 3)), columns=[*"abc"])
    holes = frame.mask(rng.random(frame.shape) < 0.1).assign(y=frame["y"])
    plain = {
        "numbers and categories": frame,
        "unix times": frame.assign(at=1.7e9 + 3e4 * z[:, 0]),
        "unix times in milliseconds, close together": frame.assign(at=1.7e12 + z[:, 0].round(3)),
        "tiny": frame.assign(small=1e-12 * z[:, 0]),
        "huge": frame.assign(large=1e12 + 1e9 * z[:, 0]),
        "tiny beside huge": frame.assign(s=1e-12 * z[:, 0], h=1e12 * z[:, 1], t=1.7e9 + z[:, 2]),
        "truth values": frame.assign(a=z[:, 0] > 0, b=z[:, 1] > 1),
        "ties in every row": ties.assign(y=rng.integers(0, 2, N + 83)),
        "one column": frame[["age", "y"]],
        "categories alone": frame[["ward", "sex", "y"]],
        "many categories": frame.assign(town=[f"town {i % 40}" for i in range(N)]),
        "names that meet": frame.assign(**{"ward_west": z[:, 0], "ward=west": z[:, 1]}),
        "a heavy tail": frame.assign(tail=np.exp(3 * z[:, 0])),
        "whole classes": frame.assign(y=(frame["y"] == "yes").astype(int)),
    }
    found = {name: Table(each, {}) for name, each in plain.items()}
    return found | {
        "imputed": Table(holes, {"missing": "impute"}),
        "rows left out": Table(holes, {"missing": "drop"}),
        "numbers as categories": Table(frame, {"categorical": ["dose", "ward"], "numeric": None}),
        "separable": Table(frame.assign(a=np.where(frame["y"] == "yes", 3.0, -3) + z[:, 0]), {}),
        "unstable": Table(frame, {}, lr=300.0),
        "double precision": Table(plain["unix times"], {"dtype": "float64"}),
        "Parquet": Table(plain["truth values"].assign(at=1.7e9 + z[:, 0]), {}, suffix="parquet"),
        "one against the rest": Table(frame.assign(y=rng.integers(1, 5, N)), {"positive": 3}),
    }


@pytest.mark.parametrize("name", tables())
def test_the_model_on_the_raw_held_out_rows_gives_the_recorded_metrics(
    tmp_path: Path, name: str
) -> None:
    """Recomputed by scikit-learn and by hand from what the model says of the user's own rows."""
    case = tables()[name]
    path = tmp_path / f"t.{case.suffix}"
    write = case.frame.to_parquet if case.suffix == "parquet" else case.frame.to_csv
    write(path, index=False)
    given = {key: value for key, value in case.data.items() if value is not None}
    spec = spec_of(path, val_fraction=0.25, test_fraction=0, **given)
    problem = load_problem(spec)
    settings = spec.train.model_copy(update={"steps": 25})
    run = train(problem, TrialConfig.of("momentum", "bce_logits", case.lr, 0.0), settings, seed=1)
    numbers = numbers_of(spec, problem, run.weight, run.bias)

    raw = pd.read_parquet(path) if case.suffix == "parquet" else pd.read_csv(path)
    raw = raw.dropna() if case.data.get("missing") == "drop" else raw
    y = (raw["y"].astype(str) == str(numbers["classes"][1])).to_numpy(int)
    _, held_out = train_test_split(np.arange(len(y)), test_size=0.25, random_state=1, stratify=y)
    found, y = predictor.predict(numbers, raw.iloc[held_out]), y[held_out]
    of_class = found[[f"probability_{label}" for label in numbers["classes"]]].to_numpy()
    said = (found["prediction"] == numbers["classes"][1]).to_numpy(int)
    assert run.outcome != "diverged"
    recomputed = {
        "val_log_loss": -np.log(of_class[np.arange(len(y)), y]).mean(),
        "val_accuracy": accuracy_score(y, said),
        "val_brier": brier_score_loss(y, of_class[:, 1]),
        "val_auc": roc_auc_score(y, of_class[:, 1]),
    }
    if name == "unstable":  # probabilities of 0 and 1 have no logarithm; the logits do
        z, _ = predictor.logits(numbers, raw.iloc[held_out])
        recomputed["val_log_loss"] = np.logaddexp(0, -(2 * y - 1) * z).mean()
        recomputed["val_auc"] = roc_auc_score(y, z)
    assert {key: run.final[key] for key in recomputed} == pytest.approx(recomputed, rel=1e-9)
