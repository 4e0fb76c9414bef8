"""The conductor: a spec in, a recorded sweep with its report out."""

from __future__ import annotations

import gc
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace

import optuna

from lrlab import search, track
from lrlab.data import Baseline, Problem, TableReading, load_problem
from lrlab.errors import LrlabError
from lrlab.optimum.background import OptimumFinder
from lrlab.optimum.objectives import Objective
from lrlab.spec import SweepSpec
from lrlab.sweep.worker_pool import WorkerPool
from lrlab.track import RecordedRun, Recorder, trial_result
from lrlab.track.read import read_optima
from lrlab.track.recorded import as_recorded
from lrlab.train import ENGINES, Finished, device_of
from lrlab.train.loop import batch_rows
from lrlab.trial import Run, TrialConfig

PROBE_STEPS = (10, 200)
PROBE_RUNS = 64
PROBE_SECONDS = 1.0  # beyond which the short probe is enough
WAITING = 4  # parts that may wait to be written, so that memory stays bounded
Key = tuple[int, int]
Results = Mapping[Key, RecordedRun]


@dataclass(frozen=True)
class Progress:
    """Where a sweep stands after a run.

    Args:
        done: Runs recorded, earlier ones included.
        total: Runs to record.
        resumed: Runs that an earlier process had recorded.
        trial: The trial that just ended.
        best: Best objective so far; None before the first finite one.
        diverged: Runs that diverged so far.
        note: Why runs are not written in bulk; empty if they are.
    """

    done: int
    total: int
    resumed: int
    trial: int
    best: float | None
    diverged: int
    note: str = ""


@dataclass(frozen=True)
class SweepResult:
    """What a sweep came to.

    Args:
        run_id: The parent run in MLflow.
        already_finished: Whether there was nothing left to do.
        resumed: Runs that an earlier process had recorded.
        runs: Every run, by trial and replicate.
        best: The best run; None if every run diverged.
        verdict: What the report says.
        baseline: The base rate; None where it is not recorded.
    """

    run_id: str
    already_finished: bool
    resumed: int
    runs: Sequence[RecordedRun]
    best: RecordedRun | None
    verdict: str = ""
    baseline: Baseline | None = None


def run_sweep(
    spec: SweepSpec,
    *,
    tracking_uri: str | None = None,
    new: bool = False,
    workers: int = 0,
    executor: str | None = None,
    run_id: str | None = None,
    mirror: str | None = None,
    on_progress: Callable[[Progress], None] = lambda progress: None,
    on_note: Callable[[str], None] = lambda note: None,
) -> SweepResult:
    """Run a sweep, or finish the one that the same spec began.

    Args:
        spec: What to run.
        tracking_uri: The tracking store; as MLflow resolves it if None.
        new: Begin another sweep even if there is one.
        workers: Processes that a long sweep on small data may train in, besides this one. They
            import the main module of a script again, so it needs `if __name__ == "__main__":`.
            The numbers do not depend on it.
        executor: Where to train instead, such as `dask://host:8786`; `workers` is then not used.
        run_id: Resume this sweep; the caller knows that it is of this spec and that nobody else
            runs it.
        mirror: URL of an Optuna storage that the study is copied to after each batch.
        on_progress: Called at the start and after every run.
        on_note: Called with what the user should know of the training: a sentence without its
            full stop.

    Raises:
        UserError: If spec, data, store or executor cannot be used as given.
        LrlabError: If the store fails, another process runs this sweep, or the executor does not
            answer.
        KeyboardInterrupt: Passed on; the sweep can be resumed.
    """
    device = device_of(spec.train)
    problem = load_problem(spec)
    reading = TableReading.of(problem)
    for text in (reading.lost_rows(), reading.left_out(getattr(spec.data, "drop", ()))):
        if text:
            on_note(text)
    store = track.connect(tracking_uri)
    data = problem.to(device)
    with (
        closing(WorkerPool(workers, executor, data, spec, on_note)) as pool,
        track.open_sweep(
            store, spec, problem, new=new, run_id=run_id, on_note=on_note
        ) as recorder,
        closing(_optimum_finder(recorder, problem)) as finder,
    ):
        resumed, finished = len(recorder.runs), recorder.is_finished
        if not finished:
            recorder.resume()
            with (
                _uncounted(),
                _Background(recorder, resumed, on_progress) as background,
                closing(pool),
                _mirror(mirror, recorder, on_note) as copy,
            ):
                _run_batches(spec, data, pool, background, copy, finder)
        from lrlab.sweep.finalize import (  # the report's libraries: not before a run
            best_run,
            finalize,
        )

        if finished:
            best, verdict = best_run(recorder), recorder.info.verdict
        else:
            optima = finder.result()
            if optima.note:
                on_note(optima.note)
            best, verdict = finalize(recorder, problem, optima)
        runs = tuple(recorder.in_order)
        info = recorder.info
        return SweepResult(info.run_id, finished, resumed, runs, best, verdict, info.baseline)


