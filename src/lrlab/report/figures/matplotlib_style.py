"""How the figures look: one style an optimizer, axes that suit their numbers, plain text."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from lrlab.report.text.formats import shorten

Look = dict[str, dict[str, Any]]

WIDTH = 9.6  # inches; 100 pixels of the page each
SMALL = 8.5
INK = "#333333"
FAINT = "#8a8a8a"
COLOURS = (
    "#0072b2",
    "#d55e00",
    "#009e73",
    "#b5429b",
    "#e69f00",
    "#3fa7d6",
    "#7a4a2b",
    "#5b4bc4",
    "#4d4d4d",
    "#8f9a00",
    "#d1495b",
    "#0b5d6b",
)
MARKERS = "os^DvPX<>pdh"
LOG_RATIO = 3.0  # positive values that span less than this are shown on a linear axis


def new_figure(height: float) -> Any:
    """A figure of the page's width that belongs to no global state."""
    figure = Figure(figsize=(WIDTH, height), layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def plain(text: str, length: int = 22) -> str:
    """`text` as matplotlib shows it literally: no formulas, nothing hidden, not too long."""
    text = shorten(" ".join(text.split()), length).replace("$", r"\$")
    # A legend leaves out labels that begin with an underscore.
    return f" {text}" if text.startswith("_") else text


def styles(optimizers: Iterable[str]) -> Look:
    """Colour, marker and line style of every optimizer, by name in the order given.

    The style goes by alphabetical rank: it does not change as the order of merit does.
    """
    names = list(dict.fromkeys(optimizers))
    ranks = {name: i for i, name in enumerate(sorted(names))}
    return {
        name: {
            "color": COLOURS[ranks[name] % len(COLOURS)],
            "marker": MARKERS[ranks[name] % len(MARKERS)],
            "linestyle": ("-", "--", "-.", ":")[ranks[name] // 6 % 4],
        }
        for name in names
    }


def grid_shape(panels: int) -> tuple[int, int]:
    """Rows and columns for so many small multiples."""
    columns = 2 if panels == 4 else min(panels, 3)
    return math.ceil(panels / columns), columns


def panels(figure: Any, titles: list[str], *, sharey: bool) -> list[Any]:
    """One axes a title, in a grid with a shared x axis."""
    rows, columns = grid_shape(len(titles))
    grid = figure.subplots(rows, columns, sharex=True, sharey=sharey, squeeze=False)
    axes = list(grid.flat)
    for spare in axes[len(titles) :]:
        spare.remove()
    for i, (ax, title) in enumerate(zip(axes, titles, strict=False)):
        tidy(ax)
        if len(titles) > 1:
            ax.set_title(plain(title, 34), fontsize=10, loc="left", color=INK)
        ax.tick_params(labelbottom=i + columns >= len(titles))
    return axes[: len(titles)]


def tidy(ax: Any) -> None:
    """A light frame and grid."""
    ax.spines[["top", "right"]].set_visible(False)
    ax.spines[["left", "bottom"]].set_color("#bbbbbb")
    ax.tick_params(labelsize=SMALL, color="#bbbbbb", labelcolor=INK)
    ax.grid(True, color="#e9e9e9", linewidth=0.8)
    ax.set_axisbelow(True)


def label(axes: list[Any], *, x: str, y: str) -> None:
    """Label the x axis of the lowest panels and the y axis of the leftmost ones."""
    _, columns = grid_shape(len(axes))
    for i, ax in enumerate(axes):
        if i + columns >= len(axes):
            ax.set_xlabel(x, fontsize=9.5, color=INK)
        if i % columns == 0:
            ax.set_ylabel(y, fontsize=9.5, color=INK)


def scale_axis(axis: Any, values: npt.ArrayLike, *, logarithmic: bool) -> None:
    """Logarithmic where that suits the values, with room for zeros, else linear.

    Args:
        axis: An x or y axis.
        values: All that will be drawn along it.
        logarithmic: Whether a logarithmic axis is wanted at all.
    """
    found = np.asarray(values, dtype=float)
    found = found[np.isfinite(found)]
    positive = found[found > 0]
    if not logarithmic or positive.size == 0 or (found < 0).any():
        axis.set_major_locator(MaxNLocator(5))
        return
    low, high = float(positive.min()), float(positive.max())
    name = axis.axis_name
    set_scale = getattr(axis.axes, f"set_{name}scale")
    if positive.size < found.size:
        # Zeros have no place on a logarithmic axis; below the smallest value it is linear.
        set_scale("symlog", linthresh=low, linscale=0.3)
        decades = [10.0**k for k in range(math.ceil(math.log10(low)), 1 + _floor_log(high))]
        axis.set_ticks([0.0, *decades[:: max(1, len(decades) // 6)]])
        axis.set_minor_locator(NullLocator())
    elif high / low >= LOG_RATIO:
        set_scale("log")
        axis.set_major_locator(LogLocator(subs=_log_steps(high / low), numticks=9))
        axis.set_minor_locator(NullLocator())
    else:
        axis.set_major_locator(MaxNLocator(5))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def limits(axis: Any, low: float, high: float) -> None:
    """Let an x or y axis reach from low to high with a margin, on whichever scale it has."""
    transform = axis.get_transform()
    start, end = transform.transform([low, high])
    margin = 0.05 * (end - start) or 0.1 * (abs(end) or 1.0)
    ends = transform.inverted().transform([start - margin, end + margin])
    getattr(axis.axes, f"set_{axis.axis_name}lim")(float(ends[0]), float(ends[1]))


def line_of(style: dict[str, Any], width: float = 1.8) -> dict[str, Any]:
    """How an optimizer's line is drawn, as keywords of matplotlib."""
    return {"color": style["color"], "linestyle": style["linestyle"], "linewidth": width}


def marker_line(style: dict[str, Any], *, line: bool = True) -> Any:
    """A legend entry for an optimizer."""
    return Line2D(
        [],
        [],
        color=style["color"],
        marker=None if line else style["marker"],
        linestyle=style["linestyle"] if line else "none",
        linewidth=2,
        markersize=6,
    )


def legend(figure: Any, entries: list[tuple[Any, str]]) -> None:
    """One legend below the panels, where it hides nothing."""
    figure.legend(
        [handle for handle, _ in entries],
        [text for _, text in entries],
        loc="outside lower center",
        ncols=min(6, len(entries)),
        fontsize=SMALL,
        frameon=False,
        labelcolor=INK,
    )


def _log_steps(ratio: float) -> tuple[float, ...]:
    """Which multiples of a power of ten are marked on an axis over such a range."""
    if ratio > 300:
        return (1.0,)
    return (1.0, 2.0, 5.0) if ratio > 12 else (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 7.0)


def _floor_log(value: float) -> int:
    return math.floor(math.log10(value) + 1e-9)
