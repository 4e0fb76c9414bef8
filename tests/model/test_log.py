"""The logged model, used as docs/mlflow.md says, on the table as it is."""

from __future__ import annotations

import ast
import io
import json
import logging
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest
import torch
from mlflow.entities import LoggedModel

from lrlab import make_spec, track
from lrlab.data import LogisticRegression, load_problem
from lrlab.model import predictor
from lrlab.sweep import SweepResult, run_sweep
from lrlab.track import Store
from lrlab.track.read import load_weights
from support import Outcome, tiny

Cli = Callable[..., Outcome]


@dataclass(frozen=True)
class Logged:
    """A finished sweep on a table, and its model as MLflow loads it."""

    table: pd.DataFrame
    result: SweepResult
    store: Store
    model: Any
    page: LoggedModel


def make_table() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"age": rng.integers(18, 90, 90), "income": rng.normal(size=90)})
    table["color"] = rng.choice(["red", "green", "blue"], size=90)
    score = (table["age"] - 54) / 20 + (table["color"] == "red") + rng.normal(size=90)
    table.loc[::7, "income"] = np.nan
    return table.assign(label=(score > 0).astype(int))


@pytest.fixture(scope="module")
def logged(tmp_path_factory: pytest.TempPathFactory, empty_store: Path) -> Iterator[Logged]:
    folder = tmp_path_factory.mktemp("logged")
    shutil.copy(empty_store, folder / "mlflow.db")
    uri = f"sqlite:///{folder / 'mlflow.db'}"
    table = make_table()
    table.to_csv(folder / "t.csv", index=False)
    data = {"source": "csv", "path": str(folder / "t.csv"), "target": "label", "missing": "impute"}
    data |= {"val_fraction": 0.25, "test_fraction": 0}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        spec = make_spec(
            tiny(name="filled", data=data, search={"trials": 4}, register_model="clients")
        )
        result = run_sweep(spec, tracking_uri=uri)
        store = track.connect(uri)
        mlflow.set_tracking_uri(uri)
        try:
            model = mlflow.pyfunc.load_model(f"runs:/{result.run_id}/model")
            experiment = track.find_sweep(store).experiment_id
            [page] = store.client.search_logged_models([experiment])
            yield Logged(table, result, store, model, page)
        finally:
            mlflow.set_tracking_uri(None)


def test_it_takes_the_table_and_gives_what_the_best_run_s_weights_give(logged: Logged) -> None:
    found = logged.model.predict(logged.table)
    weights = _state(logged)
    problem = load_problem(track.load_sweep_spec(logged.store, track.find_sweep(logged.store)))
    module = LogisticRegression(problem.n_features).double()
    module.load_state_dict(weights)
    x = torch.from_numpy(problem.preprocessing.transform(pd.read_csv(_path(logged))))
    with torch.no_grad():
        p = module.probability(x).numpy()
    np.testing.assert_allclose(found["probability_1"], p, rtol=1e-6)
    assert found["prediction"].dtype == np.int64
    assert (found["prediction"] == (p >= 0.5)).all()


def _state(logged: Logged) -> dict[str, torch.Tensor]:
    path = logged.store.client.download_artifacts(logged.result.best.run_id, "weights.pt")
    state: dict[str, torch.Tensor] = torch.load(path, weights_only=True)
    return state


def _path(logged: Logged) -> Path:
    spec = track.load_sweep_spec(logged.store, track.find_sweep(logged.store))
    return Path(spec.data.path)  # type: ignore[union-attr]


def test_whole_numbers_missing_values_and_other_columns_are_taken(logged: Logged) -> None:
    """MLflow's own types would refuse the first where decimals were declared."""
    whole = logged.table.assign(income=1, other="x")
    holes = logged.table.assign(age=logged.table["age"].where(logged.table["age"] > 30))
    assert len(logged.model.predict(whole)) == len(logged.model.predict(holes)) == 90
    with pytest.raises(Exception, match=r"missing inputs \['income', 'color'\]"):
        logged.model.predict(logged.table[["age"]])
    strict = logged.model.predict(logged.table, params={"threshold": 1.0})
    assert (strict["prediction"] == 0).all()


def test_its_page_says_what_it_is(logged: Logged) -> None:
    best, page = logged.result.best, logged.page
    assert best is not None
    note = page.tags["mlflow.note.content"]
    assert "best run of the sweep filled" in note
    assert "t.csv: 90 rows x 5 columns (67 training, 23 validation)" in note
    assert "probability_1" in note
    measured = {metric.key: metric for metric in page.metrics or []}
    assert measured["best_val_log_loss"].value == best.latest["val_log_loss"]
    assert {name: measured[name].value for name in best.latest} == best.latest
    assert {metric.dataset_name for metric in measured.values()} == {"t.csv"}
    signature = logged.model.metadata.signature
    assert signature.inputs.input_names() == ["age", "income", "color"]
    assert signature.outputs.input_names() == ["prediction", "probability_0", "probability_1"]
    assert logged.model.metadata.load_input_example().shape == (5, 3)
    [version] = logged.store.client.search_model_versions("name = 'clients'")
    assert version.description == note
    assert version.source == f"models:/{page.model_id}"


