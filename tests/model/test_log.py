"""The logged model, used as docs/mlflow.md says, on the table as it is."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
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
from lrlab.model.log import load_weights
from lrlab.sweep import SweepResult, run_sweep
from lrlab.track import Store
from support import tiny


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
    table["colour"] = rng.choice(["red", "green", "blue"], size=90)
    score = (table["age"] - 54) / 20 + (table["colour"] == "red") + rng.normal(size=90)
    table.loc[::7, "income"] = np.nan
    return table.assign(label=(score > 0).astype(int))


@pytest.fixture(scope="module")
def logged(tmp_path_factory: pytest.TempPathFactory, empty_store: Path) -> Iterator[Logged]:
    import shutil

    folder = tmp_path_factory.mktemp("logged")
    shutil.copy(empty_store, folder / "mlflow.db")
    uri = f"sqlite:///{folder / 'mlflow.db'}"
    table = make_table()
    table.to_csv(folder / "t.csv", index=False)
    data = {"source": "csv", "path": str(folder / "t.csv"), "target": "label", "missing": "impute"}
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
    weights = load_weights(logged.store, logged.result.best.run_id)
    problem = load_problem(track.load_sweep_spec(logged.store, track.find_sweep(logged.store)))
    module = LogisticRegression(problem.n_features).double()
    module.load_state_dict(weights)
    x = torch.from_numpy(problem.preprocessing.transform(pd.read_csv(_path(logged))))
    with torch.no_grad():
        p = module.probability(x).numpy()
    np.testing.assert_allclose(found["probability_1"], p, rtol=1e-6)
    assert found["prediction"].dtype == np.int64
    assert (found["prediction"] == (p >= 0.5)).all()


def _path(logged: Logged) -> Path:
    spec = track.load_sweep_spec(logged.store, track.find_sweep(logged.store))
    return Path(spec.data.path)  # type: ignore[union-attr]


def test_whole_numbers_missing_values_and_other_columns_are_taken(logged: Logged) -> None:
    """MLflow's own types would refuse the first where decimals were declared."""
    whole = logged.table.assign(income=1, other="x")
    holes = logged.table.assign(age=logged.table["age"].where(logged.table["age"] > 30))
    assert len(logged.model.predict(whole)) == len(logged.model.predict(holes)) == 90
    with pytest.raises(Exception, match=r"missing inputs \['income', 'colour'\]"):
        logged.model.predict(logged.table[["age"]])
    strict = logged.model.predict(logged.table, params={"threshold": 1.0})
    assert (strict["prediction"] == 0).all()


def test_its_page_says_what_it_is(logged: Logged) -> None:
    best, page = logged.result.best, logged.page
    assert best is not None
    note = page.tags["mlflow.note.content"]
    assert "best run of the sweep filled" in note
    assert "t.csv: 67 rows x 5 columns, 23 held out" in note
    assert "probability_1" in note
    measured = {metric.key: metric for metric in page.metrics or []}
    assert measured["best_val_log_loss"].value == best.latest["val_log_loss"]
    assert {name: measured[name].value for name in best.latest} == best.latest
    assert {metric.dataset_name for metric in measured.values()} == {"t.csv"}
    signature = logged.model.metadata.signature
    assert signature.inputs.input_names() == ["age", "income", "colour"]
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
    assert [column["name"] for column in numbers["columns"]] == ["age", "income", "colour"]
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
