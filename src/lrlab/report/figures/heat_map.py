"""The figure `heat_map`: the best objective of every optimizer with every loss."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from lrlab.report.analysis import figure_data
from lrlab.report.analysis.methods import FEW_TRIALS
from lrlab.report.analysis.tables import minimizes
from lrlab.report.figures.figure import Figure
from lrlab.report.figures.layers import Layer
from lrlab.report.figures.records import records, tip
from lrlab.report.figures.scene import Scene
from lrlab.report.figures.style import MUTED, SELECTED
from lrlab.report.text import captions
from lrlab.report.text.formats import number

PALE, DEEP = "#dbe9f8", "#0b3f78"  # the same on both papers: a cell has an ink of its own
BETWEEN = "#5a9bd8"
MANY = 8  # columns above which numbers are short
CELL = 30  # pixels
LEAST_SPAN = 0.1  # of the best value, that the colors span at least


def heat_map(scene: Scene) -> Iterator[Figure]:
    """Optimizers in rows, losses in columns, each in the order of its best."""
    table = figure_data.heat_map(scene.found.summary)
    if len(table) < 2 or table["best"].isna().all():
        return
    objective = scene.context.objective
    caption = captions.heat_map_caption(table, objective, _few(scene))
    spec = cells(table, "optimizer", "loss", objective, scene.context.direction)
    yield scene.figure("heat_map", caption, table, spec, follows="method", objective=objective)


def _few(scene: Scene) -> set[tuple[str, str]]:
    """The pairs of so few trials that the best of them is a matter of luck; none of a grid."""
    if scene.context.sampler == "grid":
        return set()
    trials = scene.found.runs.groupby(["optimizer", "loss"])["trial"].nunique()
    return set(trials.index[trials < FEW_TRIALS])


def cells(table: pd.DataFrame, row: str, column: str, title: str, direction: str) -> Layer:
    """A heat map with the number in each cell; the deeper, the better.

    Args:
        table: The columns `row`, `column`, best (NaN if there is none) and n_runs (0 if it was
            never tried), rows and columns in the order shown.
        row: What rows are.
        column: What columns are.
        title: What the numbers are.
        direction: `minimize` or `maximize`.
    """
    rows, columns = (list(dict.fromkeys(table[name])) for name in (row, column))
    tips = [tip(row, form=None), tip(column, form=None), tip("best", title, ".5~g")]
    tips.append(tip("n_runs", "runs", ","))
    fading = {"condition": {"test": SELECTED, "value": 1}, "value": 0.2}
    common = {"tooltip": tips, "opacity": fading}
    return {
        "params": [{"name": "selected", "value": []}],
        "datasets": {"cells": records(_told(table, len(columns), direction))},
        "data": {"name": "cells"},
        "width": "container",
        "height": {"step": CELL},
        "encoding": _places(row, column, rows, columns) | common,
        "layer": _layers(),
    }


def _told(table: pd.DataFrame, columns: int, direction: str) -> pd.DataFrame:
    """The cells with their text, and how deep their color is, from 0 to 1."""
    worst, best = color_range(table["best"].to_numpy(dtype=float), direction)
    digits = 4 if columns <= MANY else 3
    deep = (table["best"] - worst) / (best - worst) if best != worst else table["best"] * 0 + 1
    text = [
        number(value, digits) if np.isfinite(value) else "none" if count else ""
        for value, count in zip(table["best"], table["n_runs"], strict=True)
    ]
    return table.assign(text=text, deep=deep.clip(0, 1))


def _layers() -> list[Layer]:
    scale = {"domain": [0, 1], "range": [PALE, BETWEEN, DEEP], "interpolate": "lab"}
    fill = {"field": "deep", "type": "quantitative", "scale": scale, "legend": None}
    light = {"test": "isValid(datum.deep) && datum.deep > 0.45", "value": "#ffffff"}
    dark = {"test": "isValid(datum.deep)", "value": "#10243a"}
    ink = {"condition": [light, dark], "value": MUTED}
    return [
        {
            "mark": {"type": "rect", "cornerRadius": 3},
            "transform": [{"filter": "isValid(datum.deep)"}],
            "encoding": {"color": fill},
        },
        {
            "mark": {"type": "text", "fontSize": 11},
            "encoding": {"text": {"field": "text", "type": "nominal"}, "color": ink},
        },
    ]


def _places(row: str, column: str, rows: list[str], columns: list[str]) -> Layer:
    tilt = {"labelAngle": -30 if len(columns) > 4 else 0}
    plain = {"domain": False, "ticks": False, "grid": False}
    return {
        "x": {
            "field": column,
            "type": "nominal",
            "title": "data set" if column == "sweep" else column,
            "scale": {"domain": columns, "paddingInner": 0.01},
            "axis": plain | tilt | {"labelOverlap": False},
        },
        "y": {
            "field": row,
            "type": "nominal",
            "title": None,
            "scale": {"domain": rows, "paddingInner": 0.06},
            "axis": plain,
        },
    }


def color_range(values: np.ndarray, direction: str) -> tuple[float, float]:
    """From the worst value that is no outlier to the best; at least a tenth of the best between.

    Differences of a few thousandths would else look like those that matter.
    """
    sign = 1.0 if minimizes(direction) else -1.0
    found = sign * values[np.isfinite(values)]
    low, middle, high = np.quantile(found, [0.25, 0.5, 0.75])
    reach = 1.5 * (high - low) or abs(middle) or 1.0
    best = float(found.min())
    worst = max(min(float(found.max()), high + reach), best + LEAST_SPAN * abs(best))
    return sign * worst, sign * best
