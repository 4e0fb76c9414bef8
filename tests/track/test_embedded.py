"""lrlab's own client of an SQLite store reads and writes what MLflow's client reads and writes."""

from __future__ import annotations

import dataclasses
import math
import re
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from itertools import count
from pathlib import Path
from typing import Any

import mlflow
import pytest
from mlflow import MlflowClient
from mlflow.entities import ViewType
from mlflow.exceptions import MlflowException
from mlflow.utils.file_utils import local_file_uri_to_path
from mlflow.utils.uri import append_to_uri_path, is_local_uri

from lrlab.track import mlflow_schema as schema
from lrlab.track.address import below, local_folder, resolve_uri
from lrlab.track.embedded.client import EmbeddedClient
from lrlab.track.entities import Dataset, MetricPoint, Tag
from lrlab.track.mlflow_client import open_client
from lrlab.track.pages import all_experiments, all_runs, logged_models
from lrlab.track.store import Store, connect
from support import Finished

FIRST = ("experiments", "runs")  # whose rows are in the order in which they were made
CONDITIONS = {
    "sweeps": [Tag(schema.KIND, schema.SWEEP)],
    "runs": [Tag(schema.KIND, schema.RUN)],
    "one trial": [Tag(schema.TRIAL, "3"), Tag(schema.REPLICATE, "1")],
    "others": [Tag(schema.KIND, schema.SWEEP, "!=")],
    "with a tag": [Tag("of a person", how="there")],
    "without it": [Tag("of a person", how="missing"), Tag(schema.KIND, schema.RUN)],
    "nothing": [Tag(schema.KIND, "none")],
}


def with_mlflow(uri: str) -> Store:
    """The store as MLflow's client has it."""
    store = Store(uri)
    vars(store)["client"] = open_client(uri)
    return store


