"""The end of a sweep: its best trial, model and report, from what is recorded."""

from __future__ import annotations

from lrlab.autograd_graph.svg import to_svg
from lrlab.autograd_graph.trace import trace
from lrlab.data import Problem
from lrlab.model.log import log_best_model
from lrlab.optimum.record import Optima
from lrlab.report.analysis.answer import Verdict
from lrlab.report.build import build_report, write_report
from lrlab.report.inputs import note_on, report_input
from lrlab.scratch import scratch_folder
from lrlab.search import best_trial
from lrlab.spec import SweepSpec
from lrlab.spec.space import names
from lrlab.track import RecordedRun, Recorder
from lrlab.track import mlflow_schema as schema
from lrlab.track.study import score_of
from lrlab.train.loop import objective_of
from lrlab.trial import TrialConfig


def finalize(
    recorder: Recorder, problem: Problem, optima: Optima
) -> tuple[RecordedRun | None, Verdict]:
    """Graph, best model and report; then the sweep is finished. Returns best run and verdict."""
    best = best_run(recorder)
    recorder.log_text(draw_graph(recorder.spec, problem, best), "graph.svg")
    if best is not None:
        log_best_model(recorder, problem.of(best.replicate), best)
    store, info = recorder.store, recorder.info
    recorder.log_text(optima.to_json(), schema.OPTIMA_FILE)
    runs, curves, context = report_input(store, info, problem, recorder.in_order, optima)
    report = build_report(runs, curves, context)
    assert report.verdict is not None
    with scratch_folder() as folder:
        write_report(report, folder)
        note = note_on(info, report.runs, recorder.spec, report.words)
        recorder.finalize(folder, note, report.verdict.text, best)
    return best, report.verdict


def draw_graph(spec: SweepSpec, problem: Problem, best: RecordedRun | None = None) -> str:
    """The autograd graph of model and loss as SVG: the best run's loss, else the first one."""
    config = best.config() if best else _first_config(spec)
    model = problem.initial_model(spec.seed)
    graph = trace(model, objective_of(config, model), problem.x_train, problem.y_train)
    return to_svg(graph, title=f"Autograd graph of logistic regression with {config.loss}")


def _first_config(spec: SweepSpec) -> TrialConfig:
    space = spec.search.space
    optimizer, loss = (names(space, key)[0] for key in ("optimizer", "loss"))
    return TrialConfig.of(optimizer, loss, lr=0.01, l2=spec.train.l2)


def best_run(recorder: Recorder) -> RecordedRun | None:
    """The run that stands for the best trial; None if no trial has an objective."""
    spec = recorder.spec
    scores = [score_of(run, spec.objective) for run in recorder.runs.values()]
    best = best_trial(scores, spec.search.replicates, spec.metric.direction)
    return None if best is None else recorder.runs[best.trial, best.replicate]
