"""Drawing of the figures from the frames of `evidence`."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.collections import LineCollection
from matplotlib.ticker import (
    FixedLocator,
    FuncFormatter,
    LogLocator,
    NullLocator,
    PercentFormatter,
)

from lrlab.report.analysis.tables import minimizes
from lrlab.report.figures import matplotlib_style as style
from lrlab.report.figures.drawn import panel_height
from lrlab.report.figures.matplotlib_style import Look
from lrlab.report.text.formats import number

CLASS_COLOURS = ("#d55e00", "#0072b2")
SQUARE = 4.6  # inches, height of a figure with one square panel


def draw_gaps(bands: pd.DataFrame, look: Look) -> Any:
    """Relative gap against step, one panel a loss, one colour an optimizer, on log axes.

    Args:
        bands: What `gap_bands` returns, not empty.
        look: What `style.styles` returns.
    """
    losses = list(bands["loss"].unique())
    figure = style.new_figure(panel_height(len(losses)))
    axes = style.panels(figure, losses, sharey=True)
    axes[0].set_yscale("log")
    style.scale_axis(axes[0].xaxis, bands["step"], logarithmic=True)
    style.limits(axes[0].yaxis, max(float(bands["median"].min()), 1e-16), 1.0)
    axes[0].yaxis.set_major_locator(LogLocator(numticks=7))
    axes[0].yaxis.set_minor_locator(NullLocator())
    for ax, loss in zip(axes, losses, strict=True):
        for optimizer, line in bands[bands["loss"] == loss].groupby("optimizer"):
            way = look[str(optimizer)]
            ax.plot(
                line["step"],
                line["median"],
                **style.line_of(way),
            )
            ax.fill_between(
                line["step"], line["low"], line["high"], color=way["color"], alpha=0.15, lw=0
            )
    style.label(axes, x="step", y="relative gap")
    drawn = [name for name in look if name in set(bands["optimizer"])]
    style.legend(figure, [(style.marker_line(look[n]), style.plain(n)) for n in drawn])
    return figure


def draw_tunability(table: pd.DataFrame, look: Look, *, objective: str, direction: str) -> Any:
    """Expected best objective against the number of random trials, one line an optimizer.

    Args:
        table: What `methods.tunability` returns for optimizers, not empty.
        look: What `style.styles` returns.
        objective: Name of the objective.
        direction: `minimize` or `maximize`.
    """
    figure = style.new_figure(4.0)
    (ax,) = style.panels(figure, [""], sharey=True)
    style.scale_axis(ax.xaxis, table["trials"], logarithmic=True)
    style.scale_axis(ax.yaxis, table["value"], logarithmic=minimizes(direction))
    entries = []
    for optimizer, line in table.groupby("optimizer", sort=False):
        way = look[str(optimizer)]
        ax.plot(
            line["trials"],
            line["value"],
            **style.line_of(way),
            marker="o" if len(line) == 1 else None,
        )
        entries.append((style.marker_line(way), style.plain(str(optimizer))))
    style.label([ax], x="random trials", y=style.plain(f"expected best {objective}", 40))
    style.legend(figure, entries)
    return figure


def draw_profile(table: pd.DataFrame, look: Look, *, cost: str = "steps") -> Any:
    """Share of problems solved within a factor of the fastest.

    Args:
        table: What `performance_profile` returns, not empty.
        look: What `style.styles` returns.
        cost: What the factor is of.
    """
    figure = style.new_figure(4.0)
    (ax,) = style.panels(figure, [""], sharey=True)
    ax.set_xscale("log")
    ax.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    ax.yaxis.set_major_formatter(PercentFormatter(1))
    ax.set_ylim(-0.03, 1.03)
    entries = []
    for name in table.columns:
        way = look[str(name)]
        ax.step(
            table.index,
            table[name],
            where="post",
            **style.line_of(way),
        )
        entries.append((style.marker_line(way), style.plain(str(name))))
    style.label([ax], x=f"{cost}, as a multiple of the fastest", y="share of problems solved")
    style.legend(figure, entries)
    return figure


def draw_calibration(table: pd.DataFrame) -> Any:
    """Fraction of positives against mean predicted probability, with Wilson intervals.

    Args:
        table: What `evidence.calibration` returns, not empty.
    """
    figure = style.new_figure(SQUARE)
    (ax,) = style.panels(figure, [""], sharey=True)
    ax.set_box_aspect(1)
    ax.plot([0, 1], [0, 1], color=style.FAINT, linewidth=1, linestyle=(0, (2, 2)))
    errors = [
        (table["positives"] - table["low"]).clip(lower=0),
        (table["high"] - table["positives"]).clip(lower=0),
    ]
    ax.errorbar(
        table["predicted"], table["positives"], yerr=errors, color=CLASS_COLOURS[1], linewidth=1.2,
        marker="o", markersize=5, linestyle="none", capsize=2,
    )  # fmt: skip
    ax.set_xlim(-0.03, 1.03)
    ax.set_ylim(-0.03, 1.03)
    style.label([ax], x="mean predicted probability", y="fraction of positives")
    return figure


def draw_boundary(
    rows: pd.DataFrame,
    line: tuple[float, float, float],
    columns: tuple[str, str],
    classes: tuple[str, str],
) -> Any:
    """Held-out rows of two columns, with lines at probability 0.1, 0.5 and 0.9.

    Args:
        rows: What `evidence.boundary` returns first.
        line: (w1, w2, b).
        columns: Names of the two columns.
        classes: Names of the classes.
    """
    figure = style.new_figure(SQUARE)
    (ax,) = style.panels(figure, [""], sharey=True)
    for label in (0, 1):
        own = rows[rows["label"] == label]
        for right, marker in ((True, "o"), (False, "X")):
            some = own[own["right"] == right]
            ax.scatter(
                some["x1"],
                some["x2"],
                s=14 if right else 40,
                marker=marker,
                color=CLASS_COLOURS[label],
                alpha=0.55 if right else 1,
                linewidths=0,
                rasterized=len(rows) > 2000,
            )
    low, high = (float(f(rows["x1"])) for f in (np.min, np.max))
    x1 = np.linspace(low, high, 2)
    bottom, top = float(rows["x2"].min()), float(rows["x2"].max())
    w1, w2, b = line
    for p in (0.1, 0.5, 0.9):
        level = np.log(p / (1 - p)) - b
        solid = {"linestyle": "-" if p == 0.5 else "--", "linewidth": 1.6 if p == 0.5 else 0.9}
        if abs(w2) > 1e-12:
            ax.plot(x1, (level - w1 * x1) / w2, color=style.INK, **solid)
        elif abs(w1) > 1e-12:
            ax.axvline(level / w1, color=style.INK, **solid)
    margin = 0.05 * (top - bottom or 1)
    ax.set_ylim(bottom - margin, top + margin)
    style.label([ax], x=style.plain(columns[0]), y=style.plain(columns[1]))
    style.legend(
        figure,
        [
            (style.marker_line({"color": CLASS_COLOURS[i], "marker": "o"}, line=False),
             style.plain(f"class {classes[i]}"))
            for i in (0, 1)
        ]
        + [
            (style.marker_line({"color": style.INK, "marker": "X"}, line=False), "wrong side"),
            (style.marker_line({"color": style.INK, "linestyle": "-"}), "p = 0.5"),
            (style.marker_line({"color": style.INK, "linestyle": "--"}), "p = 0.1, 0.9"),
        ],
    )  # fmt: skip
    return figure


def draw_parallel(table: pd.DataFrame, *, objective: str, direction: str) -> Any:
    """Runs as lines from setting to setting and to the objective; the darker, the better.

    Args:
        table: What `evidence.parallel` returns, with two settings at least.
        objective: Name of the objective.
        direction: `minimize` or `maximize`.
    """
    import matplotlib

    names = list(table.columns)
    figure = style.new_figure(4.4)
    ax = figure.subplots()
    places = np.empty(table.shape)
    for column, name in enumerate(names):
        places[:, column], marks = _places(table[name])
        ax.axvline(column, color="#999999", linewidth=0.9)
        for y, text in marks:
            ax.annotate(
                style.plain(text, 14), (column, y), (4, 0), textcoords="offset points",
                fontsize=7, color=style.INK, va="center",
                bbox={"facecolor": "white", "alpha": 0.8, "lw": 0, "pad": 0.6}, zorder=5,
            )  # fmt: skip
    lines = np.stack([np.broadcast_to(np.arange(len(names)), places.shape), places], axis=2)
    rank = table["value"].rank(ascending=not minimizes(direction), pct=True).to_numpy()
    ax.add_collection(
        LineCollection(
            list(lines),
            colors=matplotlib.colormaps["YlGnBu"](0.15 + 0.85 * rank**2),
            linewidths=0.5 + rank**4,
            alpha=0.7,
        )
    )
    ax.set_xlim(-0.1, len(names) - 0.65)
    ax.set_ylim(-0.04, 1.04)
    shown = [style.plain(str(n), 18) for n in names[:-1]] + [style.plain(objective, 18)]
    ax.xaxis.set_major_locator(FixedLocator(range(len(names))))
    ax.set_xticklabels(shown, fontsize=9 if len(names) < 8 else 7, color=style.INK)
    ax.tick_params(length=0)
    ax.yaxis.set_visible(False)
    ax.spines[:].set_visible(False)
    return figure


def _places(column: pd.Series) -> tuple[np.ndarray, list[tuple[float, str]]]:
    """Where values stand on an axis from 0 to 1, and what is marked on it."""
    if column.dtype == object or isinstance(column.dtype, pd.StringDtype):
        names = sorted(column.astype(str).unique())
        rank = {name: (i + 0.5) / len(names) for i, name in enumerate(names)}
        places = column.astype(str).map(rank).to_numpy(dtype=float)
        return places, [(rank[name], name) for name in names]
    values = column.to_numpy(dtype=float)
    found = values[np.isfinite(values)]
    log = found.min() > 0 and found.max() / found.min() > 30
    scaled = np.log10(values) if log else values
    low, high = np.nanmin(scaled), np.nanmax(scaled)
    places = (scaled - low) / (high - low) if high > low else np.full(len(values), 0.5)
    marks = np.linspace(low, high, 5) if high > low else np.array([low])
    span = high - low or 1.0
    ends = [(float((m - low) / span), number(10**m if log else m, 3, pad=False)) for m in marks]
    # a run without the setting passes below
    return np.where(np.isfinite(places), places, -0.04), ends


def draw_importance(importance: pd.Series) -> Any:
    """How much of the objective's variation each setting explains, as bars.

    Args:
        importance: By setting, summing to 1, largest first; not empty.
    """
    figure = style.new_figure(1.2 + 0.3 * len(importance))
    (ax,) = style.panels(figure, [""], sharey=True)
    names = [style.plain(str(name)) for name in importance.index[::-1]]
    ax.barh(names, importance.to_numpy()[::-1], color="#0072b2", height=0.6)
    ax.xaxis.set_major_formatter(PercentFormatter(1))
    ax.set_xlim(0, max(float(importance.max()) * 1.05, 0.01))
    style.label([ax], x="share of importance", y="")
    return figure
