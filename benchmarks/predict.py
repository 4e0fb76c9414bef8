"""How long `lrlab predict` takes on a long table, and how much memory, from its start.

    python benchmarks/predict.py                 # a million rows, CSV and Parquet
    python benchmarks/predict.py --rows 100000

The model is trained on the table's first rows. Every number is measured in this run.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pandas as pd

TRAINED_ON = 2000


def make_table(rows: int) -> pd.DataFrame:
    """Five numeric columns, one of them unix times, and two categorical ones."""
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.normal(size=(rows, 4)), columns=[f"x{i}" for i in range(4)])
    table["seen_at"] = 1.7e9 + rng.normal(0, 3e4, rows)
    table["town"] = rng.choice([f"town {i}" for i in range(50)], rows)
    table["sex"] = rng.choice(["f", "m"], rows)
    score = table["x0"] + (table["sex"] == "m") + rng.normal(size=rows)
    return table.assign(label=np.where(score > 0.5, "yes", "no"))


def predict(path: Path, uri: str) -> tuple[float, float, float]:
    """Seconds, seconds of a core, and MB at most, of one command."""
    command = [sys.executable, "-m", "lrlab", "predict", "long", str(path), "-o", "p.csv"]
    start = time.perf_counter()
    process = subprocess.Popen([*command, "--tracking-uri", uri], stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    if status:
        raise SystemExit("lrlab predict failed")
    return seconds, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def prepare(rows: int, uri: str) -> None:
    """The files, and a sweep with a model."""
    from lrlab import make_spec, track
    from lrlab.sweep import run_sweep

    track.quiet()
    table = make_table(rows)
    table.head(TRAINED_ON).to_csv("train.csv", index=False)
    table.to_csv("long.csv", index=False)
    table.to_parquet("long.parquet")
    data = {"source": "csv", "path": "train.csv", "target": "label"}
    spec = {"name": "long", "data": data, "train": {"steps": 100}, "search": {"trials": 4}}
    run_sweep(make_spec(spec), tracking_uri=uri)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    rows = parser.parse_args().rows
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        os.chdir(folder)
        uri = f"sqlite:///{Path('mlflow.db').resolve()}"
        # Elsewhere, as the memory of a process counts for those that it starts.
        with ProcessPoolExecutor(1, get_context("spawn")) as other:
            other.submit(prepare, rows, uri).result()
        for path in (Path("long.csv"), Path("long.parquet")):
            seconds, busy, megabytes = predict(path, uri)
            print(
                f"{path.suffix[1:]:8} {rows:,} rows: {seconds:.1f} s, {busy:.1f} s of a core, "
                f"{megabytes:,.0f} MB"
            )


if __name__ == "__main__":
    main()
