"""What a Dask worker does for a sweep: one fused group.

The cluster's scheduler only passes names and bytes on, so it needs neither lrlab nor torch.
"""

from __future__ import annotations

import pickle
import threading
import weakref
from array import array
from collections.abc import Callable
from concurrent.futures import CancelledError
from importlib import metadata

from lrlab.spec import TrainSpec
from lrlab.train.artifacts import with_files
from lrlab.train.device import device_of, one_thread
from lrlab.train.fused.group import FusedGroup
from lrlab.train.fused.margins import Folds

COMPARED = ("lrlab", "torch")  # the packages that the numbers depend on

_preparing = threading.Lock()
_prepared: dict[int, tuple[Folds, TrainSpec]] = {}  # by identity of the bytes they came as


def versions() -> dict[str, str]:
    """Versions of what the numbers depend on, here; without the build, such as `+cpu`."""
    return {name: public(metadata.version(name)) for name in COMPARED}


def public(version: str) -> str:
    """A version without its build."""
    return version.partition("+")[0]


def train_group(expected: dict[str, str], data: array[int], runs: bytes) -> bytes | dict[str, str]:
    """Train a group in a Dask worker.

    Args:
        expected: The client's versions.
        data: Problem and settings, pickled.
        runs: The group's runs, pickled.

    Returns:
        Their trajectories, pickled: one block of bytes travels faster than thousands of small
        arrays. Nothing if nobody waits for them any more; the versions here if they are others.
    """
    here = versions()
    if here != expected:
        return here
    folds, settings = _prepare(data)
    group = pickle.loads(runs)
    with one_thread():
        try:
            ended = FusedGroup(folds.of(group[0]), group, settings).run(_unwanted())
        except CancelledError:
            return b""
    return pickle.dumps(with_files(ended), protocol=5)


def _prepare(data: array[int]) -> tuple[Folds, TrainSpec]:
    """The data as a group needs them: once a process, and for as long as Dask keeps them."""
    with _preparing:
        if id(data) not in _prepared:
            problem, settings = pickle.loads(data)
            _prepared[id(data)] = Folds(problem.to(device_of(settings))), settings
            weakref.finalize(data, _prepared.pop, id(data))
        return _prepared[id(data)]


def _unwanted() -> Callable[[], bool]:
    """Whether the client has given up the task that this thread runs, or is gone itself."""
    from distributed import worker

    tasks = worker.get_worker().state.tasks
    key = worker.thread_state.key  # type: ignore[attr-defined]

    def unwanted() -> bool:
        task = tasks.get(key)
        return task is None or task.state == "cancelled"

    return unwanted
