"""What a sweep's verdict rests on, and the verdict: all that the terminal waits for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from lrlab.optimum.doubts import Beaten
from lrlab.report.analysis.answer import Verdict
from lrlab.report.analysis.beaten import beaten_by_runs, doubts
from lrlab.report.analysis.converged import Gaps, convergence_frame, gaps
from lrlab.report.analysis.convergence import CONVERGED, Arrival
from lrlab.report.analysis.evaluation import can_judge, evaluate
from lrlab.report.analysis.judgement import Judgement
from lrlab.report.analysis.limits import limits
from lrlab.report.analysis.methods import Comparison, compare
from lrlab.report.analysis.references import reference_models
from lrlab.report.analysis.speed import Speed, compare_speed
from lrlab.report.analysis.summary import summary_table
from lrlab.report.analysis.verdict import conclude, loss_to_take, metric_of, with_speed
from lrlab.report.context import ReportContext


@dataclass(frozen=True)
class Conclusions:
    """What a verdict rests on, and the verdict.

    Args:
        runs: The runs frame.
        curves: The curves frame.
        summary: Optimizer x loss, best first.
        converged: How each run converged.
        gaps: Curves as relative gaps.
        optimizers: The optimizers compared by the objective.
        losses: The losses compared by the objective.
        speed: The optimizers compared by steps, on the loss that one would take.
        beaten: Best known optima that a run came below.
        judgement: What rows that chose nothing say; None where there are none.
        verdict: The answer.
    """

    runs: pd.DataFrame
    curves: pd.DataFrame
    summary: pd.DataFrame
    converged: pd.DataFrame
    gaps: Gaps
    optimizers: Comparison
    losses: Comparison
    speed: Speed | None
    beaten: tuple[Beaten, ...]
    judgement: Judgement | None
    verdict: Verdict


def draw_conclusions(
    runs: pd.DataFrame, curves: pd.DataFrame, context: ReportContext
) -> Conclusions:
    """The verdict on a sweep, finished or not.

    Args:
        runs: The runs frame.
        curves: The curves frame.
        context: The objective, and what is known of the problem.
    """
    summary = summary_table(runs, curves, **context.aim)
    if runs.empty:
        return _nothing(runs, curves, summary, context)
    if curves.empty:
        curves = pd.DataFrame(columns=["run_id", "step", "metric", "value"])
    measured = gaps(runs, curves, context.optima, context.per_step)
    converged = convergence_frame(runs, measured, context.optima)
    comparisons = [
        compare(runs, by, random=context.random_trials, **context.aim)
        for by in ("optimizer", "loss")
    ]
    judgement = _judgement(runs, context)
    found = _verdict(runs, comparisons, judgement, context)
    beaten = beaten_by_runs(runs, measured, context.optima)
    found = replace(found, remarks=(*found.remarks, *doubts(context.optima, beaten)))
    speed = None
    if found.best is not None and not converged.empty:
        loss, least = loss_to_take(found), context.minimum_effect
        speed = compare_speed(runs, converged, loss, minimum_effect=least, **context.aim)
        found = with_speed(found, speed)
    if "gap" in converged and converged["gap"].notna().any():
        found = replace(found, at_optimum=int((converged["gap"] <= CONVERGED).sum()))
    return Conclusions(
        runs=runs,
        curves=curves,
        summary=summary,
        converged=converged,
        gaps=measured,
        optimizers=comparisons[0],
        losses=comparisons[1],
        speed=speed,
        beaten=beaten,
        judgement=judgement,
        verdict=found,
    )


def _verdict(
    runs: pd.DataFrame,
    comparisons: Sequence[Comparison],
    judgement: Judgement | None,
    context: ReportContext,
) -> Verdict:
    found = conclude(
        runs,
        judgement,
        objective=context.objective,
        direction=context.direction,
        problem=context.problem,
        baseline=context.baseline,
        separability=None if context.optima is None else context.optima.separability,
        minimum_effect=context.minimum_effect,
    )
    known = limits(
        runs,
        comparisons,
        context.optima,
        None if found.best is None else float(found.best.params["lr"]),
        sampler=context.sampler,
        baseline=context.baseline,
        reading=context.reading,
        **context.aim,
    )
    return replace(found, remarks=known)


def _judgement(runs: pd.DataFrame, context: ReportContext) -> Judgement | None:
    """What the judging rows say of the settings that were chosen, and of baselines."""
    if context.problem is None or not can_judge(context.problem, context.objective):
        return None
    baselines = reference_models(context.problem, int(runs["replicate"].max()) + 1)
    found = evaluate(runs, context.problem, context.weights, baselines, **context.aim)
    if found is None:
        return None
    lower = context.direction == "minimize"
    return Judgement(found, metric_of(context.objective), lower, context.minimum_effect)


def _nothing(
    runs: pd.DataFrame, curves: pd.DataFrame, summary: pd.DataFrame, context: ReportContext
) -> Conclusions:
    """The conclusions of a sweep without runs."""
    blank = pd.DataFrame()
    nobody = Comparison("optimizer", context.objective, blank)
    none = np.empty((0, 0))
    return Conclusions(
        runs=runs,
        curves=curves,
        summary=summary,
        converged=blank,
        gaps=Gaps(np.empty(0), np.empty(0), none, none, Arrival(none, none, none, none)),
        optimizers=nobody,
        losses=replace(nobody, by="loss"),
        speed=None,
        beaten=(),
        judgement=None,
        verdict=conclude(runs, None, objective=context.objective, direction=context.direction),
    )
