"""Layers that several figures draw: runs as marks, and small multiples of views."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from lrlab.report.figures import style
from lrlab.report.figures.axes import Axis
from lrlab.report.figures.records import datum, field, tip
from lrlab.report.figures.scene import NAMED, RUNS, Scene
from lrlab.report.figures.style import Methods

Layer = dict[str, Any]

HEIGHT = 230  # pixels of a small multiple
ALONE = 300  # pixels of a figure with one view
STRIP = 20  # pixels of the strip of runs that diverged
MANY = 500  # runs above which marks are small


def run_layers(
    scene: Scene, x: Layer, axis: Axis, *, height: int, name: str, where: Sequence[Layer] = ()
) -> list[Layer]:
    """Runs as marks: those in view, those beyond an edge, and in a strip those that diverged.

    Args:
        scene: The sweep.
        x: The channel `x`.
        axis: The objective's.
        height: Of the view, in pixels.
        name: Of the layer of runs in view, for selections.
        where: Transforms that choose the runs.
    """
    value = datum(scene.context.objective)
    strip = STRIP if scene.diverged else 0
    top, bottom = (strip, height) if scene.worse_is_up else (0, height - strip)
    below, above = axis.beyond(scene.runs[scene.context.objective])
    found = [_in_view(scene, x, axis, name, where)]
    if below:
        test = f"isValid({value}) && {value} < {axis.low!r}"
        found.append(_at_edge(scene, x, where, test, style.BEYOND_BOTTOM, bottom - 6))
    if above:
        test = f"isValid({value}) && {value} > {axis.high!r}"
        found.append(_at_edge(scene, x, where, test, style.BEYOND_TOP, top + 6))
    if scene.diverged:
        edge = STRIP / 2 if scene.worse_is_up else height - STRIP / 2
        test = "datum.outcome === 'diverged'"
        found += [_at_edge(scene, x, where, test, style.CROSS, edge), *_named_strip(edge)]
    return found


def _in_view(scene: Scene, x: Layer, axis: Axis, name: str, where: Sequence[Layer]) -> Layer:
    objective = scene.context.objective
    value = datum(objective)
    inside = f"isValid({value}) && {value} >= {axis.low!r} && {value} <= {axis.high!r}"
    size = 42 if len(scene.runs) <= MANY else 16
    return {
        "name": name,
        "data": {"name": RUNS},
        "transform": [*where, {"filter": inside}, NAMED],
        "mark": {"type": "point", "filled": True, "size": size},
        "encoding": {
            "x": x,
            "y": channel(axis, objective, objective),
            "color": scene.methods.color(),
            "shape": scene.methods.shape(),
            "opacity": scene.methods.shown(0.65),
            "tooltip": scene.tooltip(),
        },
    }


def _at_edge(
    scene: Scene, x: Layer, where: Sequence[Layer], test: str, shape: str, y: float
) -> Layer:
    """Runs that have no place on the objective's axis, along one of its edges."""
    return {
        "data": {"name": RUNS},
        "transform": [*where, {"filter": test}, NAMED],
        "mark": {"type": "point", "filled": False, "size": 32, "strokeWidth": 1.4},
        "encoding": {
            "x": x,
            "y": {"value": y},
            "color": scene.methods.color(),
            "shape": {"value": shape},
            "opacity": scene.methods.shown(0.9),
            "tooltip": scene.tooltip(),
        },
    }


def _named_strip(y: float) -> list[Layer]:
    mark = {"type": "text", "align": "left", "baseline": "middle", "fontSize": 10, "opacity": 0.7}
    where = {"x": {"value": 2}, "y": {"value": y}}
    return [{"data": {"values": [{}]}, "mark": mark | {"text": "diverged"}, "encoding": where}]


