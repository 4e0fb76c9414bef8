"""The fused engine: a trial batch as a few fused groups, each of many runs.

How a batch is divided into groups depends on the spec and the size of the data, never on the
machine: so the numbers do not either. Groups are independent, and as many as there are cores
run at a time.
"""

from __future__ import annotations

import math
import os
import threading
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from lrlab.data import Problem
from lrlab.optimizers import OPTIMIZERS
from lrlab.spec import TrainSpec
from lrlab.train import loop
from lrlab.train.device import one_thread
from lrlab.train.fused.group import FusedGroup
from lrlab.train.fused.margins import Folds
from lrlab.train.fused.workers import Workers
from lrlab.train.minibatches import batch_rows
from lrlab.train.trajectory import Trajectory
from lrlab.trial import Run

MOST_RUNS = 256  # in one fused group: beyond, a step's tensors leave the cache
LEAST_RUNS = 16  # on large data: fewer, and matrix products become slow
ROWS_TIMES_RUNS = 2**19
HISTORY = 2**25  # losses that a group holds at most


def train_batch(
    problem: Problem,
    runs: Sequence[Run],
    settings: TrainSpec,
    recorded: Collection[tuple[int, int]] = frozenset(),
    workers: Workers | None = None,
) -> Iterator[list[tuple[Run, Trajectory]]]:
    """Train a trial batch; yields the runs of each group as it ends, in a fixed order.

    Runs of an optimizer without an update rule are trained by the loop.

    Args:
        problem: Data on the device to train on.
        runs: The whole trial batch.
        settings: Steps, batch size and so on.
        recorded: Keys of runs that are recorded already: left out of what is yielded, and
            groups of which all are recorded are not run.
        workers: Where to run groups besides this process, once they are ready.
    """
    n_rows = rows_of_folds(problem)
    fusible = [run for run in runs if OPTIMIZERS[run.config.optimizer].rule is not None]
    due = [
        group
        for group in fused_groups(fusible, n_rows, settings)
        if any(run.key not in recorded for run in group)
    ]
    left = list(due)
    if workers is not None and workers.ready:
        for trajectories in workers.map(due):
            group = left.pop(0)
            if trajectories is None:
                [trajectories] = _in_threads(Folds(problem), settings, [group])
            yield _fresh(group, trajectories, recorded)
    if left:  # everything, or what workers that are gone have left
        trained = _in_threads(Folds(problem), settings, left)
        for group, trajectories in zip(left, trained, strict=True):
            yield _fresh(group, trajectories, recorded)
    rest = [run for run in runs if OPTIMIZERS[run.config.optimizer].rule is None]
    yield from loop.train_batch(problem, rest, settings, recorded)


def _fresh(
    group: Sequence[Run],
    trajectories: Sequence[Trajectory],
    recorded: Collection[tuple[int, int]],
) -> list[tuple[Run, Trajectory]]:
    ended = zip(group, trajectories, strict=True)
    return [(run, trajectory) for run, trajectory in ended if run.key not in recorded]


def _in_threads(
    data: Folds, settings: TrainSpec, groups: Sequence[Sequence[Run]]
) -> Iterator[list[Trajectory]]:
    cancelled = threading.Event()

    def run(group: Sequence[Run]) -> list[Trajectory]:
        with one_thread():  # holds for the thread that it is called in
            return FusedGroup(data.of(group[0]), group, settings).run(cancelled.is_set)

    count = os.cpu_count() if is_large(data.n_rows, settings) else 1
    with ThreadPoolExecutor(count, thread_name_prefix="lrlab-train") as pool:
        try:
            yield from pool.map(run, groups)
        finally:  # Ctrl-C included
            cancelled.set()
            pool.shutdown(cancel_futures=True)


def rows_of_folds(problem: Problem) -> list[int]:
    """Training rows of each fold; one number without folds."""
    return [len(fold.y_train) for fold in problem.folds or (problem,)]


def is_large(n_rows: Sequence[int], settings: TrainSpec) -> bool:
    """Whether a group's operations are large enough for threads to work side by side.

    Threads that do little but dispatch small operations only get in each other's way.
    """
    return batch_rows(max(n_rows), settings) * MOST_RUNS > ROWS_TIMES_RUNS


def fused_groups(
    runs: Sequence[Run], n_rows: Sequence[int], settings: TrainSpec
) -> list[list[Run]]:
    """Divide a trial batch: like runs together, of one fold, with mini-batches of one seed only.

    With mini-batches, runs of one seed see the same batches; each replicate has a seed of its own.

    Args:
        runs: The trial batch.
        n_rows: Training rows of each fold; one number without folds.
        settings: Steps, batch size and so on.
    """
    together: dict[tuple[int, int], list[Run]] = defaultdict(list)
    for run in sorted(runs, key=lambda run: (run.config.loss, run.config.optimizer)):
        fold = run.replicate % len(n_rows)
        minibatch = batch_rows(n_rows[fold], settings) < n_rows[fold]
        together[fold, run.seed if minibatch else 0].append(run)
    found = []
    for (fold, _), group in together.items():
        size = _most_runs(n_rows[fold], settings)
        found += [group[start : start + size] for start in range(0, len(group), size)]
    return found


def most_groups(trials: int, replicates: int, n_rows: Sequence[int], settings: TrainSpec) -> int:
    """Into how many groups a trial batch of so many trials is divided at most."""
    rows = max(n_rows)
    size, apart = _most_runs(rows, settings), len(n_rows)
    if batch_rows(rows, settings) < rows:  # each replicate has a seed of its own
        apart = replicates
    return apart * math.ceil(trials * replicates // apart / size)


def _most_runs(n_rows: int, settings: TrainSpec) -> int:
    """Runs of one fused group."""
    rows = batch_rows(n_rows, settings)
    size = min(MOST_RUNS, max(LEAST_RUNS, ROWS_TIMES_RUNS // rows))
    return max(1, min(size, HISTORY // settings.steps))
