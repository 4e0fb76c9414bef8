"""A Dask cluster: the same bits as this process, whatever dies over there.

Scheduler and workers are real processes; what each test kills, the next one finds started again.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

import lrlab
from lrlab.data import Problem, load_problem
from lrlab.errors import LrlabError, UserError
from lrlab.spec import TrainSpec, make_spec
from lrlab.sweep import Progress, run_sweep
from lrlab.track import list_sweeps, quiet
from lrlab.track.store import connect
from lrlab.train import ENGINES, Finished, open_executor
from lrlab.train.artifacts import run_files
from lrlab.train.fused import engine as fused
from lrlab.train.trajectory import Trajectory
from lrlab.trial import Run, TrialConfig
from support import free_port, tiny

distributed = pytest.importorskip(
    "distributed", reason="training on a Dask cluster is tested where lrlab[dask] is installed"
)
cluster = pytest.importorskip("lrlab.train.workers.dask.cluster")

SHORT, LONG = TrainSpec(steps=60), TrainSpec(steps=2000)
PAIRS = [("adam", "bce"), ("sgd", "hinge"), ("nadam", "focal"), ("momentum", "mse")]
RUNS = [
    Run(i, 0, 1, TrialConfig.of(*PAIRS[i % 4], 0.01 * (1 + i // 4)))  # type: ignore[arg-type]
    for i in range(16)
]
WITHIN = 60.0  # seconds in which everything here must have happened


class Lab:
    """A scheduler and workers of one thread each, which can be killed."""

    def __init__(self, folder: Path, **config: Any) -> None:
        self.folder, self.port = folder, free_port()
        self.env = os.environ | {f"DASK_DISTRIBUTED__{k}": str(v) for k, v in config.items()}
        self.scheduler: subprocess.Popen[bytes] | None = None
        self.workers: list[subprocess.Popen[bytes]] = []

    @property
    def executor(self) -> str:
        return f"dask://127.0.0.1:{self.port}"

    def have(self, workers: int, **env: str) -> str:
        """Start what is missing and wait until it is there; returns the address."""
        if self.scheduler is None or self.scheduler.poll() is not None:
            self.scheduler = self._start("scheduler", "--host=127.0.0.1", f"--port={self.port}")
        self.workers = [worker for worker in self.workers if worker.poll() is None]
        for _ in range(workers - len(self.workers)):
            worker = ("worker", self.executor.replace("dask", "tcp"), "--nthreads=1", "--no-nanny")
            self.workers.append(self._start(*worker, f"--local-directory={self.folder}", **env))
        with self.client() as client:
            until(lambda: len(client.nthreads()) == len(self.workers))
        return self.executor

    def _start(self, *argv: str, **env: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "dask", *argv, "--no-dashboard"]
        log = (self.folder / f"{argv[0]}.log").open("ab")
        return subprocess.Popen(command, env=self.env | env, stdout=log, stderr=log)

    @contextmanager
    def client(self) -> Iterator[Any]:
        """A second client, to see what happens over there."""
        options = {"set_as_default": False, "timeout": WITHIN}
        with distributed.Client(f"tcp://127.0.0.1:{self.port}", **options) as client:
            yield client

    def training(self) -> list[int]:
        """Pids of the workers that train a group at this moment."""
        with self.client() as client:
            pids, busy = client.run(os.getpid), programs_executing(client)
        return [pids[worker] for worker in busy]

    def kill_a_trainer(self) -> int:
        """Kill a worker in the middle of a group."""
        found: list[int] = []
        until(lambda: found.extend(self.training()) or found)
        os.kill(found[0], signal.SIGKILL)
        return found[0]

    def close(self) -> None:
        for process in [*self.workers, *([self.scheduler] if self.scheduler else [])]:
            process.kill()
            process.wait()


def programs_executing(client: Any) -> list[str]:
    """Workers that train a group."""

    def count(dask_worker: Any) -> int:
        tasks = dask_worker.state.tasks.values()
        names = [str(t.key) for t in tasks if t.previous == "executing" or t.state == "executing"]
        return sum(name.startswith("lrlab-group") for name in names)

    return [worker for worker, found in client.run(count).items() if found]


def until(happened: Callable[[], object]) -> None:
    deadline = time.monotonic() + WITHIN
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.fixture(scope="module", autouse=True)
def _silent() -> None:
    quiet()


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    lab = Lab(tmp_path_factory.mktemp("dask"))
    yield lab
    lab.close()


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A cluster that gives a task up as soon as one worker died over it."""
    lab = Lab(tmp_path_factory.mktemp("dask"), SCHEDULER__ALLOWED_FAILURES=0)
    yield lab
    lab.close()


