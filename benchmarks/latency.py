"""How long one waits for a command, as multiples of importing the libraries that lrlab uses.

    python benchmarks/latency.py            # medians of 5; about 20 minutes
    python benchmarks/latency.py --quick    # once, without the full store; 2 minutes
    python benchmarks/latency.py --large    # also the report of 10,000 runs

B is `python -c "import torch, mlflow, optuna, pandas"`. Every round measures B and then each
command in turn, so that what else the machine does spreads over all of them; a ratio is the median
of a command by the median of B. Waiting is wall time, and beside it stands the processor time of
the command and its processes, which other load disturbs less.

A new store has the quickstart's 300 runs and nothing else, and is made by the command that is
measured; a full one has 9,000 runs of three more sweeps. The table is drawn: 5,822 rows, 85
columns and 6% of class 1, the shape of the COIL 2000 insurance data.
"""

from __future__ import annotations

import argparse
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import numpy as np
import pandas as pd

BYTECODE = Path(tempfile.gettempdir()) / "lrlab-latency-bytecode"  # as an installation has it
QUICKSTART = Path(__file__).parents[1] / "sweeps" / "quickstart.yaml"
B = "import torch, mlflow, optuna, pandas"
ROWS, COLUMNS, SHARE = 5822, 85, 0.06
TABLE_SPEC = """
name: table
data: {source: csv, path: table.csv, target: y}
search: {trials: 60, space: {optimizer: [sgd, adam], lr: {low: 1.0e-4, high: 1, log: true}}}
"""
FULL = ("--trials", "3000", "--set", "search.replicates=1", "--set", "search.sampler=random")


@dataclass
class Times:
    """Of one command: seconds by the clock, and of the processor."""

    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class Outcome:
    """Of a command: its times, and what it said when."""

    wall: float
    cpu: float
    lines: list[tuple[float, str]]


