"""Writers: a run written in bulk and one written by MLflow's client cannot be told apart."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest
from mlflow import MlflowClient
from mlflow.entities import Run as MlflowRun
from mlflow.entities import ViewType
from mlflow.exceptions import MlflowException

from lrlab import track
from lrlab.data import load_problem
from lrlab.spec import make_spec
from lrlab.track import Store
from lrlab.track.children import Child, children, running
from lrlab.track.writers import WRITERS, bulk, choose_writer
from lrlab.train import ENGINES, Finished
from lrlab.trial import Run, TrialConfig
from support import ui_on

CONFIGS = [
    TrialConfig.of("sgd", "bce", 0.1),
    TrialConfig.of("adam", "focal", 0.01, l2=0.001, hyperparameters={"focal.gamma": 1.5}),
    TrialConfig.of("momentum", "hinge", 1 / 3),
    TrialConfig.of("sgd", "squared_hinge", 1e6),  # diverges
    TrialConfig.of("sgd", "squared_hinge", 1e30),  # ... at once
]
LOCAL = ("bulk", "client")  # the third, over HTTP, needs a team server: tests/server
Written = dict[str, tuple[str, list[str]]]  # writer -> parent, run ids


@pytest.fixture(scope="module")
def trained() -> Finished:
    spec = make_spec({"name": "t", "train": {"steps": 200}})
    runs = [Run(i, i % 2, 1 + i % 2, config) for i, config in enumerate(CONFIGS)]
    parts = ENGINES["loop"](load_problem(spec), runs, spec.train)
    return [pair for part in parts for pair in part]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory, empty_store: Path) -> Store:
    folder = tmp_path_factory.mktemp("writers")
    (folder / "mlflow.db").write_bytes(empty_store.read_bytes())
    return track.connect(f"sqlite:///{folder / 'mlflow.db'}")


@pytest.fixture(scope="module")
def experiment(store: Store, tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("artifacts")
    return str(store.mlflow.create_experiment("writers", artifact_location=folder.as_uri()))


@pytest.fixture(scope="module")
def written(store: Store, experiment: str, trained: Finished) -> Written:
    found = {}
    for name in LOCAL:
        writer, refusal = WRITERS[name]
        assert refusal(store, experiment) is None
        parent = store.mlflow.create_run(experiment).info.run_id
        found[name] = (parent, writer(store, experiment, parent, trained))
    return found


def content(client: MlflowClient, run_id: str) -> dict[str, Any]:
    """All that the client says of a run, but for ids and times."""
    run = client.get_run(run_id)
    histories = {
        name: [(m.key, m.value, m.step) for m in client.get_metric_history(run_id, name)]
        for name in run.data.metrics
    }
    latest = {m.key: (m.value, m.step) for m in run.data._metric_objs}
    location = client.get_experiment(run.info.experiment_id).artifact_location
    assert run.info.artifact_uri == f"{location}/{run_id}/artifacts"
    assert run.info.end_time >= run.info.start_time > 0
    return {
        "name": run.info.run_name,
        "status": run.info.status,
        "stage": run.info.lifecycle_stage,
        "user": run.info.user_id,
        "tags": {k: v for k, v in run.data.tags.items() if k != "mlflow.parentRunId"},
        "params": run.data.params,
        "metrics": run.data.metrics,
        "latest": latest,
        "histories": histories,
        "artifacts": [(f.path, f.is_dir, f.file_size) for f in client.list_artifacts(run_id)],
        "inputs": run.inputs.to_dictionary(),
    }


def test_mlflow_s_client_reads_the_same_from_both(store: Store, written: Written) -> None:
    (_, bulk), (_, client) = written["bulk"], written["client"]
    assert len(bulk) == len(client) == len(CONFIGS)
    for mine, reference in zip(bulk, client, strict=True):
        assert content(store.mlflow, mine) == content(store.mlflow, reference)


def test_artifacts_are_the_same_bytes(store: Store, written: Written, tmp_path: Path) -> None:
    for i, pair in enumerate(zip(written["bulk"][1], written["client"][1], strict=True)):
        files = [Path(store.mlflow.download_artifacts(run_id, "")) for run_id in pair]
        for name in ("weights.pt", "history.parquet"):
            mine, reference = ((folder / name).read_bytes() for folder in files)
            assert mine == reference, f"{name} of run {i}"


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("", {0, 1, 2, 3, 4}),
        ("metrics.val_log_loss < 1000", {0, 1, 2}),
        ("metrics.val_auc > 0.5", {0, 1, 2}),
        ("params.optimizer = 'sgd'", {0, 3, 4}),
        ("params.`focal.gamma` = '1.5'", {1}),
        ("tags.`lrlab.outcome` = 'diverged'", {3, 4}),
        ("tags.`lrlab.trial` = '2'", {2}),
        ("attributes.status = 'FINISHED'", {0, 1, 2, 3, 4}),
        ("attributes.run_name LIKE '%hinge%'", {2, 3, 4}),
        ("attributes.start_time > 1000", {0, 1, 2, 3, 4}),
    ],
)
def test_search_finds_the_same_runs(
    condition: str, expected: set[int], store: Store, experiment: str, written: Written
) -> None:
    for parent, ids in written.values():
        below = f"tags.`mlflow.parentRunId` = '{parent}'"
        both = f"{below} AND {condition}" if condition else below
        found = store.mlflow.search_runs([experiment], both)
        assert {ids.index(run.info.run_id) for run in found} == expected


@pytest.mark.parametrize(
    "order", ["metrics.val_log_loss ASC", "params.lr DESC", "tags.`lrlab.trial` DESC"]
)
def test_search_orders_the_same(
    order: str, store: Store, experiment: str, written: Written
) -> None:
    orders = []
    for parent, ids in written.values():
        below = f"tags.`mlflow.parentRunId` = '{parent}'"
        found = store.mlflow.search_runs([experiment], below, order_by=[order])
        values = [run.data.metrics.get("val_log_loss") for run in found]
        orders.append(([ids.index(run.info.run_id) for run in found][:3], values))
    assert orders[0] == orders[1]


def test_both_ways_of_reading_children_give_the_same(
    store: Store, experiment: str, written: Written, monkeypatch: pytest.MonkeyPatch
) -> None:
    def by_id(found: list[Child]) -> dict[str, Child]:
        return {child.run_id: child for child in found}

    for parent, ids in written.values():
        queried = by_id(children(store, parent, experiment))
        with monkeypatch.context() as patched:
            patched.setattr("lrlab.track.children.refuses", lambda store: "test")
            searched = by_id(children(store, parent, experiment))
        assert queried == searched
        assert set(queried) == set(ids)
        assert running(store, parent, experiment) == []


@pytest.fixture
def fresh(store: Store, experiment: str, trained: Finished, request: pytest.FixtureRequest) -> str:
    """A run of its own, to do things to."""
    parent = store.mlflow.create_run(experiment).info.run_id
    return WRITERS[request.param][0](store, experiment, parent, trained[:1])[0]


every_writer = pytest.mark.parametrize("fresh", LOCAL, indirect=True)


@every_writer
def test_a_run_can_be_logged_to_deleted_and_restored(
    fresh: str, store: Store, experiment: str
) -> None:
    client = store.mlflow
    before = len(client.get_metric_history(fresh, "train_loss"))
    client.log_metric(fresh, "train_loss", 0.5, step=10_000)
    client.log_metric(fresh, "later", 1.0)
    client.set_tag(fresh, "note", "kept")
    client.log_param(fresh, "later", "1")
    run = client.get_run(fresh)
    assert run.data.metrics["train_loss"] == 0.5
    assert run.data.tags["note"] == "kept"
    assert len(client.get_metric_history(fresh, "train_loss")) == before + 1
    with pytest.raises(MlflowException, match="Changing param values is not allowed"):
        client.log_param(fresh, "optimizer", "another")

    def found(view: int) -> list[MlflowRun]:
        everything = client.search_runs([experiment], run_view_type=view, max_results=1000)
        return [run for run in everything if run.info.run_id == fresh]

    client.delete_run(fresh)
    assert client.get_run(fresh).info.lifecycle_stage == "deleted"
    assert found(ViewType.ACTIVE_ONLY) == []
    assert len(found(ViewType.DELETED_ONLY)) == 1
    client.restore_run(fresh)
    assert len(found(ViewType.ACTIVE_ONLY)) == 1
    client.set_terminated(fresh, "KILLED")
    assert client.get_run(fresh).info.status == "KILLED"


@pytest.fixture(scope="module")
def server(store: Store, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with ui_on(store.uri, tmp_path_factory.mktemp("server")) as (url, _):
        yield url


def ask(url: str, body: dict[str, Any] | None = None) -> Any:
    data = json.dumps(body).encode() if body else None
    headers = {"Content-Type": "application/json"}
    with urlopen(Request(url, data=data, headers=headers)) as answer:
        return json.load(answer)


def test_the_ui_s_endpoints_answer_the_same(
    server: str, experiment: str, written: Written
) -> None:
    """What the runs table, the charts and a run's page ask for."""
    seen = []
    for parent, ids in written.values():
        condition = f"tags.`mlflow.parentRunId` = '{parent}'"
        body = {"experiment_ids": [experiment], "filter": condition, "max_results": 100}
        table = ask(f"{server}/ajax-api/2.0/mlflow/runs/search", body)["runs"]
        rows = {ids.index(row["info"]["run_id"]): row["data"] for row in table}
        histories = [
            [
                (point["key"], point["value"], int(point["step"]))
                for point in ask(
                    f"{server}/ajax-api/2.0/mlflow/metrics/get-history-bulk-interval"
                    f"?run_ids={run_id}&metric_key=train_loss&max_results=320"
                )["metrics"]
            ]
            for run_id in ids[:3]
        ]
        page = ask(f"{server}/ajax-api/2.0/mlflow/runs/get?run_id={ids[0]}")["run"]["data"]
        files = ask(f"{server}/ajax-api/2.0/mlflow/artifacts/list?run_id={ids[0]}")["files"]
        seen.append((_plain(rows), histories, _plain(page), files))
    assert seen[0] == seen[1]