def _optimum_finder(recorder: Recorder, problem: Problem) -> OptimumFinder:
    """Who finds the optima of the sweep's objectives beside the training."""
    some = recorder.runs and not recorder.is_finished
    known = read_optima(recorder.store, recorder.info) if some else None
    return OptimumFinder(problem, batch_rows(len(problem.y_train), recorder.spec.train), known)


def _run_batches(
    spec: SweepSpec,
    data: Problem,
    pool: WorkerPool,
    background: _Background,
    copy: search.Mirror,
    finder: OptimumFinder,
) -> None:
    """Ask, train, record and tell, batch by batch."""
    study, engine = search.new_study(spec), ENGINES[spec.train.engine]
    best = None
    for batch in search.batches(spec):
        pool.consider(batch)
        trials = _propose(study, spec, batch, background.results)
        runs = [run for trial in trials for run in trial.runs]
        finder.want(Objective.of(run.config) for run in runs)
        recorded = frozenset(background.results)
        for part in engine(data, runs, spec.train, recorded, pool.workers):
            background.record(part)
        _tell(study, spec, trials, background.results)
        bests = dict(_best_after(spec, batch, background.results, best))
        best = bests.get(batch.stop - 1)
        background.close_batch(batch.index, [run.key for run in runs], bests)
        copy.update(study)


@contextmanager
def _uncounted() -> Iterator[None]:
    """Spare the garbage collector what is there already.

    It looks at everything that lives, again and again; what MLflow, torch and Optuna have brought
    along is a million objects that stay, and a sweep makes many of its own.
    """
    if gc.get_freeze_count():  # the caller does so already
        yield
        return
    thresholds = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(20_000, *thresholds[1:])
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)
        gc.unfreeze()


def _mirror(url: str | None, recorder: Recorder, note: Callable[[str], None]) -> search.Mirror:
    """A copy of the study in a storage, named after the sweep; or in none."""
    name = f"{recorder.spec.name} {recorder.info.run_id[:8]}"
    return search.Mirror(url, name, note)


class _Background:
    """Writes to the store while the next runs train; one write at a time, in order.

    Attributes:
        results: Every run that is recorded or about to be, by (trial, replicate).
    """

    def __init__(
        self, recorder: Recorder, resumed: int, on_progress: Callable[[Progress], None]
    ) -> None:
        self.recorder, self.on_progress = recorder, on_progress
        self.results: dict[Key, RecordedRun] = dict(recorder.runs)
        self._progress = _progress_of(recorder, resumed)
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="lrlab-write")
        self._pending: deque[tuple[Future[None], Finished]] = deque()

    def __enter__(self) -> _Background:
        self.on_progress(self._progress)
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        try:
            self._wait(0)
        except BaseException:
            if kind is None:  # else the first failure is the news
                raise
        finally:
            self._pool.shutdown(cancel_futures=True)

    def record(self, part: Finished) -> None:
        """Hand over finished runs; waits if too much is waiting already."""
        self.results |= {run.key: as_recorded(run, t, "") for run, t in part}
        self._pending.append((self._pool.submit(self.recorder.record, part), part))
        self._wait(WAITING)

    def close_batch(self, index: int, keys: Sequence[Key], best: dict[int, float]) -> None:
        """Hand over the end of a batch."""
        job = self._pool.submit(self.recorder.close_batch, index, keys, best)
        self._pending.append((job, []))
        self._wait(WAITING)

    def _wait(self, most: int) -> None:
        """Take note of what is written, until at most so many jobs are waiting."""
        while self._pending and (len(self._pending) > most or self._pending[0][0].done()):
            job, part = self._pending.popleft()
            job.result()
            for run, _ in part:
                self.results[run.key] = self.recorder.runs[run.key]  # one in memory is enough
                self._progress = _after(self._progress, self.recorder, run.key)
                self.on_progress(self._progress)


@dataclass(frozen=True)
class _Trial:
    """A trial of the batch at hand; `asked` is None if it was restored without asking."""

    runs: tuple[Run, ...]
    asked: search.Proposal | None


