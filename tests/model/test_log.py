"""The logged model, used as docs/mlflow.md says, on the table as it is."""

from __future__ import annotations

from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import torch

from lrlab import make_spec, track
from lrlab.data import load_problem
from lrlab.model.log import load_weights
from lrlab.sweep import run_sweep
from support import tiny


def test_the_model_takes_the_table_with_its_missing_values_and_categories(workdir: Path) -> None:
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.normal(size=(90, 2)), columns=["age", "income"])
    table["colour"] = rng.choice(["red", "green", "blue"], size=90)
    label = (table["age"] + (table["colour"] == "red") + rng.normal(size=90) > 0).astype(int)
    table.loc[::7, "income"] = np.nan
    table.assign(label=label).to_csv("t.csv", index=False)
    data = {"source": "csv", "path": "t.csv", "target": "label", "missing": "impute"}
    spec = make_spec(tiny(name="filled", data=data, search={"trials": 4}))
    result = run_sweep(spec)
    store = track.connect()

    mlflow.set_tracking_uri(store.uri)
    try:
        model = mlflow.pyfunc.load_model(f"runs:/{result.run_id}/model")
    finally:
        mlflow.set_tracking_uri(None)
    columns = model.metadata.metadata["columns"]
    x = pd.get_dummies(table).reindex(columns=columns, fill_value=0).astype("float32")
    p = model.predict(x.to_numpy())[:, 0]

    weights = load_weights(store, result.best.run_id)
    problem = load_problem(spec)
    rows = torch.cat([problem.x_train, problem.x_val]).double()
    expected = torch.sigmoid(
        rows @ weights["features.weight"][0] + weights["features.bias"]
    ).numpy()
    np.testing.assert_allclose(np.sort(p), np.sort(expected), rtol=1e-4)

    [logged] = store.client.search_logged_models([track.find_sweep(store).experiment_id])
    measured = {metric.key: metric.value for metric in logged.metrics or []}
    assert measured["best_val_log_loss"] == result.best.latest["val_log_loss"]