def test_the_run_that_it_came_from_is_marked(logged: Logged) -> None:
    runs = logged.store.client.search_runs(
        [logged.page.experiment_id], f"tags.`lrlab.logged_model` = '{logged.page.model_id}'"
    )
    assert [run.info.run_id for run in runs] == [logged.result.best.run_id]


def test_it_is_numbers_and_a_page_of_code_without_pickle(logged: Logged, tmp_path: Path) -> None:
    folder = Path(mlflow.artifacts.download_artifacts(logged.page.model_uri, dst_path=tmp_path))
    files = {path.name for path in folder.rglob("*") if path.is_file()}
    assert {"logistic_regression.py", "model.json", "weights.pt", "MLmodel"} <= files
    assert not {name for name in files if name.endswith(".pkl")}
    numbers = json.loads((folder / "artifacts" / "model.json").read_text())
    assert numbers["classes"] == [0, 1]
    assert [column["name"] for column in numbers["columns"]] == ["age", "income", "color"]
    assert "lrlab" not in (folder / "requirements.txt").read_text()
    assert "import lrlab" not in (folder / "logistic_regression.py").read_text()


def test_mlflow_evaluates_it(logged: Logged) -> None:
    logging.getLogger("mlflow").setLevel(logging.CRITICAL)
    classes = mlflow.pyfunc.load_model(
        logged.page.model_uri, model_config={"output": "prediction"}
    )
    with mlflow.start_run(experiment_id=logged.page.experiment_id):
        found = mlflow.models.evaluate(
            classes,
            logged.table,
            targets="label",
            model_type="classifier",
            evaluator_config={"log_model_explainability": False},
        )
    predicted = logged.model.predict(logged.table)["prediction"]
    right = (predicted == logged.table["label"]).mean()
    assert found.metrics["accuracy_score"] == pytest.approx(right)


# --- lrlab predict and show --coefficients -------------------------------------------------------


def frame_of(text: str) -> pd.DataFrame:
    return pd.read_csv(io.StringIO(text))


@pytest.mark.parametrize(
    "named", ["name", "run id", "start of it", "registered", "runs:/", "folder"]
)
def test_predict_takes_a_sweep_or_a_model_by_any_of_its_names(
    logged: Logged, cli: Cli, tmp_path: Path, named: str
) -> None:
    run_id = logged.result.run_id
    name = {
        "name": "filled",
        "run id": run_id,
        "start of it": run_id[:6],
        "registered": "models:/clients/1",
        "runs:/": f"runs:/{run_id}/model",
        "folder": logged.page.artifact_location,
    }[named]
    logged.table.to_csv(tmp_path / "t.csv", index=False)
    done = cli("predict", name, str(tmp_path / "t.csv"), "--tracking-uri", logged.store.uri)
    assert done.code == 0, done.err
    pd.testing.assert_frame_equal(
        frame_of(done.out), logged.model.predict(logged.table), check_dtype=True, rtol=1e-14
    )


