"""The best run's model, as an MLflow model that loads without lrlab and without pickle."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import numpy as np
import pandas as pd

from lrlab.data import Problem
from lrlab.errors import LrlabError
from lrlab.model.describe import description
from lrlab.model.folder import save_model
from lrlab.model.numbers import model_numbers
from lrlab.model.once import log_once, mark_run, register_once
from lrlab.track.artifacts import fetched
from lrlab.track.read import load_weights
from lrlab.track.recorded import RecordedRun
from lrlab.track.recorder import Recorder
from lrlab.track.store import explained
from lrlab.train.artifacts import WEIGHTS_FILE

URI_VARIABLE = "MLFLOW_TRACKING_URI"


def log_best_model(recorder: Recorder, problem: Problem, best: RecordedRun) -> None:
    """Log the best run's model to the parent run, registered if the spec asks; once each.

    The model takes a table with the columns of the user's file and returns a DataFrame:
    `prediction` and a probability of each class (`lrlab.model.predictor.predict`).

    Raises:
        LrlabError: If MLflow cannot log it.
    """
    store, info = recorder.store, recorder.info
    where = info.artifacts_of(best.run_id)
    weight, bias = load_weights(store, best.run_id, where)
    with fetched(store, best.run_id, WEIGHTS_FILE, where) as path:
        saved = path.read_bytes()
    about = {
        "sweep": info.name,
        "run_id": best.run_id,
        "trained_on": problem.description,
        "optimizer": best.params["optimizer"],
        "loss": best.params["loss"],
        "metrics": dict(sorted(best.latest.items())),
    }
    numbers = model_numbers(recorder.spec, problem, weight, bias, about)
    save = partial(
        save_model,
        numbers=numbers,
        weights=saved,
        example=example_of(problem),
    )
    metadata = {key: numbers[key] for key in ("sweep", "run_id", "trained_on", "classes")}
    metadata["columns"] = [column["name"] for column in numbers["columns"]]
    note = description(numbers)
    try:
        with explained(store.uri):
            model_id = log_once(store, info, best, save, metadata, note)
            mark_run(store, info, best, model_id)
            if recorder.spec.register_model:
                with _fluent(store.uri):
                    register_once(store, info, recorder.spec.register_model, model_id, note)
    except (RuntimeError, ValueError, ImportError) as error:
        raise LrlabError(f"MLflow cannot log the best model: {error}") from error


def example_of(problem: Problem) -> pd.DataFrame:
    """A few held-out rows of the columns that the model takes; whole numbers without decimals."""
    names = [column.name for column in problem.preprocessing.columns]
    shown = problem.example[names].copy()
    for name in shown.select_dtypes("float"):
        if (shown[name].to_numpy() % 1 == 0).all() and (shown[name].abs() < 2**53).all():
            shown[name] = shown[name].astype(np.int64)
    return shown


@contextmanager
def _fluent(uri: str) -> Iterator[None]:
    """Let MLflow's fluent functions use a store, and afterwards what they used before."""
    import mlflow

    before = os.environ.get(URI_VARIABLE)  # MLflow keeps it equal to `set_tracking_uri`
    mlflow.set_tracking_uri(uri)
    try:
        yield
    finally:
        mlflow.set_tracking_uri(None)
        if before is not None:
            os.environ[URI_VARIABLE] = before
