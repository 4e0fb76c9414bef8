"""The figure `calibration`: fraction of positives against mean predicted probability."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from lrlab.data import Problem
from lrlab.report.analysis import evidence
from lrlab.report.analysis.evaluation import folds_of_repeat
from lrlab.report.figures.axes import Axis
from lrlab.report.figures.figure import Figure
from lrlab.report.figures.layers import Layer, channel
from lrlab.report.figures.records import records, tip
from lrlab.report.figures.scene import Scene
from lrlab.report.figures.style import CLASSES, MUTED
from lrlab.report.text import captions

SIDE = 310  # pixels: a square that a telephone shows whole


def calibration(scene: Scene) -> Iterator[Figure]:
    """Of the best trial's predictions out of fold, or of the best run, with Wilson intervals."""
    problem, weights = scene.context.best_problem, scene.context.best_weights
    if problem is None or weights is None:
        return
    folds = _out_of_fold(scene)
    source = "fold" if scene.context.problem is not problem else "run"
    if folds:
        source, table = "folds", evidence.calibration_of_folds(*zip(*folds, strict=True))
    else:
        table = evidence.calibration(problem, *weights)
    caption = captions.calibration_caption(table, source)
    yield scene.figure("calibration", caption, table, _spec(table))


def _out_of_fold(scene: Scene) -> list[tuple[Problem, tuple[np.ndarray, float]]]:
    """Each fold with the best trial's model that did not train on it; none if one is not known."""
    problem, known = scene.context.problem, scene.context.weights
    if problem is None or not problem.folds or not scene.order:
        return []
    runs = scene.runs[scene.runs["trial"] == scene.order[0].trial].set_index("replicate")["id"]
    folds = range(folds_of_repeat(problem))
    if any(fold not in runs.index or runs[fold] not in known for fold in folds):
        return []
    return [(problem.of(fold), known[runs[fold]]) for fold in folds]


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
