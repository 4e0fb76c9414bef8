"""Optima beside the training: in a thread of its own, within a budget, gone when told to go."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
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

DONE = object()  # a fold has no more to find


class _Stopped(Exception):
    """The search was told to end."""


class _Spent(Exception):
    """The budget is used up."""


class _Fold:
    """What is found on the training rows of one fold, or of a problem without folds."""

    def __init__(self, problem: Problem, known: Optima, check: Callable[[], None]) -> None:
        self.problem, self.solver = problem, Solver(problem, check)
        self.found: dict[Objective, Optimum] = dict(known.found)
        self.separability = known.separability

    def search(self, objectives: Sequence[Objective]) -> Iterator[None]:
        """Find what is not known yet, a step at a time."""
        unknown = [objective for objective in objectives if objective not in self.found]
        for objective, optimum in self.solver.solve(unknown):
            self.found[objective] = optimum
            yield


class OptimumFinder:
    """Finds optima while others train; torch and scipy leave Python to them for most of it.

    With folds each has optima of its own. They take turns, so that a budget that is used up leaves
    out late objectives and not whole folds.

    What it finds depends on the objectives and their order, not on when they were handed over,
    unless the budget is used up; then it says what is left out. It counts processor time, so
    that a busy machine finds as many as an idle one, unless that takes three times as long.

    Args:
        problem: The data, on any device.
        batch_rows: Rows of a training step; with folds, of one on the first.
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
        same = known is not None and len(known.folds) == len(problem.folds)
        if known is None or not same or known.data_digest not in ("", problem.digest()):
            known = Optima({}, 0.0, 0, 0)
        self._problem, self._batch_rows = problem, batch_rows
        self._folds = [
            _Fold(each, known.of(number), self._check)
            for number, each in enumerate(problem.folds or (problem,))
        ]
        self._budget = self._allowed = budget
        self._began, self._asked_at = time.monotonic(), 0.0
        self._wanted: dict[Objective, None] = {}
        for fold in self._folds:
            self._wanted |= dict.fromkeys(fold.found)
        self._asked = {o for o in self._wanted if all(o in fold.found for fold in self._folds)}
        self._queue: SimpleQueue[Sequence[Objective] | None] = SimpleQueue()
        self._stop, self._done = threading.Event(), threading.Event()
        self._failure: BaseException | None = None
        # a daemon: nobody waits for a step of it when the process ends
        self._thread = threading.Thread(target=self._work, name="lrlab-optima", daemon=True)
        self._numbers = sum(fold.problem.x_train.numel() for fold in self._folds)

    def want(self, objectives: Iterable[Objective]) -> None:
        """Ask for more optima; returns at once."""
        fresh = [o for o in dict.fromkeys(objectives) if o not in self._asked]
        self._wanted |= dict.fromkeys(fresh)
        self._asked |= set(fresh)
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
        digest, budget = self._problem.digest(), 0.0 if too_large else self._allowed
        folds = [self._optima(fold, digest, budget) for fold in self._folds]
        return replace(folds[0], folds=tuple(folds)) if self._problem.folds else folds[0]

    def _optima(self, fold: _Fold, digest: str, budget: float) -> Optima:
        """What was found on a fold."""
        found = {o: fold.found[o] for o in self._wanted if o in fold.found}
        n_rows, first = len(fold.problem.y_train), len(self._problem.y_train)
        return Optima(
            found=found,
            precision=torch.finfo(fold.problem.x_train.dtype).eps,
            n_rows=n_rows,
            batch_rows=n_rows if self._batch_rows >= first else min(self._batch_rows, n_rows),
            left_out=tuple(o for o in self._wanted if o not in found),
            budget=budget,
            data_digest=digest,
            separability=fold.separability or fold.solver.data.separability_so_far,
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
                self._take_turns(objectives)
            for fold in self._folds:
                if self._wanted and fold.separability is None:
                    fold.separability = fold.solver.data.separability
        except (_Stopped, _Spent):
            pass  # what is found is found; the rest is told as left out
        except Exception as error:  # handed over to who asks for the result
            self._failure = error
        finally:
            self._done.set()

    def _take_turns(self, objectives: Sequence[Objective]) -> None:
        """Find the optima of objectives, on one fold after another the next of each."""
        searches = deque(fold.search(objectives) for fold in self._folds)
        while searches:
            search = searches.popleft()
            if next(search, DONE) is not DONE:
                searches.append(search)


def compute_optima(
    problem: Problem,
    objectives: Iterable[Objective],
    batch_rows: int,
    known: Optima | None = None,
    budget: float = BUDGET,
) -> Optima:
    """The optima of objectives on a problem's training rows, or its folds', within the budget.

    Args:
        problem: The data, on any device.
        objectives: Those wanted.
        batch_rows: Rows of a training step; with folds, of one on the first.
        known: Those that are recorded already.
        budget: Seconds of computing.
    """
    finder = OptimumFinder(problem, batch_rows, known, budget)
    try:
        finder.want(objectives)
        return finder.result()
    finally:
        finder.close()
