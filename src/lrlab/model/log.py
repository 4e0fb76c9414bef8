"""The best run's model, as an MLflow model that loads without lrlab and without pickle."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from functools import partial
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import torch
from mlflow.models import Model, infer_signature
from torch import nn

from lrlab.data import Problem
from lrlab.data.preprocessing import Numeric
from lrlab.errors import LrlabError
from lrlab.model.once import log_once, register_once
from lrlab.scratch import scratch_folder
from lrlab.track.recorded import RecordedRun
from lrlab.track.recorder import Recorder
from lrlab.track.store import Store, explained
from lrlab.train.artifacts import WEIGHTS_FILE

EXAMPLE_ROWS = 8
URI_VARIABLE = "MLFLOW_TRACKING_URI"


def load_weights(store: Store, run_id: str) -> dict[str, torch.Tensor]:
    """The weights that a run logged: a state dict of LogisticRegression, float64."""
    with explained(store.uri), scratch_folder() as folder:
        path = store.client.download_artifacts(run_id, WEIGHTS_FILE, str(folder))
        state: dict[str, torch.Tensor] = torch.load(path, weights_only=True)
    return state


class Impute(nn.Module):
    """Replaces what is missing, NaN, as it was replaced in training.

    Args:
        fill: Value of each column, [d]; NaN leaves it as it is.
    """

    fill: torch.Tensor

    def __init__(self, fill: torch.Tensor) -> None:
        super().__init__()
        self.register_buffer("fill", fill)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Columns without missing values, [n, d], from raw ones, [n, d]."""
        return torch.where(torch.isnan(x), self.fill, x)


def log_best_model(recorder: Recorder, problem: Problem, best: RecordedRun) -> None:
    """Log the best run's model to the parent run, registered if the spec asks; once each.

    The model takes raw columns, [n, d] float32, in the order of its `columns` metadata (one-hot
    columns as 0 and 1, missing values as NaN if the sweep imputed them), and returns p(y = 1),
    [n, 1].

    Raises:
        LrlabError: If MLflow cannot log it.
    """
    store = recorder.store
    state = load_weights(store, best.run_id)
    raw = problem.raw_model(state["features.weight"][0].numpy(), float(state["features.bias"][0]))
    layers = [raw.features, nn.Sigmoid()]
    fill = [
        column.fill if isinstance(column, Numeric) and column.fill is not None else np.nan
        for column in problem.preprocessing.columns
        for _ in column.features
    ]
    if not np.isnan(fill).all():
        layers.insert(0, Impute(torch.tensor(fill)))
    model = nn.Sequential(*layers).eval()
    rows = (
        problem.x_val[:EXAMPLE_ROWS].double().numpy() * problem.preprocessing.scale
        + problem.preprocessing.mean
    )
    example = rows.astype(np.float32)
    with torch.no_grad():
        output = model(torch.from_numpy(example)).numpy()
    save = partial(
        _save,
        model,
        signature=infer_signature(example, output),
        input_example=example,
        pip_requirements=[f"torch=={torch.__version__.partition('+')[0]}", "numpy"],
    )
    metadata = {
        "columns": list(problem.feature_names),
        "classes": list(problem.classes),
        "run_id": best.run_id,
    }
    try:
        # Exporting the graph talks on standard error, whatever the log level.
        with explained(store.uri), _fluent(store.uri), redirect_stderr(io.StringIO()):
            model_id = log_once(store, recorder.info, best, save, metadata)
            if recorder.spec.register_model:
                register_once(store, recorder.info, recorder.spec.register_model, model_id)
    except (RuntimeError, ValueError, ImportError) as error:
        raise LrlabError(f"MLflow cannot log the best model: {error}") from error


def _save(model: nn.Module, path: Path, mlflow_model: Model, **more: Any) -> None:
    mlflow.pytorch.save_model(model, str(path), mlflow_model=mlflow_model, **more)


@contextmanager
def _fluent(uri: str) -> Iterator[None]:
    """Let MLflow's fluent functions use a store, and afterwards what they used before."""
    before = os.environ.get(URI_VARIABLE)  # MLflow keeps it equal to `set_tracking_uri`
    mlflow.set_tracking_uri(uri)
    try:
        yield
    finally:
        mlflow.set_tracking_uri(None)
        if before is not None:
            os.environ[URI_VARIABLE] = before
