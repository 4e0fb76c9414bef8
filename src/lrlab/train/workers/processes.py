"""Worker processes of this machine.

Small tensor operations spend much of their time in Python, which runs one thread at a time; so on
small data processes are what uses more than one core. A process holds the data, gets the runs of
a fused group and gives back their trajectories, with the files that are kept of them; it writes
nothing. It ends with its parent, however that ends.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import get_context, parent_process, resource_tracker

import torch

from lrlab.data import Problem
from lrlab.spec import TrainSpec
from lrlab.train.artifacts import with_files
from lrlab.train.fused.group import FusedGroup
from lrlab.train.fused.margins import Folds
from lrlab.train.trajectory import Trajectory
from lrlab.trial import Run

_held: tuple[Folds, TrainSpec] | None = None  # in a worker: what it trains on


class Processes:
    """Processes of this machine, usable as soon as one is up.

    Args:
        count: How many.
        problem: What they train on, on the CPU.
        settings: How.
    """

    def __init__(self, count: int, problem: Problem, settings: TrainSpec) -> None:
        self._pool = ProcessPoolExecutor(
            count,
            mp_context=get_context("spawn"),  # a fork would copy the locks of other threads
            initializer=_begin,
            initargs=(problem, settings),
        )
        self._broken = False
        with _deaf_to_ctrl_c():
            self._warm = [self._pool.submit(os.getpid) for _ in range(count)]

    @property
    def ready(self) -> bool:
        """Whether a worker is up, and none has been killed."""
        return not self._broken and any(future.done() for future in self._warm)

    def map(self, groups: Sequence[Sequence[Run]]) -> Iterator[list[Trajectory]]:
        """Trajectories of each group, in order; ends early if a worker is killed."""
        futures: list[Future[list[Trajectory]]] = []
        try:
            futures += [self._pool.submit(_run, list(group)) for group in groups]
            for future in futures:
                yield future.result()
        except BrokenProcessPool:  # killed, or out of memory
            self._broken = True
        finally:
            for future in futures:
                future.cancel()

    def close(self) -> None:
        """End the processes, also in the middle of a group: nothing of theirs is kept."""
        processes = list((self._pool._processes or {}).values())
        self._pool.shutdown(wait=False, cancel_futures=True)
        for process in processes:
            process.terminate()


@contextmanager
def _deaf_to_ctrl_c() -> Iterator[None]:
    """Processes started meanwhile never see Ctrl-C, not even while they import."""
    resource_tracker.ensure_running()  # else its start, in between, would lift the block
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _begin(problem: Problem, settings: TrainSpec) -> None:
    global _held
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's
    parent = parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    torch.set_num_threads(1)
    _held = Folds(problem), settings


def _end_with(parent: object) -> None:
    parent.join()  # type: ignore[attr-defined]
    os._exit(1)


def _run(runs: list[Run]) -> list[Trajectory]:
    assert _held is not None
    data, settings = _held
    return with_files(FusedGroup(data.of(runs[0]), runs, settings).run())
