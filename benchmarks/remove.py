"""What deleting a sweep costs: `lrlab rm` into MLflow's trash, and for good.

    python benchmarks/remove.py                # 10,000 runs
    python benchmarks/remove.py --runs 50000   # more

The sweep is recorded through lrlab's own bulk writer, with as many points and bytes of artifacts a
run as the quickstart's runs have. Seconds are those of the whole command; the line `nothing` has
its start alone. Beside them what MLflow's own client takes a run, from a sample of `delete_run`.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from mlflow import MlflowClient

from lrlab.spec import make_spec
from lrlab.track import connect
from lrlab.track import mlflow_schema as schema
from lrlab.track.open_sweep import create_sweep
from lrlab.track.store import Store
from lrlab.track.writers.bulk import database, insert_runs

NAMES = ("train_loss", "train_objective", "val_log_loss", "val_accuracy")
ONCE = ("val_auc", "val_brier", "val_ece", "train_log_loss", "train_accuracy")
FILES = (("weights.pt", 2_300), ("history.parquet", 12_000))  # bytes
BATCH = 500
SAMPLE = 50  # runs that MLflow's client deletes


def fill(store: Store, runs: int) -> str:
    """A finished sweep of so many runs; returns its run id."""
    spec = make_spec({"name": "large", "search": {"trials": runs}})
    info = create_sweep(store, spec, "benchmark", {})
    place = store.client.get_experiment(info.experiment_id).artifact_location
    latest = [(name, 0.5, 1000) for name in NAMES] + [(name, 0.5, 0) for name in ONCE]
    points = [(name, 0.5, step) for name in NAMES for step in range(1, 20)] + latest
    params = {"optimizer": "sgd", "loss": "bce_logits", "lr": "0.1", "l2": "0.0", "seed": "1"}
    for start in range(0, runs, BATCH):
        records = [
            schema.RunRecord(
                run_id=f"{trial:032x}",
                name=f"{trial:04d}",
                tags={
                    "mlflow.user": "benchmark",
                    schema.PARENT: info.run_id,
                    schema.KIND: schema.RUN,
                    schema.TRIAL: str(trial),
                    schema.REPLICATE: "0",
                    schema.OUTCOME: "slow",
                    schema.STEPS: "1000",
                },
                params=params,
                points=points,
                latest=latest,
                files=lambda: ((name, bytes(size)) for name, size in FILES),
                began=1,
                ended=2,
            )
            for trial in range(start, min(start + BATCH, runs))
        ]
        insert_runs(database(store.uri), records, info.experiment_id, place, place)
    store.client.set_tag(info.run_id, schema.STATE, schema.FINISHED)
    store.client.set_terminated(info.run_id)
    return info.run_id


def rm(folder: Path, *options: str) -> str:
    """Run `lrlab rm`: its seconds, and those of a processor."""
    start = time.perf_counter()
    command = [sys.executable, "-m", "lrlab", "rm", "large", *options]
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE)
    assert process.stdout is not None
    last = process.stdout.read().decode().splitlines()[-1]
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, last
    spent = time.perf_counter() - start
    return f"{spent:.1f} s ({usage.ru_utime + usage.ru_stime:.1f} s of a processor): {last}"


def one_by_one(store: Store) -> float:
    """Milliseconds a run of MLflow's own client."""
    ids = [f"{trial:032x}" for trial in range(SAMPLE)]
    client = MlflowClient(store.uri)
    client.get_run(ids[0])
    start = time.perf_counter()
    for run_id in ids:
        client.delete_run(run_id)
    spent = 1000 * (time.perf_counter() - start) / SAMPLE
    for run_id in ids:
        client.restore_run(run_id)
    return spent


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=10_000)
    runs = parser.parse_args().runs
    os.environ.pop("MLFLOW_TRACKING_URI", None)
    print(f"{platform.machine()}, {os.cpu_count()} cores, {runs:,} runs")
    with tempfile.TemporaryDirectory(prefix="lrlab-rm-") as name:
        folder = Path(name)
        store = connect(f"sqlite:///{folder / 'mlflow.db'}")
        fill(store, runs)
        size = (folder / "mlflow.db").stat().st_size / 2**20
        print(f"a store of {size:,.0f} MiB; MLflow's client: {one_by_one(store):.1f} ms a run")
        print(f"nothing:      {rm(folder, '--dry-run')}")
        print(f"to the trash: {rm(folder, '--yes')}")
        print(f"for good:     {rm(folder, '--yes', '--purge')}")
        left = sum(1 for path in (folder / "mlruns").rglob("*") if path.is_file())
        print(f"files left: {left}")


if __name__ == "__main__":
    main()
