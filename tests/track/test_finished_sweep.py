"""A finished sweep, read back with MLflow's own client."""

from __future__ import annotations

import json
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest
import torch
from mlflow import MlflowClient
from mlflow.entities import Run as MlflowRun

import lrlab
from lrlab.data import LogisticRegression, load_problem
from lrlab.spec import load_spec, make_spec
from lrlab.train import train
from lrlab.trial import TrialConfig

SPEC = make_spec(
    {
        "name": "tiny",
        "train": {"steps": 40},
        "search": {
            "trials": 8,
            "batch": 4,
            "replicates": 2,
            "space": {
                "optimizer": ["sgd", "momentum"],
                "loss": ["bce", "squared_hinge"],
                "lr": {"low": 1e-2, "high": 1e4, "log": True},
                "momentum.beta": {"low": 0.5, "high": 0.9},
            },
        },
    }
)


@pytest.fixture(scope="module")
def client(finished) -> MlflowClient:
    return MlflowClient(finished.uri)


@pytest.fixture(scope="module")
def parent(client: MlflowClient, finished) -> MlflowRun:
    return client.get_run(finished.run_id)


@pytest.fixture(scope="module")
def children(client: MlflowClient, parent: MlflowRun) -> list[MlflowRun]:
    return list(
        client.search_runs(
            [parent.info.experiment_id],
            f"tags.`mlflow.parentRunId` = '{parent.info.run_id}'",
            max_results=1000,
        )
    )


def _config(run: MlflowRun) -> TrialConfig:
    rest = {k: float(v) for k, v in run.data.params.items() if "." in k}
    p = run.data.params
    return TrialConfig.of(p["optimizer"], p["loss"], float(p["lr"]), float(p["l2"]), rest)


def test_every_requested_run_is_there_once_and_finished(children: list[MlflowRun]) -> None:
    keys = sorted(
        (int(r.data.tags["lrlab.trial"]), int(r.data.tags["lrlab.replicate"])) for r in children
    )
    assert keys == [(trial, replicate) for trial in range(8) for replicate in range(2)]
    assert {r.info.status for r in children} == {"FINISHED"}


def test_the_parent_says_what_the_sweep_is(parent: MlflowRun) -> None:
    tags = parent.data.tags
    assert tags["lrlab.kind"] == "sweep"
    assert tags["lrlab.state"] == "finished"
    assert tags["lrlab.spec_digest"] == SPEC.digest()
    assert parent.info.status == "FINISHED"
    assert parent.info.run_name == "tiny"
    assert parent.data.params["search.space.lr"] == "0.01 .. 10000 log"
    assert "lrlab.owner" not in tags
    [data] = parent.inputs.dataset_inputs
    assert data.dataset.digest == load_problem(SPEC).digest()
    assert json.loads(data.dataset.source)["source"] == "blobs"


def test_metric_histories_equal_a_training_of_the_same_params(
    client: MlflowClient, children: list[MlflowRun]
) -> None:
    problem = load_problem(SPEC)
    for run in children[:4]:
        again = train(problem, _config(run), SPEC.train, int(run.data.params["seed"]))
        stored = client.get_metric_history(run.info.run_id, "train_loss")
        steps = [m.step for m in stored]
        assert set(steps) <= set(again.evaluated.tolist())
        assert (steps[0], steps[-1]) == (1, again.evaluated[-1])
        assert len(steps) == min(20, len(again.evaluated))
        expected = {s: again.train_loss[s - 1] for s in steps}
        assert {m.step: m.value for m in stored} == pytest.approx(expected, rel=1e-4)
        for name, value in again.final.items():
            assert run.data.metrics[name] == pytest.approx(value, rel=1e-4)


def test_every_run_has_the_objective_that_it_began_with_diverged_or_not(
    finished, children: list[MlflowRun]
) -> None:
    frame = lrlab.load_runs(finished.run_id, finished.uri).set_index("run_id")
    curves = lrlab.load_curves(finished.run_id, finished.uri, ["train_loss"])
    first = curves[curves["step"] == 1].set_index("run_id")["value"]
    for run in children:
        start = run.data.metrics["start_objective"]
        assert start == first[run.info.run_id] == frame.loc[run.info.run_id, "start_objective"]


def test_diverged_runs_end_finished_with_their_last_finite_metrics(
    children: list[MlflowRun],
) -> None:
    diverged = [r for r in children if r.data.tags["lrlab.outcome"] == "diverged"]
    assert diverged, "the space reaches learning rates that diverge"
    for run in diverged:
        assert 1 < int(run.data.tags["lrlab.diverged_at"]) <= 40
        assert all(np.isfinite(value) for value in run.data.metrics.values())
        assert "val_auc" not in run.data.metrics


def test_runs_carry_no_clutter(children: list[MlflowRun]) -> None:
    allowed = {
        "mlflow.parentRunId", "mlflow.runName", "mlflow.user", "mlflow.source.name",
        "mlflow.source.type", "lrlab.kind", "lrlab.trial", "lrlab.replicate", "lrlab.outcome",
        "lrlab.steps", "lrlab.diverged_at", "lrlab.logged_model",
    }  # fmt: skip
    for run in children:
        assert set(run.data.tags) <= allowed