@pytest.fixture(scope="module")
def problem() -> Problem:
    return load_problem(make_spec({"name": "t"}))


@pytest.fixture
def fours(monkeypatch: pytest.MonkeyPatch) -> None:
    """Groups of four runs, so that there are four of them."""
    monkeypatch.setattr(fused, "MOST_RUNS", 4)
    monkeypatch.setattr(fused, "LEAST_RUNS", 4)


@pytest.fixture
def here(fours: None, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many groups this process trains itself, each time that it does."""
    counts: list[int] = []
    real = fused._in_threads

    def counted(data: Any, settings: TrainSpec, groups: Any) -> Iterator[list[Trajectory]]:
        counts.append(len(groups))
        return real(data, settings, groups)

    monkeypatch.setattr(fused, "_in_threads", counted)
    return counts


@contextmanager
def opened(
    executor: str, problem: Problem, settings: TrainSpec, notes: list[str] | None = None
) -> Iterator[Any]:
    workers = open_executor(
        executor, problem, settings, [].append if notes is None else notes.append
    )
    try:
        yield workers
    finally:
        workers.close()


def trained(problem: Problem, settings: TrainSpec, workers: Any = None) -> Finished:
    parts = ENGINES["fused"](problem, RUNS, settings, frozenset(), workers)
    return [pair for part in parts for pair in part]


@pytest.fixture(scope="module")
def expected(problem: Problem) -> Callable[[TrainSpec], Finished]:
    known: dict[int, Finished] = {}

    def of(settings: TrainSpec) -> Finished:
        if settings.steps not in known:
            known[settings.steps] = trained(problem, settings)
        return known[settings.steps]

    return of


def same_bits(left: Finished, right: Finished) -> bool:
    """Whether runs ended equal, to the last bit of everything but the time of day."""

    def plain(trajectory: Trajectory) -> dict[str, Any]:
        fields = dict(vars(trajectory))
        assert 0 < fields.pop("began") <= fields.pop("ended")
        fields |= {f"stepped.{name}": values for name, values in fields.pop("stepped").items()}
        fields["files"] = {name: bytes(content) for name, content in run_files(trajectory)}
        return {k: v.tobytes() if isinstance(v, np.ndarray) else v for k, v in fields.items()}

    return [(r, plain(t)) for r, t in left] == [(r, plain(t)) for r, t in right]


def test_without_workers_a_batch_is_trained_here_and_the_next_one_there(
    lab: Lab,
    problem: Problem,
    here: list[int],
    expected: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(cluster, "WORKERS", 0.1)
    monkeypatch.setattr(cluster, "LOOK", 0.1)
    notes: list[str] = []
    for worker in lab.workers:
        worker.kill()
        worker.wait()
    alone = expected(SHORT)
    with opened(lab.have(0), problem, SHORT, notes) as workers:
        del here[:]
        assert same_bits(trained(problem, SHORT, workers), alone)
        assert here == [4]
        waiting, given_up = notes
        assert "no worker is connected" in waiting
        assert "trained in this process" in given_up
        lab.have(2)
        assert same_bits(trained(problem, SHORT, workers), alone)
    assert here == [4]


def test_a_cluster_gives_the_bits_of_this_process(
    lab: Lab, problem: Problem, here: list[int], expected: Any
) -> None:
    notes: list[str] = []
    alone = expected(SHORT)
    del here[:]
    with opened(lab.have(2), problem, SHORT, notes) as workers:
        assert same_bits(trained(problem, SHORT, workers), alone)
        with lab.client() as client:  # it passes on what it does not understand
            loaded = set(client.run_on_scheduler(lambda: list(__import__("sys").modules)))
    assert (here, notes) == ([], [])
    assert not {"lrlab", "torch"} & loaded


def test_a_group_whose_worker_is_killed_is_trained_by_another(
    lab: Lab, problem: Problem, here: list[int], expected: Any
) -> None:
    alone = expected(LONG)
    with opened(lab.have(2), problem, LONG) as workers:
        killer = threading.Thread(target=lab.kill_a_trainer)
        killer.start()
        del here[:]
        ended = trained(problem, LONG, workers)
        killer.join()
    assert here == []
    assert same_bits(ended, alone)


def test_a_group_that_kills_every_worker_is_trained_here(
    strict: Lab,
    problem: Problem,
    here: list[int],
    expected: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    alone = expected(LONG)
    monkeypatch.setattr(cluster, "KILLS", 1)
    notes: list[str] = []
    with opened(strict.have(2), problem, LONG, notes) as workers:
        killer = threading.Thread(target=strict.kill_a_trainer)
        killer.start()
        del here[:]
        ended = trained(problem, LONG, workers)
        killer.join()
    assert set(here) == {1}  # it, and those that stood behind it, one by one
    assert notes
    assert all("1 workers have died over it" in note for note in notes)
    assert same_bits(ended, alone)


def test_what_a_killed_scheduler_leaves_is_trained_here_until_it_is_back(
    strict: Lab,
    problem: Problem,
    here: list[int],
    expected: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    alone = expected(LONG)
    monkeypatch.setattr(cluster, "CONNECT", 5)
    notes: list[str] = []
    with opened(strict.have(1), problem, LONG, notes) as workers:

        def kill() -> None:
            until(strict.training)
            assert strict.scheduler is not None
            strict.scheduler.kill()

        monkeypatch.setattr(cluster, "CONNECT", 0.5)
        killer = threading.Thread(target=kill)
        killer.start()
        del here[:]
        ended = trained(problem, LONG, workers)
        killer.join()
        assert same_bits(ended, alone)
        assert here
        assert "is lost" in notes[0]
        for worker in strict.workers:
            worker.wait(WITHIN)  # they end with their scheduler
        strict.have(1)
        del here[:]
        assert same_bits(trained(problem, LONG, workers), alone)
        assert here == []


@pytest.mark.parametrize(
    ("executor", "error", "message"),
    [
        ("dask://127.0.0.1:{port}", LrlabError, "no Dask scheduler answers at .* Is it running"),
        ("ray://127.0.0.1:{port}", UserError, "none of dask, tcp, tls"),
        ("127.0.0.1:{port}", UserError, "SCHEME://HOST:PORT"),
        ("dask://", UserError, "SCHEME://HOST:PORT"),
        ("dask://host:port", UserError, "SCHEME://HOST:PORT"),
        ("tls://127.0.0.1:{port}", UserError, r"distributed\.comm\.tls"),
    ],
)
def test_a_wrong_address_says_what_is_wrong(
    executor: str,
    error: type[LrlabError],
    message: str,
    problem: Problem,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(cluster, "CONNECT", 0.3)
    with pytest.raises(error, match=message):
        open_executor(executor.format(port=free_port()), problem, SHORT)


def test_a_server_that_is_no_scheduler_is_not_waited_for(
    problem: Problem, monkeypatch: pytest.MonkeyPatch
) -> None:
    import socket

    monkeypatch.setattr(cluster, "CONNECT", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:  # accepts, and says nothing
        port = silent.getsockname()[1]
        with pytest.raises(LrlabError, match="no Dask scheduler answers"):
            open_executor(f"dask://127.0.0.1:{port}", problem, SHORT)


def test_missing_dask_is_said_with_what_to_install(
    problem: Problem, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(UserError, match=r"pip install 'lrlab\[dask\]'"):
        open_executor("dask://127.0.0.1:1", problem, SHORT)


def test_workers_with_other_versions_are_refused(
    lab: Lab, problem: Problem, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = lab.have(1)
    real = cluster.remote.versions()
    with opened(address, problem, SHORT) as workers:  # those that come later are asked too
        workers._versions = real | {"torch": "1.0"}
        with pytest.raises(UserError, match=rf"has torch {real['torch']}; here .* torch 1\.0"):
            trained(problem, SHORT, workers)
    monkeypatch.setattr(cluster.remote, "versions", lambda: real | {"lrlab": "99"})
    with pytest.raises(UserError, match=rf"has lrlab {real['lrlab']}; here it is lrlab 99"):
        open_executor(address, problem, SHORT)


def test_a_worker_that_cannot_import_lrlab_is_named_and_not_a_traceback(
    strict: Lab, problem: Problem, tmp_path: Path
) -> None:
    (tmp_path / "lrlab.py").write_text("raise ModuleNotFoundError('gone', name='lrlab')")
    for worker in strict.workers:
        worker.kill()
        worker.wait()
    address = strict.have(1, PYTHONPATH=str(tmp_path))
    with (
        opened(address, problem, SHORT) as workers,
        pytest.raises(UserError, match=r"cannot import lrlab\. Install lrlab .* and torch"),
    ):
        trained(problem, SHORT, workers)
    strict.workers[-1].kill()  # nobody else is to have it
    strict.workers[-1].wait()


def test_a_bad_group_fails_here_as_it_does_without_a_cluster(lab: Lab, problem: Problem) -> None:
    notes: list[str] = []
    bad = [Run(0, 0, 1, TrialConfig("sgd", "nosuch", 0.1))]
    with opened(lab.have(1), problem, SHORT, notes) as workers:
        assert list(workers.map([bad])) == [None]
        with pytest.raises(UserError, match="unknown loss 'nosuch'"):
            list(ENGINES["fused"](problem, bad, SHORT, frozenset(), workers))
    assert "unknown loss 'nosuch'" in notes[0]


def frame(uri: str | None = None) -> pd.DataFrame:
    return lrlab.load_runs("tiny", tracking_uri=uri).drop(columns="run_id")


def test_a_sweep_on_a_cluster_records_what_a_local_one_does(
    lab: Lab, workdir, cli, finished
) -> None:
    Path("tiny.yaml").write_text(yaml.safe_dump(tiny(search={"replicates": 2})))
    done = cli("sweep", "tiny.yaml", "--executor", lab.have(2))
    assert done.code == 0
    assert "Note" not in done.err
    pd.testing.assert_frame_equal(frame(), frame(finished.uri))


def test_ctrl_c_leaves_nothing_behind_on_the_cluster(lab: Lab, workdir, cli) -> None:
    spec = tiny(train={"steps": 1_000_000, "stop_converged": False})
    Path("tiny.yaml").write_text(yaml.safe_dump(spec))
    executor = lab.have(2)

    def interrupt() -> None:
        until(lab.training)
        os.kill(os.getpid(), signal.SIGINT)

    interrupter = threading.Thread(target=interrupt)
    interrupter.start()
    done = cli("sweep", "tiny.yaml", "-q", "--executor", executor)
    interrupter.join()
    assert done.code == 130
    assert done.err.startswith("Interrupted: 0 of 8 runs are recorded.")
    assert len(done.err.splitlines()) == 1

    def known(dask_scheduler: Any) -> int:
        return len(dask_scheduler.tasks)

    def held() -> int:
        import lrlab.train.workers.dask.remote

        return len(lrlab.train.workers.dask.remote._prepared)

    with lab.client() as client:
        until(lambda: client.run_on_scheduler(known) == 0)
        until(lambda: not programs_executing(client))
        until(lambda: not any(client.run(held).values()))


def test_an_executor_is_instead_of_workers_and_not_beside_them(workdir, cli) -> None:
    Path("tiny.yaml").write_text(yaml.safe_dump(tiny()))
    done = cli("sweep", "tiny.yaml", "--workers", "1", "--executor", "dask://127.0.0.1:1")
    assert done.code == 2
    assert "exclude each other" in done.err


def test_an_executor_that_does_not_answer_is_said_before_anything_is_recorded(
    workdir, cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "CONNECT", 0.3)
    Path("tiny.yaml").write_text(yaml.safe_dump(tiny()))
    done = cli("sweep", "tiny.yaml", "--executor", f"dask://127.0.0.1:{free_port()}")
    assert done.code == 1
    assert "no Dask scheduler answers" in done.err
    assert list_sweeps(connect()) == []


def test_the_loop_says_that_it_trains_here(workdir) -> None:
    def stop(progress: Progress) -> None:
        raise KeyboardInterrupt

    notes: list[str] = []
    spec = make_spec(tiny(train={"engine": "loop"}))
    with pytest.raises(KeyboardInterrupt):
        run_sweep(spec, executor="dask://127.0.0.1:1", on_note=notes.append, on_progress=stop)
    assert notes == [
        "train.engine is loop, which trains in this process and not on dask://127.0.0.1:1"
    ]
