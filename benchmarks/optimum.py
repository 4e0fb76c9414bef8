"""What the exact optima cost: a sweep with l2 searched, fixed, and none, side by side.

    python benchmarks/optimum.py                       # every table, 100 trials: some minutes
    python benchmarks/optimum.py default smarket       # some of them
    python benchmarks/optimum.py --trials 300 caravan

Every sweep is one whole `lrlab sweep` in a store of its own: six optimizers, three losses, 1,000
full-batch steps, report and model included. Wanted: fixed at most 1.2 times none, searched at most
1.5 times fixed. The tables are read from the packages ISLP, palmerpenguins and statsmodels where
they are installed (they are not imported); else a made one of the same size stands for them.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

FIXED, SEARCHED = 1.2, 1.5  # times none, times fixed
SPEC = """\
name: {name}
data: {{source: csv, path: table.csv, target: y, val_fraction: 0.25, test_fraction: 0}}
train: {{steps: 1000, l2: {fixed}}}
search:
  trials: {trials}
  space:
    optimizer: [sgd, momentum, nesterov, adagrad, rmsprop, adam]
    loss: [bce_logits, mse, hinge]
    lr: {{low: 1.0e-4, high: 10, log: true}}
{searched}objective: val_log_loss
"""
KINDS = {
    "none": ("0.0", ""),
    "fixed": ("1.0e-2", ""),
    "searched": ("0.0", "    l2: {low: 1.0e-6, high: 1.0, log: true}\n"),
}


@dataclass(frozen=True)
class Table:
    """A table of a package: where its file is, its target, what to leave out, and its size."""

    package: str
    file: str
    target: str
    drop: tuple[str, ...] = ()
    rows: int = 0
    columns: int = 0
    positives: float = 0.5


TABLES = {
    "default": Table("ISLP", "data/Default.csv", "default", (), 10_000, 3, 0.03),
    "caravan": Table("ISLP", "data/Caravan.csv", "Purchase", (), 5_822, 85, 0.06),
    "smarket": Table("ISLP", "data/Smarket.csv", "Direction", ("Today",), 1_250, 7),
    "wage": Table("ISLP", "data/Wage.csv", "wage", ("logwage", "region"), 3_000, 19),
    "oj": Table("ISLP", "data/OJ.csv", "Purchase", (), 1_070, 17, 0.6),
    "penguins": Table("palmerpenguins", "data/penguins.csv", "sex", (), 333, 11),
    "fair": Table("statsmodels", "datasets/fair/fair.csv", "affairs", (), 6_366, 8, 0.3),
    "spector": Table("statsmodels", "datasets/spector/spector.csv", "GRADE", (), 32, 3, 0.3),
}


def read(table: Table) -> pd.DataFrame:
    """The package's file with its target as a column y of two classes; else a made table."""
    found = importlib.util.find_spec(table.package)
    if found is None or found.submodule_search_locations is None:
        return made(table)
    path = Path(next(iter(found.submodule_search_locations))) / table.file
    separator = None if "spector" in table.file else ","
    frame = pd.read_csv(path, sep=separator, engine="python", quotechar="'").dropna()
    frame.columns = [str(name).strip("'\" ") for name in frame.columns]
    target = frame.pop(table.target)
    if target.nunique() > 2:
        target = target > (0 if table.target == "affairs" else target.median())
    left_out = [n for n in frame if n in table.drop or n in ("OBS", "Unnamed: 0")]
    return frame.drop(columns=left_out).assign(y=target.astype(str).to_numpy())


def made(table: Table) -> pd.DataFrame:
    """Half of the columns normal, half 0 or 1; classes overlap."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(table.rows, table.columns))
    x[:, ::2] = x[:, ::2] > 0.5
    score = x @ rng.normal(size=table.columns) + 2 * rng.logistic(size=table.rows)
    y = score > np.quantile(score, 1 - table.positives)
    frame = pd.DataFrame(x, columns=[f"x{i}" for i in range(table.columns)])
    return frame.assign(y=y.astype(int))


def seconds(frame: pd.DataFrame, kind: str, trials: int, workers: int) -> tuple[float, float]:
    """Of one whole `lrlab sweep`: by the clock, and of processor time."""
    fixed, searched = KINDS[kind]
    folder = Path(tempfile.mkdtemp(prefix="lrlab-optimum-"))
    try:
        frame.to_csv(folder / "table.csv", index=False)
        text = SPEC.format(name=kind, fixed=fixed, searched=searched, trials=trials)
        (folder / "sweep.yaml").write_text(text)
        command = [sys.executable, "-m", "lrlab", "sweep", "sweep.yaml", "-q"]
        environment = {k: v for k, v in os.environ.items() if k != "MLFLOW_TRACKING_URI"}
        before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        subprocess.run(
            [*command, "--workers", str(workers)],
            cwd=folder,
            env=environment,
            check=True,
            stdout=subprocess.DEVNULL,
        )
        wall = time.perf_counter() - start
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return wall, spent
    finally:
        shutil.rmtree(folder)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("tables", nargs="*", metavar="TABLE", help=", ".join(TABLES))
    parser.add_argument("--trials", type=int, default=100)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    given = parser.parse_args()
    missed = False
    print(f"{'table':10} {'seconds (processor)':>42} {'fixed/none':>12} {'searched/fixed':>15}")
    for name in given.tables or TABLES:
        frame = read(TABLES[name])
        spent = {k: seconds(frame, k, given.trials, given.workers) for k in KINDS}
        ratios = [
            [spent["fixed"][i] / spent["none"][i], spent["searched"][i] / spent["fixed"][i]]
            for i in (0, 1)
        ]
        missed |= ratios[0][0] > FIXED or ratios[0][1] > SEARCHED
        times = ", ".join(f"{wall:.1f} ({cpu:.1f})" for wall, cpu in spent.values())
        columns = [f"{wall:.2f} ({cpu:.2f})" for wall, cpu in zip(*ratios, strict=True)]
        print(f"{name:10} {times:>42} {columns[0]:>12} {columns[1]:>15}", flush=True)
    print(f"wanted: fixed/none <= {FIXED}, searched/fixed <= {SEARCHED}, by the clock")
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
