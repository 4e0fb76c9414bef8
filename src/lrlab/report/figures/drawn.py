"""Drawing of the figures from the frames of `figure_data`.

Figures are made without pyplot: nothing global is touched, so that a report can be built in
any thread and beside a user's own figures.
"""

from __future__ import annotations

import io
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.ticker import MaxNLocator
from PIL import Image

from lrlab.report.analysis.tables import minimizes
from lrlab.report.figures import matplotlib_style as style
from lrlab.report.figures.matplotlib_style import Look

MOST_VECTOR_POINTS = 2000
HIGH_RESOLUTION = 200  # dots an inch: two for every pixel of the page


def draw_lr_sensitivity(
    points: pd.DataFrame,
    medians: pd.DataFrame,
    look: Look,
    *,
    objective: str,
    direction: str,
    limits: pd.DataFrame | None = None,
) -> Any:
    """Objective against learning rate, one panel a loss, one colour an optimizer.

    Diverged runs are crosses along the worse edge: the top, or the bottom if more is better.

    Args:
        points: What `lr_sensitivity` returns, not empty; panels are in its order of losses.
        medians: What `lr_medians` returns.
        look: What `style.styles` returns for all optimizers of the sweep.
        objective: Name of the objective.
        direction: `minimize` or `maximize`.
        limits: What `evidence.stable_limits` returns: vertical lines, `limit` dashed, `safe`
            dotted where there is one.
    """
    losses = list(points["loss"].unique())
    figure = style.new_figure(panel_height(len(losses)))
    axes = style.panels(figure, losses, sharey=True)
    # The panels share their axes, so that scaling one scales all.
    style.scale_axis(axes[0].xaxis, points["lr"], logarithmic=True)
    # Not left to matplotlib: it would overlook the crosses.
    style.limits(axes[0].xaxis, float(points["lr"].min()), float(points["lr"].max()))
    _scale_objective(axes[0], points["value"], bool(points["diverged"].any()), direction)
    for ax, loss in zip(axes, losses, strict=True):
        inside = points[points["loss"] == loss]
        _scatter(ax, inside, "lr", look, direction)
        for optimizer, line in medians[medians["loss"] == loss].groupby("optimizer"):
            key = str(optimizer)
            ax.plot(
                line["lr"],
                line["value"],
                **style.line_of(look[key], 1.6),
                alpha=0.9,
            )
        _draw_limits(ax, limits, str(loss), look)
    style.label(axes, x="learning rate", y=style.plain(objective))
    style.legend(figure, _point_entries(look, bool(points["diverged"].any())))
    return figure


def _draw_limits(ax: Any, limits: pd.DataFrame | None, loss: str, look: Look) -> None:
    """The largest stable learning rates by theory, where they are in view."""
    if limits is None:
        return
    low, high = ax.get_xlim()
    for row in limits[limits["loss"] == loss].to_dict("records"):
        for end, dashes in (("limit", (4, 2)), ("safe", (1, 2))):
            if low < row[end] < high and row["optimizer"] in look:
                colour = look[str(row["optimizer"])]["color"]
                ax.axvline(row[end], color=colour, linewidth=1.1, linestyle=(0, dashes))


def draw_convergence(
    lines: pd.DataFrame,
    band: pd.DataFrame,
    look: Look,
    *,
    metric: str,
    direction: str,
    shared: bool,
    limit: float | None = None,
) -> Any:
    """Curves of the best runs over the median and quartiles of the rest, one panel a loss.

    Args:
        lines: What `best_curves` returns, not empty; panels are in its order of losses.
        band: What `convergence_band` returns.
        look: What `style.styles` returns for all optimizers of the sweep.
        metric: Name of the curve.
        direction: `minimize` or `maximize`, of this metric.
        shared: Whether values of different losses may be compared, on one y axis.
        limit: A threshold to mark, in units of the metric.
    """
    losses = list(lines["loss"].unique())
    figure = style.new_figure(panel_height(len(losses)))
    axes = style.panels(figure, losses, sharey=shared)
    style.scale_axis(axes[0].xaxis, lines["step"], logarithmic=True)
    for ax, loss in zip(axes, losses, strict=True):
        inside = lines if shared else lines[lines["loss"] == loss]
        around = band if shared else band[band["loss"] == loss]
        _scale_curves(ax, inside, around, direction)
        _draw_band(ax, band[band["loss"] == loss])
        for optimizer, line in lines[lines["loss"] == loss].groupby("optimizer"):
            key = str(optimizer)
            ax.plot(
                line["step"],
                line["value"],
                **style.line_of(look[key]),
                marker="o" if len(line) == 1 else None,
            )
        if limit is not None and np.isfinite(limit):
            ax.axhline(limit, color=style.INK, linewidth=0.9, linestyle=(0, (2, 2)))
    style.label(axes, x="step", y=style.plain(metric))
    drawn = set(lines["optimizer"])
    look = {name: way for name, way in look.items() if name in drawn}
    style.legend(figure, _curve_entries(look, band, limit))
    return figure


