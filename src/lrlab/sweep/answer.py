"""A sweep's answer, from what is recorded; what it takes to draw and to export is not needed."""

from __future__ import annotations

from lrlab.data import Problem
from lrlab.optimum.record import Optima
from lrlab.report.analysis.conclusions import Conclusions, draw_conclusions
from lrlab.report.context import ReportContext
from lrlab.report.inputs import report_input
from lrlab.track import Recorder
from lrlab.track import mlflow_schema as schema


def conclusions_of(
    recorder: Recorder, problem: Problem, optima: Optima
) -> tuple[Conclusions, ReportContext]:
    """The verdict and what it rests on; the optima are recorded."""
    recorder.log_text(optima.to_json(), schema.OPTIMA_FILE)
    inputs = report_input(recorder.store, recorder.info, problem, recorder.in_order, optima)
    return draw_conclusions(*inputs), inputs[2]
