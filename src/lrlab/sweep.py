"""The conductor: a spec in, a recorded sweep with its report out."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import optuna

from lrlab import search, track
from lrlab.errors import LrlabError
from lrlab.problem import Problem, load_problem
from lrlab.report import write_report
from lrlab.report.recorded import best_of, note_on, report_on
from lrlab.spec import SweepSpec
from lrlab.track import RecordedRun, Recorder, runs_frame, trial_result
from lrlab.track.model import log_best_model
from lrlab.train import ENGINES
from lrlab.train.graph import trace
from lrlab.train.graph_svg import to_svg
from lrlab.train.loop import objective_of
from lrlab.trial import Run, TrialConfig

PROBE_STEPS = (50, 250)


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
    """

    done: int
    total: int
    resumed: int
    trial: int
    best: float | None
    diverged: int


@dataclass(frozen=True)
class SweepResult:
    """What a sweep came to.

    Args:
        run_id: The parent run in MLflow.
        already_finished: Whether there was nothing left to do.
        resumed: Runs that an earlier process had recorded.
        runs: Every run, by trial and replicate.
        best: The best run; None if every run diverged.
    """

    run_id: str
    already_finished: bool
    resumed: int
    runs: Sequence[RecordedRun]
    best: RecordedRun | None


def run_sweep(
    spec: SweepSpec,
    *,
    tracking_uri: str | None = None,
    new: bool = False,
    on_progress: Callable[[Progress], None] = lambda progress: None,
) -> SweepResult:
    """Run a sweep, or finish the one that the same spec began.

    Args:
        spec: What to run.
        tracking_uri: The tracking store; as MLflow resolves it if None.
        new: Begin another sweep even if there is one.
        on_progress: Called at the start and after every run.

    Raises:
        UserError: If spec, data or store cannot be used as given.
        LrlabError: If the store fails, or another process runs this sweep.
        KeyboardInterrupt: Passed on; the sweep can be taken up again.
    """
    problem = load_problem(spec)
    store = track.connect(tracking_uri)
    with track.open_sweep(store, spec, problem, new=new) as recorder:
        resumed = len(recorder.runs)
        if recorder.is_finished:
            return _result(recorder, resumed, already_finished=True)
        recorder.resume()
        study = search.new_study(spec)
        on_progress(_progress(recorder, resumed, trial=0))
        for batch in search.batches(spec):
            trials = _propose(study, spec, batch, recorder)
            runs = [run for trial in trials for run in trial.runs]
            missing = [run for run in runs if run.key not in recorder.runs]
            for run, trajectory in ENGINES[spec.train.engine](problem, missing, spec.train):
                recorder.record(run, trajectory)
                on_progress(_progress(recorder, resumed, run.trial))
            _tell(study, trials, recorder)
            recorder.close_batch(
                batch.index, [run.key for run in runs], dict(_best_after(recorder, batch))
            )
        _finish(recorder, problem)
        return _result(recorder, resumed, already_finished=False)


@dataclass(frozen=True)
class _Trial:
    """A trial of the batch at hand; `asked` is None if it was restored without asking."""

    runs: tuple[Run, ...]
    asked: optuna.Trial | None


