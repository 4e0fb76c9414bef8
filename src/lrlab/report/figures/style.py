"""How figures look: ink, grid and fonts of both themes, and what a method looks like in all."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

# Each has a contrast of 3 or more to white and to the dark paper (WCAG 2.2, 1.4.11).
COLORS = (
    "#2f7fd1",
    "#dd5f16",
    "#12935f",
    "#c2479f",
    "#b07d00",
    "#1a95b8",
    "#9a5f3c",
    "#7d6be0",
    "#7b8087",
    "#7c8a1a",
    "#dc4a5c",
    "#0f8b8d",
)
SHAPES = (
    "circle",
    "square",
    "triangle-up",
    "diamond",
    "triangle-down",
    "M0,-1L0.29,-0.4L0.95,-0.31L0.48,0.15L0.59,0.81L0,0.5L-0.59,0.81L-0.48,0.15L-0.95,-0.31L-0.29,-0.4Z",
    "triangle-right",
    "M-1,-0.45H1V0.45H-1Z",
    "triangle-left",
    "M-0.87,-0.5L0,-1L0.87,-0.5L0.87,0.5L0,1L-0.87,0.5Z",
    "cross",
    "M-0.45,-1H0.45V1H-0.45Z",
)  # fmt: skip
DASHES = (
    [1, 0],
    [6, 3],
    [2, 2],
    [9, 3, 2, 3],
    [12, 4],
    [4, 2, 1, 2],
    [1, 4],
    [8, 2, 2, 2, 2, 2],
    [3, 6],
    [12, 2, 4, 2],
    [6, 2, 6, 6],
    [2, 2, 2, 6],
)
DASHED = 1100  # size of a line in a legend: long enough for each dash to be told
CROSS = "M-1,-1L1,1M1,-1L-1,1"  # runs that diverged
BEYOND_TOP = "M-1,0.5L0,-0.7L1,0.5"  # values beyond the axis, by the edge that they are past
BEYOND_BOTTOM = "M-1,-0.5L0,0.7L1,-0.5"
CLASSES = ("#dd5f16", "#2f7fd1")  # class 0 and class 1
MUTED = "#7b8087"  # lines that are no method: readable on both papers
FADED = 0.08  # opacity of what is not chosen
# The page's `selected` lists the optimizers, the losses and the pairs that still have a run. What
# a mark is follows from its fields: "adam", "\nhinge" (a loss) or "adam\nhinge" (a pair).
SELECTED = (
    "length(selected) == 0 || indexof(selected, (isValid(datum.optimizer) ? datum.optimizer : '')"
    " + (isValid(datum.loss) ? '\\n' + datum.loss : '')) >= 0"
)
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"

THEMES = {
    "light": {"paper": "#ffffff", "ink": "#24292f", "soft": "#57606a", "grid": "#eaecef"},
    "dark": {"paper": "#15181c", "ink": "#e6e8ea", "soft": "#a5adb6", "grid": "#2a2f36"},
}


def config(theme: str) -> dict[str, Any]:
    """Paper, ink, grid and fonts of every figure, as a Vega-Lite configuration.

    Args:
        theme: `light` or `dark`.
    """
    look = THEMES[theme]
    ink, soft, grid = look["ink"], look["soft"], look["grid"]
    return {
        "background": look["paper"],
        "font": FONT,
        "padding": 4,
        "view": {"stroke": None},
        "axis": {
            "labelColor": soft,
            "titleColor": soft,
            "titleFontWeight": "normal",
            "titleFontSize": 12,
            "labelFontSize": 11,
            "gridColor": grid,
            "domainColor": grid,
            "tickColor": grid,
            "tickSize": 4,
            "labelPadding": 4,
            "titlePadding": 8,
            "labelLimit": 150,
            "labelOverlap": "greedy",
            "labelSeparation": 5,
        },
        "legend": {
            "labelColor": ink,
            "titleColor": soft,
            "titleFontWeight": "normal",
            "titleFontSize": 11,
            "labelFontSize": 12,
            "labelLimit": 150,
            "symbolLimit": 0,
            "symbolSize": 90,
            "orient": "top",
            "direction": "horizontal",
            "columns": 5,
            "columnPadding": 16,
        },
        "title": {
            "color": ink,
            "anchor": "start",
            "fontSize": 12.5,
            "fontWeight": 600,
            "offset": 6,
            "limit": 260,
            "subtitleColor": soft,
        },
        "header": {"labelColor": ink, "titleColor": soft},
        "text": {"color": ink, "fontSize": 11},
        "rule": {"color": soft},
        "line": {"color": ink},
        "style": {"halo": {"stroke": look["paper"], "strokeWidth": 3, "strokeJoin": "round"}},
        "range": {"category": list(COLORS), "heatmap": ["#d7e8f8", "#2f7fd1", "#0b3f78"]},
    }


@dataclass(frozen=True)
class Methods:
    """The optimizers of a sweep, in one order and one look for every figure.

    Args:
        names: In the order of merit, as legends have them.
    """

    names: tuple[str, ...]

    @classmethod
    def of(cls, names: Iterable[str]) -> Methods:
        """Each name once, in the order given."""
        return cls(tuple(dict.fromkeys(map(str, names))))

    def color(self) -> dict[str, Any]:
        """The channel `color`; its range goes by the alphabet, so no order of merit changes it."""
        return self._channel(COLORS)

    def shape(self) -> dict[str, Any]:
        """The channel `shape`, with the legend of the channel `color`."""
        return self._channel(SHAPES)

    def dash(self) -> dict[str, Any]:
        """The channel `strokeDash`, with the legend of the channel `color`."""
        legend = {"symbolType": "stroke", "symbolSize": DASHED, "symbolStrokeWidth": 2}
        return self._channel(DASHES) | {"legend": legend}

    def chosen(self) -> dict[str, Any]:
        """The test that a mark belongs to a method that is not switched off."""
        # The page sets `faded` of runs that a figure's own brush leaves out.
        return {"and": [{"param": "methods"}, "!datum.faded", SELECTED]}

    def shown(self, opacity: float) -> dict[str, Any]:
        """The channel `opacity`: that of a method which is switched off is low."""
        return {"condition": {"test": self.chosen(), "value": opacity}, "value": FADED}

    def params(self, views: list[str], *, brush: tuple[str, ...] = ()) -> list[dict[str, Any]]:
        """The legend that switches methods, the page's `selected`, and a brush over channels.

        Args:
            views: Names of the layers that they are of, one a view.
            brush: Channels along which runs are chosen; none for a figure without a brush.
        """
        found: list[dict[str, Any]] = [{"name": "selected", "value": []}]
        legend = {"type": "point", "fields": ["optimizer"], "toggle": "true"}
        found.append({"name": "methods", "select": legend, "bind": "legend", "views": views})
        if brush:
            select = {"type": "interval", "encodings": list(brush)}
            found.append({"name": "brush", "select": select, "views": views})
        return found

    def _channel(self, looks: tuple[Any, ...]) -> dict[str, Any]:
        return {
            "field": "optimizer",
            "type": "nominal",
            "title": None,
            "scale": {
                "domain": list(self.names),
                "range": [looks[i] for i in self._places(looks)],
            },
        }

    def _places(self, looks: tuple[Any, ...]) -> list[int]:
        """Which look each has; beyond twelve, colors come again with another shape."""
        rank = {name: i for i, name in enumerate(sorted(self.names))}
        shift = 0 if looks is COLORS else 1
        turns = [(rank[name], shift * (rank[name] // len(COLORS))) for name in self.names]
        return [(place + turn) % len(looks) for place, turn in turns]
