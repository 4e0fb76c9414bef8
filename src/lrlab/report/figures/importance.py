"""The figure `importance`: shares of the importance of settings, an interval each."""

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
    frame = found.frame().rename(columns={"importance": "share"})
    yield scene.figure("importance", caption, frame, _spec(frame), objective=context.objective)


def _spec(frame: pd.DataFrame) -> Layer:
    drawn = frame.assign(
        text=[
            f"{percent(share)} ({percent(low)} to {percent(high)})"
            for share, low, high in zip(frame["share"], frame["low"], frame["high"], strict=True)
        ]
    )
    scale = {"domain": [0, max(float(frame["high"].max()) * 1.35, 0.01)], "nice": False}
    axis = {"format": ".0%", "tickCount": 5}
    bars = {"domain": False, "ticks": False, "grid": False}
    y = {"field": "setting", "type": "nominal", "title": None, "axis": bars}
    x = {"field": "share", "type": "quantitative", "title": "share of importance"}
    tips = [tip("setting", form=None), tip("share", form=".2~p")]
    tips += [tip("low", "resamples from", ".2~p"), tip("high", "to", ".2~p")]
    bar = {"type": "bar", "color": COLORS[0], "height": {"band": 0.6}, "cornerRadiusEnd": 3}
    bar["opacity"] = 0.55
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
                "mark": {"type": "rule", "strokeWidth": 1.6},
                "encoding": {"x": x | {"field": "low"}, "x2": {"field": "high"}},
            },
            {
                "mark": {"type": "text", "align": "left", "dx": 5},
                "encoding": {
                    "x": x | {"field": "high"},
                    "text": {"field": "text", "type": "nominal"},
                },
            },
        ],
    }