def _propose(
    study: optuna.Study, spec: SweepSpec, batch: search.Batch, results: Results
) -> list[_Trial]:
    """The batch's trials: from the record if all are there, else as the sampler proposes."""
    numbers = range(batch.start, batch.stop)
    recorded = {n: _replicates(spec, n, results) for n in numbers}
    whole = all(len(runs) == spec.search.replicates for runs in recorded.values())
    if whole and not search.SAMPLERS[spec.search.sampler].replays:
        configs = [recorded[n][0].config() for n in numbers]
        ended = [trial_result(recorded[n], spec.objective) for n in numbers]
        search.restore(study, spec, configs, ended)
        return [
            _Trial(_runs(spec, n, config), None)
            for n, config in zip(numbers, configs, strict=True)
        ]
    asked = search.ask(study, spec, batch)
    for n, proposal in zip(numbers, asked, strict=True):
        for run in recorded[n]:
            _check_same(n, run.config(), proposal.config)
    return [
        _Trial(_runs(spec, n, proposal.config), proposal)
        for n, proposal in zip(numbers, asked, strict=True)
    ]


def _check_same(trial: int, recorded: TrialConfig, proposed: TrialConfig) -> None:
    if recorded != proposed:
        raise LrlabError(
            f"trial {trial} is recorded as {recorded.params()}, but the sampler now proposes "
            f"{proposed.params()}: the sweep cannot be continued as it began. Was it begun with "
            "other versions of lrlab or Optuna? Start another with --new"
        )


def _runs(spec: SweepSpec, trial: int, config: TrialConfig) -> tuple[Run, ...]:
    return tuple(Run(trial, r, spec.seed + r, config) for r in range(spec.search.replicates))


def _replicates(spec: SweepSpec, trial: int, results: Results) -> list[RecordedRun]:
    keys = ((trial, r) for r in range(spec.search.replicates))
    return [results[key] for key in keys if key in results]


def _tell(
    study: optuna.Study, spec: SweepSpec, trials: Sequence[_Trial], results: Results
) -> None:
    for trial in trials:
        if trial.asked is not None:
            ended = [results[run.key] for run in trial.runs]
            search.tell(study, spec, trial.asked, trial_result(ended, spec.objective))


def _best_after(
    spec: SweepSpec, batch: search.Batch, results: Results, best: float | None
) -> Iterator[tuple[int, float]]:
    """The best objective so far after each trial of a batch, from the first finite one on."""
    for trial in range(batch.start, batch.stop):
        value = trial_result(_replicates(spec, trial, results), spec.objective).value
        best = _better(spec, best, value)
        if best is not None:
            yield trial, best


def _objective(spec: SweepSpec, run: RecordedRun) -> float | None:
    return None if run.outcome == "diverged" else run.latest.get(spec.objective)


def _better(spec: SweepSpec, best: float | None, value: float | None) -> float | None:
    if value is None or value != value:
        return best
    if best is None:
        return value
    return min(best, value) if spec.measure.direction == "minimize" else max(best, value)


def _progress_of(recorder: Recorder, resumed: int) -> Progress:
    """Where a sweep stands when it is resumed."""
    total = max(recorder.spec.n_runs, len(recorder.runs))
    note = ""
    if recorder.writer_name == "client" and recorder.why_not_faster:
        note = f"runs are written one by one, because {recorder.why_not_faster}"
    progress = Progress(0, total, resumed, trial=0, best=None, diverged=0, note=note)
    for key in recorder.runs:
        progress = _after(progress, recorder, key)
    return progress


def _after(before: Progress, recorder: Recorder, key: Key) -> Progress:
    """Where it stands after one more run."""
    run = recorder.runs[key]
    return replace(
        before,
        done=before.done + 1,
        trial=run.trial,
        best=_better(recorder.spec, before.best, _objective(recorder.spec, run)),
        diverged=before.diverged + (run.outcome == "diverged"),
    )


def estimate_seconds(spec: SweepSpec, problem: Problem) -> float:
    """Seconds of training that a sweep needs here, from timed starts of its first runs.

    The loop trains run by run, so it is timed on one; the fused engine on a program.
    """
    problem = problem.to(device_of(spec.train))
    first = next(search.batches(spec))
    asked = search.ask(search.new_study(spec), spec, first)
    runs = [run for i, each in enumerate(asked) for run in _runs(spec, i, each.config)]
    sample = runs[: 1 if spec.train.engine == "loop" else PROBE_RUNS]

    def seconds_of(steps: int) -> float:
        settings = spec.train.model_copy(update={"steps": min(steps, spec.train.steps)})
        start = time.perf_counter()
        list(ENGINES[spec.train.engine](problem, sample, settings))
        return time.perf_counter() - start

    seconds_of(1)  # the first training also loads code
    short, long = PROBE_STEPS
    spent = seconds_of(short)
    per_step = spent / min(short, spec.train.steps)
    if spent < PROBE_SECONDS and spec.train.steps > short:
        per_step = max(seconds_of(long) - spent, 0.0) / (min(long, spec.train.steps) - short)
    return (spent + per_step * max(spec.train.steps - short, 0)) * spec.n_runs / len(sample)
