"""Everything that a report says in numbers, computed before anything is drawn."""

from __future__ import annotations

from dataclasses import dataclass, fields

import pandas as pd

from lrlab.data import Baseline
from lrlab.report.analysis import evidence
from lrlab.report.analysis.beaten import beaten_table
from lrlab.report.analysis.conclusions import Conclusions, draw_conclusions
from lrlab.report.analysis.converged import endings
from lrlab.report.analysis.importance import Compute, Importance, importances
from lrlab.report.context import ReportContext


@dataclass(frozen=True)
class Findings(Conclusions):
    """What a sweep shows: the verdict, what it rests on, and the evidence beside it.

    Args:
        fastest: The fastest trial of each optimizer x loss; empty without an optimum.
        held_out: The losses by every held-out metric.
        limits: Largest stable learning rates, by theory and as observed.
        importance: Share of each setting, and which trials it rests on.
    """

    fastest: pd.DataFrame
    held_out: pd.DataFrame
    limits: pd.DataFrame
    importance: Importance

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
            "importance": self.importance.frame(),
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
    return add_evidence(draw_conclusions(runs, curves, context), context)


def add_evidence(
    known: Conclusions, context: ReportContext, compute: Compute | None = None
) -> Findings:
    """What is told beside a verdict, and not waited for; `compute` as for `importances`."""
    runs, converged, aim = known.runs, known.converged, context.aim
    nothing = runs.empty
    blank = pd.DataFrame()
    return Findings(
        **{field.name: getattr(known, field.name) for field in fields(Conclusions)},
        fastest=blank if nothing else evidence.fastest_trials(runs, converged, **aim),
        held_out=blank if nothing else evidence.held_out_metrics(runs, **aim),
        limits=blank if nothing else evidence.stable_limits(runs, converged, context.optima),
        importance=Importance.none()
        if nothing
        else importances(runs, random=context.random_trials, compute=compute, **aim),
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
    by = ["loss", "hyperparameters", "l2", *(["fold"] if folds else [])]
    return pd.DataFrame(rows).sort_values(by, ignore_index=True) if rows else pd.DataFrame()


def base_rate_table(known: Baseline | None) -> pd.DataFrame:
    """Columns metric and value, one row a metric; without rows if it is unknown."""
    found = {} if known is None else known.to_dict()
    return pd.DataFrame({"metric": list(found), "value": list(found.values())})
