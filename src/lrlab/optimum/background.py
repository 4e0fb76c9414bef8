"""Optima beside the training: in a thread of its own, within a budget, gone when told to go."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Sequence
from queue import SimpleQueue

import torch

from lrlab.data import Problem
from lrlab.optimum.objectives import Objective, Optimum
from lrlab.optimum.optima import Solver
from lrlab.optimum.record import Optima

BUDGET = 20.0  # seconds of computing for the optima of a sweep, or
SHARE = 0.2  # of the time from then until the last run, if that is more
PATIENCE = 3.0  # times the budget that the result is waited for by the clock
AT_THE_END = 5.0  # seconds at most to wait for it to notice
MOST = 2**27  # numbers of data; for larger ones nothing is looked for
BESIDE = 2**25  # numbers of data; larger ones are not held twice while others train


class _Stopped(Exception):
    """The search was told to end."""


class _Spent(Exception):
    """The budget is used up."""


class OptimumFinder:
    """Finds optima while others train; torch and scipy leave Python to them for most of it.

    What it finds depends on the objectives and their order, not on when they were handed over,
    unless the budget is used up; then it says what is left out. It counts processor time, so
    that a busy machine finds as many as an idle one, unless that takes three times as long.

    Args:
        problem: The data, on any device.
        batch_rows: Rows of a training step.
        known: Optima that are recorded already; they are not looked for again.
        budget: Seconds of computing.
    """

    def __init__(
        self,
        problem: Problem,
        batch_rows: int,
        known: Optima | None = None,
        budget: float = BUDGET,
    ) -> None:
        if known is None or known.data_digest not in ("", problem.digest()):
            known = Optima({}, "", 0.0, 0, 0)
        self._problem, self._batch_rows = problem, batch_rows
        self._solver = Solver(problem, self._check)
        self._budget = self._allowed = budget
        self._began, self._asked_at = time.monotonic(), 0.0
        self._found: dict[Objective, Optimum] = dict(known.found)
        self._wanted: dict[Objective, None] = dict.fromkeys(known.found)
        self._queue: SimpleQueue[Sequence[Objective] | None] = SimpleQueue()
        self._stop, self._done = threading.Event(), threading.Event()
        self._failure: BaseException | None = None
        self._separation, self._separability = known.separation, known.separability
        # a daemon: nobody waits for a step of it when the process ends
        self._thread = threading.Thread(target=self._work, name="lrlab-optima", daemon=True)
        self._numbers = problem.x_train.numel()

    def want(self, objectives: Iterable[Objective]) -> None:
        """Ask for more optima; returns at once."""
        fresh = [o for o in dict.fromkeys(objectives) if o not in self._wanted]
        self._wanted |= dict.fromkeys(fresh)
        if fresh:
            self._queue.put(fresh)
            if self._numbers <= BESIDE:
                self._start()

    def result(self) -> Optima:
        """All that was asked for, or what the budget was enough for; waits for it.

        Raises:
            Exception: What a loss of one's own raised.
        """
        self._queue.put(None)
        self._asked_at = self._asked_at or time.monotonic()
        too_large = self._numbers > MOST
        if not too_large:
            self._start()
            self._done.wait()
        if self._failure is not None:
            raise self._failure
        found = {o: self._found[o] for o in self._wanted if o in self._found}
        left_out = tuple(o for o in self._wanted if o not in found)
        return Optima(
            found=found,
            separation=self._separation or self._solver.separation_so_far,
            precision=torch.finfo(self._problem.x_train.dtype).eps,
            n_rows=len(self._problem.y_train),
            batch_rows=self._batch_rows,
            left_out=left_out,
            budget=0.0 if too_large else self._allowed,
            data_digest=self._problem.digest(),
            separability=self._solver.separability_so_far or self._separability,
        )

    def _start(self) -> None:
        if self._thread.ident is None:
            self._thread.start()

    def close(self) -> None:
        """End the search, also in the middle of it. May be called again."""
        self._stop.set()
        self._queue.put(None)
        if self._thread.ident is not None:  # else the interpreter would end under its feet
            self._thread.join(AT_THE_END)

    def _check(self) -> None:
        if self._stop.is_set():
            raise _Stopped
        now, asked = time.monotonic(), self._asked_at
        self._allowed = max(self._budget, SHARE * ((asked or now) - self._began))
        waited = now - asked if asked else 0.0
        if time.thread_time() > self._allowed or waited > PATIENCE * self._allowed:
            raise _Spent

    def _work(self) -> None:
        torch.set_num_threads(1)  # of this thread: sums split over threads round otherwise
        try:
            while (objectives := self._queue.get()) is not None:
                for objective, optimum in self._solver.solve(objectives):
                    self._found[objective] = optimum
            if self._wanted and not self._separation:
                self._separation = self._solver.separation.kind
        except (_Stopped, _Spent):
            pass  # what is found is found; the rest is told as left out
        except Exception as error:  # handed over to who asks for the result
            self._failure = error
        finally:
            self._done.set()


def compute_optima(
    problem: Problem,
    objectives: Iterable[Objective],
    batch_rows: int,
    known: Optima | None = None,
    budget: float = BUDGET,
) -> Optima:
    """The optima of objectives on a problem's training rows, within the budget.

    Args:
        problem: The data, on any device.
        objectives: Those wanted.
        batch_rows: Rows of a training step.
        known: Those that are recorded already.
        budget: Seconds of computing.
    """
    finder = OptimumFinder(problem, batch_rows, known, budget)
    try:
        finder.want(objectives)
        return finder.result()
    finally:
        finder.close()
