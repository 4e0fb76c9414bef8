"""Everything that a report says in numbers, computed before anything is drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from lrlab.data import Baseline
from lrlab.optimum.doubts import Beaten
from lrlab.report.analysis import evidence
from lrlab.report.analysis.answer import Verdict
from lrlab.report.analysis.beaten import beaten_by_runs, beaten_table, doubts
from lrlab.report.analysis.converged import Gaps, convergence_frame, endings, gaps
from lrlab.report.analysis.convergence import CONVERGED, Arrival
from lrlab.report.analysis.evaluation import can_judge, evaluate
from lrlab.report.analysis.importance import Importance, importances
from lrlab.report.analysis.judgement import Judgement
from lrlab.report.analysis.limits import limits
from lrlab.report.analysis.methods import Comparison, compare
from lrlab.report.analysis.references import reference_models
from lrlab.report.analysis.speed import Speed, compare_speed
from lrlab.report.analysis.tables import summary_table
from lrlab.report.analysis.verdict import conclude, loss_to_take, metric_of, with_speed
from lrlab.report.context import ReportContext


@dataclass(frozen=True)
class Findings:
    """What a sweep shows.

    Args:
        runs: The runs frame.
        curves: The curves frame.
        summary: Optimizer x loss, best first.
        converged: How each run converged.
        gaps: Curves as relative gaps.
        fastest: The fastest trial of each optimizer x loss; empty without an optimum.
        optimizers: The optimizers compared by the objective.
        losses: The losses compared by the objective.
        held_out: The losses by every held-out metric.
        speed: The optimizers compared by steps, on the loss that one would take.
        limits: Largest stable learning rates, by theory and as observed.
        beaten: Best known optima that a run came below.
        importance: Share of each setting, and which trials it rests on.
        judgement: What rows that chose nothing say; None where there are none.
        verdict: The answer.
    """

    runs: pd.DataFrame
    curves: pd.DataFrame
    summary: pd.DataFrame
    converged: pd.DataFrame
    gaps: Gaps
    fastest: pd.DataFrame
    optimizers: Comparison
    losses: Comparison
    held_out: pd.DataFrame
    speed: Speed | None
    limits: pd.DataFrame
    beaten: tuple[Beaten, ...]
    importance: Importance
    judgement: Judgement | None
    verdict: Verdict

    def tables(self, context: ReportContext) -> dict[str, pd.DataFrame]:
        """The frames to be written, by name; those without rows are left out."""
        found = {
            "runs": self.runs,
            "summary": self.summary,
            "optimizers": self.optimizers.table,
            "losses": self.losses.table,
            "expected": self.judgement.estimates_frame() if self.judgement else pd.DataFrame(),
            "pairs": self.judgement.pairs_frame() if self.judgement else pd.DataFrame(),
            "speed": self.speed.table if self.speed else pd.DataFrame(),
            "speed_claims": self.speed.claims_frame() if self.speed else pd.DataFrame(),
            "held_out": self.held_out,
            "endings": endings(self.converged),
            "convergence": self.converged,
            "objectives": objectives_table(context),
            "beaten": beaten_table(self.beaten),
            "stable_lr": self.limits,
            "importance": self.importance.shares.rename_axis("setting").reset_index(),
            "base_rate": base_rate_table(context.baseline),
            "columns": context.reading.frame() if context.reading else pd.DataFrame(),
        }
        always = ("runs", "summary")
        return {name: t for name, t in found.items() if name in always or not t.empty}


def find(runs: pd.DataFrame, curves: pd.DataFrame, context: ReportContext) -> Findings:
    """Compute all of it.

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
    fastest = evidence.fastest_trials(runs, converged, **context.aim)
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
        speed = compare_speed(
            runs,
            converged,
            loss_to_take(found),
            minimum_effect=context.minimum_effect,
            **context.aim,
        )
        found = with_speed(found, speed)
    if "gap" in converged and converged["gap"].notna().any():
        found = replace(found, at_optimum=int((converged["gap"] <= CONVERGED).sum()))
    return Findings(
        runs=runs,
        curves=curves,
        summary=summary,
        converged=converged,
        gaps=measured,
        fastest=fastest,
        optimizers=comparisons[0],
        losses=comparisons[1],
        held_out=evidence.held_out_metrics(runs, **context.aim),
        speed=speed,
        limits=evidence.stable_limits(runs, converged, context.optima),
        beaten=beaten,
        importance=importances(runs, random=context.random_trials, **context.aim),
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
) -> Findings:
    """The findings of a sweep without runs."""
    blank = pd.DataFrame()
    nobody = Comparison("optimizer", context.objective, blank)
    none = np.empty((0, 0))
    return Findings(
        runs=runs,
        curves=curves,
        summary=summary,
        converged=blank,
        gaps=Gaps(np.empty(0), np.empty(0), none, none, Arrival(none, none, none, none)),
        fastest=blank,
        optimizers=nobody,
        losses=replace(nobody, by="loss"),
        held_out=blank,
        speed=None,
        limits=blank,
        beaten=(),
        importance=Importance.none(),
        judgement=None,
        verdict=conclude(runs, None, objective=context.objective, direction=context.direction),
    )


def objectives_table(context: ReportContext) -> pd.DataFrame:
    """Optimum and curvature of every objective: loss, its hyperparameters, l2 and the rest.

    With folds, of every fold, whose number is the first column.
    """
    if context.optima is None:
        return pd.DataFrame()
    folds = context.optima.folds
    rows = [
        ({"fold": fold} if folds else {})
        | {
            "loss": objective.loss,
            "hyperparameters": ", ".join(f"{k} {v:g}" for k, v in objective.loss_params),
            "l2": objective.l2,
            "optimum": optimum.value,
            "kind": optimum.kind,
            "gap": optimum.gap,
            "iterations": optimum.iterations,
            "gradient_norm": optimum.gradient_norm,
            "smoothness_bound": optimum.bound,
            "largest_eigenvalue": optimum.largest,
            "smallest_eigenvalue": optimum.smallest,
            "condition_number": optimum.condition,
            "stable_lr": optimum.stable_lr(),
            "safe_lr": optimum.safe_lr(),
        }
        for fold, optima in enumerate(folds or (context.optima,))
        for objective, optimum in optima.found.items()
    ]
    return pd.DataFrame(rows)


def base_rate_table(known: Baseline | None) -> pd.DataFrame:
    """Columns metric and value, one row a metric; without rows if it is unknown."""
    found = {} if known is None else known.to_dict()
    return pd.DataFrame({"metric": list(found), "value": list(found.values())})
