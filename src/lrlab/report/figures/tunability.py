"""The figure `tunability`: the expected best objective of k random trials."""

from __future__ import annotations

from collections.abc import Iterator

from lrlab.report.analysis import methods
from lrlab.report.analysis.limits import too_few_random_trials
from lrlab.report.figures.axes import Axis
from lrlab.report.figures.figure import Figure
from lrlab.report.figures.layers import (
    ALONE,
    channel,
    has_lone_points,
    method_lines,
    small_multiples,
)
from lrlab.report.figures.records import records
from lrlab.report.figures.scene import Scene
from lrlab.report.text import captions


def tunability(scene: Scene) -> Iterator[Figure]:
    """One line an optimizer, of the trials that were drawn at random."""
    context, found = scene.context, scene.found
    if too_few_random_trials(found.optimizers, context.sampler):
        return
    random = context.random_trials
    table = methods.tunability(found.runs, "optimizer", random=random, **context.aim).dropna()
    if table.empty or table["trials"].max() < 2:
        return
    caption = captions.tunability_caption(table, **context.aim)
    if random is not None:
        trials = int(found.runs["trial"].nunique())
        caption += captions.tunability_basis(found.optimizers, trials, context.sampler)
    variants = {}
    axis = Axis.of(table["value"], log=scene.worse_is_up, whole=True)
    x = channel(Axis.of(table["trials"], log=True, whole=True), "trials", "random trials")
    alone = has_lone_points(table, ["optimizer"])
    specs = []
    for each in (axis, Axis.of(table["value"], log=False, whole=True)):
        y = channel(each, "value", f"expected best {context.objective}")
        tips = (("trials", "random trials"), ("value", "expected best"))
        line = method_lines(scene.methods, "budgets", x, y, tips=tips, name="budgets", dots=alone)
        data = {"budgets": records(table)}
        specs.append(small_multiples({"": line}, scene.methods.params(["budgets"]), data, ALONE))
    if axis.kind != "linear":
        variants["linear"] = specs[1]
    yield scene.figure(
        "tunability",
        caption,
        table,
        specs[0],
        follows="optimizer",
        variants=variants,
        objective=context.objective,
    )
