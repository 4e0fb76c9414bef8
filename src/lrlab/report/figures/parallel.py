"""The figure `parallel`: runs as lines from setting to setting and to the objective."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pandas as pd

from lrlab.report.analysis import evidence
from lrlab.report.figures.axes import Axis
from lrlab.report.figures.figure import Figure
from lrlab.report.figures.layers import ALONE, Layer, small_multiples
from lrlab.report.figures.records import datum, field
from lrlab.report.figures.scene import NAMED, RUNS, Scene
from lrlab.report.figures.style import BEYOND_BOTTOM, BEYOND_TOP
from lrlab.report.text import captions
from lrlab.report.text.formats import number, shorten

LOG_RATIO = 30.0  # of a setting's values, above which its axis is logarithmic
ROOM = 90  # pixels an axis, below which its name stands aslant
NONE = -0.12  # the place of runs without the setting, beside its axis
MOST_AXES = 10
MOST_NAMES = 14  # that an axis tells


@dataclass(frozen=True)
class Rail:
    """One axis: a column with the places of its values from 0 to 1.

    Args:
        name: The column.
        axis: Of numbers; None of names.
        names: Of names, from below.
        gaps: Whether some run has no value.
    """

    name: str
    axis: Axis | None
    names: tuple[str, ...]
    gaps: bool

    @classmethod
    def of(cls, column: pd.Series, *, whole: bool = True) -> Rail:
        """The axis for such values.

        Args:
            column: One value a run.
            whole: Whether outliers are in view.
        """
        name, gaps = str(column.name), bool(column.isna().any())
        if not pd.api.types.is_numeric_dtype(column):
            names = tuple(sorted(column.dropna().astype(str).unique(), reverse=True))
            return cls(name, None, names, gaps)
        values = column.dropna().astype(float)
        wide = values.min() > 0 and values.max() / values.min() > LOG_RATIO
        log = bool(wide or (values.min() == 0 and values.max() > 0))
        return cls(name, Axis.of(values, log=log, whole=whole), (), gaps)

    def place(self) -> str:
        """Where a run stands, as a Vega expression."""
        value = datum(self.name)
        if self.axis is None:
            where = f"(indexof({json.dumps(self.names)}, {value}) + 0.5) / {len(self.names)}"
        else:
            where = self.axis.place(value)
        return f"isValid({value}) ? {where} : {NONE}"

    def marks(self) -> list[tuple[float, str]]:
        """What is written along it, each with its place."""
        if self.axis is not None:
            values = self.axis.marks()
            written = [number(value, 3, pad=False) for value in values]
            found = list(zip(self.axis.places(values).tolist(), written, strict=True))
        else:
            count, every = len(self.names), -(-len(self.names) // MOST_NAMES)
            names = enumerate(self.names)
            found = [((i + 0.5) / count, shorten(name, 14)) for i, name in names][::every]
        return [*found, (NONE, "none")] if self.gaps else found

    def described(self) -> dict[str, Any]:
        """For the page, which finds the runs under a brush: how places follow from values."""
        if self.axis is None:
            return {"field": self.name, "names": list(self.names), "none": NONE}
        axis = self.axis
        numbers = {"low": axis.low, "high": axis.high, "smallest": axis.smallest}
        return {"field": self.name, "kind": axis.kind, "none": NONE, **numbers}


def parallel(scene: Scene) -> Iterator[Figure]:
    """Runs that have an objective, the best ones strongest."""
    context, runs = scene.context, scene.found.runs
    table = evidence.parallel(runs, **context.aim)
    if len(table) < 2 or table.shape[1] < 3:
        return
    settings = [str(name) for name in table.columns[:-1]][: MOST_AXES - 1]
    table = table[[*settings, "value"]].rename(columns={"value": context.objective})
    rails = [Rail.of(table[name]) for name in settings]
    rails.append(Rail.of(table[context.objective], whole=False))
    last = rails[-1].axis
    beyond = (0, 0) if last is None else last.beyond(table[context.objective])
    folds = context.problem is not None and bool(context.problem.folds)
    caption = captions.parallel_caption(
        float(table.iloc[-1][context.objective]),
        context.objective,
        folds=folds,
        gaps=any(rail.gaps for rail in rails),
        highest=context.direction == "maximize",
    )
    rows = runs.index.get_indexer(table.index)
    frame = table.iloc[::-1]
    frame.insert(0, "run", runs["run_id"].iloc[rows[::-1]].str[-8:].to_numpy())
    frame.insert(1, "trial", runs["trial"].iloc[rows[::-1]].to_numpy())
    total = int(scene.runs[context.objective].notna().sum())
    few = None if len(table) == total else sorted(rows.tolist())
    yield scene.figure(
        "parallel",
        caption + captions.beyond_caption(*beyond) + captions.sample_caption(len(table), total),
        frame.reset_index(drop=True),
        _spec(scene, rails, few, beyond),
        follows="run",
    )


def _spec(
    scene: Scene, rails: list[Rail], few: list[int] | None, beyond: tuple[int, int]
) -> Layer:
    gaps = any(rail.gaps for rail in rails)
    x = _across([rail.name for rail in rails])
    scale = {"domain": [NONE - 0.05 if gaps else -0.06, 1.06], "nice": False, "zero": False}
    y = {"field": "place", "type": "quantitative", "axis": None, "scale": scale}
    layers = [_runs(scene, rails, few, x, y), *_axes(rails, x, y), *_beyond(beyond, rails, x, y)]
    params = scene.methods.params(["parallel"], brush=("x", "y"))
    meta = {"usermeta": {"axes": [rail.described() for rail in rails]}}
    return small_multiples({"": layers}, params, {}, ALONE) | meta


def _across(names: list[str]) -> Layer:
    narrow = f"width < {ROOM * len(names)}"
    shown = json.dumps([shorten(name, 18) for name in names])
    axis: Layer = {
        "values": list(range(len(names))),
        "labelExpr": f"{shown}[datum.value]",
        "labelAngle": {"expr": f"{narrow} ? -25 : 0"},
        "labelAlign": {"expr": f"{narrow} ? 'right' : 'center'"},
        "labelOverlap": False,
        "orient": "bottom",
        "title": None,
        "domain": False,
        "ticks": False,
        "grid": False,
    }
    scale = {"domain": [-0.1, len(names) - 0.6], "nice": False, "zero": False}
    return {"field": "axis", "type": "quantitative", "axis": axis, "scale": scale}


def _runs(scene: Scene, rails: list[Rail], few: list[int] | None, x: Layer, y: Layer) -> Layer:
    objective = scene.context.objective
    order = "descending" if scene.worse_is_up else "ascending"
    keys = [f"place_{i}" for i in range(len(rails))]
    places = [{"calculate": r.place(), "as": key} for r, key in zip(rails, keys, strict=True)]
    some = [{"filter": {"field": "run", "oneOf": few}}] if few is not None else []
    merit = {
        "window": [{"op": "percent_rank", "as": "merit"}],
        "sort": [{"field": field(objective), "order": order}],
        "frame": [None, None],
    }
    faded = {"test": {"not": scene.methods.chosen()}, "value": 0.02}
    strong = {"type": "pow", "exponent": 3, "domain": [0, 1]}
    return {
        "name": "parallel",
        "data": {"name": RUNS},
        "transform": [
            {"filter": f"isValid({datum(objective)})"},
            *some,
            NAMED,
            merit,
            *places,
            {"fold": keys, "as": ["key", "place"]},
            {"calculate": "toNumber(substring(datum.key, 6))", "as": "axis"},
        ],
        "mark": {"type": "line", "interpolate": "linear"},
        "encoding": {
            "x": x,
            "y": y,
            "detail": {"field": "run", "type": "nominal"},
            "color": scene.methods.color() | {"legend": {"symbolOpacity": 1}},
            "strokeOpacity": {
                "condition": faded,
                "field": "merit",
                "type": "quantitative",
                "scale": strong | {"range": [0.07, 0.95]},
                "legend": None,
            },
            "strokeWidth": {
                "field": "merit",
                "type": "quantitative",
                "scale": strong | {"exponent": 8, "range": [0.8, 2.2]},
                "legend": None,
            },
            "tooltip": scene.tooltip(),
        },
    }


def _axes(rails: list[Rail], x: Layer, y: Layer) -> list[Layer]:
    lines = [{"axis": i, "place": 0, "to": 1} for i in range(len(rails))]
    texts = [
        {"axis": i, "place": place, "text": text}
        for i, rail in enumerate(rails)
        for place, text in rail.marks()
    ]
    label: Layer = {"type": "text", "align": "left", "dx": 4, "fontSize": 10}
    named = {"x": x, "y": y, "text": {"field": "text", "type": "nominal"}}
    data = {"values": texts}
    return [
        {
            "data": {"values": lines},
            "mark": {"type": "rule", "opacity": 0.6},
            "encoding": {"x": x, "y": y, "y2": {"field": "to"}},
        },
        {"data": data, "mark": label | {"style": "halo"}, "encoding": named},
        {"data": data, "mark": label, "encoding": named},
    ]


def _beyond(beyond: tuple[int, int], rails: list[Rail], x: Layer, y: Layer) -> list[Layer]:
    """Arrows at the ends of the objective's axis past which some runs lie."""
    ends = ((0, -0.03, BEYOND_BOTTOM), (1, 1.03, BEYOND_TOP))
    return [
        {
            "data": {"values": [{"axis": len(rails) - 1, "place": place}]},
            "mark": {"type": "point", "shape": shape, "size": 50, "strokeWidth": 1.6},
            "encoding": {"x": x, "y": y, "color": {"value": "#7b8087"}},
        }
        for side, place, shape in ends
        if beyond[side]
    ]
