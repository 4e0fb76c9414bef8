"""`lrlab server check`: does a server do what lrlab needs of it, for the one who asks?"""

from __future__ import annotations

import secrets
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path

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


def check_server(uri: str) -> Iterator[Finding]:
    """Log in, write, read back, delete; each as soon as it is known. Ends with the first failure.

    Args:
        uri: The server's address.
    """
    findings: list[Finding] = []

    def tried(check: str, action: Callable[[], str]) -> Finding:
        began = time.perf_counter()
        try:
            with explained(uri):
                found = action()
        except LrlabError as error:
            findings.append(Finding(check, False, str(error)))
        else:
            took = time.perf_counter() - began
            findings.append(Finding(check, True, f"{found} ({1000 * took:.0f} ms)"))
        return findings[-1]

    stores: list[Store] = []
    names = {"experiment": f"lrlab-check-{secrets.token_hex(4)}"}

    def log_in() -> str:
        stores.append(connect(uri))
        return f"{stores[0].shown} answers"

    def kind() -> str:
        info = server_info(stores[0])
        if info is None:
            return "MLflow's own server: runs are written one by one, sweeps run elsewhere"
        if info.refusal:
            return f"lrlab {info.version}, but no bulk: {info.refusal}"
        return f"lrlab {info.version}: bulk ingestion and submitted sweeps"

    steps = [("login", log_in), ("server", kind)]
    for check, action in steps:
        yield tried(check, action)
        if not findings[-1].ok:
            return
    yield from _round(stores[0], names, tried)


def _round(
    store: Store, names: dict[str, str], tried: Callable[[str, Callable[[], str]], Finding]
) -> Iterator[Finding]:
    """Write, read back, delete and time, on an experiment of its own."""
    client = store.client

    def write() -> str:
        names["id"] = client.create_experiment(names["experiment"])
        names["run"] = client.create_run(names["id"]).info.run_id
        metrics = [Metric("value", value, now_ms(), step) for step, value in VALUES]
        client.log_batch(names["run"], metrics=metrics, params=[Param("text", "ä\t%")])
        client.log_text(names["run"], "ä", "folder/file.txt")
        client.set_terminated(names["run"])
        return "experiment, run, 20 points, artifact"

    def read() -> str:
        points = client.get_metric_history(names["run"], "value")
        run = client.get_run(names["run"])
        with scratch_folder() as folder:
            file = client.download_artifacts(names["run"], "folder/file.txt", str(folder))
            same = Path(file).read_text("utf-8") == "ä"
        same &= sorted((p.step, p.value) for p in points) == VALUES
        if not same or run.data.params != {"text": "ä\t%"} or run.info.status != "FINISHED":
            raise LrlabError("what is read back is not what was written")
        return "as written"

    def round_trips() -> str:
        times = []
        for _ in range(ROUND_TRIPS):
            began = time.perf_counter()
            client.get_run(names["run"])
            times.append(1000 * (time.perf_counter() - began))
        cuts = statistics.quantiles(times, n=20)
        return f"median {statistics.median(times):.0f} ms, 95% below {cuts[-1]:.0f} ms"

    def delete() -> str:
        client.delete_run(names["run"])
        client.delete_experiment(names["id"])
        return "run and experiment"

    steps = [("write", write), ("read", read), ("round trip", round_trips), ("delete", delete)]
    for check, action in steps:
        finding = tried(check, action)
        yield finding
        if not finding.ok and check == "write":
            return