def _propose(
    study: optuna.Study, spec: SweepSpec, batch: search.Batch, recorder: Recorder
) -> list[_Trial]:
    """The batch's trials: from the record if all are there, else as the sampler proposes."""
    numbers = range(batch.start, batch.stop)
    recorded = {n: _replicates(recorder, n) for n in numbers}
    whole = all(len(runs) == spec.search.replicates for runs in recorded.values())
    if whole and not search.SAMPLERS[spec.search.sampler].replays:
        configs = [recorded[n][0].config() for n in numbers]
        results = [trial_result(recorded[n], spec.objective) for n in numbers]
        search.restore(study, spec, configs, results)
        return [
            _Trial(_runs(spec, n, config), None)
            for n, config in zip(numbers, configs, strict=True)
        ]
    asked = search.ask(study, spec, batch)
    for n, proposal in zip(numbers, asked, strict=True):
        for run in recorded[n]:
            _check_same(n, run.config(), proposal.config)
    return [
        _Trial(_runs(spec, n, proposal.config), proposal.trial)
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


def _replicates(recorder: Recorder, trial: int) -> list[RecordedRun]:
    keys = ((trial, r) for r in range(recorder.spec.search.replicates))
    return [recorder.runs[key] for key in keys if key in recorder.runs]


def _tell(study: optuna.Study, trials: Sequence[_Trial], recorder: Recorder) -> None:
    for trial in trials:
        if trial.asked is not None:
            recorded = [recorder.runs[run.key] for run in trial.runs]
            search.tell(study, trial.asked, trial_result(recorded, recorder.spec.objective))


def _best_after(recorder: Recorder, batch: search.Batch) -> Iterator[tuple[int, float]]:
    """The best objective so far after each trial of a batch, from the first finite one on."""
    best = _best_value(recorder, stop=batch.start)
    for trial in range(batch.start, batch.stop):
        value = trial_result(_replicates(recorder, trial), recorder.spec.objective).value
        best = _better(recorder.spec, best, value)
        if best is not None:
            yield trial, best


def _best_value(recorder: Recorder, stop: int | None = None) -> float | None:
    best: float | None = None
    for (trial, _), run in recorder.runs.items():
        if (stop is None or trial < stop) and run.outcome != "diverged":
            best = _better(recorder.spec, best, run.latest.get(recorder.spec.objective))
    return best


def _better(spec: SweepSpec, best: float | None, value: float | None) -> float | None:
    if value is None or value != value:
        return best
    if best is None:
        return value
    return min(best, value) if spec.measure.direction == "minimize" else max(best, value)


def _progress(recorder: Recorder, resumed: int, trial: int) -> Progress:
    return Progress(
        done=len(recorder.runs),
        total=max(recorder.spec.n_runs, len(recorder.runs)),
        resumed=resumed,
        trial=trial,
        best=_best_value(recorder),
        diverged=sum(run.outcome == "diverged" for run in recorder.runs.values()),
    )


def _finish(recorder: Recorder, problem: Problem) -> None:
    """Graph, best model and report; then the sweep is finished."""
    best = _best(recorder)
    recorder.log_text(draw_graph(recorder.spec, problem, best), "graph.svg")
    if best is not None:
        log_best_model(recorder, problem, best)
    report = report_on(recorder.store, recorder.info)
    with tempfile.TemporaryDirectory(prefix="lrlab-") as folder:
        write_report(report, Path(folder))
        recorder.finish(Path(folder), note_on(recorder.info, report.runs, recorder.spec), best)


def draw_graph(spec: SweepSpec, problem: Problem, best: RecordedRun | None = None) -> str:
    """The autograd graph of model and loss as SVG: the best run's loss, else the first one."""
    config = best.config() if best else _first_config(spec)
    model = problem.initial_model(spec.seed)
    graph = trace(model, objective_of(config, model), problem.x_train, problem.y_train)
    return to_svg(graph, title=f"Autograd graph of logistic regression with {config.loss}")


def _first_config(spec: SweepSpec) -> TrialConfig:
    space = spec.search.space
    optimizer, loss = (search.names(space, key)[0] for key in ("optimizer", "loss"))
    return TrialConfig.of(optimizer, loss, lr=0.01, l2=spec.train.l2)


def _best(recorder: Recorder) -> RecordedRun | None:
    runs = [recorder.runs[key] for key in sorted(recorder.runs)]
    best = best_of(runs_frame(runs), recorder.spec)
    return None if best is None else next(r for r in runs if r.run_id == best["run_id"])


def _result(recorder: Recorder, resumed: int, *, already_finished: bool) -> SweepResult:
    runs = tuple(recorder.runs[key] for key in sorted(recorder.runs))
    return SweepResult(recorder.info.run_id, already_finished, resumed, runs, _best(recorder))


def estimate_seconds(spec: SweepSpec) -> float:
    """Seconds of training that a sweep needs here, from timed starts of one configuration."""
    problem = load_problem(spec)
    run = Run(0, 0, spec.seed, _first_config(spec))

    def seconds_of(steps: int) -> float:
        settings = spec.train.model_copy(update={"steps": steps})
        start = time.perf_counter()
        list(ENGINES[spec.train.engine](problem, [run], settings))
        return time.perf_counter() - start

    short, long = (min(spec.train.steps, steps) for steps in PROBE_STEPS)
    seconds_of(short)  # the first training also loads code
    first, second = seconds_of(short), seconds_of(long)
    per_step = max(second - first, 0.0) / max(long - short, 1)
    return (second + per_step * (spec.train.steps - long)) * spec.n_runs
