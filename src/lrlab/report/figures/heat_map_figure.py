"""Drawing of a heat map: every row of methods with every column."""

from __future__ import annotations

from typing import Any

import matplotlib
import numpy as np
import pandas as pd

from lrlab.report.analysis.tables import minimizes
from lrlab.report.figures import matplotlib_style as style
from lrlab.report.text.formats import number


def draw_heat_map(
    table: pd.DataFrame, *, direction: str, x: str = "loss", y: str = "optimizer"
) -> Any:
    """Best objective of every optimizer (rows) with every loss (columns).

    Args:
        table: What `heat_map` returns, not empty.
        direction: `minimize` or `maximize`.
        x: What the columns are.
        y: What the rows are.
    """
    optimizers, losses = list(table["optimizer"].unique()), list(table["loss"].unique())
    shape = (len(optimizers), len(losses))
    values = table["best"].to_numpy(dtype=float).reshape(shape)
    counts = table["n_runs"].to_numpy(dtype=int).reshape(shape)
    figure = style.new_figure(1.5 + 0.42 * len(optimizers))
    ax = figure.subplots()
    low, high = _colour_range(values, minimizes(direction))
    # Dark is good, whichever direction that is.
    colours = matplotlib.colormaps["YlGnBu_r" if minimizes(direction) else "YlGnBu"]
    colours = colours.with_extremes(bad="#f1f1f1")
    image = ax.imshow(
        np.ma.masked_invalid(values), cmap=colours, vmin=low, vmax=high, aspect="auto"
    )
    for (row, column), value in np.ndenumerate(values):
        text = number(value) if np.isfinite(value) else "none" if counts[row, column] else ""
        red, green, blue, _ = colours(image.norm(value)) if np.isfinite(value) else (1, 1, 1, 1)
        dark = 0.299 * red + 0.587 * green + 0.114 * blue < 0.55
        size = 9 if len(losses) <= 8 else 7.5
        ink = "white" if dark else "#222222"
        ax.text(column, row, text, ha="center", va="center", fontsize=size, color=ink)
    ax.set_xticks(
        range(len(losses)), [style.plain(name, 28 if len(losses) < 6 else 16) for name in losses]
    )
    ax.set_yticks(range(len(optimizers)), [style.plain(name) for name in optimizers])
    ax.tick_params(length=0, labelsize=9, labelcolor=style.INK)
    ax.tick_params(axis="x", labelrotation=30 if len(losses) > 6 else 0)
    ax.spines[:].set_visible(False)
    ax.set_xticks(np.arange(0.5, len(losses) - 1), minor=True)
    ax.set_yticks(np.arange(0.5, len(optimizers) - 1), minor=True)
    ax.grid(which="minor", color="white", linewidth=2)
    ax.tick_params(which="minor", length=0)
    style.label([ax], x=x, y=y)
    return figure


def _colour_range(values: np.ndarray, better_small: bool) -> tuple[float, float]:
    """From the best value to the worst that is not an outlier."""
    found = values[np.isfinite(values)]
    if found.size == 0:
        return 0.0, 1.0
    low, middle, high = np.quantile(found, [0.25, 0.5, 0.75])
    reach = 1.5 * (high - low) or abs(middle) or 1.0
    if better_small:
        return float(found.min()), float(min(found.max(), high + reach))
    return float(max(found.min(), low - reach)), float(found.max())
