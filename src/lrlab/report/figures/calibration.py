"""The figure `calibration`: fraction of positives against mean predicted probability."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from lrlab.report.analysis import evidence
from lrlab.report.figures.axes import Axis
from lrlab.report.figures.figure import Figure
from lrlab.report.figures.layers import Layer, channel
from lrlab.report.figures.records import records, tip
from lrlab.report.figures.scene import Scene
from lrlab.report.figures.style import CLASSES, MUTED
from lrlab.report.text import captions

SIDE = 310  # pixels: a square that a telephone shows whole


def calibration(scene: Scene) -> Iterator[Figure]:
    """Of the best run, on held-out rows, with Wilson intervals."""
    problem, weights = scene.context.best_problem, scene.context.best_weights
    if problem is None or weights is None:
        return
    table = evidence.calibration(problem, *weights)
    yield scene.figure("calibration", captions.calibration_caption(table), table, _spec(table))


def _spec(table: pd.DataFrame) -> Layer:
    whole = Axis("linear", 0, 1, -0.02, 1.02)
    x = channel(whole, "predicted", "mean predicted probability")
    y = channel(whole, "positives", "fraction of positives")
    tips = [
        tip("predicted", "mean predicted probability", ".3~f"),
        tip("positives", "fraction of positives", ".3~f"),
        tip("low", "95% interval from", ".3~f"),
        tip("high", "to", ".3~f"),
        tip("rows", form=","),
    ]
    bars = {"x": x, "y": y | {"field": "low"}, "y2": {"field": "high"}, "tooltip": tips}
    blue = {"color": CLASSES[1]}
    diagonal = {"values": [{"predicted": 0, "positives": 0}, {"predicted": 1, "positives": 1}]}
    dashed = {"type": "line", "strokeDash": [3, 3], "color": MUTED, "strokeWidth": 1.2}
    return {
        "width": SIDE,
        "height": SIDE,
        "datasets": {"tenths": records(table)},
        "layer": [
            {"data": diagonal, "mark": dashed, "encoding": {"x": x, "y": y}},
            {
                "data": {"name": "tenths"},
                "mark": {"type": "rule", "strokeWidth": 1.6} | blue,
                "encoding": bars,
            },
            {
                "data": {"name": "tenths"},
                "mark": {"type": "point", "filled": True, "size": 60, "opacity": 1} | blue,
                "encoding": {"x": x, "y": y, "tooltip": tips},
            },
        ],
    }
