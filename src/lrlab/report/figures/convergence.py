"""The figures `convergence_...`: curves of the best trials over those of the rest."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from lrlab.report.analysis import figure_data
from lrlab.report.analysis.summary import FALLBACK_CURVE, stepped_curve, threshold
from lrlab.report.analysis.tables import minimizes
from lrlab.report.figures.axes import Axis
from lrlab.report.figures.figure import Figure
from lrlab.report.figures.layers import (
    Layer,
    channel,
    has_lone_points,
    height_of,
    held_within,
    method_lines,
    small_multiples,
)
from lrlab.report.figures.records import flatten, lines, records, thinned, tip
from lrlab.report.figures.scene import Scene
from lrlab.report.figures.style import BEYOND_BOTTOM, BEYOND_TOP, FADED, MUTED, SELECTED
from lrlab.report.text import captions

# What is minimized differs from loss to loss: values of different losses do not compare.
OWN_SCALE = ("train_objective", "train_loss")
LINE, ALONG = ["loss", "optimizer", "trial"], ["step", "value"]
BAND = ["step", "low", "median", "high"]


@dataclass(frozen=True)
class Curves:
    """What one figure draws: curves of the best trials, the band of the rest, and a threshold."""

    metric: str
    best: pd.DataFrame
    rest: pd.DataFrame
    limit: float | None
    falls: bool


def convergence(scene: Scene) -> Iterator[Figure]:
    """The objective, the validation log loss and the training objective, where recorded."""
    context, found = scene.context, scene.found
    runs, curves, aim = found.runs, found.curves, context.aim
    stepped = stepped_curve(runs, curves, **aim)
    for metric in dict.fromkeys((context.objective, FALLBACK_CURVE, "train_objective")):
        own = curves[curves["metric"] == metric]
        best = figure_data.best_curves(runs, own, metric, order=scene.order, **aim)
        if best.empty:
            continue
        rest = figure_data.convergence_band(runs, own, metric, order=scene.order, **aim)
        limit = None
        if stepped is not None and stepped[0] == metric:
            limit = threshold(runs, objective=metric, direction=stepped[1])
        falls = metric != context.objective or minimizes(context.direction)
        yield _figure(scene, Curves(metric, best, rest, limit, falls))


def _figure(scene: Scene, curves: Curves) -> Figure:
    metric = curves.metric
    caption = captions.convergence_caption(
        curves.best,
        scene.found.summary,
        curves.rest,
        metric,
        curves.limit,
        means=bool(scene.runs["trial"].duplicated().any()),
    )
    thin = replace(curves, best=thinned(curves.best, LINE), rest=thinned(curves.rest, ["loss"]))
    axes, straight = (_axes(thin, log=log) for log in (curves.falls, False))
    variants, linear = {}, None
    if axes != straight:
        variants["linear"], linear = _spec(scene, thin, straight), _beyond(thin, straight)
    caption += captions.beyond_caption(0, _beyond(thin, axes), linear, what="curve")
    made = scene.figure(
        "convergence",
        caption,
        curves.best,
        _spec(scene, thin, axes),
        follows="method",
        variants=variants,
        metric=metric,
    )
    return replace(made, name="convergence_" + re.sub(r"\W", "_", metric))


def _axes(curves: Curves, *, log: bool) -> dict[str, Axis]:
    """The axis of each loss; one for all where their values compare.

    Poor runs may be far away: the curves themselves and the medians of the rest set the view.
    """
    everything = _axis(curves.best, curves.rest, log=log)
    found = {}
    for loss in dict.fromkeys(curves.best["loss"]):
        own = (frame[frame["loss"] == loss] for frame in (curves.best, curves.rest))
        found[str(loss)] = _axis(*own, log=log) if curves.metric in OWN_SCALE else everything
    return found


def _axis(best: pd.DataFrame, rest: pd.DataFrame, *, log: bool) -> Axis:
    return Axis.of(pd.concat([best["value"], rest["median"]]), log=log)


def _cut(curves: Curves, axes: dict[str, Axis]) -> pd.DataFrame:
    """The curves that go beyond their axis: loss, optimizer, step and up.

    The step is that of the point farthest from it; of a curve that begins beyond it, the last
    before it comes into view, as many begin at one step.
    """
    best = curves.best
    low, high = (best["loss"].map({k: getattr(a, end) for k, a in axes.items()})
                 for end in ("low", "high"))  # fmt: skip
    far = np.maximum(low - best["value"], best["value"] - high)
    points = best.assign(far=far, up=best["value"] > high)[far > 0]
    worst = points.sort_values("far", ascending=False).drop_duplicates(LINE).set_index(LINE)
    inside = best[far <= 0].groupby(LINE)["step"].min().reindex(worst.index)
    before = best.set_index(LINE)["step"]
    before = before[before < inside.reindex(before.index).fillna(np.inf)].groupby(level=LINE).max()
    worst["step"] = before.reindex(worst.index).fillna(worst["step"]).astype(best["step"].dtype)
    return worst.reset_index()[["loss", "optimizer", "step", "up"]]


def _beyond(curves: Curves, axes: dict[str, Axis]) -> int:
    return len(_cut(curves, axes))


def _arrows(scene: Scene, cut: pd.DataFrame, x: Layer, height: int) -> list[Layer]:
    """A sign at the edge for every curve that goes beyond it."""
    found: list[Layer] = []
    for up, shape, y in ((True, BEYOND_TOP, 6), (False, BEYOND_BOTTOM, height - 6)):
        own = cut[cut["up"] == up]
        if len(own):
            encoding = {"x": x, "y": {"value": y}, "color": scene.methods.color()}
            encoding["opacity"] = scene.methods.shown(1)
            mark = {"type": "point", "shape": shape, "filled": False, "strokeWidth": 1.6}
            data = {"values": records(own)}
            found.append({"data": data, "mark": mark | {"size": 40}, "encoding": encoding})
    return found


def _spec(scene: Scene, curves: Curves, axes: dict[str, Axis]) -> Layer:
    best, rest = curves.best, curves.rest
    x = channel(Axis.of(best["step"], log=True, whole=True), "step", "step")
    height, views, cut = height_of(best), {}, _cut(curves, axes)
    for number, loss in enumerate(scene.losses_of(best)):
        y_axis = axes[loss]
        y = channel(y_axis, "value", curves.metric)
        full = {"calculate": "datum.value", "as": "full"}
        where = [scene.is_loss(loss), flatten(*ALONG), full]
        line = method_lines(
            scene.methods,
            "curves",
            x,
            y,
            tips=(("step", "step"), ("full", curves.metric)),
            where=[*where, held_within("value", y_axis.beyond_view())],
            name=f"curve_{number}",
            dots=has_lone_points(best, LINE),
        )
        arrows = _arrows(scene, cut[cut["loss"] == loss], x, height)
        layers = [*_rest(scene.is_loss(loss), x, y, y_axis), *line, *arrows]
        views[loss] = [*layers, *_threshold(curves.limit, y, y_axis)]
    data = {"curves": lines(best, LINE, ALONG), "rest": lines(rest, ["loss"], BAND)}
    params = scene.methods.params([f"curve_{i}" for i in range(len(views))])
    return small_multiples(views, params, data, height)


def _rest(where: Layer, x: Layer, y: Layer, axis: Axis) -> list[Layer]:
    """Median and quartiles of the other runs."""
    held = [held_within(name, axis) for name in ("low", "high")]
    held.append(held_within("median", axis.beyond_view()))
    common: Layer = {"data": {"name": "rest"}, "transform": [where, flatten(*BAND), *held]}
    area = {"type": "area", "color": MUTED, "tooltip": False}
    line = {"type": "line", "color": MUTED, "strokeWidth": 1.2, "clip": True}
    tips = [tip("step"), tip("median", "median of other runs")]
    low, median = y | {"field": "low"}, y | {"field": "median"}
    band = {"x": x, "y": low, "y2": {"field": "high"}}
    return [
        {**common, "mark": area, "encoding": band | _fading(0.16)},
        {**common, "mark": line, "encoding": {"x": x, "y": median, "tooltip": tips} | _fading(1)},
    ]


def _fading(opacity: float) -> Layer:
    """The channel `opacity` of what belongs to a loss."""
    return {"opacity": {"condition": {"test": SELECTED, "value": opacity}, "value": FADED / 2}}


def _threshold(limit: float | None, y: Layer, axis: Axis) -> list[Layer]:
    if limit is None or not axis.low <= limit <= axis.high:
        return []
    data = {"values": [{"value": limit}]}
    # below its line: curves come down from above and end near it
    text = {"type": "text", "text": "threshold", "align": "left", "dy": 9, "fontSize": 10}
    encoding = {"y": y, "x": {"value": 3}}
    return [
        {"data": data, "mark": {"type": "rule", "strokeDash": [3, 3]}, "encoding": {"y": y}},
        {"data": data, "mark": text | {"opacity": 0.8}, "encoding": encoding},
    ]
