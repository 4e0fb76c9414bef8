"""What is run: three studies, each a sweep a table."""

from __future__ import annotations

import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml

import lrlab
from lrlab.spec import SweepSpec

SWEEPS = Path(__file__).resolve().parents[2] / "sweeps"
STUDIES = ("optimizers", "losses", "minibatch")
PACKAGE = "ISLP==0.6.0"  # its wheel holds the tables of "An Introduction to Statistical Learning"
ALL = 0  # stands for a batch of all rows
BATCHES = (1, 16, 64, 256, ALL)
PASSES, PASSES_OF_ALL = 10, 300
MINIBATCH_ROWS = {"made-1e2": 2000, "digits-8": 1077}  # training rows
YEAR = "Year"  # and `Today`, whose sign is the direction: the answer in disguise


def from_package(tables: Path) -> dict[str, dict[str, Any]]:
    """Sections `data` on tables of the package, which are read from its wheel into a folder."""
    tables.mkdir(parents=True, exist_ok=True)
    names = {"smarket": "Smarket", "oj": "OJ", "default": "Default"}
    if not all((tables / f"{name}.csv").exists() for name in names.values()):
        pip = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", str(tables)]
        subprocess.run([*pip, PACKAGE], check=True)
        with zipfile.ZipFile(next(tables.glob("*.whl"))) as wheel:
            for name in names.values():
                (tables / f"{name}.csv").write_bytes(wheel.read(f"ISLP/data/{name}.csv"))
    found: dict[str, dict[str, Any]] = {
        key: {"source": "csv", "path": str((tables / f"{name}.csv").resolve())}
        for key, name in names.items()
    }
    found["smarket"] |= {"target": "Direction", "positive": "Up", "drop": [YEAR, "Today"]}
    found["oj"] |= {"target": "Purchase", "positive": "MM", "constant": "drop"}
    found["default"] |= {"target": "default", "positive": "Yes"}
    return found


def suite(study: str, folder: Path) -> list[SweepSpec]:
    """The sweeps of a study: those of sweeps/STUDY.yaml, and tables of the package or batch sizes.

    Args:
        study: One of `STUDIES`.
        folder: Where the whole suite is written as a spec file, and tables are put.
    """
    content = yaml.safe_load((SWEEPS / f"{study}.yaml").read_text(encoding="utf-8"))
    if study == "minibatch":
        return [spec for size in BATCHES for spec in _of_size(content, size, folder)]
    content["problems"] |= from_package(folder / "tables")
    return _specs(content, folder / f"{study}.yaml")


def _specs(content: dict[str, Any], path: Path) -> list[SweepSpec]:
    path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    specs: list[SweepSpec] = list(lrlab.load_specs(path))
    return specs


def _of_size(content: dict[str, Any], size: int, folder: Path) -> list[SweepSpec]:
    """The sweeps of a batch size, each of as many steps as make `PASSES` over its rows."""
    name = f"minibatch-{size or 'all'}"
    changed = content | {"name": name, "train": {**content["train"], "batch_size": size or None}}
    found = []
    for spec in _specs(changed, folder / f"{name}.yaml"):
        steps = PASSES_OF_ALL
        if size:
            steps = PASSES * -(-MINIBATCH_ROWS[table_of(spec.name)] // size)
        train = spec.train.model_copy(update={"steps": steps})
        found.append(spec.model_copy(update={"train": train}))
    return found


def table_of(name: str) -> str:
    """The table of a sweep: `digits-8` of `minibatch-16-digits-8`."""
    rest = name.partition("-")[2]
    size, _, table = rest.partition("-")
    return table if size.isdigit() or size == "all" else rest


def run(
    folder: Path, wanted: Sequence[str] = STUDIES, say: Callable[[str], None] = print
) -> Iterator[tuple[str, str, int]]:
    """Run what is not finished; yields study and name of each sweep, and its batch size or `ALL`.

    Args:
        folder: Of the store.
        wanted: Some of `STUDIES`.
        say: Told of each sweep that was run, with its seconds by the clock and of this process.
    """
    for study in wanted:
        for spec in suite(study, folder):
            clock, cpu = time.perf_counter(), time.process_time()
            result = lrlab.run_sweep(spec, tracking_uri=store_in(folder))
            if not result.already_finished:
                clock, cpu = time.perf_counter() - clock, time.process_time() - cpu
                say(f"{spec.name}: {spec.n_runs:,} runs, {clock:.0f} s, of the CPU {cpu:.0f} s")
            yield study, spec.name, spec.train.batch_size or ALL


def store_in(folder: Path) -> str:
    """The tracking store of a folder."""
    return f"sqlite:///{folder.resolve()}/mlflow.db"
