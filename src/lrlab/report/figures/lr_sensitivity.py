"""The figure `lr_sensitivity`: the objective against the learning rate, one view a loss."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from lrlab.report.analysis import figure_data
from lrlab.report.figures.axes import Axis
from lrlab.report.figures.figure import Figure
from lrlab.report.figures.layers import (
    ALONE,
    FADED,
    HEIGHT,
    Layer,
    channel,
    held_within,
    objective_axis,
    run_layers,
    small_multiples,
)
from lrlab.report.figures.records import records
from lrlab.report.figures.scene import RUNS, Scene
from lrlab.report.text import captions


def lr_sensitivity(scene: Scene) -> Iterator[Figure]:
    """Each run, the medians along the learning rate, and the largest stable ones by theory."""
    context, found = scene.context, scene.found
    points = figure_data.lr_sensitivity(found.runs, **context.aim)
    if points.empty:
        return
    medians = figure_data.lr_medians(points)
    caption = captions.lr_caption(points, medians, found.summary, context.objective)
    caption += captions.stability_caption(found.limits)
    alt = (
        f"Scatter plots of {context.objective} against learning rate, one a loss "
        f"({points['loss'].nunique()}), coloured by optimizer. {caption}"
    )
    yield Figure(
        name="lr_sensitivity",
        title="Sensitivity to the learning rate",
        caption=caption,
        alt=alt,
        frame=points,
        spec=_spec(scene, points, medians, log=scene.worse_is_up),
        datasets={RUNS: scene.runs},
        follows="run",
        links=scene.links,
    )


def _spec(scene: Scene, points: pd.DataFrame, medians: pd.DataFrame, *, log: bool) -> Layer:
    losses = [loss for loss in scene.losses if loss in set(points["loss"])]
    height = ALONE if len(losses) == 1 else HEIGHT
    y_axis = objective_axis(scene, points["value"], height, log=log)
    x_axis = Axis.of(points["lr"], log=True, whole=True)
    x = channel(x_axis, "lr", "learning rate")
    views = {}
    for number, loss in enumerate(losses):
        own = scene.is_loss(loss)
        layers = run_layers(scene, x, y_axis, height=height, name=f"lr_{number}", where=[own])
        limits = scene.found.limits
        limits = limits[limits["loss"] == loss] if len(limits) else limits
        line = _median_line(scene, x, y_axis, own)
        views[loss] = [*layers, line, *_limits(scene, limits, x, x_axis)]
    params = scene.params([f"lr_{i}" for i in range(len(losses))], brush=("x", "y"))
    return small_multiples(views, params, {"medians": records(medians)}, height)


def _median_line(scene: Scene, x: Layer, y_axis: Axis, where: Layer) -> Layer:
    tips: list[Layer] = [
        {"field": "optimizer", "type": "nominal"},
        {"field": "lr", "type": "quantitative", "format": ".3~g"},
        {"field": "median", "type": "quantitative", "format": ".4~g"},
        {"field": "n_runs", "type": "quantitative", "title": "runs"},
    ]
    return {
        "data": {"name": "medians"},
        "transform": [
            where,
            {"calculate": "datum.value", "as": "median"},
            held_within("value", y_axis),
        ],
        "mark": {"type": "line", "strokeWidth": 1.8},
        "encoding": {
            "x": x,
            "y": channel(y_axis, "value", scene.context.objective),
            "color": scene.methods.colour(),
            "strokeDash": scene.methods.dash(),
            "opacity": {"condition": {"test": scene.chosen(), "value": 0.95}, "value": FADED},
            "tooltip": tips,
        },
    }


def _limits(scene: Scene, limits: pd.DataFrame, x: Layer, axis: Axis) -> list[Layer]:
    """The largest stable learning rates by theory, where they are in view."""
    found: list[Layer] = []
    for end, dash in (("limit", [5, 3]), ("safe", [1, 3])):
        seen = limits[limits[end].between(axis.first, axis.last)] if len(limits) else limits
        if len(seen):
            rows: list[dict[str, Any]] = records(seen[["optimizer", end]])
            mark = {"type": "rule", "strokeDash": dash, "strokeWidth": 1.2}
            tips = [
                {"field": "optimizer", "type": "nominal"},
                {"field": end, "type": "quantitative"},
            ]
            encoding = {"x": x | {"field": end}, "color": scene.methods.colour(), "tooltip": tips}
            found.append({"data": {"values": rows}, "mark": mark, "encoding": encoding})
    return found
