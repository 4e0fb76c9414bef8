"""What more trials cost: the sweep, its memory, its report, and MLflow's own pages.

    python benchmarks/scale.py                 # 1,000 and 10,000 trials
    python benchmarks/scale.py --trials 50000  # more

Sweeps of random search over the quickstart's space, each in a store of its own, through the
command line. Memory is the largest resident size of the command's process, report included.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from urllib.error import URLError
from urllib.request import Request, urlopen

LRLAB = [sys.executable, "-m", "lrlab"]
QUICKSTART = Path(__file__).resolve().parents[1] / "sweeps" / "quickstart.yaml"
STORE = ["--tracking-uri", "sqlite:///mlflow.db"]


def command(arguments: list[str], folder: Path) -> tuple[str, float, float]:
    """Run lrlab: what it printed, seconds, and peak memory in MiB."""
    start = time.perf_counter()
    process = subprocess.Popen([*LRLAB, *arguments], cwd=folder, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    out = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, arguments
    return out, time.perf_counter() - start, usage.ru_maxrss / 1024


def sweep(trials: int, folder: Path, workers: list[str]) -> tuple[float, float]:
    """Milliseconds a trial, without start and report, and peak memory in MiB."""
    out, _, memory = command(
        [
            *("sweep", str(QUICKSTART), "--quiet", "--trials", str(trials), *workers, *STORE),
            *("--set", "search.sampler=random", "--set", "name=scale"),
        ],
        folder,
    )
    line = next(line for line in out.splitlines() if "runs/s)" in line)
    rate = float(line.partition("(")[2].partition(" runs/s")[0])
    return 1000 / rate, memory


def search_endpoint(folder: Path) -> float:
    """Seconds until MLflow's server answers what its runs table asks for."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = subprocess.Popen(
        [*LRLAB, "ui", "--port", str(port), *STORE], cwd=folder, stdout=subprocess.DEVNULL
    )
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(600):
            try:
                urlopen(f"{url}/health").close()
                break
            except URLError:
                time.sleep(0.1)
        body = {
            "experiment_ids": ["1"],
            "max_results": 100,
            "order_by": ["metrics.`val_log_loss` ASC"],
        }
        request = Request(
            f"{url}/ajax-api/2.0/mlflow/runs/search",
            data=json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        start = time.perf_counter()
        with urlopen(request) as answer:
            assert len(json.load(answer)["runs"]) == 100
        return time.perf_counter() - start
    finally:
        server.terminate()
        server.wait()


def first_trial(folder: Path) -> float:
    """Seconds from the command to the first recorded runs, on an existing store."""
    start = time.perf_counter()
    process = subprocess.Popen(
        [*LRLAB, "sweep", str(QUICKSTART), "--new", "--json", *STORE],
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    seconds = 0.0
    for line in process.stderr:
        done = line.partition(": ")[2].partition("/")[0]
        if done.isdigit() and int(done):
            seconds = time.perf_counter() - start
            break
    process.stderr.read()
    process.wait()
    return seconds


def main() -> None:
    """Parse the command line and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--trials", type=int, default=10_000)
    chosen = parser.parse_args()
    print(f"{os.cpu_count()} cores, {platform.platform()}, python {platform.python_version()}\n")
    print(f"{'trials':>8}{'workers':>9}{'ms a trial':>12}{'peak MiB':>10}")
    costs = {}
    with tempfile.TemporaryDirectory() as above:  # removed at the end: see end_to_end.py
        for trials in (1000, chosen.trials):
            for workers in ("0", "default"):
                folder = Path(above) / f"{trials}-{workers}"
                folder.mkdir()
                extra = [] if workers == "default" else ["--workers", workers]
                costs[trials, workers], memory = sweep(trials, folder, extra)
                print(
                    f"{trials:>8,}{workers:>9}{costs[trials, workers]:>12.2f}{memory:>10.0f}",
                    flush=True,
                )
        _, report, memory = command(["report", "scale", *STORE], folder)
        size = next(folder.glob("lrlab-report-*/report.html")).stat().st_size
        endpoint = search_endpoint(folder)
        first = first_trial(folder)
    ratio = costs[chosen.trials, "0"] / costs[1000, "0"]
    print(f"\ncost a trial, {chosen.trials:,} against 1,000, same process: {ratio:.2f}x")
    print(f"lrlab report: {report:.1f} s, {memory:.0f} MiB, report.html {size / 1e6:.1f} MB")
    print(f"MLflow's runs table, 100 best of {chosen.trials:,}: {endpoint:.2f} s")
    print(f"first trials recorded on that store: {first:.1f} s after the command")


if __name__ == "__main__":
    main()
