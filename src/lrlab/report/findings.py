"""Everything that a report says in numbers, computed before anything is drawn."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from lrlab.report import evidence
from lrlab.report.base_rate import base_rate_table
from lrlab.report.converged import Gaps, convergence_frame, gaps
from lrlab.report.convergence import Arrival
from lrlab.report.held_out import ROW_SCORES, held_out_intervals, representatives
from lrlab.report.importance import importances
from lrlab.report.methods import SPEED, Comparison, compare, compare_speed
from lrlab.report.model import ReportContext
from lrlab.report.statistics import standing
from lrlab.report.tables import summary_table
from lrlab.report.verdict import Verdict, verdict


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
        yardsticks: The losses by every held-out measure.
        speed: The optimizers compared by steps, on the best loss with an optimum in reach.
        limits: Largest stable learning rates, by theory and as observed.
        importance: Share of each setting.
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
    yardsticks: pd.DataFrame
    speed: Comparison | None
    limits: pd.DataFrame
    importance: pd.Series
    verdict: Verdict

    def tables(self, context: ReportContext) -> dict[str, pd.DataFrame]:
        """The frames to be written, by name; those without rows are left out."""
        found = {
            "runs": self.runs,
            "summary": self.summary,
            "optimizers": self.optimizers.table,
            "losses": self.losses.table,
            "tests": self._tests(),
            "speed": self.speed.table if self.speed else pd.DataFrame(),
            "yardsticks": self.yardsticks,
            "convergence": self.converged,
            "objectives": objectives_table(context),
            "stable_lr": self.limits,
            "importance": self.importance.rename_axis("setting").reset_index(),
            "base_rate": base_rate_table(context.baseline),
            "columns": context.reading.frame() if context.reading else pd.DataFrame(),
        }
        always = ("runs", "summary")
        return {name: t for name, t in found.items() if name in always or not t.empty}

    def _tests(self) -> pd.DataFrame:
        """Every pair of methods that was compared."""
        parts = [
            c.standing.pairs.assign(by=c.by, measure=c.measure)
            for c in (self.optimizers, self.losses, self.speed)
            if c is not None and not c.standing.pairs.empty
        ]
        return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


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
    measured = gaps(runs, curves, context.optima)
    converged = convergence_frame(runs, measured, context.optima)
    fastest = pd.DataFrame(columns=["optimizer", "loss", "lr", "gap", "steps"])
    if SPEED in converged and converged["gap"].notna().any():
        fastest = evidence.fastest_trials(runs, converged)
    comparisons = [
        _on_rows(compare(runs, by, sampler=context.sampler, **context.aim), runs, context)
        for by in ("optimizer", "loss")
    ]
    speed = _speed(runs, converged, fastest, comparisons[1])
    return Findings(
        runs=runs,
        curves=curves,
        summary=summary,
        converged=converged,
        gaps=measured,
        fastest=fastest,
        optimizers=comparisons[0],
        losses=comparisons[1],
        yardsticks=evidence.yardsticks(runs, **context.aim),
        speed=speed,
        limits=evidence.stable_limits(runs, converged, context.optima),
        importance=importances(runs, **context.aim),
        verdict=verdict(
            runs,
            converged["how"],
            comparisons,
            speed,
            context.optima,
            sampler=context.sampler,
            held_out=0 if context.problem is None else len(context.problem.y_val),
            objective=context.objective,
            direction=context.direction,
            baseline=context.baseline,
            reading=context.reading,
        ),
    )


def _on_rows(comparison: Comparison, runs: pd.DataFrame, context: ReportContext) -> Comparison:
    """The same with columns rows_low and rows_high, where weights and rows are at hand."""
    chosen = representatives(runs, comparison.by, **context.aim)
    known = len(chosen) > 1 and set(chosen.values()) <= set(context.weights)
    if context.problem is None or context.objective not in ROW_SCORES or not known:
        return comparison
    weights = [context.weights[run_id] for run_id in chosen.values()]
    ends = held_out_intervals(context.problem, weights, context.objective)
    table = comparison.table.assign(rows_low=ends[:, 0], rows_high=ends[:, 1])
    return replace(comparison, table=table)


def _speed(
    runs: pd.DataFrame, converged: pd.DataFrame, fastest: pd.DataFrame, losses: Comparison
) -> Comparison | None:
    """Speed on the best loss on which at least half of the optimizers come to the optimum."""
    reached = fastest[fastest["steps"].notna()].groupby("loss").size()
    enough = reached[reached >= fastest["optimizer"].nunique() / 2]
    for loss in losses.table.get("loss", ()):
        if loss in enough:
            return compare_speed(runs, converged, str(loss))
    return None


def _nothing(
    runs: pd.DataFrame, curves: pd.DataFrame, summary: pd.DataFrame, context: ReportContext
) -> Findings:
    """The findings of a sweep without runs."""
    blank = pd.DataFrame()
    nobody = Comparison("optimizer", context.objective, blank, standing(blank))
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
        yardsticks=blank,
        speed=None,
        limits=blank,
        importance=pd.Series(dtype=float, name="importance"),
        verdict=verdict(
            runs,
            pd.Series(dtype=str),
            (),
            None,
            None,
            objective=context.objective,
            direction=context.direction,
            sampler="",
        ),
    )


def objectives_table(context: ReportContext) -> pd.DataFrame:
    """Optimum and curvature of every objective: loss, its hyperparameters, l2 and the rest."""
    if context.optima is None:
        return pd.DataFrame()
    rows = [
        {
            "loss": objective.loss,
            "hyperparameters": ", ".join(f"{k} {v:g}" for k, v in objective.loss_params),
            "l2": objective.l2,
            "optimum": optimum.value,
            "kind": optimum.kind,
            "gap": optimum.gap,
            "gradient_norm": optimum.gradient_norm,
            "smoothness_bound": optimum.bound,
            "largest_eigenvalue": optimum.largest,
            "smallest_eigenvalue": optimum.smallest,
            "condition_number": optimum.condition,
            "stable_lr": optimum.stable_lr(),
        }
        for objective, optimum in context.optima.found.items()
    ]
    return pd.DataFrame(rows)
