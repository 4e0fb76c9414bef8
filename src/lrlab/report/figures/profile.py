"""The figure `profile`: the share of problems solved within a factor of the fastest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from lrlab.report.analysis import evidence
from lrlab.report.analysis.statistics import performance_profile
from lrlab.report.figures.axes import Axis
from lrlab.report.figures.figure import Figure
from lrlab.report.figures.layers import ALONE, channel, method_lines, small_multiples
from lrlab.report.figures.records import flatten, lines
from lrlab.report.figures.scene import Scene
from lrlab.report.figures.style import Methods
from lrlab.report.text import captions

LINE, ALONG = ["optimizer"], ["ratio", "share"]


def profile(scene: Scene) -> Iterator[Figure]:
    """One line an optimizer, at its fastest setting."""
    found = scene.found
    if found.fastest["optimizer"].nunique() < 2 or found.fastest["steps"].isna().all():
        return
    costs = evidence.costs(found.runs, found.converged, found.fastest)
    if costs.empty:
        return
    table = performance_profile(costs, evidence.RATIOS)
    tried = found.optimizers.table.set_index("optimizer")["trials"].reindex(table.columns)
    caption = captions.profile_caption(table, len(costs), tried.dropna().astype(int))
    frame = long_profile(table)
    spec = profile_spec(scene.methods, frame)
    yield scene.figure("profile", caption, frame, spec, follows="optimizer")


def long_profile(table: pd.DataFrame) -> pd.DataFrame:
    """What `performance_profile` returns as one row a point: optimizer, ratio and share."""
    wide = table.rename_axis(index="ratio", columns="optimizer").reset_index()
    long = wide.melt("ratio", value_name="share", var_name="optimizer")
    return long.sort_values(["optimizer", "ratio"], ignore_index=True)[[*LINE, *ALONG]]


def profile_spec(methods: Methods, frame: pd.DataFrame) -> Mapping[str, Any]:
    """The specification.

    Args:
        methods: All optimizers.
        frame: What `long_profile` returns.
    """
    x_axis = Axis.of(frame["ratio"], log=True, whole=True)
    x = channel(x_axis, "ratio", "steps, as a multiple of the fastest")
    y = channel(Axis("linear", 0, 1, -0.02, 1.03), "share", "share of problems solved")
    y["axis"] = {"values": [0, 0.2, 0.4, 0.6, 0.8, 1], "format": ".0%"}
    tips = (("ratio", "within a factor of"), ("share", "share solved"))
    where = [flatten(*ALONG)]
    line = method_lines(
        methods, "profile", x, y, tips=tips, where=where, name="profile", interpolate="step-after"
    )
    drawn = set(frame["optimizer"])
    for look in ("color", "strokeDash"):  # optimizers without a line are not in the legend
        own = line[0]["encoding"][look]
        own["legend"] = own.get("legend", {}) | {
            "values": [n for n in methods.names if n in drawn]
        }
    data = {"profile": lines(frame, LINE, ALONG)}
    return small_multiples({"": line}, methods.params(["profile"]), data, ALONE)
