"""The figures of a report with their titles and captions; one that has no data is left out."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from lrlab.report.analysis import evidence, figure_data
from lrlab.report.analysis.findings import Findings
from lrlab.report.analysis.limits import too_few_random_trials
from lrlab.report.analysis.methods import tunability
from lrlab.report.analysis.statistics import performance_profile
from lrlab.report.analysis.tables import FALLBACK_CURVE, stepped_curve, threshold
from lrlab.report.context import ReportContext
from lrlab.report.text import captions

# What is minimized differs from loss to loss: values of different losses do not compare.
OWN_SCALE = ("train_objective", "train_loss")
Look = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Drawing:
    """A figure of the page.

    Args:
        name: File name without ending.
        title: Heading.
        caption: What to see in it, in a line.
        alt: What it shows, for those who cannot see it.
        figure: A matplotlib figure.
    """

    name: str
    title: str
    caption: str
    alt: str
    figure: Any


def drawings(found: Findings, context: ReportContext) -> list[Drawing]:
    """All figures that a sweep has data for, in the order of the page."""
    if found.runs.empty:
        return []
    from lrlab.report.figures.matplotlib_style import styles

    look = styles(found.summary["optimizer"])
    return [drawing for draw in FIGURES for drawing in draw(found, look, context)]


def _gaps(found: Findings, look: Look, context: ReportContext) -> Iterator[Drawing]:
    from lrlab.report.figures.evidence_figures import draw_gaps

    if found.fastest.empty:
        return
    bands = evidence.gap_bands(found.runs, found.gaps, found.fastest)
    if bands.empty:
        return
    caption = captions.gap_caption(found.fastest, int(found.runs["replicate"].nunique()))
    caption += captions.gap_basis(found.gaps)
    yield _drawing("gaps", caption, draw_gaps(bands, look))


def _lr_sensitivity(found: Findings, look: Look, context: ReportContext) -> Iterator[Drawing]:
    from lrlab.report.figures.drawn import draw_lr_sensitivity

    points = _by_merit(figure_data.lr_sensitivity(found.runs, **context.aim), found.summary)
    if points.empty:
        return
    medians = figure_data.lr_medians(points)
    caption = captions.lr_caption(
        points,
        medians,
        context.objective,
        methods=found.optimizers.table if context.random_trials is None else None,
    )
    caption += captions.stability_caption(found.limits)
    figure = draw_lr_sensitivity(points, medians, look, limits=found.limits, **context.aim)
    yield _drawing("lr_sensitivity", caption, figure, objective=context.objective)


def _heat_map(found: Findings, look: Look, context: ReportContext) -> Iterator[Drawing]:
    from lrlab.report.figures.heat_map_figure import draw_heat_map

    summary = found.summary
    table = figure_data.heat_map(summary)
    if len(table) < 2 or table["best"].isna().all():
        return
    caption = captions.heat_map_caption(table, context.objective)
    figure = draw_heat_map(table, direction=context.direction)
    yield _drawing("heat_map", caption, figure, objective=context.objective)


def _tunability(found: Findings, look: Look, context: ReportContext) -> Iterator[Drawing]:
    from lrlab.report.figures.evidence_figures import draw_tunability

    random = context.random_trials
    if too_few_random_trials(found.optimizers, context.sampler):
        return
    table = tunability(found.runs, "optimizer", random=random, **context.aim).dropna()
    if table.empty or table["trials"].max() < 2:
        return
    caption = captions.tunability_caption(table, **context.aim)
    if random is not None:
        trials = int(found.runs["trial"].nunique())
        caption += captions.tunability_basis(found.optimizers, trials, context.sampler)
    figure = draw_tunability(table, look, **context.aim)
    yield _drawing("tunability", caption, figure, objective=context.objective)


def _profile(found: Findings, look: Look, context: ReportContext) -> Iterator[Drawing]:
    from lrlab.report.figures.evidence_figures import draw_profile

    if found.fastest["optimizer"].nunique() < 2 or found.fastest["steps"].isna().all():
        return
    costs = evidence.costs(found.runs, found.converged, found.fastest)
    if costs.empty:
        return
    table = performance_profile(costs, evidence.RATIOS)
    tried = found.optimizers.table.set_index("optimizer")["trials"].reindex(table.columns)
    caption = captions.profile_caption(table, len(costs), tried.dropna().astype(int))
    yield _drawing("profile", caption, draw_profile(table, look))


def _convergence(found: Findings, look: Look, context: ReportContext) -> Iterator[Drawing]:
    from lrlab.report.figures.drawn import draw_convergence

    runs, curves, summary, aim = found.runs, found.curves, found.summary, context.aim
    stepped = stepped_curve(runs, curves, **aim)
    for metric in dict.fromkeys((context.objective, FALLBACK_CURVE, "train_objective")):
        lines = _by_merit(figure_data.best_curves(runs, curves, metric, **aim), summary)
        if lines.empty:
            continue
        band = figure_data.convergence_band(runs, curves, metric, **aim)
        limit = None
        if stepped is not None and stepped[0] == metric:
            limit = threshold(runs, objective=metric, direction=stepped[1])
        caption = captions.convergence_caption(lines, summary, band, metric, limit)
        figure = draw_convergence(
            lines,
            band,
            look,
            metric=metric,
            direction=context.direction if metric == context.objective else "minimize",
            shared=metric not in OWN_SCALE,
            limit=limit,
        )
        name = "convergence_" + re.sub(r"\W", "_", metric)
        yield replace(_drawing("convergence", caption, figure, metric=metric), name=name)


def _boundary(found: Findings, look: Look, context: ReportContext) -> Iterator[Drawing]:
    from lrlab.report.figures.evidence_figures import draw_boundary

    problem = context.best_problem
    if problem is None or context.best_weights is None or problem.n_features != 2:
        return
    rows, line = evidence.boundary(problem, *context.best_weights)
    caption = captions.boundary_caption(int((~rows["right"]).sum()), len(rows))
    names = (problem.feature_names[0], problem.feature_names[1])
    yield _drawing("boundary", caption, draw_boundary(rows, line, names, problem.classes))


def _calibration(found: Findings, look: Look, context: ReportContext) -> Iterator[Drawing]:
    from lrlab.report.figures.evidence_figures import draw_calibration

    if context.best_problem is None or context.best_weights is None:
        return
    table = evidence.calibration(context.best_problem, *context.best_weights)
    yield _drawing("calibration", captions.calibration_caption(table), draw_calibration(table))


def _importance(found: Findings, look: Look, context: ReportContext) -> Iterator[Drawing]:
    from lrlab.report.figures.evidence_figures import draw_importance

    importance = found.importance
    if importance.shares.empty:
        return
    learns = context.random_trials is not None
    caption = captions.importance_caption(
        importance, context.objective, context.sampler, learns=learns
    )
    figure = draw_importance(importance.shares)
    yield _drawing("importance", caption, figure, objective=context.objective)


def _parallel(found: Findings, look: Look, context: ReportContext) -> Iterator[Drawing]:
    from lrlab.report.figures.evidence_figures import draw_parallel

    table = evidence.parallel(found.runs, **context.aim)
    if len(table) < 2 or table.shape[1] < 3:
        return
    folds = context.problem is not None and bool(context.problem.folds)
    best = float(table.iloc[-1]["value"])
    caption = captions.parallel_caption(best, context.objective, folds=folds)
    yield _drawing("parallel", caption, draw_parallel(table, **context.aim))


def _history(found: Findings, look: Look, context: ReportContext) -> Iterator[Drawing]:
    from lrlab.report.figures.drawn import draw_history

    table = figure_data.history(found.runs, **context.aim)
    if len(table) < 2 or table["value"].isna().all():
        return
    caption = captions.history_caption(table, context.objective)
    figure = draw_history(table, look, **context.aim)
    yield _drawing("history", caption, figure, objective=context.objective)


FIGURES: tuple[Callable[[Findings, Look, ReportContext], Iterator[Drawing]], ...] = (
    _gaps,
    _lr_sensitivity,
    _heat_map,
    _tunability,
    _profile,
    _convergence,
    _boundary,
    _calibration,
    _importance,
    _parallel,
    _history,
)


def _drawing(name: str, caption: str, figure: Any, **given: str) -> Drawing:
    """A figure with the words that belong to its name."""
    title, alt = captions.title(name, **given), captions.alternative(name, caption, **given)
    return Drawing(name, title, caption, alt, figure)


def _by_merit(frame: pd.DataFrame, summary: pd.DataFrame) -> pd.DataFrame:
    """The same rows, losses in the order of the summary: it becomes that of the panels."""
    rank = {loss: i for i, loss in enumerate(summary["loss"].unique())}
    return frame.sort_values(
        "loss", key=lambda column: column.map(rank), kind="stable", ignore_index=True
    )
