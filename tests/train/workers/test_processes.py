"""Worker processes: the same bits as this process, and nothing left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import wait
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lrlab.data import Problem, load_problem
from lrlab.errors import UserError
from lrlab.spec import TrainSpec, make_spec
from lrlab.train import ENGINES, Finished, Processes
from lrlab.train.artifacts import run_files, with_files
from lrlab.trial import Run, TrialConfig

SETTINGS = TrainSpec(steps=60)
RUNS = [
    Run(i, 0, 1, TrialConfig.of(optimizer, loss, 0.01))
    for i, (optimizer, loss) in enumerate(
        [("adam", "bce"), ("sgd", "hinge"), ("nadam", "focal"), ("momentum", "mse")]
    )
]


@pytest.fixture(scope="module")
def problem() -> Problem:
    return load_problem(make_spec({"name": "t"}))


@pytest.fixture(scope="module")
def workers(problem: Problem) -> Iterator[Processes]:
    workers = Processes(1, problem, SETTINGS)
    wait(workers._warm)
    yield workers
    workers.close()


def trained(problem: Problem, *args: Any) -> Finished:
    return [pair for part in ENGINES["fused"](problem, RUNS, SETTINGS, *args) for pair in part]


def test_a_worker_gives_the_bits_of_this_process(problem: Problem, workers: Processes) -> None:
    assert workers.ready
    for (run, here), (same, there) in zip(
        trained(problem), trained(problem, frozenset(), workers), strict=True
    ):
        assert run == same
        assert np.array_equal(here.train_loss, there.train_loss)
        assert np.array_equal(here.weight, there.weight)
        assert here.final == there.final


def test_a_worker_forms_the_files_of_short_histories(
    problem: Problem, workers: Processes, monkeypatch: pytest.MonkeyPatch
) -> None:
    for (_, here), (_, there) in zip(
        trained(problem), trained(problem, frozenset(), workers), strict=True
    ):
        assert here.files is None
        assert there.files == {name: bytes(content) for name, content in run_files(here)}
    monkeypatch.setattr("lrlab.train.artifacts.SHORT", 59)
    assert with_files([here])[0].files is None


def test_a_bad_group_fails_here_and_the_worker_goes_on(
    problem: Problem, workers: Processes
) -> None:
    with pytest.raises(UserError, match="unknown optimizer 'nosuch'"):
        list(workers.map([[Run(0, 0, 1, TrialConfig("nosuch", "bce", 0.1))]]))
    assert len(trained(problem, frozenset(), workers)) == len(RUNS)


def alive(pid: int) -> bool:
    """Whether a process runs; one that ended but was not waited for does not."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def gone(pid: int, seconds: float = 20) -> bool:
    deadline = time.monotonic() + seconds
    while alive(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not alive(pid)


def test_what_a_killed_worker_leaves_is_trained_here(problem: Problem) -> None:
    workers = Processes(1, problem, SETTINGS)
    [pid] = [future.result() for future in workers._warm]
    os.kill(pid, signal.SIGKILL)
    assert gone(pid)
    assert workers.ready  # nobody has noticed yet
    ended = trained(problem, frozenset(), workers)
    assert not workers.ready
    assert [run for run, _ in ended] == [run for run, _ in trained(problem)]
    workers.close()


def test_closing_ends_a_worker_in_the_middle_of_a_group(problem: Problem) -> None:
    workers = Processes(1, problem, TrainSpec(steps=1_000_000))
    [pid] = [future.result() for future in workers._warm]
    workers._pool.submit(time.sleep, 600)
    workers.close()
    assert gone(pid)


PARENT = """
import time
from lrlab.data import load_problem
from lrlab.spec import TrainSpec, make_spec
from lrlab.train import Processes

if __name__ == "__main__":
    workers = Processes(1, load_problem(make_spec({"name": "t"})), TrainSpec())
    print(workers._warm[0].result(), flush=True)
    time.sleep(600)
"""


def test_a_worker_ends_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    script = tmp_path / "parent.py"
    script.write_text(PARENT)
    parent = subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    assert alive(pid)
    parent.kill()
    parent.wait()
    assert gone(pid)