def run(folder: Path, *command: str) -> Outcome:
    """Run a command to its end; fails with it."""
    env = os.environ | {"PYTHONUNBUFFERED": "1", "PYTHONPYCACHEPREFIX": str(BYTECODE)}
    for name in ("MLFLOW_TRACKING_URI", "PYTHONDONTWRITEBYTECODE"):
        env.pop(name, None)
    start = time.time()
    process = subprocess.Popen(
        [sys.executable, *command],
        cwd=folder,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    lines = [(time.time(), line) for line in process.stdout]
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.time() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{' '.join(command)} failed in {folder} with status {process.returncode}")
    return Outcome(wall, usage.ru_utime + usage.ru_stime, lines)


def lrlab(folder: Path, *arguments: str) -> Outcome:
    """Run lrlab."""
    return run(folder, "-m", "lrlab", *arguments)


def write_table(folder: Path) -> None:
    """The drawn table, and a spec for it."""
    rng = np.random.default_rng(1)
    x = rng.integers(0, 10, (ROWS, COLUMNS)).astype(float)
    z = (x - 4.5) @ rng.normal(0, 0.12, COLUMNS) + rng.logistic(size=ROWS)
    frame = pd.DataFrame(x, columns=[f"x{i}" for i in range(COLUMNS)])
    frame["y"] = (z > np.quantile(z, 1 - SHARE)).astype(int)
    frame.to_csv(folder / "table.csv", index=False)
    (folder / "table.yaml").write_text(TABLE_SPEC)


def seconds_to_verdict(folder: Path, outcome: Outcome) -> float:
    """From the end of the last run's training to the verdict's first line on the terminal."""
    with closing(sqlite3.connect(folder / "mlflow.db")) as database:
        (parent, verdict) = database.execute(
            "SELECT t.run_uuid, t.value FROM tags t JOIN runs r USING (run_uuid) "
            "WHERE t.key = 'lrlab.verdict' ORDER BY r.start_time DESC"
        ).fetchone()
        (ended,) = database.execute(
            "SELECT max(r.end_time) FROM runs r JOIN tags t USING (run_uuid) "
            "WHERE t.key = 'mlflow.parentRunId' AND t.value = ?",
            (parent,),
        ).fetchone()
    head = verdict[:40]
    told = next(at for at, line in outcome.lines if line.startswith(head))
    return float(told - ended / 1000)


# What is measured, in the order of a round, and the goal in B.
REACH = {
    "sweep quickstart, new store": 2.0,
    "its last run to the verdict": None,
    "report quickstart": 1.2,
    "finished sweep asked again": 0.8,
    "sweep --dry-run": 0.8,
    "ls": 0.4,
    "show quickstart": 0.4,
    "report, table of 5,822 x 85": 1.5,
    "sweep quickstart, full store": 2.0,
    "its last run to the verdict, full store": None,
    "finished sweep asked again, full store": 0.8,
    "ls, full store": 0.4,
    "show quickstart, full store": 0.4,
    "report, 10,000 runs": None,
}
SECONDS = {"its last run to the verdict": 1.0, "its last run to the verdict, full store": 1.0}


def in_new_store(folder: Path) -> Iterator[tuple[str, float, float]]:
    """Name, wall and processor time of each command."""
    folder.mkdir()
    quickstart = str(QUICKSTART)
    first = lrlab(folder, "sweep", quickstart)
    yield "sweep quickstart, new store", first.wall, first.cpu
    yield "its last run to the verdict", seconds_to_verdict(folder, first), 0.0
    commands = {
        "report quickstart": ("report", "quickstart", "-o", "out"),
        "finished sweep asked again": ("sweep", quickstart),
        "sweep --dry-run": ("sweep", quickstart, "--dry-run"),
        "ls": ("ls",),
        "show quickstart": ("show", "quickstart"),
    }
    for name, command in commands.items():
        done = lrlab(folder, *command)
        yield name, done.wall, done.cpu


def in_full_store(folder: Path, seed: int) -> Iterator[tuple[str, float, float]]:
    """The same in the full store, where each round's sweep has a seed of its own."""
    command = ("sweep", str(QUICKSTART), "--set", f"seed={seed}")
    first = lrlab(folder, *command)
    yield "sweep quickstart, full store", first.wall, first.cpu
    yield "its last run to the verdict, full store", seconds_to_verdict(folder, first), 0.0
    commands = {
        "finished sweep asked again, full store": command,
        "ls, full store": ("ls",),
        "show quickstart, full store": ("show", "quickstart"),
    }
    for name, each in commands.items():
        done = lrlab(folder, *each)
        yield name, done.wall, done.cpu


def measured(rounds: int, quick: bool, large: bool) -> tuple[Times, dict[str, Times]]:
    """B, and every command."""
    base, times = Times(), {name: Times() for name in REACH}
    with tempfile.TemporaryDirectory(prefix="latency-") as scratch:
        full, table, many = (Path(scratch) / name for name in ("full", "table", "many"))
        _prepare(full, table, many, quick=quick, large=large)
        for number in range(rounds):
            b = run(Path(scratch), "-c", B)
            base.wall.append(b.wall)
            base.cpu.append(b.cpu)
            parts: list[Callable[[], Iterator[tuple[str, float, float]]]] = [
                lambda: in_new_store(Path(scratch) / f"new-{number}"),  # noqa: B023
                lambda: _report("report, table of 5,822 x 85", table, "table"),
            ]
            if not quick:
                parts.append(lambda: in_full_store(full, 1000 + number))  # noqa: B023
            if large:
                parts.append(lambda: _report("report, 10,000 runs", many, "many"))
            for part in parts:
                for name, wall, cpu in part():
                    times[name].wall.append(wall)
                    times[name].cpu.append(cpu)
    return base, times


def _prepare(full: Path, table: Path, many: Path, *, quick: bool, large: bool) -> None:
    run(table.parent, "-c", B)
    table.mkdir()
    write_table(table)
    lrlab(table, "sweep", "table.yaml", "-q")
    if not quick:
        full.mkdir()
        for seed in (11, 12, 13):
            lrlab(full, "sweep", str(QUICKSTART), *FULL, "--set", f"seed={seed}", "-q")
    if large:
        many.mkdir()
        more = (*FULL[2:], "--trials", "10000", "--set", "name=many")
        lrlab(many, "sweep", str(QUICKSTART), *more, "-q")


def _report(name: str, folder: Path, sweep: str) -> Iterator[tuple[str, float, float]]:
    done = lrlab(folder, "report", sweep, "-o", "out")
    yield name, done.wall, done.cpu


def show(base: Times, times: dict[str, Times]) -> None:
    """The table, in Markdown."""
    b, b_cpu = median(base.wall), median(base.cpu)
    print(f"B = {b:.2f} s, of the processor {b_cpu:.2f} s\n")
    print("| command | seconds | B | processor, B | reach |")
    print("| --- | --- | --- | --- | --- |")
    for name, each in times.items():
        if not each.wall:
            continue
        wall, cpu = median(each.wall), median(each.cpu)
        reach = f"{REACH[name]:.1f} B" if REACH[name] else ""
        reach = f"{SECONDS[name]:.0f} s" if name in SECONDS else reach
        processor = f"{cpu / b_cpu:.2f}" if cpu else ""
        print(f"| {name} | {wall:.2f} | {wall / b:.2f} | {processor} | {reach} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--quick", action="store_true", help="once, without the full store")
    parser.add_argument("--large", action="store_true", help="also the report of 10,000 runs")
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    show(*measured(1 if given.quick else given.rounds, given.quick, given.large))


if __name__ == "__main__":
    main()
