"""The figure `importance`: the share of each setting in the variation of the objective."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from lrlab.report.figures.figure import Figure
from lrlab.report.figures.layers import Layer
from lrlab.report.figures.records import records, tip
from lrlab.report.figures.scene import Scene
from lrlab.report.figures.style import COLORS
from lrlab.report.text import captions
from lrlab.report.text.formats import percent

BAR = 28  # pixels


def importance(scene: Scene) -> Iterator[Figure]:
    """One bar a setting, the most important first."""
    found, context = scene.found.importance, scene.context
    if found.shares.empty:
        return
    learns = context.random_trials is not None
    caption = captions.importance_caption(found, context.objective, context.sampler, learns=learns)
    frame = found.shares.rename_axis("setting").rename("share").reset_index()
    yield scene.figure("importance", caption, frame, _spec(frame), objective=context.objective)


def _spec(frame: pd.DataFrame) -> Layer:
    drawn = frame.assign(text=[percent(share) for share in frame["share"]])
    scale = {"domain": [0, max(float(frame["share"].max()) * 1.1, 0.01)], "nice": False}
    axis = {"format": ".0%", "tickCount": 5}
    bars = {"domain": False, "ticks": False, "grid": False}
    y = {"field": "setting", "type": "nominal", "title": None, "axis": bars}
    x = {"field": "share", "type": "quantitative", "title": "share of importance"}
    tips = [tip("setting", form=None), tip("share", form=".3~p")]
    bar = {"type": "bar", "color": COLORS[0], "height": {"band": 0.6}, "cornerRadiusEnd": 3}
    return {
        "width": "container",
        "height": {"step": BAR},
        "datasets": {"shares": records(drawn)},
        "data": {"name": "shares"},
        "encoding": {
            "x": x | {"scale": scale, "axis": axis},
            "y": y | {"scale": {"domain": list(frame["setting"])}},
            "tooltip": tips,
        },
        "layer": [
            {"mark": bar},
            {
                "mark": {"type": "text", "align": "left", "dx": 5},
                "encoding": {"text": {"field": "text", "type": "nominal"}},
            },
        ],
    }
