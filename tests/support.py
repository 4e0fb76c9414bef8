"""What tests share that is no fixture."""

from __future__ import annotations

import os
import socket
import sqlite3
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TINY = {
    "name": "tiny",
    "train": {"steps": 40},
    "search": {
        "trials": 8,
        "batch": 4,
        "space": {
            "optimizer": ["sgd", "momentum"],
            "loss": ["bce", "squared_hinge"],
            "lr": {"low": 1e-2, "high": 1e4, "log": True},
            "momentum.beta": {"low": 0.5, "high": 0.9},
        },
    },
}


@dataclass(frozen=True)
class Outcome:
    """What a command left behind."""

    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Finished:
    """A finished sweep in a store of its own."""

    uri: str
    run_id: str
    folder: Path


def tiny(**changes: Any) -> dict[str, Any]:
    """The tiny spec with some sections changed; `search` and `train` are merged."""
    spec: dict[str, Any] = {**TINY, **changes}
    for section in ("search", "train"):
        spec[section] = TINY[section] | changes.get(section, {})  # type: ignore[operator]
    return spec


def move_store(folder: Path, old: str) -> None:
    """Tell a copied SQLite store that its artifacts are in `folder` now and not in `old`."""
    places = (("runs", "artifact_uri"), ("experiments", "artifact_location"))
    with closing(sqlite3.connect(folder / "mlflow.db")) as database:
        for table, column in places:
            moved = f"UPDATE {table} SET {column} = replace({column}, ?, ?)"
            database.execute(moved, (old, str(folder)))
        database.commit()


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def ui_on(uri: str, folder: Path) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """`lrlab ui` on a store: its address, once it answers, and its process."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "lrlab", "ui", "--port", str(port), "--tracking-uri", uri],
        cwd=folder,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"MLFLOW_DISABLE_TELEMETRY": "true"},
    )
    assert process.stdout is not None
    first = process.stdout.readline()
    assert f"http://127.0.0.1:{port}" in first
    try:
        yield f"http://127.0.0.1:{port}", process
    finally:
        process.terminate()
        process.wait(timeout=30)


def unpack(archive: Path, folder: Path) -> None:
    """Unpack one of the fixtures; Python before 3.11.4 knows no filters."""
    safely: dict[str, Any] = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
    with tarfile.open(archive) as opened:
        opened.extractall(folder, **safely)