@pytest.fixture(scope="module")
def edited(finished: Finished, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A copy of the finished sweep's database in which a person has been at work."""
    path = tmp_path_factory.mktemp("edited") / "mlflow.db"
    shutil.copy(finished.folder / "mlflow.db", path)
    client = MlflowClient(f"sqlite:///{path}")
    [experiment] = client.search_experiments(filter_string="name = 'tiny'")
    runs = client.search_runs([experiment.experiment_id], order_by=["attributes.start_time ASC"])
    client.set_tag(runs[0].info.run_id, "of a person", "ä = 'b'\n")
    client.log_metric(runs[0].info.run_id, "mine", math.nan)
    client.log_metric(runs[0].info.run_id, "mine too", math.inf)
    client.log_param(runs[1].info.run_id, "of a person", "")
    client.delete_run(runs[2].info.run_id)
    own = client.create_experiment("of a person", artifact_location="s3://bucket/there")
    client.create_run(own)
    client.delete_experiment(client.create_experiment("gone"))
    return f"sqlite:///{path}"


def plain(run: Any) -> tuple[Any, ...]:
    """All of a run that can be compared; NaN is equal to itself as text."""
    info, data = run.info, run.data
    about = (info.run_id, info.run_name, info.experiment_id, info.user_id, info.status)
    times = (info.start_time, info.end_time, info.lifecycle_stage, info.artifact_uri)
    metrics = {name: repr(value) for name, value in data.metrics.items()}
    return *about, *times, dict(data.tags), dict(data.params), metrics


@pytest.mark.parametrize("conditions", CONDITIONS.values(), ids=list(CONDITIONS))
@pytest.mark.parametrize("view", ["active", "deleted", "all"])
def test_a_search_finds_what_mlflow_finds(edited: str, conditions: list[Tag], view: Any) -> None:
    ours, theirs = Store(edited), with_mlflow(edited)
    assert (ours.own is None, theirs.own is None) == (False, True)
    ids = [experiment.experiment_id for experiment in all_experiments(theirs)]
    assert [experiment.experiment_id for experiment in all_experiments(ours)] == ids
    for newest_first in (False, True):
        options = {"view": view, "newest_first": newest_first}
        found, expected = (
            [plain(run) for run in all_runs(store, ids, conditions, **options)]
            for store in (ours, theirs)
        )
        assert found == expected


def test_runs_experiments_and_histories_are_read_as_mlflow_reads_them(
    edited: str, finished: Finished
) -> None:
    ours, theirs = Store(edited).client, MlflowClient(edited)
    assert isinstance(ours, EmbeddedClient)
    for run in theirs.search_runs(["1"], run_view_type=ViewType.ALL)[:4]:
        assert plain(ours.get_run(run.info.run_id)) == plain(theirs.get_run(run.info.run_id))
    own, expected = (client.get_run(finished.run_id) for client in (ours, theirs))
    [data], [known] = own.inputs.dataset_inputs, expected.inputs.dataset_inputs
    assert all(
        getattr(data.dataset, each.name) == getattr(known.dataset, each.name)
        for each in dataclasses.fields(Dataset)
    )
    [model], [its] = own.outputs.model_outputs, expected.outputs.model_outputs
    assert (model.model_id, model.step) == (its.model_id, its.step)
    points = ours.get_metric_history(finished.run_id, "best_val_log_loss")
    assert [tuple(point) for point in points] == [
        (point.key, point.value, point.timestamp, point.step)
        for point in theirs.get_metric_history(finished.run_id, "best_val_log_loss")
    ]
    for name in ("tiny", "gone", "Default", "of a person"):
        experiment, theirs_too = (c.get_experiment_by_name(name) for c in (ours, theirs))
        for each in dataclasses.fields(experiment):
            assert getattr(experiment, each.name) == getattr(theirs_too, each.name)
    assert ours.get_experiment_by_name("none") is None
    listed, expected_files = (
        [(f.path, f.is_dir, f.file_size) for f in client.list_artifacts(finished.run_id, "curves")]
        for client in (ours, theirs)
    )
    assert listed == expected_files
    assert ours.list_artifacts(finished.run_id, "none") == []


def work(store: Store, folder: Path) -> None:
    """What a sweep does to a store, and some of what it never does."""
    client = store.client
    experiment = client.create_experiment("made", tags={"mlflow.note.content": "x"})
    tags = {"mlflow.user": "somebody", schema.KIND: schema.SWEEP, "long": "y" * 8000}
    run_id = client.create_run(experiment, tags=tags, run_name="the first").info.run_id
    other = client.create_run(experiment, tags={"a:b": "ü"}, run_name="the second").info.run_id
    store.log(run_id, tags={schema.KIND: "changed", "new": ""}, params={"a.b": "1", "c d": "2"})
    store.log(run_id, params={"a.b": "1", "e": "3" * 6000})
    store.log(run_id, tags={"too long": "z" * 9000, "a:b": "colon"}, params={"ö": "name"})
    points = [
        MetricPoint("m", 1 / 3, 5, 0),
        MetricPoint("m", 0.25, 6, 2),
        MetricPoint("n", 1, 5, 0),
    ]
    store.log(run_id, points=points)
    store.log(run_id, points=[points[0], MetricPoint("m", 9.0, 7, 1), MetricPoint("n", 2, 5, 0)])
    store.log(
        run_id, points=[MetricPoint("odd", math.nan, 5, 0), MetricPoint("big", math.inf, 5, 0)]
    )
    data = Dataset("blobs", "1234", "blobs", "{}", profile='{"rows": 3}')
    for each in (run_id, other, run_id):
        store.log_dataset(each, data, {"mlflow.data.context": "training"})
    client.set_tag(run_id, "mlflow.runName", "renamed")
    client.set_tag(run_id, "new", "newer")
    client.delete_tag(run_id, "new")
    client.update_run(run_id, status="SCHEDULED")
    client.set_terminated(other, "KILLED")
    client.set_terminated(run_id)
    client.delete_run(other)
    model_tags, params = {schema.MODEL: run_id, "ü": "x"}, {"lr": "0.1"}
    model = client.create_logged_model(
        experiment, name="model", source_run_id=run_id, tags=model_tags, params=params
    )
    store.log_output(run_id, model.model_id, 3)
    client.set_logged_model_tags(model.model_id, {"ü": "y", "new": "z"})
    taken = [MetricPoint("val_auc", 0.75, 9, 3), MetricPoint("m", 0.5, 9, 3)]
    store.log_of_model(run_id, model.model_id, taken, ("blobs", "1234"))
    store.log_of_model(run_id, model.model_id, taken[:1], ("blobs", "1234"))
    [found] = logged_models(store, experiment, run_id)
    assert (found.model_id, found.name, found.status) == (model.model_id, "model", "PENDING")
    assert (found.tags, found.params) == ({**model_tags, "ü": "y", "new": "z"}, params)
    client.log_model_artifacts(model.model_id, str(folder))
    client.finalize_logged_model(model.model_id, "READY")
    assert logged_models(store, experiment, run_id)[0].status == "READY"
    client.log_text(run_id, "ä\n", "folder/text.txt")
    (folder / "sub").mkdir()
    (folder / "sub" / "file.bin").write_bytes(b"1")
    client.log_artifact(run_id, str(folder / "sub" / "file.bin"), "folder")
    client.log_artifacts(run_id, str(folder), "report")
    for wrong in (
        lambda: store.log(other, tags={"a": "b"}),
        lambda: store.log(run_id, params={"a.b": "2"}),
        lambda: store.log("0" * 32, tags={"a": "b"}),
        lambda: client.delete_tag(run_id, "not there"),
        lambda: client.set_terminated(other),
        lambda: client.get_run("0" * 32),
        lambda: client.create_experiment("made"),
        lambda: client.create_run("99", tags={}, run_name="x"),
    ):
        with pytest.raises(MlflowException):
            wrong()


def content(database: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Every row, with ids numbered in the order in which they appear, and without times."""
    numbers: dict[str, str] = {}
    serial: Callable[[], int] = count().__next__

    def masked(value: Any) -> Any:
        if isinstance(value, int) and value > 10**12:
            return "a time"
        if not isinstance(value, str):
            return value
        value = value.replace(str(database.parent), "HERE")
        return re.sub(
            r"\b(m-)?[0-9a-f]{32}\b", lambda m: numbers.setdefault(m[0], f"#{serial()}"), value
        )

    def rows_of(table: str) -> list[tuple[Any, ...]]:
        found = opened.execute(f"SELECT * FROM {table} ORDER BY rowid")
        return [tuple(map(masked, row)) for row in found]

    with closing(sqlite3.connect(database)) as opened:
        tables = opened.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        names = sorted((name for (name,) in tables), key=lambda name: (name not in FIRST, name))
        found = {name: rows_of(name) for name in names}
    return {
        name: rows if name in FIRST else sorted(rows, key=repr) for name, rows in found.items()
    }


def test_what_is_written_is_what_mlflow_would_have_written(
    empty_store: Path, tmp_path: Path
) -> None:
    found = []
    for name, store_of in (("ours", Store), ("theirs", with_mlflow)):
        folder = tmp_path / name
        (folder / "given").mkdir(parents=True)
        shutil.copy(empty_store, folder / "mlflow.db")
        work(store_of(f"sqlite:///{folder}/mlflow.db"), folder / "given")
        artifacts = folder / "mlruns" / "1"
        paths = (path.relative_to(artifacts).as_posix() for path in artifacts.rglob("*"))
        names = sorted(re.sub(r"[0-9a-f]{32}", "ID", path) for path in paths)
        found.append((content(folder / "mlflow.db"), names))
    assert found[0] == found[1]


def test_places_are_read_as_mlflow_reads_them() -> None:
    for uri in (
        *(
            "/a b/c",
            "/a%20b/c",
            "relative/path",
            "file:///a%20b/c",
            "file:/x",
            "file://localhost/y",
        ),
        *("s3://bucket/x", "mlflow-artifacts:/1", "dbfs:/x", "databricks", "http://h/x", "a#b?c"),
    ):
        here = Path(local_file_uri_to_path(uri)) if is_local_uri(uri) else None
        assert local_folder(uri) == here, uri
        assert below(uri, "id", "artifacts") == append_to_uri_path(uri, "id", "artifacts"), uri


def test_the_default_store_is_mlflows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "a b"
    folder.mkdir()
    monkeypatch.chdir(folder)
    expected = mlflow.get_tracking_uri()
    with monkeypatch.context() as without:
        without.delitem(__import__("sys").modules, "mlflow")
        assert resolve_uri() == expected
        without.setenv("MLFLOW_TRACKING_URI", "sqlite:///other.db")
        assert resolve_uri() == "sqlite:///other.db"


def test_a_store_with_workspaces_is_left_to_mlflow(
    edited: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_ENABLE_WORKSPACES", "true")
    assert Store(edited).own is None


def test_a_store_that_may_only_be_read_can_be_read(edited: str, tmp_path: Path) -> None:
    path = tmp_path / "mlflow.db"
    shutil.copy(edited.removeprefix("sqlite:///"), path)
    path.chmod(0o400)
    tmp_path.chmod(0o500)
    try:
        found = all_experiments(connect(f"sqlite:///{path}"))
        assert {"tiny", "of a person"} <= {experiment.name for experiment in found}
        assert [entry.name for entry in tmp_path.iterdir()] == ["mlflow.db"]
    finally:
        tmp_path.chmod(0o700)
