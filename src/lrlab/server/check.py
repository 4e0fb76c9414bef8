"""`lrlab server check`: does a server do what lrlab needs of it, for the one who asks?"""

from __future__ import annotations

import secrets
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from mlflow import MlflowClient
from mlflow.entities import Metric, Param

from lrlab.clock import now_ms
from lrlab.doctor import Finding
from lrlab.errors import LrlabError
from lrlab.scratch import scratch_folder
from lrlab.track import Store, connect
from lrlab.track.store import explained
from lrlab.track.writers.http import server_info

ROUND_TRIPS = 20
VALUES = [(step, 1 / step) for step in range(1, 21)]


@dataclass
class _Visit:
    """One user's look at a server: each step says what it found, or raises."""

    uri: str
    store: Store | None = None
    names: dict[str, str] = field(
        default_factory=lambda: {"experiment": f"lrlab-check-{secrets.token_hex(4)}"}
    )

    @property
    def client(self) -> MlflowClient:
        assert self.store is not None
        return self.store.client

    def log_in(self) -> str:
        self.store = connect(self.uri)
        return f"{self.store.shown} answers"

    def kind(self) -> str:
        assert self.store is not None
        info = server_info(self.store)
        if info is None:
            return "MLflow's own server: runs are written one by one, sweeps run elsewhere"
        if info.refusal:
            return f"lrlab {info.version}, but no bulk: {info.refusal}"
        return f"lrlab {info.version}: bulk ingestion and submitted sweeps"

    def write(self) -> str:
        client, names = self.client, self.names
        names["id"] = client.create_experiment(names["experiment"])
        names["run"] = client.create_run(names["id"]).info.run_id
        metrics = [Metric("value", value, now_ms(), step) for step, value in VALUES]
        client.log_batch(names["run"], metrics=metrics, params=[Param("text", "ä\t%")])
        client.log_text(names["run"], "ä", "folder/file.txt")
        client.set_terminated(names["run"])
        return "experiment, run, 20 points, artifact"

    def read(self) -> str:
        points = self.client.get_metric_history(self.names["run"], "value")
        run = self.client.get_run(self.names["run"])
        with scratch_folder() as folder:
            file = self.client.download_artifacts(
                self.names["run"], "folder/file.txt", str(folder)
            )
            same = Path(file).read_text("utf-8") == "ä"
        same &= sorted((p.step, p.value) for p in points) == VALUES
        if not same or run.data.params != {"text": "ä\t%"} or run.info.status != "FINISHED":
            raise LrlabError("what is read back is not what was written")
        return "as written"

    def round_trips(self) -> str:
        times = []
        for _ in range(ROUND_TRIPS):
            began = time.perf_counter()
            self.client.get_run(self.names["run"])
            times.append(1000 * (time.perf_counter() - began))
        cuts = statistics.quantiles(times, n=20)
        return f"median {statistics.median(times):.0f} ms, 95% below {cuts[-1]:.0f} ms"

    def delete(self) -> str:
        self.client.delete_run(self.names["run"])
        self.client.delete_experiment(self.names["id"])
        return "run and experiment"


# What is done, and whether the next steps make no sense without it.
STEPS: tuple[tuple[str, Callable[[_Visit], str], bool], ...] = (
    ("login", _Visit.log_in, True),
    ("server", _Visit.kind, True),
    ("write", _Visit.write, True),
    ("read", _Visit.read, False),
    ("round trip", _Visit.round_trips, False),
    ("delete", _Visit.delete, False),
)


def check_server(uri: str) -> Iterator[Finding]:
    """Log in, write, read back, time, delete; each as soon as it is known.

    Ends early where a step fails that the others need.

    Args:
        uri: The server's address.
    """
    visit = _Visit(uri)
    for name, step, needed in STEPS:
        finding = _tried(visit, name, step)
        yield finding
        if needed and not finding.ok:
            return


def _tried(visit: _Visit, name: str, step: Callable[[_Visit], str]) -> Finding:
    began = time.perf_counter()
    try:
        with explained(visit.uri):
            found = step(visit)
    except LrlabError as error:
        return Finding(name, False, str(error))
    took = time.perf_counter() - began
    return Finding(name, True, f"{found} ({1000 * took:.0f} ms)")
