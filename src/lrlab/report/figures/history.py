"""The figure `history`: the objective by trial, and the best so far."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from lrlab.report.analysis import figure_data
from lrlab.report.figures.axes import Axis
from lrlab.report.figures.figure import Figure
from lrlab.report.figures.layers import (
    ALONE,
    Layer,
    channel,
    held_within,
    objective_axis,
    run_layers,
    small_multiples,
)
from lrlab.report.figures.records import records, tip
from lrlab.report.figures.scene import Scene
from lrlab.report.text import captions


def history(scene: Scene) -> Iterator[Figure]:
    """Runs in the order in which they were asked for."""
    context = scene.context
    table = figure_data.history(scene.found.runs, order=scene.order, **context.aim)
    if len(table) < 2 or table["value"].isna().all():
        return
    axis = objective_axis(scene, table["value"], ALONE, log=scene.worse_is_up)
    variants, linear = {}, None
    if axis.kind != "linear":
        straight = objective_axis(scene, table["value"], ALONE, log=False)
        variants["linear"] = _spec(scene, table, straight)
        linear = sum(straight.beyond(table["value"]))
    caption = captions.history_caption(table, context.objective)
    yield scene.figure(
        "history",
        caption + captions.beyond_caption(*axis.beyond(table["value"]), linear),
        table,
        _spec(scene, table, axis),
        follows="run",
        variants=variants,
        objective=context.objective,
    )


def _spec(scene: Scene, table: pd.DataFrame, y_axis: Axis) -> Layer:
    x = channel(Axis.of(table["trial"], log=False, whole=True), "trial", "trial")
    x["axis"] = {"tickMinStep": 1, "format": ",d", "tickCount": 8}
    best = table.loc[_changes(table), ["trial", "best_so_far"]]
    line = {
        "data": {"name": "best"},
        "transform": [held_within("best_so_far", y_axis)],
        "mark": {"type": "line", "interpolate": "step-after", "strokeWidth": 2, "opacity": 0.8},
        "encoding": {
            "x": x,
            "y": channel(y_axis, "best_so_far", scene.context.objective),
            "tooltip": [tip("trial", form=",d"), tip("best_so_far", "best so far")],
        },
    }
    layers = [*run_layers(scene, x, y_axis, height=ALONE, name="history"), line]
    params = scene.methods.params(["history"])
    return small_multiples({"": layers}, params, {"best": records(best)}, ALONE)


def _changes(table: pd.DataFrame) -> pd.Series:
    """Where the best so far changes, and the last row."""
    best = table["best_so_far"]
    changed = best.notna() & (best != best.shift())
    changed.iloc[-1] = bool(best.notna().iloc[-1])
    return changed
