"""Building a report from the two frames, and writing it to a folder."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pandas as pd

from lrlab.report import figure_data, words
from lrlab.report.html import TOP_RUNS, Picture, render_page
from lrlab.report.model import Report, ReportContext
from lrlab.report.tables import (
    FALLBACK_CURVE,
    rank_runs,
    seed_range,
    stepped_curve,
    summary_table,
    threshold,
)

# What is minimized differs from loss to loss: values of different losses do not compare.
OWN_SCALE = ("train_objective", "train_loss")

# (name, title, caption, alternative text, figure)
Drawing = tuple[str, str, str, str, Any]


def build_report(runs: pd.DataFrame, curves: pd.DataFrame, context: ReportContext) -> Report:
    """The report of a sweep, finished or not.

    Args:
        runs: One row a run.
        curves: One row a run, step and metric.
        context: What else the page says.

    Returns:
        The page, the summary and the figures; figures without data are left out.

    Raises:
        UserError: If the objective is no column of `runs` or the direction is unknown.
    """
    aim = {"objective": context.objective, "direction": context.direction}
    summary = summary_table(runs, curves, **aim)
    order = rank_runs(runs, **aim)
    drawings = _drawings(runs, curves, summary, context)
    pictures = [_picture(drawing) for drawing in drawings]
    headline = words.headline(
        runs,
        None if order.empty else order.iloc[0],
        summary,
        seed_range(runs, **aim),
        **aim,
    )
    return Report(
        html=render_page(context, headline, summary, order.head(TOP_RUNS), pictures),
        runs=runs,
        summary=summary,
        figures={name: figure for name, _, _, _, figure in drawings},
        pictures={picture.name: picture.png for picture in pictures},
    )


def write_report(report: Report, folder: Path) -> list[Path]:
    """Write a report's files; those of the same name are replaced.

    Args:
        report: A finished report.
        folder: Where to; made if it is not there.

    Returns:
        report.html, runs.csv, summary.csv, then a PNG and an SVG file for each figure.
    """
    from lrlab.report.figures import render

    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    contents = {
        "report.html": report.html.encode("utf-8"),
        "runs.csv": report.runs.to_csv(index=False).encode("utf-8"),
        "summary.csv": report.summary.to_csv(index=False).encode("utf-8"),
    }
    for name, figure in report.figures.items():
        contents[f"{name}.png"] = report.pictures[name]
        contents[f"{name}.svg"] = render(figure, "svg")
    paths = [folder / name for name in contents]
    for path, content in zip(paths, contents.values(), strict=True):
        path.write_bytes(content)
    return paths


def _drawings(
    runs: pd.DataFrame, curves: pd.DataFrame, summary: pd.DataFrame, context: ReportContext
) -> list[Drawing]:
    if runs.empty:
        return []
    from lrlab.report.style import styles

    look = styles(summary["optimizer"])
    return [
        *_heat_map(summary, context),
        *_lr_sensitivity(runs, summary, look, context),
        *_convergence(runs, curves, summary, look, context),
        *_history(runs, look, context),
    ]


def _heat_map(summary: pd.DataFrame, context: ReportContext) -> list[Drawing]:
    from lrlab.report.figures import draw_heat_map

    table = figure_data.heat_map(summary)
    if len(table) < 2 or table["best"].isna().all():
        return []
    caption = words.heat_map_caption(table, context.objective)
    alt = (
        f"Heat map of the best {context.objective}: {summary['optimizer'].nunique()} optimizers "
        f"in rows, {summary['loss'].nunique()} losses in columns. {caption}"
    )
    figure = draw_heat_map(table, direction=context.direction)
    return [("heat_map", "Optimizer and loss", caption, alt, figure)]


def _lr_sensitivity(
    runs: pd.DataFrame, summary: pd.DataFrame, look: Any, context: ReportContext
) -> list[Drawing]:
    from lrlab.report.figures import draw_lr_sensitivity

    aim = {"objective": context.objective, "direction": context.direction}
    points = _by_merit(figure_data.lr_sensitivity(runs, **aim), summary)
    if points.empty:
        return []
    medians = figure_data.lr_medians(points)
    caption = words.lr_caption(points, medians, summary, context.objective)
    alt = (
        f"Scatter plots of {context.objective} against learning rate, one a loss "
        f"({points['loss'].nunique()}), coloured by optimizer. {caption}"
    )
    figure = draw_lr_sensitivity(points, medians, look, **aim)
    return [("lr_sensitivity", "Sensitivity to the learning rate", caption, alt, figure)]


def _convergence(
    runs: pd.DataFrame,
    curves: pd.DataFrame,
    summary: pd.DataFrame,
    look: Any,
    context: ReportContext,
) -> list[Drawing]:
    from lrlab.report.figures import draw_convergence

    aim = {"objective": context.objective, "direction": context.direction}
    stepped = stepped_curve(runs, curves, **aim)
    drawings = []
    for metric in dict.fromkeys((context.objective, FALLBACK_CURVE, "train_objective")):
        lines = _by_merit(figure_data.convergence(runs, curves, metric, **aim), summary)
        if lines.empty:
            continue
        band = figure_data.convergence_band(runs, curves, metric, **aim)
        limit = None
        if stepped is not None and stepped[0] == metric:
            limit = threshold(runs, objective=metric, direction=stepped[1])
        caption = words.convergence_caption(lines, summary, band, metric, limit)
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
        drawings.append((name, f"Convergence of {metric}", caption, alt, figure))
    return drawings


def _history(runs: pd.DataFrame, look: Any, context: ReportContext) -> list[Drawing]:
    from lrlab.report.figures import draw_history

    aim = {"objective": context.objective, "direction": context.direction}
    table = figure_data.history(runs, **aim)
    if len(table) < 2 or table["value"].isna().all():
        return []
    caption = words.history_caption(table, context.objective)
    alt = f"{context.objective} of {len(table)} runs by trial, with the best so far. {caption}"
    figure = draw_history(table, look, **aim)
    return [("history", "Optimization history", caption, alt, figure)]


def _by_merit(frame: pd.DataFrame, summary: pd.DataFrame) -> pd.DataFrame:
    """The same rows, losses in the order of the summary: it becomes that of the panels."""
    rank = {loss: i for i, loss in enumerate(summary["loss"].unique())}
    return frame.sort_values(
        "loss", key=lambda column: column.map(rank), kind="stable", ignore_index=True
    )


def _picture(drawing: Drawing) -> Picture:
    from lrlab.report.figures import render

    name, title, caption, alt, figure = drawing
    width, height = (round(100 * inches) for inches in figure.get_size_inches())
    return Picture(name, title, caption, alt, render(figure, "png"), (width, height))