def test_runs_have_the_times_of_their_training(
    parent: MlflowRun, children: list[MlflowRun]
) -> None:
    """Those that were trained together, a trial batch of one seed here, share them."""
    for run in children:
        info = run.info
        assert parent.info.start_time <= info.start_time < info.end_time <= parent.info.end_time
    assert len({(run.info.start_time, run.info.end_time) for run in children}) < len(children)


def test_weights_load_without_pickle_into_the_model(
    client: MlflowClient, children: list[MlflowRun], tmp_path: Path
) -> None:
    problem = load_problem(SPEC)
    run = next(r for r in children if r.data.tags["lrlab.outcome"] != "diverged")
    path = client.download_artifacts(run.info.run_id, "weights.pt", str(tmp_path))
    model = LogisticRegression(problem.n_features).double()
    model.load_state_dict(torch.load(path, weights_only=True))
    with torch.no_grad():
        p = model.probability(problem.x_train.double()).numpy()
    y = problem.y_train.numpy()
    log_loss = -np.mean(y * np.log(p) + (1 - y) * np.log1p(-p))
    assert log_loss == pytest.approx(run.data.metrics["train_log_loss"], rel=1e-5)


def test_the_history_artifact_holds_every_step(
    client: MlflowClient, children: list[MlflowRun], tmp_path: Path
) -> None:
    run = next(r for r in children if r.data.tags["lrlab.outcome"] != "diverged")
    frame = pd.read_parquet(
        client.download_artifacts(run.info.run_id, "history.parquet", str(tmp_path))
    )
    assert frame["step"].tolist() == list(range(1, 41))
    assert frame["train_loss"].notna().all()


def test_load_runs_agrees_with_mlflows_own_search(finished, children: list[MlflowRun]) -> None:
    frame = lrlab.load_runs("tiny", finished.uri).set_index("run_id")
    assert set(frame.index) == {r.info.run_id for r in children}
    for run in children:
        row = frame.loc[run.info.run_id]
        assert str(row["lr"]) == run.data.params["lr"]
        assert row["outcome"] == run.data.tags["lrlab.outcome"]
        if row["outcome"] == "diverged":
            assert np.isnan(row["val_log_loss"])
        else:
            assert row["val_log_loss"] == run.data.metrics["val_log_loss"]


def test_load_curves_agrees_with_metric_histories(
    finished, client: MlflowClient, children: list[MlflowRun]
) -> None:
    curves = lrlab.load_curves("tiny", finished.uri)
    assert list(curves.columns) == ["run_id", "step", "metric", "value"]
    assert curves["value"].notna().all()
    for run in children[:3]:
        mine = curves[curves["run_id"] == run.info.run_id]
        for name in ("val_log_loss", "train_objective", "val_accuracy"):
            stored = {m.step: m.value for m in client.get_metric_history(run.info.run_id, name)}
            got = mine[mine["metric"] == name]
            curve = dict(zip(got["step"], got["value"], strict=True))
            assert curve.items() >= stored.items()
            assert {min(curve), max(curve)} <= stored.keys()


def test_load_study_gives_optunas_own_view_of_the_runs(finished) -> None:
    trials = lrlab.load_study("tiny", finished.uri).trials_dataframe()
    runs = lrlab.load_runs("tiny", finished.uri)
    by_trial = runs.groupby("trial")
    assert trials["number"].tolist() == list(range(8))
    for number, group in by_trial:
        row = trials.loc[number]
        assert row["params_lr"] == group["lr"].iloc[0]
        assert row["params_optimizer"] == group["optimizer"].iloc[0]
        if (group["outcome"] == "diverged").any():
            assert row["state"] == "PRUNED"
        else:
            assert row["value"] == pytest.approx(group["val_log_loss"].mean(), rel=1e-15)


def test_the_sweeps_artifacts_are_complete(client: MlflowClient, parent: MlflowRun) -> None:
    def names(path: str | None = None) -> set[str]:
        return {f.path for f in client.list_artifacts(parent.info.run_id, path)}

    assert {"sweep.yaml", "curves", "graph.svg", "report"} <= names()
    assert names("curves") == {
        "curves/batch-00000.parquet",
        "curves/batch-00001.parquet",
    }
    assert {"report/report.html", "report/runs.csv"} <= names("report")


def test_the_recorded_spec_is_the_spec(
    client: MlflowClient, parent: MlflowRun, tmp_path: Path
) -> None:
    path = client.download_artifacts(parent.info.run_id, "sweep.yaml", str(tmp_path))
    assert load_spec(path) == SPEC


def test_the_best_model_predicts_from_raw_columns(finished, parent: MlflowRun) -> None:
    runs = lrlab.load_runs("tiny", finished.uri)
    best = runs.loc[runs["val_log_loss"].idxmin()]
    problem = load_problem(SPEC)
    mlflow.set_tracking_uri(finished.uri)
    try:
        [output] = parent.outputs.model_outputs
        model = mlflow.pyfunc.load_model(f"models:/{output.model_id}")
        rows = pd.DataFrame(problem.x_val.numpy(), columns=problem.feature_names)
        p = model.predict(rows)["probability_1"]
    finally:
        mlflow.set_tracking_uri(None)
    y = problem.y_val.numpy()
    assert model.metadata.metadata["run_id"] == best["run_id"]
    assert -np.mean(np.log(np.where(y > 0, p, 1 - p))) == pytest.approx(
        best["val_log_loss"], rel=1e-6
    )
