"""MLflow answers in pages; whatever their size, everything is found."""

from __future__ import annotations

from pathlib import Path

import pytest
from mlflow import MlflowClient

import lrlab
from lrlab.server.queue import read_queue
from lrlab.track import connect, list_sweeps, pages
from lrlab.track.children import children, running

COUNT = 7


@pytest.fixture(autouse=True, params=["lrlab's client", "MLflow's"])
def small_pages(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "MLflow's":
        monkeypatch.setattr("lrlab.track.store.is_embedded", lambda uri: False)
    monkeypatch.setattr(pages, "PAGE", 2)
    monkeypatch.setattr(pages, "EXPERIMENTS", 3)


@pytest.fixture
def many(workdir: Path) -> MlflowClient:
    """A store with a queued sweep in each of several experiments."""
    client = MlflowClient()
    for number in range(COUNT):
        experiment = client.create_experiment(f"experiment-{number}")
        tags = {
            "lrlab.kind": "sweep",
            "lrlab.state": "queued",
            "lrlab.submitted_by": "anna",
            "lrlab.spec_digest": "0" * 64,
            "lrlab.trials": "1",
            "lrlab.objective": "val_log_loss",
        }
        client.create_run(
            experiment, start_time=1000 + number, tags=tags, run_name=f"sweep-{number}"
        )
    return client


def test_every_sweep_is_listed_the_latest_first(many: MlflowClient) -> None:
    names = [info.name for info in list_sweeps(connect())]
    assert names == [f"sweep-{number}" for number in reversed(range(COUNT))]


def test_every_submitted_sweep_is_in_the_queue(many: MlflowClient) -> None:
    assert {sweep.name for sweep in read_queue(connect())} == {f"sweep-{n}" for n in range(COUNT)}


@pytest.mark.parametrize("reason", [None, "its schema is another"])
def test_every_run_of_a_sweep_is_read_in_bulk_or_not(
    reason: str | None, finished, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lrlab.track.children.refuses", lambda store: reason)
    store = connect(finished.uri)
    experiment = store.client.get_run(finished.run_id).info.experiment_id
    assert len(children(store, finished.run_id, experiment)) == 16
    assert running(store, finished.run_id, experiment) == []
    assert len(lrlab.load_runs("tiny", finished.uri)) == 16
