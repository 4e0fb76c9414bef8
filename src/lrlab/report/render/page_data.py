"""What the page's scripts are given: the runs once, the figures' specifications, their numbers."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from lrlab.report.analysis.tables import searched
from lrlab.report.context import safe_link
from lrlab.report.figures.figure import Figure
from lrlab.report.figures.style import Methods
from lrlab.report.render.tables import METRICS, printable
from lrlab.report.text.page import LABELS

MOST_NUMBERS = 200  # rows of a figure's table
DIGITS = 6  # significant; a pixel needs four
SHOWN_DIGITS = 8  # letters of a number or of a run's id in the table of runs
# Columns of the runs that come first in their table, by name.
FIRST = ("sweep", "id", "trial", "replicate", "optimizer", "loss", "lr")
LAST = ("steps", "l2")
SKIPPED = ("run", "run_id")


def page_data(
    runs: pd.DataFrame,
    figures: Sequence[Figure],
    *,
    objective: str,
    methods: Sequence[str],
    links: Mapping[str, str | None],
    config: Mapping[str, Any],
) -> str:
    """JSON that may stand within a page's script element.

    Args:
        runs: The runs frame, one row a run.
        figures: In the order of the page.
        objective: Name of the final metric by which runs are compared.
        methods: Optimizers, in the order of the figures' legends.
        links: Address of each run's page by run id.
        config: Vega-Lite configuration by theme.
    """
    shared = shared_runs(runs, figures, objective)
    fields = [name for name in shared.columns if name in _fields(figures)]
    data = {
        "labels": LABELS,
        "config": config,
        "runs": {
            "count": len(shared),
            "columns": {str(name): columnar(shared[name]) for name in shared.columns},
            "fields": fields,
            "shown": runs_columns(shared, objective),
        },
        "methods": _colours(methods),
        "links": shortened(links),
        "figures": [_figure(figure) for figure in figures],
    }
    text = json.dumps(data, allow_nan=False, separators=(",", ":"), default=str)
    # Within a script element only these could end it, or begin a comment.
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def shared_runs(runs: pd.DataFrame, figures: Sequence[Figure], objective: str) -> pd.DataFrame:
    """The figures' frame of runs with the further columns of the table of runs, in its order."""
    if runs.empty:
        return pd.DataFrame()
    drawn = next((f.datasets["runs"] for f in figures if "runs" in f.datasets), None)
    table = runs.rename(columns={"run_id": "id"}).reset_index(drop=True)
    own = [name for name in map(str, table.columns) if name == objective or _is_shown(name)]
    table = table[own].assign(run=range(len(table)))
    if drawn is None:
        return table
    more = [name for name in table.columns if name not in drawn.columns or name == "run"]
    return drawn.merge(table[more], on="run", how="right")


def _is_shown(name: str) -> bool:
    return name in (*FIRST, "outcome", *LAST, *METRICS) or "." in name


def _fields(figures: Sequence[Figure]) -> set[str]:
    return {str(c) for f in figures if "runs" in f.datasets for c in f.datasets["runs"].columns}


def runs_columns(runs: pd.DataFrame, objective: str) -> list[dict[str, Any]]:
    """The columns of the table of runs: those that say anything, the settings last."""
    names = [
        str(name) for name in runs.columns if name not in SKIPPED and runs[name].notna().any()
    ]
    order = (*FIRST, *searched(runs), objective, "outcome", *METRICS, *LAST)
    ranks = {name: i for i, name in reversed(list(enumerate(order)))}
    if "replicate" in names and runs["replicate"].nunique() == 1:
        names.remove("replicate")
    if "l2" in names and not (runs["l2"] != 0).any():
        names.remove("l2")
    names.sort(key=lambda name: ranks.get(name, len(ranks)))
    titles = ["run" if name == "id" else name for name in names]
    numeric = [pd.api.types.is_numeric_dtype(runs[name]) for name in names]
    letters = [
        SHOWN_DIGITS if is_number or name == "id" else int(runs[name].astype(str).str.len().max())
        for name, is_number in zip(names, numeric, strict=True)
    ]
    fits = printable(titles, letters)
    return [
        {"name": name, "title": title, "numeric": is_number, "printed": fit}
        for name, title, is_number, fit in zip(names, titles, numeric, fits, strict=True)
    ]


def columnar(values: pd.Series) -> dict[str, Any]:
    """A column as short as it can be: numbers with six digits, texts by their place in a list."""
    if pd.api.types.is_numeric_dtype(values):
        return {"values": [_number(value) for value in values.tolist()]}
    texts = [None if pd.isna(value) else str(value) for value in values]
    levels = list(dict.fromkeys(texts))
    if len(levels) > len(texts) / 2:
        return {"values": texts}
    places = {text: i for i, text in enumerate(levels)}
    return {"levels": levels, "codes": [places[text] for text in texts]}


def _number(value: Any) -> Any:
    if isinstance(value, bool | int):
        return value
    if not math.isfinite(value):
        return None
    if value.is_integer() and abs(value) < 1e15:
        return int(value)
    return float(f"{value:.{DIGITS}g}")


def shortened(links: Mapping[str, str | None]) -> dict[str, Any]:
    """Addresses of runs by id: those that are one beginning and the id are not repeated."""
    safe = {run: link for run, given in links.items() if (link := safe_link(given)) is not None}
    beginnings = Counter(link.removesuffix(run) for run, link in safe.items())
    prefix = beginnings.most_common(1)[0][0] if beginnings else ""
    other = {run: safe.get(run, "") for run in links if safe.get(run) != prefix + run}
    return {"prefix": prefix, "other": other}


def _colours(methods: Sequence[str]) -> list[dict[str, str]]:
    scale = Methods.of(methods).color()["scale"]
    pairs = zip(scale["domain"], scale["range"], strict=True)
    return [{"name": name, "colour": colour} for name, colour in pairs]


def _figure(figure: Figure) -> dict[str, Any]:
    return {
        "name": figure.name,
        "title": figure.title,
        "follows": figure.follows,
        "spec": figure.specification(),
        "variants": dict(figure.variants),
        "table": _numbers(figure.frame),
    }


def _numbers(frame: pd.DataFrame) -> dict[str, Any]:
    """The first rows of the numbers behind a figure, without its empty columns."""
    told = frame.dropna(axis=1, how="all")
    first = told.head(MOST_NUMBERS)
    columns = [
        {
            "title": str(name).replace("_", " "),
            "numeric": pd.api.types.is_numeric_dtype(told[name])
            and not pd.api.types.is_bool_dtype(told[name]),
        }
        for name in told.columns
    ]
    cells = [_cells(first[name]) for name in first.columns]
    rows = [list(row) for row in zip(*cells, strict=True)]
    return {"columns": columns, "rows": rows, "total": len(told)}


def _cells(values: pd.Series) -> list[Any]:
    if pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values):
        return [_number(value) for value in values.tolist()]
    return [None if value is None or value != value else str(value) for value in values]