def draw_history(table: pd.DataFrame, look: Look, *, objective: str, direction: str) -> Any:
    """Objective by trial, and the best so far as a line.

    Args:
        table: What `history` returns, not empty.
        look: What `style.styles` returns for all optimizers of the sweep.
        objective: Name of the objective.
        direction: `minimize` or `maximize`.
    """
    figure = style.new_figure(4.0)
    (ax,) = style.panels(figure, [""], sharey=True)
    ax.xaxis.set_major_locator(MaxNLocator(8, integer=True, steps=[1, 2, 5, 10]))
    style.limits(ax.xaxis, float(table["trial"].min()), float(table["trial"].max()))
    _scale_objective(ax, table["value"], bool(table["diverged"].any()), direction)
    _scatter(ax, table, "trial", look, direction)
    (line,) = ax.plot(
        table["trial"], table["best_so_far"], color="black", linewidth=1.8, drawstyle="steps-post"
    )
    style.label([ax], x="trial", y=style.plain(objective))
    entries = [(line, "best so far"), *_point_entries(look, bool(table["diverged"].any()))]
    style.legend(figure, entries)
    return figure


def render(figure: Any, kind: str) -> bytes:
    """The figure as a file, the same bytes each time.

    Args:
        figure: A figure of this module.
        kind: `png` or `svg`.
    """
    if figure.get_layout_engine() is not None:
        figure.draw_without_rendering()
        figure.set_layout_engine("none")  # laid out once; the next rendering is cheaper
    if kind == "png":
        return _png(figure)
    target = io.BytesIO()
    with matplotlib.rc_context({"svg.hashsalt": "lrlab"}):
        figure.savefig(target, format=kind, metadata={"Date": None})
    return target.getvalue()


def _png(figure: Any) -> bytes:
    """The picture with a palette of 256 colours: a third of the size, no visible loss."""
    usual = figure.dpi
    figure.dpi = HIGH_RESOLUTION
    pixels, size = figure.canvas.print_to_buffer()
    figure.dpi = usual
    target = io.BytesIO()
    picture = Image.frombuffer("RGBA", size, bytes(pixels)).convert("RGB")
    small = picture.quantize(256, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    small.save(target, format="png")
    return target.getvalue()


def panel_height(panels: int) -> float:
    """Inches of a figure with so many panels."""
    rows, _ = style.grid_shape(panels)
    return 4.4 if rows == 1 else 1.2 + 2.5 * rows


def _scale_objective(ax: Any, values: pd.Series, diverged: bool, direction: str) -> None:
    better_small = minimizes(direction)
    style.scale_axis(ax.yaxis, values, logarithmic=better_small)
    found = values.dropna()
    if found.empty:
        ax.set_yticks([])
        return
    style.limits(ax.yaxis, float(found.min()), float(found.max()))
    if diverged:  # a strip of its own along the worse edge
        ends = ax.yaxis.get_transform().transform(ax.get_ylim())
        strip = 0.12 * (ends[1] - ends[0])
        ends = ends + np.array([0.0, strip] if better_small else [-strip, 0.0])
        ax.set_ylim(*ax.yaxis.get_transform().inverted().transform(ends))


def _scatter(ax: Any, points: pd.DataFrame, x: str, look: Look, direction: str) -> None:
    size = 26 if len(points) <= 400 else 10
    for optimizer, group in points.groupby("optimizer"):
        way = look[str(optimizer)]
        ax.scatter(
            group[x],
            group["value"],
            s=size,
            color=way["color"],
            marker=way["marker"],
            alpha=0.5,
            linewidths=0,
            rasterized=len(points) > MOST_VECTOR_POINTS,
        )
        lost = group.loc[group["diverged"], x]
        edge = np.full(len(lost), 0.96 if minimizes(direction) else 0.04)
        ax.scatter(
            lost,
            edge,
            s=26,
            color=way["color"],
            marker="x",
            linewidths=1.2,
            alpha=0.8,
            transform=ax.get_xaxis_transform(),
            clip_on=False,
        )


def _scale_curves(ax: Any, lines: pd.DataFrame, band: pd.DataFrame, direction: str) -> None:
    # The upper quartile of poor runs may be far away; the curves themselves set the view.
    seen = pd.concat([lines["value"], band["median"]]).astype(float)
    seen = seen[np.isfinite(seen)]
    style.scale_axis(ax.yaxis, seen, logarithmic=minimizes(direction))
    if not seen.empty:
        style.limits(ax.yaxis, float(seen.min()), float(seen.max()))


def _draw_band(ax: Any, band: pd.DataFrame) -> None:
    ax.fill_between(
        band["step"], band["low"], band["high"], color=style.FAINT, alpha=0.2, linewidth=0
    )
    ax.plot(band["step"], band["median"], color=style.FAINT, linewidth=1.2)


def _point_entries(look: Look, diverged: bool) -> list[tuple[Any, str]]:
    entries = [
        (style.marker_line(way, line=False), style.plain(name)) for name, way in look.items()
    ]
    if diverged:
        cross = {"color": style.INK, "marker": "x"}
        entries.append((style.marker_line(cross, line=False), "diverged"))
    return entries


def _curve_entries(look: Look, band: pd.DataFrame, limit: float | None) -> list[tuple[Any, str]]:
    entries = [(style.marker_line(way), style.plain(name)) for name, way in look.items()]
    if not band.empty:
        rest = {"color": style.FAINT, "linestyle": "-"}
        entries.append((style.marker_line(rest), "other runs, median and quartiles"))
    if limit is not None and np.isfinite(limit):
        dashes = {"color": style.INK, "linestyle": (0, (2, 2))}
        entries.append((style.marker_line(dashes), "threshold"))
    return entries
