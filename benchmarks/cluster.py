"""What a Dask cluster costs and gains: one batch trained here, by processes, and on a cluster.

Starts a scheduler and two workers on this machine, and ends them.

    python benchmarks/cluster.py
"""

from __future__ import annotations

import pickle
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import wait
from contextlib import contextmanager
from statistics import median

from lrlab.data import load_problem
from lrlab.spec import TrainSpec, make_spec
from lrlab.train import ENGINES, Finished, Processes, Workers, open_executor
from lrlab.trial import Run, TrialConfig

WORKERS = 2
GROUPS = 8  # of 256 runs
REPEATS = 3
SETTINGS = TrainSpec(steps=1000, stop_converged=False)
OPTIMIZERS = ("sgd", "momentum", "adam")
LOSSES = ("bce", "mse", "hinge")


@contextmanager
def cluster() -> Iterator[str]:
    """The address of a scheduler with workers of one thread each."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{probe.getsockname()[1]}"
    dask = [sys.executable, "-m", "dask"]
    scheduler = ["scheduler", "--host=127.0.0.1", f"--port={address.rpartition(':')[2]}"]
    with tempfile.TemporaryDirectory() as folder:
        worker = ["worker", address, "--nthreads=1", "--no-nanny", f"--local-directory={folder}"]
        started = [
            subprocess.Popen([*dask, *command, "--no-dashboard"], stderr=subprocess.DEVNULL)
            for command in [scheduler, *[worker] * WORKERS]
        ]
        try:
            yield address
        finally:
            for process in reversed(started):
                process.kill()
                process.wait()


def runs() -> list[Run]:
    return [
        Run(i, 0, 1, TrialConfig.of(OPTIMIZERS[i % 3], LOSSES[i // 3 % 3], 1e-3 * (1 + i % 50)))
        for i in range(256 * GROUPS)
    ]


def train(workers: Workers | None) -> tuple[Finished, float]:
    """What a trial batch came to, and the median of its seconds."""
    problem, batch = load_problem(make_spec({"name": "cluster"})), runs()
    spent, ended = [], []
    for _ in range(REPEATS + 1):  # the first one also loads code
        start = time.perf_counter()
        parts = ENGINES["fused"](problem, batch, SETTINGS, frozenset(), workers)
        ended = [pair for part in parts for pair in part]
        spent.append(time.perf_counter() - start)
    return ended, median(spent[1:])


def main() -> None:
    problem = load_problem(make_spec({"name": "cluster"}))
    ended, alone = train(None)
    print(f"{'':<24}{'s':>8}{'runs/s':>10}")

    def show(name: str, seconds: float) -> None:
        print(f"{name:<24}{seconds:>8.2f}{len(ended) / seconds:>10.0f}")

    show("this process", alone)
    processes = Processes(WORKERS, problem, SETTINGS)
    wait(processes._warm)
    show(f"{WORKERS} processes", train(processes)[1])
    processes.close()
    with cluster() as address:
        workers = open_executor(address, problem, SETTINGS, print)
        there, seconds = train(workers)
        workers.close()
    show(f"{WORKERS} Dask workers", seconds)
    same = all(
        (a, x.train_loss.tobytes(), x.weight.tobytes())
        == (b, y.train_loss.tobytes(), y.weight.tobytes())
        for (a, x), (b, y) in zip(ended, there, strict=True)
    )
    out = len(pickle.dumps([run for run, _ in ended[:256]]))
    back = len(pickle.dumps([trajectory for _, trajectory in ended[:256]], protocol=5))
    print(f"\na group: {out / 1e3:.0f} kB there, {back / 1e6:.1f} MB back; same bits: {same}")


if __name__ == "__main__":
    main()
