"""The conductor: a spec in, a recorded sweep with its report out."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

from lrlab import search, track
from lrlab.data import Problem, TableReading, load_divided, why_other_folds
from lrlab.optimum.background import OptimumFinder
from lrlab.optimum.objectives import Objective
from lrlab.report.recorded import has_changed, read_verdict
from lrlab.report.render import bundle
from lrlab.spec import SweepSpec
from lrlab.sweep.background import Background
from lrlab.sweep.batches import best_after, propose, tell
from lrlab.sweep.forests import Forests
from lrlab.sweep.progress import Progress
from lrlab.sweep.result import SweepResult
from lrlab.sweep.worker_pool import WorkerPool
from lrlab.track import Recorder
from lrlab.track.open_sweep import open_sweep
from lrlab.track.read import read_optima
from lrlab.train import ENGINES, device_of
from lrlab.train.minibatches import batch_rows


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
    on_answer: Callable[[SweepResult], None] = lambda result: None,
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
        on_answer: Called once with the result, as soon as the verdict is known: before the model
            and the report's page are made, and the sweep is marked as finished.

    Raises:
        UserError: If spec, data, store or executor cannot be used as given.
        LrlabError: If the store fails, another process runs this sweep, or the executor does not
            answer.
        KeyboardInterrupt: Passed on; the sweep can be resumed.
    """
    given, (spec, problem) = spec, load_divided(spec)
    data = problem.to(device_of(spec.train))
    _note_reading(given, spec, problem, on_note)
    store = track.connect(tracking_uri)
    with (
        _told_in_the_end(on_answer) as answer,
        _uncounted(),
        closing(WorkerPool(workers, executor, data, spec, on_note)) as pool,
        open_sweep(store, spec, problem, new=new, run_id=run_id, on_note=on_note) as recorder,
        closing(_optimum_finder(recorder, problem)) as finder,
        closing(Forests(spec)) as forests,
    ):
        resumed, finished = len(recorder.runs), recorder.is_finished
        if finished:
            return _from_record(recorder, answer)
        _resume(recorder, on_note)
        with (
            Background(recorder, resumed, on_progress) as background,
            closing(pool),
            _mirror(mirror, recorder, on_note) as copy,
        ):
            _run_batches(spec, data, pool, background, copy, finder, forests)
        return _end(recorder, problem, finder, forests, resumed, on_note, answer)


@contextmanager
def _told_in_the_end(
    on_answer: Callable[[SweepResult], None],
) -> Iterator[Callable[[SweepResult], None]]:
    """`on_answer`, whose errors are raised at the end: a closed pipe does not fail a sweep."""
    errors: list[Exception] = []

    def answer(result: SweepResult) -> None:
        try:
            on_answer(result)
        except Exception as error:
            errors.append(error)

    yield answer
    if errors:
        raise errors[0]


def _resume(recorder: Recorder, on_note: Callable[[str], None]) -> None:
    recorder.resume()
    bundle.prepare()  # beside the training: the page needs it at the end
    if len(recorder.runs) == recorder.spec.n_runs:
        on_note("every run is recorded; the verdict, the model and the report are being written")


def _from_record(recorder: Recorder, on_answer: Callable[[SweepResult], None]) -> SweepResult:
    """The result of a sweep that was finished before."""
    changed = has_changed(recorder.store, recorder.info, recorder.in_order)
    verdict = None if changed else read_verdict(recorder.store, recorder.info)
    found = SweepResult.of(recorder, finished=True, resumed=len(recorder.runs), verdict=verdict)
    on_answer(found)
    return found


def _end(
    recorder: Recorder,
    problem: Problem,
    finder: OptimumFinder,
    forests: Forests,
    resumed: int,
    on_note: Callable[[str], None],
    on_answer: Callable[[SweepResult], None],
) -> SweepResult:
    """The answer, then model and report."""
    from lrlab.sweep.answer import conclusions_of  # what it needs: after the runs

    optima = finder.result()
    if optima.note:
        on_note(optima.note)
    known, context = conclusions_of(recorder, problem, optima)
    found = SweepResult.of(recorder, finished=False, resumed=resumed, verdict=known.verdict)
    on_answer(found)
    from lrlab.sweep.finalize import finalize  # what it needs: after the answer

    finalize(recorder, problem, found.best, known, context, forests.shares)
    return found


def _note_reading(
    given: SweepSpec, spec: SweepSpec, problem: Problem, on_note: Callable[[str], None]
) -> None:
    """Tell what became of the table, and why its rows are divided as they are."""
    reading = TableReading.of(problem)
    left_out = reading.left_out(getattr(spec.data, "drop", ()))
    for text in (reading.lost_rows(), left_out, reading.in_disguise(), reading.in_groups()):
        if text:
            on_note(text)
    if why := why_other_folds(given, spec):
        on_note(why)


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
    forests: Forests,
) -> None:
    """Ask, train, record and tell, batch by batch."""
    study, engine = search.new_study(spec), ENGINES[spec.train.engine]
    best = None
    for batch in search.batches(spec):
        pool.consider(batch)
        forests.consider(batch)
        trials = propose(study, spec, batch, background.results)
        runs = [run for trial in trials for run in trial.runs]
        finder.want(Objective.of(run.config) for run in runs)
        recorded = frozenset(background.results)
        for finished in engine(data, runs, spec.train, recorded, pool.workers):
            background.record(finished)
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