def _plain(data: Any) -> Any:
    """Without times and the parent's id, lists in order."""
    if isinstance(data, dict):
        return {k: _plain(v) for k, v in data.items() if k != "timestamp"}
    if isinstance(data, list):
        kept = [_plain(v) for v in data if v.get("key") != "mlflow.parentRunId"]
        return sorted(kept, key=lambda v: v["key"])
    return data


def test_runs_written_over_http_are_the_same(
    server: str, store: Store, experiment: str, trained: Finished, written: Written
) -> None:
    remote = track.connect(server)
    name, writer, reason = choose_writer(remote, experiment)
    assert name == "client"
    assert "HTTP" in reason
    parent = remote.mlflow.create_run(experiment).info.run_id
    ids = writer(remote, experiment, parent, trained)
    for mine, reference in zip(ids, written["bulk"][1], strict=True):
        assert content(remote.mlflow, mine) == content(store.mlflow, reference)


def test_a_part_that_cannot_be_written_leaves_nothing(
    store: Store, experiment: str, trained: Finished, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last statement of the transaction fails: not one row of it stays."""
    parent = store.mlflow.create_run(experiment).info.run_id
    real = bulk._insert
    tables = []

    def insert(connection: Any, model: Any, rows: Any) -> None:
        tables.append(model.name)
        if model.name == "latest_metrics":
            raise KeyboardInterrupt
        real(connection, model, rows)

    monkeypatch.setattr("lrlab.track.writers.bulk._insert", insert)
    with pytest.raises(KeyboardInterrupt):
        WRITERS["bulk"][0](store, experiment, parent, trained)
    assert tables == ["runs", "tags", "params", "metrics", "latest_metrics"]
    monkeypatch.undo()
    assert children(store, parent, experiment) == []
