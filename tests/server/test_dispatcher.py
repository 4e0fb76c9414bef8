"""What users may change in MLflow cannot stop the dispatcher, nor get around its limits."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from mlflow import MlflowClient

from lrlab.server.dispatcher import Dispatcher
from lrlab.server.job_process import Job
from lrlab.server.queue import Queued, read_queue
from lrlab.track import connect


class Process:
    """A process that runs until it is told to stop, or has ended with a code."""

    def __init__(self, returncode: int | None = None) -> None:
        self.returncode = returncode

    def poll(self) -> int | None:
        return self.returncode

    def terminate(self) -> None:
        self.returncode = 130


@pytest.fixture
def client(workdir: Path) -> MlflowClient:
    return MlflowClient()


@pytest.fixture
def dispatcher(client: MlflowClient, monkeypatch: pytest.MonkeyPatch) -> Dispatcher:
    made = Dispatcher(connect(), SimpleNamespace(slots=1, limits=SimpleNamespace(minutes=10)))

    def start(sweep: Queued) -> None:
        made.jobs[sweep.run_id] = job(sweep, Process())

    monkeypatch.setattr(made, "_start", start)
    return made


def submitted(client: MlflowClient, name: str, **tags: str) -> str:
    """A sweep in the queue: its run id."""
    known = {"kind": "sweep", "state": "queued", "submitted_by": "anna"} | tags
    run = client.create_run("0", run_name=name, tags={f"lrlab.{k}": v for k, v in known.items()})
    return str(run.info.run_id)


def job(sweep: Queued, process: Any, begun: float = 0.0) -> Job:
    now = time.monotonic()
    return Job(sweep, process, tempfile.TemporaryDirectory(), now - begun, now)


def one(run_id: str) -> Queued:
    return next(sweep for sweep in read_queue(connect()) if sweep.run_id == run_id)


def test_a_sweep_that_its_user_deletes_does_not_hold_up_the_others(
    client: MlflowClient, dispatcher: Dispatcher
) -> None:
    gone, other = submitted(client, "gone"), submitted(client, "other")
    dispatcher.jobs[gone] = job(one(gone), Process(1))
    client.delete_run(gone)
    dispatcher.step()
    assert set(dispatcher.jobs) == {other}


def test_the_job_of_a_deleted_sweep_is_stopped(
    client: MlflowClient, dispatcher: Dispatcher
) -> None:
    gone = submitted(client, "gone")
    process = Process()
    dispatcher.jobs[gone] = job(one(gone), process)
    client.delete_run(gone)
    dispatcher.step()
    assert process.returncode is not None
    dispatcher.step()
    assert dispatcher.jobs == {}


def test_who_changes_the_state_of_a_running_sweep_is_held_to_the_limit_of_time(
    client: MlflowClient, dispatcher: Dispatcher
) -> None:
    run_id = submitted(client, "long", state="running")
    dispatcher.jobs[run_id] = job(one(run_id), Process(), begun=3600)
    client.set_tag(run_id, "lrlab.state", "fine")
    dispatcher.step()
    dispatcher.step()
    assert client.get_run(run_id).data.tags["lrlab.state"] == "failed"
    assert "longer than the 10 minutes" in client.get_run(run_id).data.tags["lrlab.reason"]


def test_broken_tags_count_as_absent(client: MlflowClient, dispatcher: Dispatcher) -> None:
    tags = dict.fromkeys(("submitted_at", "seconds", "attempts", "runs_done"), "lots")
    run_id = submitted(client, "edited", **tags)
    dispatcher.step()
    assert set(dispatcher.jobs) == {run_id}
    client.set_tag(run_id, "lrlab.runs_done", "all")
    dispatcher.jobs[run_id] = job(one(run_id), Process(1))
    dispatcher.step()
    assert client.get_run(run_id).data.tags["lrlab.attempts"] == "1"
