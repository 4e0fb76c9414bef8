"""Real processes, stopped in every way; the sweep ends as if nothing had happened."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from contextlib import closing
from pathlib import Path

import pandas as pd
import pytest
import yaml
from mlflow import MlflowClient
from mlflow.entities import ViewType

import lrlab
from support import tiny

SPECS = {
    # The loop records one run after another, the fused engine a batch at a time.
    "loop": tiny(
        name="stopped", train={"steps": 150, "engine": "loop"}, search={"trials": 40, "batch": 8}
    ),
    "fused": tiny(name="stopped", train={"steps": 1500}, search={"trials": 40, "batch": 4}),
}


@pytest.fixture(params=SPECS)
def engine(request: pytest.FixtureRequest) -> str:
    """With this fixture a test is run for each engine."""
    return str(request.param)


@pytest.fixture
def undisturbed(engine: str, tmp_path_factory, empty_store, unpainted) -> pd.DataFrame:
    """The numbers of the same sweep in one go, in this process."""
    from lrlab.sweep import run_sweep

    folder = tmp_path_factory.mktemp("undisturbed")
    shutil.copy(empty_store, folder / "mlflow.db")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        run_sweep(lrlab.make_spec(SPECS[engine]))
        return lrlab.load_runs().drop(columns="run_id")


@pytest.fixture
def folder(workdir: Path) -> Path:
    (workdir / "spec.yaml").write_text(yaml.safe_dump(SPECS["loop"]))
    return workdir


def recorded(folder: Path) -> Counter[str]:
    """Runs of the store by status, deleted ones as `deleted`, parents as `sweep STATUS`."""
    client = MlflowClient(f"sqlite:///{folder / 'mlflow.db'}")
    ids = [e.experiment_id for e in client.search_experiments()]
    runs = client.search_runs(ids, run_view_type=ViewType.ALL, max_results=1000)
    return Counter(
        "deleted"
        if run.info.lifecycle_stage == "deleted"
        else ("sweep " if run.data.tags["lrlab.kind"] == "sweep" else "") + run.info.status
        for run in runs
    )


def wait_for_runs(folder: Path, count: int, process) -> None:
    """Until the process has recorded that many runs (or has ended)."""
    deadline = time.monotonic() + 90
    query = "SELECT count(*) FROM runs WHERE status = 'FINISHED'"
    with closing(sqlite3.connect(folder / "mlflow.db", timeout=60)) as database:
        while process.poll() is None and database.execute(query).fetchone()[0] < count:
            assert time.monotonic() < deadline, "the sweep records nothing"
            time.sleep(0.02)


def test_kill_minus_nine_again_and_again_loses_and_doubles_nothing(
    folder: Path, lrlab_process, engine: str, undisturbed: pd.DataFrame
) -> None:
    (folder / "spec.yaml").write_text(yaml.safe_dump(SPECS[engine]))
    for count in (1, 9, 22):
        process = lrlab_process("sweep", "spec.yaml", cwd=folder)
        wait_for_runs(folder, count, process)
        process.kill()
        process.communicate()
        assert process.returncode == -signal.SIGKILL, "it ended before it could be killed"
    last = lrlab_process("sweep", "spec.yaml", cwd=folder)
    out, err = last.communicate()
    assert last.returncode == 0, err
    assert "(continuing)" in err
    assert "Best setting: " in out
    statuses = recorded(folder)
    assert statuses["FINISHED"] == 40
    assert statuses["sweep FINISHED"] == 1
    assert set(statuses) <= {"FINISHED", "sweep FINISHED", "deleted"}
    again = lrlab.load_runs().drop(columns="run_id")
    pd.testing.assert_frame_equal(again, undisturbed)


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "sigterm"])
def test_a_polite_stop_says_how_to_go_on(
    sent: signal.Signals, folder: Path, lrlab_process
) -> None:
    process = lrlab_process("sweep", "spec.yaml", cwd=folder)
    wait_for_runs(folder, 3, process)
    process.send_signal(sent)
    _, err = process.communicate()
    assert process.returncode == 130
    assert "The same command continues." in err
    assert "Traceback" not in err
    statuses = recorded(folder)
    assert statuses["sweep KILLED"] == 1
    assert statuses["RUNNING"] == 0


def test_a_second_process_on_the_same_sweep_is_refused(folder: Path, lrlab_process) -> None:
    long = ("--trials", "50000")  # so that the first has not ended when the second starts
    first = lrlab_process("sweep", "spec.yaml", *long, cwd=folder)
    wait_for_runs(folder, 1, first)
    second = lrlab_process("sweep", "spec.yaml", *long, cwd=folder)
    _, err = second.communicate()
    assert second.returncode == 1
    assert "being run by another process" in err
    assert "--new" in err
    first.kill()
    first.communicate()


def test_killed_at_any_commit_a_sweep_ends_as_if_it_had_not_been(tmp_path: Path) -> None:
    """At commit points and at random; with a user's runs below, and a second process."""
    done = subprocess.run(
        [sys.executable, "benchmarks/kills.py", "--kills", "4"],
        cwd=Path(__file__).parents[2],
        env=os.environ | {"TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "4 kills: every record as without a kill" in done.stdout
