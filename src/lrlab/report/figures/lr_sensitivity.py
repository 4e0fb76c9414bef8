"""The figure `lr_sensitivity`: the objective against the learning rate, one view a loss."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from lrlab.report.analysis import figure_data
from lrlab.report.figures.axes import Axis
from lrlab.report.figures.figure import Figure
from lrlab.report.figures.layers import (
    Layer,
    channel,
    height_of,
    held_within,
    method_lines,
    objective_axis,
    run_layers,
    small_multiples,
)
from lrlab.report.figures.records import records, tip
from lrlab.report.figures.scene import Scene
from lrlab.report.text import captions


def lr_sensitivity(scene: Scene) -> Iterator[Figure]:
    """Each run, the medians along the learning rate, and the largest stable ones by theory."""
    objective, found = scene.context.objective, scene.found
    points = figure_data.lr_sensitivity(found.runs, **scene.context.aim)
    if points.empty:
        return
    medians = figure_data.lr_medians(points)
    caption = captions.lr_caption(
        points,
        medians,
        objective,
        methods=found.optimizers.table if scene.context.random_trials is None else None,
    )
    caption += captions.stability_caption(found.limits)
    log = scene.worse_is_up
    axis = objective_axis(scene, points["value"], height_of(points), log=log)
    spec = _spec(scene, points, medians, axis)
    variants, linear = {}, None
    if axis.kind != "linear":
        straight = objective_axis(scene, points["value"], height_of(points), log=False)
        variants["linear"] = _spec(scene, points, medians, straight)
        linear = sum(straight.beyond(points["value"]))
    yield scene.figure(
        "lr_sensitivity",
        caption + captions.beyond_caption(*axis.beyond(points["value"]), linear),
        points,
        spec,
        follows="run",
        variants=variants,
        objective=objective,
    )


def _spec(scene: Scene, points: pd.DataFrame, medians: pd.DataFrame, y_axis: Axis) -> Layer:
    height = height_of(points)
    x_axis = Axis.of(points["lr"], log=True, whole=True)
    x = channel(x_axis, "lr", "learning rate")
    y = channel(y_axis, "value", scene.context.objective)
    held = [{"calculate": "datum.value", "as": "median"}, held_within("value", y_axis)]
    views = {}
    for number, loss in enumerate(scene.losses_of(points)):
        own, limits = scene.is_loss(loss), scene.found.limits
        layers = run_layers(scene, x, y_axis, height=height, name=f"lr_{number}", where=[own])
        lines = _medians(scene, x, y, [own, *held], f"medians_{number}")
        of_loss = limits[limits["loss"] == loss] if len(limits) else limits
        views[loss] = [*layers, *lines, *_limits(scene, of_loss, x, x_axis)]
    params = scene.methods.params([f"lr_{i}" for i in range(len(views))], brush=("x", "y"))
    return small_multiples(views, params, {"medians": records(medians)}, height)


def _medians(scene: Scene, x: Layer, y: Layer, where: list[Layer], name: str) -> list[Layer]:
    tips = (("lr", "lr"), ("median", "median"), ("n_runs", "runs"))
    return method_lines(
        scene.methods, "medians", x, y, tips=tips, where=where, name=name, legend=False
    )


def _limits(scene: Scene, limits: pd.DataFrame, x: Layer, axis: Axis) -> list[Layer]:
    """The largest stable learning rates by theory, where they are in view."""
    found: list[Layer] = []
    for end, dash in (("limit", [5, 3]), ("safe", [1, 3])):
        seen = limits[limits[end].between(axis.low, axis.high)] if len(limits) else limits
        if len(seen):
            rows: list[dict[str, Any]] = records(seen[["loss", "optimizer", end]])
            mark = {"type": "rule", "strokeDash": dash, "strokeWidth": 1.3}
            called = "largest stable lr" if end == "limit" else "largest safe lr"
            tips = [tip("optimizer", form=None), tip(end, called, ".3~g")]
            encoding = {"x": x | {"field": end}, "color": scene.methods.color(), "tooltip": tips}
            encoding["opacity"] = scene.methods.shown(1)
            found.append({"data": {"values": rows}, "mark": mark, "encoding": encoding})
    return found