def test_predict_reads_parquet_as_csv_and_writes_a_file(
    logged: Logged, cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lrlab.model.tables.ROWS", 32)  # several parts
    logged.table.to_csv(tmp_path / "t.csv", index=False)
    logged.table.to_parquet(tmp_path / "t.parquet")
    where = ("--tracking-uri", logged.store.uri, "--threshold", "0.7")
    for kind in ("csv", "parquet"):
        out = tmp_path / f"{kind}.out"
        done = cli("predict", "filled", str(tmp_path / f"t.{kind}"), *where, "-o", str(out))
        assert done.out == f"90 rows in {out}\n"
    assert (tmp_path / "csv.out").read_bytes() == (tmp_path / "parquet.out").read_bytes()
    found = pd.read_csv(tmp_path / "csv.out")
    assert (found["prediction"] == (found["probability_1"] >= 0.7)).all()
    usual = logged.model.predict(logged.table)
    np.testing.assert_allclose(found["probability_1"], usual["probability_1"], rtol=1e-14)


def test_predict_writes_through_links_and_to_what_is_no_file(
    logged: Logged, tmp_path: Path, cli: Cli
) -> None:
    logged.table.to_csv(tmp_path / "t.csv", index=False)
    (tmp_path / "link.csv").symlink_to("real.csv")
    (tmp_path / "full").symlink_to("/dev/full")
    where = ("filled", str(tmp_path / "t.csv"), "--tracking-uri", logged.store.uri)
    assert cli("predict", *where, "-o", str(tmp_path / "link.csv")).code == 0
    assert (tmp_path / "link.csv").is_symlink()
    assert len(pd.read_csv(tmp_path / "real.csv")) == len(logged.table)
    done = cli("predict", *where, "-o", str(tmp_path / "full"))
    assert done.code == 1
    assert "cannot write: No space left on device" in done.err
    assert Path("/dev/full").is_char_device()


def test_predict_says_what_is_wrong_and_leaves_no_half_file(
    logged: Logged, cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lrlab.model.tables.ROWS", 32)
    path, out = tmp_path / "t.csv", tmp_path / "p.csv"

    def refusal(table: pd.DataFrame, name: str = "filled") -> str:
        table.to_csv(path, index=False)
        where = ("--tracking-uri", logged.store.uri)
        done = cli("predict", name, str(path), *where, "-o", str(out))
        assert done.code == 2, done.err
        assert set(tmp_path.iterdir()) == {path}
        return done.err.removeprefix("Error: ")

    text = logged.table.astype({"age": object})
    text.loc[70, "age"] = "old"
    assert refusal(text) == (
        f"{path}: column 'age' should hold numbers, but holds 'old' (first in row 71)\n"
    )
    assert refusal(logged.table.drop(columns=["age", "color"])) == (
        f"{path}: the table has no columns 'age', 'color'; the model needs 'age', 'income', "
        "'color'. Read as the sweep's table (separator ',', encoding utf-8) it has 'income', "
        "'label'\n"
    )
    assert refusal(logged.table, "nobody").startswith("no sweep 'nobody' in sqlite:")


def test_a_table_with_another_hand_s_text_in_a_later_part_is_read_as_a_whole(
    logged: Logged, cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Numbers until row 70, then one with blanks around it: text, which the model takes."""
    monkeypatch.setattr("lrlab.model.tables.ROWS", 32)
    text = logged.table.astype({"age": object})
    text.loc[70, "age"] = "True"
    text.to_csv(tmp_path / "t.csv", index=False)
    done = cli("predict", "filled", str(tmp_path / "t.csv"), "--tracking-uri", logged.store.uri)
    expected = logged.model.predict(logged.table.assign(age=text["age"].replace("True", 1)))
    pd.testing.assert_frame_equal(frame_of(done.out), expected, rtol=1e-14)


def test_show_lists_the_coefficients(logged: Logged, cli: Cli) -> None:
    where = ("--tracking-uri", logged.store.uri)
    listed = cli("show", "filled", "--coefficients", *where)
    assert "log odds of 1 against 0" in listed.out
    found = json.loads(cli("show", "filled", "--coefficients", "--json", *where).out)
    rows = {row["name"]: row for row in found["coefficients"]}
    assert list(rows) == ["age", "income", "color_blue", "color_green", "color_red"]
    assert all(name in listed.out for name in rows)
    one, other = (logged.table.head(1).assign(age=age, income=0.0) for age in (40, 41))
    p, q = (logged.model.predict(each)["probability_1"][0] for each in (one, other))
    odds = (q / (1 - q)) / (p / (1 - p))
    assert rows["age"]["odds_ratio"] == pytest.approx(odds, rel=1e-6)
    spread = rows["age"]["per_standard_deviation"] / rows["age"]["per_unit"]
    assert spread == pytest.approx(logged.table["age"].std(), rel=0.1)
    weights, bias = load_weights(logged.store, logged.result.best.run_id)
    assert rows["color_red"]["per_unit"] == float(weights[4])
    state = _state(logged)  # by torch; lrlab reads the file without it
    np.testing.assert_array_equal(weights, state["features.weight"][0])
    assert bias == float(state["features.bias"])


def test_predicting_needs_nothing_that_needs_torch() -> None:
    package = Path(predictor.__file__).parents[1]
    seen: set[str] = set()
    left = ["lrlab.cli.predict", "lrlab.model.locate", "lrlab.model.tables"]
    while left:
        name = left.pop()
        if name in seen:
            continue
        seen.add(name)
        path = package.joinpath(*name.split(".")[1:])
        file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
        for node in ast.parse(file.read_text()).body:
            if isinstance(node, ast.Import):
                assert "torch" not in {alias.name for alias in node.names}, name
            elif isinstance(node, ast.ImportFrom) and node.module:
                assert node.module.partition(".")[0] != "torch", name
                inside = [f"{node.module}.{alias.name}" for alias in node.names]
                left += [
                    each
                    for each in (node.module, *inside)
                    if each.startswith("lrlab") and _is_module(package, each)
                ]


def _is_module(package: Path, name: str) -> bool:
    path = package.joinpath(*name.split(".")[1:])
    return path.is_dir() or path.with_suffix(".py").is_file()
