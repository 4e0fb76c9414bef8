"""The figure `boundary`: held-out rows of two columns and the best run's decision boundary."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pandas as pd

from lrlab.report.analysis import evidence
from lrlab.report.figures import style
from lrlab.report.figures.axes import Axis
from lrlab.report.figures.figure import Figure
from lrlab.report.figures.layers import Layer, channel
from lrlab.report.figures.records import records, tip
from lrlab.report.figures.scene import Scene
from lrlab.report.text import captions

LEVELS = (0.1, 0.5, 0.9)  # probabilities of class 1
MOST_ROWS = 2000
HEIGHT = 360


def boundary(scene: Scene) -> Iterator[Figure]:
    """Only of data with two columns."""
    problem, weights = scene.context.best_problem, scene.context.best_weights
    if problem is None or weights is None or problem.n_features != 2:
        return
    rows, line = evidence.boundary(problem, *weights)
    drawn = _some(rows)
    caption = captions.boundary_caption(
        int((~rows["right"]).sum()),
        len(rows),
        len(drawn),
        fold=scene.context.problem is not problem,
    )
    names = (problem.feature_names[0], problem.feature_names[1])
    spec = _spec(drawn, line, names, problem.classes)
    yield scene.figure("boundary", caption, rows, spec)


def _some(rows: pd.DataFrame) -> pd.DataFrame:
    """All rows, or evenly spaced ones where there are too many to be drawn."""
    if len(rows) <= MOST_ROWS:
        return rows
    return rows.iloc[np.linspace(0, len(rows) - 1, MOST_ROWS).round().astype(int)]


def _spec(
    rows: pd.DataFrame,
    line: tuple[float, float, float],
    names: tuple[str, str],
    classes: tuple[str, str],
) -> Layer:
    axes = [Axis.of(rows[name], log=False, whole=True) for name in ("x1", "x2")]
    x, y = (channel(axis, f"x{i}", names[i - 1]) for i, axis in enumerate(axes, 1))
    named = rows.assign(
        label=[f"class {classes[label]}" for label in rows["label"]],
        side=["right" if right else "wrong side" for right in rows["right"]],
    )
    domain = [f"class {name}" for name in classes]
    looks = {
        "color": _named("label", domain, style.CLASSES),
        "shape": _named("side", ["right", "wrong side"], ("circle", style.CROSS)),
        "size": {"condition": {"test": "datum.side === 'right'", "value": 22}, "value": 50},
    }
    tips = [tip("label", "class", None), tip("side", form=None)]
    tips += [tip("x1", names[0]), tip("x2", names[1])]
    marks = {
        "data": {"name": "rows"},
        "mark": {"type": "point", "filled": False, "opacity": 0.8, "strokeWidth": 1.4},
        "encoding": {
            "x": x,
            "y": y,
            **looks,
            "tooltip": tips,
        },
    }
    return {
        "width": "container",
        "height": HEIGHT,
        "datasets": {"rows": records(named.drop(columns="right")), "levels": _levels(line, axes)},
        "layer": [marks, *_level_layers(x, y)],
    }


def _named(name: str, domain: list[str], looks: tuple[str, ...]) -> Layer:
    scale = {"domain": domain, "range": list(looks)}
    return {"field": name, "type": "nominal", "title": None, "scale": scale}


def _level_layers(x: Layer, y: Layer) -> list[Layer]:
    dash = {"condition": {"test": "datum.p === 0.5", "value": [1, 0]}, "value": [4, 3]}
    rule = {"type": "rule", "strokeWidth": 1.4}
    encoding = {"x": x, "y": y, "x2": {"field": "to_x1"}, "y2": {"field": "to_x2"}}
    label = {"type": "text", "align": "left", "dx": 5, "dy": -6, "fontSize": 10}
    named = {"x": x, "y": y, "text": {"field": "text", "type": "nominal"}}
    return [
        {"data": {"name": "levels"}, "mark": rule, "encoding": encoding | {"strokeDash": dash}},
        {"data": {"name": "levels"}, "mark": label, "encoding": named},
    ]


def _levels(line: tuple[float, float, float], axes: list[Axis]) -> list[dict[str, object]]:
    """Where the lines of equal probability enter and leave the view."""
    found = []
    for p in LEVELS:
        ends = _ends(line, math.log(p / (1 - p)), axes)
        if ends is not None:
            (x1, x2), (to_x1, to_x2) = ends
            numbers = {"x1": x1, "x2": x2, "to_x1": to_x1, "to_x2": to_x2}
            found.append({"p": p, "text": f"p = {p:g}", **numbers})
    return found


def _ends(
    line: tuple[float, float, float], level: float, axes: list[Axis]
) -> tuple[tuple[float, float], tuple[float, float]] | None:
    """The two points in which w1 x1 + w2 x2 + b = level meets the edges, from left to right."""
    w1, w2, b = line
    first, second = axes
    points = []
    if w2:
        points += [(x1, (level - b - w1 * x1) / w2) for x1 in (first.low, first.high)]
    if w1:
        points += [((level - b - w2 * x2) / w1, x2) for x2 in (second.low, second.high)]
    inside = sorted({p for p in points if _in_view(p, axes)})
    return (inside[0], inside[-1]) if len(inside) > 1 else None


def _in_view(point: tuple[float, float], axes: list[Axis]) -> bool:
    near = [1e-9 * (axis.high - axis.low) for axis in axes]
    return all(
        axis.low - slack <= value <= axis.high + slack
        for value, axis, slack in zip(point, axes, near, strict=True)
    )
