"""Who trains besides this process."""

from __future__ import annotations

import time
from collections.abc import Callable

from lrlab import search
from lrlab.data import Problem
from lrlab.spec import SweepSpec
from lrlab.train import Processes, Workers, open_executor
from lrlab.train.fused.engine import is_large, most_groups, rows_of_folds

WORTH_A_PROCESS = 5  # seconds of work left for each worker process that is started
LEAST_A_RUN = 0.0015  # seconds, before a sweep's first batch has told


class WorkerPool:
    """Who trains besides this process: an executor at once, or worker processes.

    Those are started when enough work is left for them to be worth their start: before the sweep
    is opened, if the spec says as much, so that they are up when it begins. No more are started
    than a batch has groups.
    """

    def __init__(
        self,
        count: int,
        executor: str | None,
        data: Problem,
        spec: SweepSpec,
        note: Callable[[str], None],
    ) -> None:
        self.count, self.data, self.spec = count, data, spec
        self.workers: Workers | None = None
        self._begun = time.monotonic()
        if executor is not None:
            self.count = 0
            if spec.train.engine == "loop":
                note(f"train.engine is loop, which trains in this process and not on {executor}")
            else:
                self.workers = open_executor(executor, data, spec.train, note)
        self.consider(next(search.batches(spec)))

    def close(self) -> None:
        """Let go of them; nobody is started any more."""
        self.count = 0
        if self.workers is not None:
            self.workers.close()

    def consider(self, batch: search.TrialBatch) -> None:
        """Called before every batch; the batches before tell how long the rest will take."""
        if self.workers is not None or not self.count:
            return
        data, spec = self.data, self.spec
        n_rows = rows_of_folds(data)
        small = not is_large(n_rows, spec.train) and data.x_train.is_cpu
        if not small or spec.train.engine != "fused":
            return
        a_trial = LEAST_A_RUN * spec.search.replicates
        if batch.start:
            a_trial = max(a_trial, (time.monotonic() - self._begun) / batch.start)
        else:
            self._begun = time.monotonic()
        worth = a_trial * (spec.n_trials - batch.start) / WORTH_A_PROCESS
        in_a_batch = most_groups(spec.search.batch, spec.search.replicates, n_rows, spec.train)
        if worth > 1:
            self.workers = Processes(min(self.count, int(worth), in_a_batch), data, spec.train)
