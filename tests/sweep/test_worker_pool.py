"""Who trains besides this process: as many as the sweep is worth, and has work for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from lrlab import make_spec, search
from lrlab.data import load_problem
from lrlab.sweep.worker_pool import WorkerPool
from support import tiny


class Counted:
    """Stands for worker processes, and starts none."""

    def __init__(self, count: int, *rest: Any) -> None:
        self.count = count

    def close(self) -> None:
        pass


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """How many processes are started for a sweep before it begins."""
    monkeypatch.setattr("lrlab.sweep.worker_pool.Processes", Counted)
    monkeypatch.setattr("lrlab.sweep.worker_pool.LEAST_A_RUN", 0.001)
    monkeypatch.setattr("lrlab.sweep.worker_pool.WORTH_A_PROCESS", 1)

    def count(most: int, search: dict[str, Any], train: dict[str, Any] | None = None) -> int:
        spec = make_spec(tiny(search=search, train=train or {}))
        pool = WorkerPool(most, None, load_problem(spec), spec, lambda note: None)
        pool.close()
        return 0 if pool.workers is None else pool.workers.count

    return count


LONG = {"sampler": "random", "trials": 50_000, "batch": 4096}


@pytest.mark.parametrize(("trials", "expected"), [(900, 0), (1100, 1), (2900, 2), (9000, 4)])
def test_a_process_is_started_for_each_stretch_of_work(
    started: Any, trials: int, expected: int
) -> None:
    assert started(4, LONG | {"trials": trials}) == expected


def test_no_more_are_started_than_a_batch_has_groups(started: Any) -> None:
    assert started(64, LONG) == 16  # of 256 runs
    assert started(64, LONG | {"batch": 64}) == 1
    assert started(64, LONG | {"batch": 64, "replicates": 8}) == 2
    # with mini-batches, groups are of one seed
    assert started(64, LONG | {"batch": 64, "replicates": 8}, {"batch_size": 8}) == 8


def test_none_are_started_for_the_loop_or_if_none_are_wanted(started: Any) -> None:
    assert started(4, LONG, {"engine": "loop"}) == 0
    assert started(0, LONG) == 0


def test_a_sweep_that_turns_out_long_gets_them_later(
    started: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = make_spec(tiny(search=LONG | {"trials": 900, "batch": 256}))
    now = [100.0]
    monkeypatch.setattr("lrlab.sweep.worker_pool.time.monotonic", lambda: now[0])
    pool = WorkerPool(4, None, load_problem(spec), spec, lambda note: None)
    first, second, *_ = search.batches(spec)
    pool.consider(first)
    assert pool.workers is None
    now[0] += 10  # seconds that the first batch took
    pool.consider(second)
    assert pool.workers is not None
