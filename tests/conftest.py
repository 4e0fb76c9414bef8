"""Fixtures: an empty store, a folder to work in, the command line, one finished sweep."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lrlab.cli import run
from lrlab.spec import make_spec
from support import Finished, Outcome, tiny


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("MLFLOW_TRACKING") or name in ("MLFLOW_REGISTRY_URI", "DO_NOT_TRACK"):
            monkeypatch.delenv(name)


@pytest.fixture(autouse=True, scope="session")
def _ctrl_c_interrupts() -> None:
    """Where the tests run in the background, SIGINT is ignored, and children inherit that."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite store without sweeps; making one takes seconds, copying it does not."""
    from lrlab.track import connect

    path = tmp_path_factory.mktemp("store") / "mlflow.db"
    connect(f"sqlite:///{path}")
    return path


@pytest.fixture
def workdir(tmp_path: Path, empty_store: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with an empty store in it."""
    shutil.copy(empty_store, tmp_path / "mlflow.db")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def unpainted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sweeps end without painting their figures and exporting a model.

    Both take longer than all else in a small sweep; tests/report and tests/track look at them.
    """
    monkeypatch.setattr("lrlab.sweep.finalize.log_best_model", lambda *args: None)


Cli = Callable[..., Outcome]


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Cli:
    """Run the command line in this process."""

    def call(*argv: str) -> Outcome:
        capsys.readouterr()
        code = run(argv)
        captured = capsys.readouterr()
        return Outcome(code, captured.out, captured.err)

    return call


@pytest.fixture
def lrlab_process() -> Callable[..., subprocess.Popen[str]]:
    """Start the command line as a process of its own."""

    def start(*argv: str, cwd: Path, **env: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "lrlab", *argv],
            cwd=cwd,
            env=os.environ | env,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return start


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory, empty_store: Path) -> Iterator[Finished]:
    """The tiny sweep, run once for all tests that only read."""
    from lrlab.sweep import run_sweep
    from lrlab.track import quiet

    quiet()
    folder = tmp_path_factory.mktemp("finished")
    shutil.copy(empty_store, folder / "mlflow.db")
    before = Path.cwd()
    os.chdir(folder)
    uri = f"sqlite:///{folder / 'mlflow.db'}"
    try:
        result = run_sweep(make_spec(tiny(search={"replicates": 2})), tracking_uri=uri)
        yield Finished(uri, result.run_id, folder)
    finally:
        os.chdir(before)


# These files take longest, so they begin first: with files handed out one by one, a long one that
# begins last leaves the other processes idle.
LONG = ("test_stack", "test_interruptions", "test_cluster", "test_store", "test_cli", "test_run")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Order the tests by file, the long ones first."""
    rank = {name: i for i, name in enumerate(LONG)}
    items.sort(key=lambda item: rank.get(item.path.stem, len(LONG)))
