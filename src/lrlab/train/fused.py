"""The fused engine: a cohort as a few tensor programs, each of many runs.

How a cohort is divided into programs depends on the spec and the size of the data, never on the
machine: so the numbers do not either. Programs are independent, and as many as there are cores
run at a time.
"""

from __future__ import annotations

import os
import threading
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from lrlab.optimizers import OPTIMIZERS
from lrlab.problem import Problem
from lrlab.spec import TrainSpec
from lrlab.train import loop
from lrlab.train.margins import Margins
from lrlab.train.program import Program
from lrlab.train.trajectory import Trajectory
from lrlab.trial import Run

MOST_RUNS = 256  # in one program: beyond, a step's tensors leave the cache
LEAST_RUNS = 16  # on large data: fewer, and matrix products become slow
ROWS_TIMES_RUNS = 2**19
HISTORY = 2**25  # losses that a program holds at most


def train_cohort(
    problem: Problem,
    runs: Sequence[Run],
    settings: TrainSpec,
    recorded: Collection[tuple[int, int]] = frozenset(),
) -> Iterator[list[tuple[Run, Trajectory]]]:
    """Train a cohort; yields the runs of each program as it ends, in a fixed order.

    Runs of an optimizer without an update rule are trained by the loop.

    Args:
        problem: Data on the device to train on.
        runs: The whole cohort.
        settings: Steps, batch size and so on.
        recorded: Keys of runs that are recorded already: left out of what is yielded, and
            programs of which all are recorded are not run.
    """
    fusible = [run for run in runs if OPTIMIZERS[run.config.optimizer].rule is not None]
    due = [
        group
        for group in programs(fusible, len(problem.y_train), settings)
        if any(run.key not in recorded for run in group)
    ]
    data, cancelled = Margins(problem), threading.Event()
    rows = settings.batch_size or data.n_rows
    # Threads that do little but dispatch small operations only get in each other's way.
    workers = os.cpu_count() if len(runs) * rows >= ROWS_TIMES_RUNS else 1
    with ThreadPoolExecutor(workers, thread_name_prefix="lrlab-train") as pool:
        try:
            for trained in pool.map(partial(_run_program, data, settings, cancelled), due):
                yield [(run, ended) for run, ended in trained if run.key not in recorded]
        finally:  # Ctrl-C included
            cancelled.set()
            pool.shutdown(cancel_futures=True)
    rest = [run for run in runs if OPTIMIZERS[run.config.optimizer].rule is None]
    yield from loop.train_cohort(problem, rest, settings, recorded)


def _run_program(
    data: Margins, settings: TrainSpec, cancelled: threading.Event, runs: Sequence[Run]
) -> list[tuple[Run, Trajectory]]:
    with loop.one_thread():  # holds for the thread that it is called in
        return list(zip(runs, Program(data, runs, settings).run(cancelled.is_set), strict=True))


def programs(runs: Sequence[Run], n_rows: int, settings: TrainSpec) -> list[list[Run]]:
    """Divide a cohort: like runs together, with mini-batches those of one seed only.

    With mini-batches, runs of one seed see the same batches.
    """
    rows = min(n_rows, settings.batch_size or n_rows)
    minibatch = rows < n_rows
    size = min(MOST_RUNS, max(LEAST_RUNS, ROWS_TIMES_RUNS // rows))
    size = max(1, min(size, HISTORY // settings.steps))
    by_seed: dict[int, list[Run]] = defaultdict(list)
    for run in sorted(runs, key=lambda run: (run.config.loss, run.config.optimizer)):
        by_seed[run.seed if minibatch else 0].append(run)
    return [
        group[start : start + size]
        for group in by_seed.values()
        for start in range(0, len(group), size)
    ]
