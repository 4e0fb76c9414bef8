"""The figures of a report with their titles and captions; one that has no data is left out."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pandas as pd

from lrlab.report.analysis import evidence, figure_data
from lrlab.report.analysis.findings import Findings
from lrlab.report.analysis.methods import tunability
from lrlab.report.analysis.statistics import performance_profile
from lrlab.report.analysis.tables import FALLBACK_CURVE, stepped_curve, threshold
from lrlab.report.context import ReportContext
from lrlab.report.text import captions
from lrlab.report.text.formats import number, percent, plural
from lrlab.report.text.remarks import too_few_random_trials

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
    from lrlab.report.figures.style import styles

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
    alt = f"Line plots of the relative gap against step on log axes, one a loss. {caption}"
    figure = draw_gaps(bands, look)
    yield Drawing("gaps", "Gap to the exact optimum", caption, alt, figure)


def _lr_sensitivity(found: Findings, look: Look, context: ReportContext) -> Iterator[Drawing]:
    from lrlab.report.figures.drawn import draw_lr_sensitivity

    points = _by_merit(figure_data.lr_sensitivity(found.runs, **context.aim), found.summary)
    if points.empty:
        return
    medians = figure_data.lr_medians(points)
    caption = captions.lr_caption(points, medians, found.summary, context.objective)
    caption += captions.stability_caption(found.limits)
    alt = (
        f"Scatter plots of {context.objective} against learning rate, one a loss "
        f"({points['loss'].nunique()}), coloured by optimizer. {caption}"
    )
    figure = draw_lr_sensitivity(points, medians, look, limits=found.limits, **context.aim)
    yield Drawing("lr_sensitivity", "Sensitivity to the learning rate", caption, alt, figure)


def _heat_map(found: Findings, look: Look, context: ReportContext) -> Iterator[Drawing]:
    from lrlab.report.figures.heat_map_figure import draw_heat_map

    summary = found.summary
    table = figure_data.heat_map(summary)
    if len(table) < 2 or table["best"].isna().all():
        return
    caption = captions.heat_map_caption(table, context.objective)
    alt = (
        f"Heat map of the best {context.objective}: {summary['optimizer'].nunique()} optimizers "
        f"in rows, {summary['loss'].nunique()} losses in columns. {caption}"
    )
    figure = draw_heat_map(table, direction=context.direction)
    yield Drawing("heat_map", "Optimizer and loss", caption, alt, figure)


def _tunability(found: Findings, look: Look, context: ReportContext) -> Iterator[Drawing]:
    from lrlab.report.figures.evidence_figures import draw_tunability

    random = context.random_trials
    if too_few_random_trials(found.optimizers, context.sampler):
        return
    table = tunability(found.runs, "optimizer", random=random, **context.aim).dropna()
    if table.empty or table["trials"].max() < 2:
        return
    caption = captions.tunability_caption(table, **context.aim)
    if random is not None and found.optimizers.drawn < found.runs["trial"].nunique():
        caption += (
            f" Of the first {plural(found.optimizers.drawn, 'trial')} only: {context.sampler} "
            "drew these at random, before it learnt."
        )
    alt = f"Expected best {context.objective} by number of random trials. {caption}"
    figure = draw_tunability(table, look, **context.aim)
    yield Drawing("tunability", "What k random trials give", caption, alt, figure)


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
    alt = f"Performance profile of {plural(table.shape[1], 'optimizer')}. {caption}"
    yield Drawing("profile", "Performance profile", caption, alt, draw_profile(table, look))


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
        alt = f"Line plots of {metric} against step, one a loss. {caption}"
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
        yield Drawing(name, f"Convergence of {metric}", caption, alt, figure)


def _boundary(found: Findings, look: Look, context: ReportContext) -> Iterator[Drawing]:
    from lrlab.report.figures.evidence_figures import draw_boundary

    problem = context.best_problem
    if problem is None or context.best_weights is None or problem.n_features != 2:
        return
    rows, line = evidence.boundary(problem, *context.best_weights)
    wrong = int((~rows["right"]).sum())
    caption = (
        f"The best run's decision boundary over the held-out rows: {wrong:,} of "
        f"{plural(len(rows), 'row')} lie on the wrong side."
    )
    names = (problem.feature_names[0], problem.feature_names[1])
    alt = f"Scatter plot of two columns with a straight line between the classes. {caption}"
    figure = draw_boundary(rows, line, names, problem.classes)
    yield Drawing("boundary", "Decision boundary", caption, alt, figure)


def _calibration(found: Findings, look: Look, context: ReportContext) -> Iterator[Drawing]:
    from lrlab.report.figures.evidence_figures import draw_calibration

    if context.best_problem is None or context.best_weights is None:
        return
    table = evidence.calibration(context.best_problem, *context.best_weights)
    off = int(((table["predicted"] < table["low"]) | (table["predicted"] > table["high"])).sum())
    wide = float((table["high"] - table["low"]).median())
    few = "; so few rows leave them wide" if wide > 0.3 else ""
    caption = (
        f"Share of class 1 among {int(table['rows'].sum()):,} held-out rows, by tenths of the "
        f"best run's probability, with 95 % intervals{few}. {off} of "
        f"{plural(len(table), 'interval')} {'misses' if off == 1 else 'miss'} the diagonal, on "
        "which probabilities are right."
    )
    alt = f"Reliability diagram of the best run. {caption}"
    yield Drawing("calibration", "Calibration", caption, alt, draw_calibration(table))


def _importance(found: Findings, look: Look, context: ReportContext) -> Iterator[Drawing]:
    from lrlab.report.figures.evidence_figures import draw_importance

    importance = found.importance
    if importance.shares.empty:
        return
    top = str(importance.shares.index[0])
    caption = (
        f"{top} matters most for {context.objective} in this space "
        f"({percent(float(importance.shares.iloc[0]))}), by "
    )
    caption += captions.importance_basis(
        importance, context.sampler, learns=context.random_trials is not None
    )
    alt = f"Bars: share of each setting in the variation of {context.objective}. {caption}"
    figure = draw_importance(importance.shares)
    yield Drawing("importance", "Which setting matters", caption, alt, figure)


def _parallel(found: Findings, look: Look, context: ReportContext) -> Iterator[Drawing]:
    from lrlab.report.figures.evidence_figures import draw_parallel

    table = evidence.parallel(found.runs, **context.aim)
    if len(table) < 2 or table.shape[1] < 3:
        return
    best = table.iloc[-1]
    folds = context.problem is not None and context.problem.folds
    whose = " on its own fold; folds are not equally hard" if folds else ""
    caption = (
        f"Each line is a run, from setting to setting to its {context.objective}; the darker, "
        f"the better. The best run reaches {number(float(best['value']))}{whose}."
    )
    alt = f"Parallel coordinates of {plural(len(table), 'run')}. {caption}"
    figure = draw_parallel(table, **context.aim)
    yield Drawing("parallel", "Settings and result", caption, alt, figure)


def _history(found: Findings, look: Look, context: ReportContext) -> Iterator[Drawing]:
    from lrlab.report.figures.drawn import draw_history

    table = figure_data.history(found.runs, **context.aim)
    if len(table) < 2 or table["value"].isna().all():
        return
    caption = captions.history_caption(table, context.objective)
    alt = f"{context.objective} of {len(table)} runs by trial, with the best so far. {caption}"
    figure = draw_history(table, look, **context.aim)
    yield Drawing("history", "Optimization history", caption, alt, figure)


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


def _by_merit(frame: pd.DataFrame, summary: pd.DataFrame) -> pd.DataFrame:
    """The same rows, losses in the order of the summary: it becomes that of the panels."""
    rank = {loss: i for i, loss in enumerate(summary["loss"].unique())}
    return frame.sort_values(
        "loss", key=lambda column: column.map(rank), kind="stable", ignore_index=True
    )
