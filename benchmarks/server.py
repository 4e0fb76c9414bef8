"""The team server under load: bulk ingestion against MLflow's own calls, and a team at once.

    MLFLOW_TRACKING_URI=... MLFLOW_TRACKING_USERNAME=... MLFLOW_TRACKING_PASSWORD=... \\
        python benchmarks/server.py

against a server of your own, such as `lrlab server up --local`. Everything goes into an
experiment of its own, which is deleted at the end. Bulk and standard calls write the same runs to
the same server in turn; then 20 clients log runs with MLflow's client while 5
browsers ask for what the UI's pages ask for.
"""

from __future__ import annotations

import argparse
import secrets
import statistics
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Sequence

import requests

from lrlab import track
from lrlab.data import load_problem
from lrlab.errors import LrlabError
from lrlab.spec import make_spec
from lrlab.track.store import resolve_uri
from lrlab.track.writers.client import write_with_client
from lrlab.track.writers.http import write_over_http
from lrlab.train import ENGINES, Finished
from lrlab.trial import Run, TrialConfig

CLIENTS, BROWSERS = 20, 5
ROUNDS = 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--bulk", type=int, default=512, help="runs written in bulk")
    parser.add_argument("--single", type=int, default=32, help="runs written call by call")
    parser.add_argument("--seconds", type=float, default=30.0, help="of load by a team")
    options = parser.parse_args()
    track.quiet()
    store = track.connect(resolve_uri())
    name = f"benchmark-{secrets.token_hex(4)}"
    experiment = store.client.create_experiment(name)
    try:
        finished = trained(max(options.bulk, options.single))
        ratio(store, experiment, finished, options.bulk, options.single)
        load(store, experiment, finished, options.seconds)
    finally:
        store.client.delete_experiment(experiment)


def trained(count: int) -> Finished:
    """Finished runs of 1,000 steps on the tutorial's data."""
    spec = make_spec({"name": "t", "train": {"steps": 1000}})
    runs = [
        Run(i, 0, 1, TrialConfig.of(("sgd", "adam")[i % 2], "bce", 0.001 * (1 + i)))
        for i in range(count)
    ]
    parts = ENGINES["fused"](load_problem(spec), runs, spec.train)
    return [pair for part in parts for pair in part]


def one_by_one(store: track.Store, experiment: str, parent: str, finished: Finished) -> None:
    """The calls of MLflow's client as a script makes them: a run after the other."""
    for pair in finished:
        write_with_client(store, experiment, parent, [pair])


def ratio(store: track.Store, experiment: str, finished: Finished, bulk: int, single: int) -> None:
    """The same content, written three ways in turn: runs a second, and how much faster bulk is."""
    parent = store.client.create_run(experiment).info.run_id
    ways: dict[str, tuple[Callable[..., object], int]] = {
        "standard calls, one run after the other": (one_by_one, single),
        "standard calls, 8 runs at a time": (write_with_client, single),
        "bulk": (write_over_http, bulk),
    }
    write_over_http(store, experiment, parent, finished[:8])  # warm up
    rates = defaultdict(list)
    for _ in range(ROUNDS):
        for label, (write, count) in ways.items():
            began = time.perf_counter()
            write(store, experiment, parent, finished[:count])
            rates[label].append(count / (time.perf_counter() - began))
    rate = {label: statistics.median(found) for label, found in rates.items()}
    print(
        f"\n| median of {ROUNDS} rounds | runs a second | bulk is faster by |\n| --- | --- | --- |"
    )
    for label, found in rate.items():
        print(f"| {label} | {found:.1f} | {rate['bulk'] / found:.0f}x |")


def load(store: track.Store, experiment: str, finished: Finished, seconds: float) -> None:
    """20 clients and 5 browsers at once: throughput, and percentiles of latency."""
    end = time.monotonic() + seconds
    taken: dict[str, list[float]] = defaultdict(list)
    failed: list[str] = []
    parent = store.client.create_run(experiment).info.run_id

    def repeat(label: str, action: Callable[[], object]) -> None:
        while time.monotonic() < end:
            began = time.perf_counter()
            try:
                action()
            except (LrlabError, requests.RequestException) as error:
                failed.append(f"{label}: {error}")
            else:
                taken[label].append(time.perf_counter() - began)

    def log_one() -> None:
        write_with_client(store, experiment, parent, finished[:1])

    def look() -> None:
        for method, path, body in pages(experiment, parent):
            answer = session.request(method, store.uri + path, json=body, timeout=60)
            answer.raise_for_status()

    credentials = store.client._tracking_client.store.get_host_creds()
    session = requests.Session()
    session.auth = (credentials.username or "", credentials.password or "")
    threads = [
        threading.Thread(target=repeat, args=("a client logs a run", log_one))
        for _ in range(CLIENTS)
    ] + [
        threading.Thread(target=repeat, args=("a browser opens a page", look))
        for _ in range(BROWSERS)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(f"\n{CLIENTS} clients and {BROWSERS} browsers, {seconds:.0f} s:\n")
    print("| | a second | median | 95% | 99% |\n| --- | --- | --- | --- | --- |")
    for label, times in sorted(taken.items()):
        print(f"| {label} | {len(times) / seconds:.1f} | {percentiles(times)} |")
    print(f"\nfailed: {len(failed)}" + "".join(f"\n  {text}" for text in failed[:5]))


def pages(experiment: str, run_id: str) -> Sequence[tuple[str, str, object]]:
    """What the UI asks for: the list of experiments, the runs of one, and one run."""
    api = "/ajax-api/2.0/mlflow"
    search = {"experiment_ids": [experiment], "max_results": 100, "order_by": ["metrics.val_auc"]}
    return (
        ("GET", "/", None),
        ("GET", f"{api}/experiments/search?max_results=25", None),
        ("POST", f"{api}/runs/search", search),
        ("GET", f"{api}/runs/get?run_id={run_id}", None),
    )


def percentiles(times: Sequence[float]) -> str:
    """Median, 95th and 99th percentile in milliseconds, as cells of a table."""
    cuts = statistics.quantiles([*times, *times], n=100)
    return " | ".join(f"{1000 * cuts[i]:.0f} ms" for i in (49, 94, 98))


if __name__ == "__main__":
    main()