def method_lines(
    methods: Methods,
    data: str,
    x: Layer,
    y: Layer,
    *,
    tips: Sequence[tuple[str, str]],
    where: Sequence[Layer] = (),
    name: str,
    interpolate: str = "linear",
    dots: bool = False,
    legend: bool = True,
) -> list[Layer]:
    """One line an optimizer, and its points, which tell their numbers.

    Args:
        methods: All optimizers.
        data: Name of the records.
        x: The channel `x`.
        y: The channel `y`.
        tips: Columns that a point tells, each with its title.
        where: Transforms before it is drawn.
        name: Of the layer of lines, for selections.
        interpolate: How points are joined.
        dots: Whether points are seen, as where a line has only one.
        legend: Whether dashes are in the legend; not where it tells shapes.
    """
    told = [tip("optimizer", form=None), *(tip(column, title) for column, title in tips)]
    common: Layer = {"data": {"name": data}, "transform": list(where)}
    places = {"x": x, "y": y, "color": methods.color(), "opacity": methods.shown(0.95)}
    line = {"type": "line", "strokeWidth": 2, "interpolate": interpolate, "clip": True}
    point = {"type": "point", "filled": True, "size": 30 if dots else 70, "clip": not dots}
    dash = methods.dash() if legend else methods.dash() | {"legend": None}
    seen = methods.shown(0.95) if dots else {"value": 0}
    near = {"x": x, "y": y, "opacity": seen, "tooltip": told}
    if dots:
        near["color"] = methods.color()
    return [
        {**common, "name": name, "mark": line, "encoding": places | {"strokeDash": dash}},
        {**common, "mark": point, "encoding": near},
    ]


def method_bands(
    methods: Methods, data: str, x: Layer, y: Layer, high: str, where: Sequence[Layer]
) -> Layer:
    """One band an optimizer, from the column of `y` to the column `high`."""
    return {
        "data": {"name": data},
        "transform": list(where),
        "mark": {"type": "area", "clip": True},
        "encoding": {
            "x": x,
            "y": y,
            "y2": {"field": high},
            "fill": methods.color() | {"legend": None},
            "opacity": methods.shown(0.16),
        },
    }


def objective_axis(scene: Scene, values: pd.Series, height: int, *, log: bool) -> Axis:
    """The axis of the objective, with a strip along its worse edge if any run diverged.

    Args:
        scene: The sweep.
        values: All that is drawn along it.
        height: Of the view, in pixels.
        log: Whether it may be logarithmic.
    """
    axis = Axis.of(values, log=log)
    return axis.with_strip(STRIP / height, up=scene.worse_is_up) if scene.diverged else axis


def channel(axis: Axis, name: str, title: str) -> Layer:
    """A channel `x` or `y`.

    Args:
        axis: How its values stand.
        name: The column.
        title: Of the axis.
    """
    return {
        "field": field(name),
        "type": "quantitative",
        "title": title,
        "scale": axis.scale(),
        "axis": axis.ticks(),
    }


def held_within(name: str, axis: Axis) -> Layer:
    """The transform that draws what lies beyond an axis at its edge; it changes the column."""
    value = datum(name)
    clamped = f"isValid({value}) ? clamp({value}, {axis.low!r}, {axis.high!r}) : null"
    return {"calculate": clamped, "as": name}


def has_lone_points(frame: pd.DataFrame, by: list[str]) -> bool:
    """Whether some line has one point only, which would not be seen without a dot."""
    return bool((frame.groupby(by).size() == 1).any())


def height_of(frame: pd.DataFrame) -> int:
    """Pixels of each view of a figure with a view for every loss of the frame."""
    return HEIGHT if frame["loss"].nunique() > 1 else ALONE


def small_multiples(
    views: Mapping[str, Sequence[Layer]], params: list[Layer], data: Mapping[str, Any], height: int
) -> Layer:
    """One view a loss; a single one is as wide as its container.

    Args:
        views: The layers of each view, by its title.
        params: Parameters at the top.
        data: Records by name, that layers refer to.
        height: Of each view, in pixels.
    """
    common: Layer = {"params": params, "datasets": dict(data)}
    if len(views) == 1:
        (layers,) = views.values()
        return {**common, "width": "container", "height": height, "layer": list(layers)}
    shared = ("color", "shape", "strokeDash")
    each = [
        {"title": title, "width": 280, "height": height, "layer": list(layers)}
        for title, layers in views.items()
    ]
    resolve: Layer = {"scale": dict.fromkeys(shared, "shared")}
    everything = [layer for layers in views.values() for layer in layers]
    # Shared, a legend that is not shown would take those of the other channels with it.
    hidden = [name for name in ("fill", "strokeDash") if _hides(everything, name)]
    resolve["legend"] = dict.fromkeys(hidden, "independent")
    columns = 2 if len(each) in (2, 4) else 3
    return {**common, "concat": each, "columns": columns, "resolve": resolve}


def _hides(layers: Sequence[Layer], name: str) -> bool:
    """Whether some layer shows no legend of a channel."""
    given = [layer.get("encoding", {}).get(name, {}) for layer in layers]
    return any(channel.get("legend", {}) is None for channel in given)
