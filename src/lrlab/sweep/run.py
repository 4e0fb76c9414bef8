"""The conductor: a spec in, a recorded sweep with its report out."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass

from lrlab import search, track
from lrlab.data import Baseline, Problem, TableReading, load_divided, why_other_folds
from lrlab.optimum.background import OptimumFinder
from lrlab.optimum.objectives import Objective
from lrlab.report.analysis.answer import Verdict
from lrlab.spec import SweepSpec
from lrlab.sweep.background import Background
from lrlab.sweep.batches import best_after, propose, tell
from lrlab.sweep.progress import Progress
from lrlab.sweep.worker_pool import WorkerPool
from lrlab.track import RecordedRun, Recorder
from lrlab.track.read import read_optima
from lrlab.train import ENGINES, device_of
from lrlab.train.minibatches import batch_rows


@dataclass(frozen=True)
class SweepResult:
    """What a sweep came to.

    Args:
        run_id: The parent run in MLflow.
        spec: What was run, with the division of its rows written out.
        already_finished: Whether there was nothing left to do.
        resumed: Runs that an earlier process had recorded.
        runs: Every run, by trial and replicate.
        best: The run that stands for the best trial (`lrlab.search.Best`); None if no trial has
            an objective.
        verdict: What the report says, as an object whose text is `str(verdict)`; None where a
            sweep of lrlab 0.1.0 recorded only the text.
        baseline: The base rate; None where it is not recorded.
    """

    run_id: str
    spec: SweepSpec
    already_finished: bool
    resumed: int
    runs: Sequence[RecordedRun]
    best: RecordedRun | None
    verdict: Verdict | None = None
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
    given = spec
    spec, problem = load_divided(given)
    _note_reading(spec, problem, on_note)
    if why := why_other_folds(given, spec):
        on_note(why)
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
                Background(recorder, resumed, on_progress) as background,
                closing(pool),
                _mirror(mirror, recorder, on_note) as copy,
            ):
                _run_batches(spec, data, pool, background, copy, finder)
        best, verdict = _end(recorder, problem, finder, finished, on_note)
        runs, info = tuple(recorder.in_order), recorder.info
        ended = (finished, resumed, runs, best, verdict, info.baseline)
        return SweepResult(info.run_id, spec, *ended)


def _end(
    recorder: Recorder,
    problem: Problem,
    finder: OptimumFinder,
    finished: bool,
    on_note: Callable[[str], None],
) -> tuple[RecordedRun | None, Verdict | None]:
    """Best run and verdict, from the record if the sweep was finished before."""
    from lrlab.report.inputs import read_verdict
    from lrlab.sweep.finalize import best_run, finalize  # the report's libraries: not before a run

    if finished:
        return best_run(recorder), read_verdict(recorder.store, recorder.info)
    optima = finder.result()
    if optima.note:
        on_note(optima.note)
    return finalize(recorder, problem, optima)


def _note_reading(spec: SweepSpec, problem: Problem, on_note: Callable[[str], None]) -> None:
    reading = TableReading.of(problem)
    left_out = reading.left_out(getattr(spec.data, "drop", ()))
    for text in (reading.lost_rows(), left_out, reading.in_disguise(), reading.in_groups()):
        if text:
            on_note(text)


def _optimum_finder(recorder: Recorder, problem: Problem) -> OptimumFinder:
    """Who finds the optima of the sweep's objectives beside the training."""
    some = recorder.runs and not recorder.is_finished
    known = read_optima(recorder.store, recorder.info) if some else None
    return OptimumFinder(problem, batch_rows(len(problem.y_train), recorder.spec.train), known)


def _run_batches(
    spec: SweepSpec,
    data: Problem,
    pool: WorkerPool,
    background: Background,
    copy: search.Mirror,
    finder: OptimumFinder,
) -> None:
    """Ask, train, record and tell, batch by batch."""
    study, engine = search.new_study(spec), ENGINES[spec.train.engine]
    best = None
    for batch in search.batches(spec):
        pool.consider(batch)
        trials = propose(study, spec, batch, background.results)
        runs = [run for trial in trials for run in trial.runs]
        finder.want(Objective.of(run.config) for run in runs)
        recorded = frozenset(background.results)
        for part in engine(data, runs, spec.train, recorded, pool.workers):
            background.record(part)
        tell(study, spec, trials, background.results)
        bests = dict(best_after(spec, batch, background.results, best))
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
