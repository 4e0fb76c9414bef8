"""The end of a sweep, once its answer is known: graph, model and report."""

from __future__ import annotations

from lrlab.autograd_graph.svg import to_svg
from lrlab.autograd_graph.tracing import trace
from lrlab.data import Problem
from lrlab.model.log import log_best_model
from lrlab.report.analysis.conclusions import Conclusions
from lrlab.report.analysis.findings import add_evidence
from lrlab.report.analysis.importance import Compute
from lrlab.report.build import report_on, write_report
from lrlab.report.context import ReportContext
from lrlab.report.inputs import note_on
from lrlab.report.recorded import MADE_FILE, describe_made
from lrlab.report.text.verdict import in_words
from lrlab.scratch import scratch_folder
from lrlab.spec import SweepSpec
from lrlab.spec.space import names
from lrlab.track import RecordedRun, Recorder
from lrlab.train.loop import objective_of
from lrlab.trial import TrialConfig


def finalize(
    recorder: Recorder,
    problem: Problem,
    best: RecordedRun | None,
    known: Conclusions,
    context: ReportContext,
    compute: Compute,
) -> None:
    """Graph, best model and report; then the sweep is finished.

    A sweep that is killed before is not finished, and the same command does this again. `compute`
    is for `importances`.
    """
    recorder.log_text(draw_graph(recorder.spec, problem, best), "graph.svg")
    if best is not None:
        log_best_model(recorder, problem.of(best.replicate), best)
    report = report_on(add_evidence(known, context, compute), context)
    with scratch_folder() as folder:
        paths = write_report(report, folder)
        made = describe_made(recorder.store, recorder.info, recorder.in_order, paths)
        (folder / MADE_FILE).write_text(made, "utf-8")
        note = note_on(recorder.info, report.runs, recorder.spec, report.words)
        recorder.finalize(folder, note, in_words(known.verdict).text, best)


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
