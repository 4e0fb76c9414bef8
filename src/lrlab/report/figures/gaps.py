"""The figure `gaps`: the relative gap to the exact optimum against step, one view a loss."""

from __future__ import annotations

from collections.abc import Iterator

from lrlab.report.analysis import evidence
from lrlab.report.figures.axes import Axis
from lrlab.report.figures.figure import Figure
from lrlab.report.figures.layers import (
    channel,
    height_of,
    method_bands,
    method_lines,
    small_multiples,
)
from lrlab.report.figures.records import flatten, lines, thinned
from lrlab.report.figures.scene import Scene
from lrlab.report.text import captions

SMALLEST = 1e-16  # the relative precision of a double
ALONG = ["step", "low", "median", "high"]
LINE = ["loss", "optimizer", "lr"]


def gaps(scene: Scene) -> Iterator[Figure]:
    """Median and quartiles over runs of each optimizer's fastest or best trial."""
    found = scene.found
    if found.fastest.empty:
        return
    bands = evidence.gap_bands(found.runs, found.gaps, found.fastest)
    if bands.empty:
        return
    seeds = int(found.runs["replicate"].nunique())
    chosen = found.runs.loc[found.runs["trial"].isin(found.fastest.index), "run_id"]
    basis = captions.gap_basis(found.gaps, found.gaps.level(chosen))
    caption = captions.gap_caption(found.fastest, seeds) + basis
    thin = thinned(bands, LINE)
    drawn = thin.assign(**{name: thin[name].clip(lower=SMALLEST) for name in ALONG[1:]})
    x_axis = Axis.of(drawn["step"], log=True, whole=True)
    y_axis = Axis.of(drawn["median"], log=True, whole=True)
    x, y = channel(x_axis, "step", "step"), channel(y_axis, "median", "relative gap")
    views = {}
    for number, loss in enumerate(scene.losses_of(drawn)):
        where = [scene.is_loss(loss), flatten(*ALONG)]
        tips = (("lr", "lr"), ("step", "step"), ("median", "gap"))
        name = f"gaps_{number}"
        line = method_lines(scene.methods, "gaps", x, y, tips=tips, where=where, name=name)
        low = channel(y_axis, "low", "relative gap")
        band = [method_bands(scene.methods, "gaps", x, low, "high", where)] if seeds > 1 else []
        views[loss] = [*band, *line]
    spec = small_multiples(
        views,
        scene.methods.params([f"gaps_{i}" for i in range(len(views))]),
        {"gaps": lines(drawn, LINE, ALONG)},
        height_of(drawn),
    )
    yield scene.figure("gaps", caption, bands, spec, follows="method")
