"""The report's page: one file that needs nothing else and asks nobody for anything."""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import numpy as np
import pandas as pd
from jinja2 import Environment, StrictUndefined

from lrlab.report.analysis.tables import minimizes
from lrlab.report.context import ReportContext
from lrlab.report.text.base_rate import base_rate
from lrlab.report.text.formats import number, percent
from lrlab.report.text.tables import (
    HEADINGS,
    SUMMARY,
    TITLES,
    steps_allowed,
    summary_note,
    top_title,
)
from lrlab.report.text.words import Words

TOP_RUNS = 20
METRICS = ("val_log_loss", "val_accuracy", "val_auc", "val_brier", "val_ece")
MOST_ROWS = 200


@dataclass(frozen=True)
class Picture:
    """A figure on the page.

    Args:
        name: File name without ending.
        title: Heading.
        caption: What to see in it.
        alt: What it shows, for those who cannot see it.
        png: The picture.
        size: Width and height on the page, in pixels.
    """

    name: str
    title: str
    caption: str
    alt: str
    png: bytes
    size: tuple[int, int]

    @property
    def source(self) -> str:
        """The picture as a data address."""
        return "data:image/png;base64," + base64.b64encode(self.png).decode("ascii")


@dataclass(frozen=True)
class Cell:
    """One cell of a table.

    Args:
        text: What is shown.
        key: What it sorts by: a number or a text; empty means last.
        link: Address, or None.
        hint: The full text where `text` is cut.
    """

    text: str
    key: str
    link: str | None = None
    hint: str | None = None


@dataclass(frozen=True)
class Column:
    """One column of a table.

    Args:
        title: Its heading.
        numeric: Whether it sorts by number, and is set flush right.
        sort: `ascending` or `descending` if the rows come sorted by it, else None.
    """

    title: str
    numeric: bool
    sort: str | None = None


@dataclass(frozen=True)
class Table:
    """A table of the page."""

    label: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]


def render_page(
    context: ReportContext,
    words: Words,
    tables: Mapping[str, pd.DataFrame],
    top: pd.DataFrame,
    pictures: list[Picture],
) -> str:
    """The whole page.

    Args:
        context: Title, spec and facts.
        words: The answer at the top.
        tables: Frames by name; those with a title in `TITLES` are shown.
        top: The runs to list, best first.
        pictures: Figures in the order shown.
    """
    # Autoescape covers every value; the style and script are the package's own files.
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    template = environment.from_string(_asset("template.html"))
    return template.render(
        context=context,
        words=words,
        allowed=steps_allowed(context.steps),
        headings=HEADINGS,
        summary_title=SUMMARY,
        summary_note=summary_note(
            context.objective, base_rate(context.baseline, context.objective)
        ),
        summary=summary_rows(tables["summary"], context.direction)
        if "summary" in tables
        else None,
        evidence=[
            (name, title, note, frame_rows(title, tables[name].head(MOST_ROWS)))
            for name, (title, note) in TITLES.items()
            if name in tables
        ],
        top=top_rows(top, context),
        top_title=top_title(len(top)),
        pictures=pictures,
        style=_asset("style.css"),
        script=_asset("sort.js"),
    )


def summary_rows(summary: pd.DataFrame, direction: str) -> Table:
    """The table optimizer x loss as it is shown."""
    order = "ascending" if minimizes(direction) else "descending"
    columns = (
        Column("optimizer", False),
        Column("loss", False),
        Column("runs", True),
        Column("best", True, order),
        Column("best lr", True),
        Column("median", True),
        Column("spread", True),
        Column("steps to threshold", True),
        Column("reached", True),
        Column("diverged", True),
    )
    rows = tuple(
        (
            _text(row["optimizer"]),
            _text(row["loss"]),
            _count(row["n_runs"]),
            _number(row["best"]),
            _number(row["best_lr"], pad=False),
            _number(row["median"]),
            _number(row["spread"]),
            _count(row["steps_to_threshold"]),
            _count(row["reached"]),
            Cell(percent(row["diverged"]), repr(float(row["diverged"]))),
        )
        for row in summary.to_dict("records")
    )
    return Table(SUMMARY, columns, rows)


def frame_rows(label: str, frame: pd.DataFrame) -> Table:
    """Any frame as it is shown."""
    numeric = [pd.api.types.is_numeric_dtype(frame[name]) for name in frame.columns]
    columns = tuple(
        Column(str(name).replace("_", " "), is_number)
        for name, is_number in zip(frame.columns, numeric, strict=True)
    )
    rows = tuple(
        tuple(
            _value(value) if is_number else _text(value)
            for value, is_number in zip(row, numeric, strict=True)
        )
        for row in frame.to_numpy(dtype=object)
    )
    return Table(label, columns, rows)


def top_rows(top: pd.DataFrame, context: ReportContext) -> Table:
    """The best trials as they are shown; a column is left out where it says nothing."""
    metrics = [
        name
        for name in dict.fromkeys((context.objective, *METRICS))
        if name in top.columns and top[name].notna().any()
    ]
    own = [name for name in map(str, top.columns) if "." in name and top[name].notna().any()]
    order = "ascending" if minimizes(context.direction) else "descending"
    columns = [Column("run", False), Column("trial", True)]
    columns += [Column("optimizer", False), Column("loss", False), Column("lr", True)]
    columns += [Column(name, True, None if i else order) for i, name in enumerate(metrics)]
    columns += [Column("steps", True), Column("outcome", False)]
    if own:
        columns.append(Column("hyperparameters", False))
    rows = tuple(
        _top_row(row, context.run_links or {}, metrics, own) for row in top.to_dict("records")
    )
    return Table("Best trials", tuple(columns), rows)


def _top_row(
    row: Mapping[Any, Any],
    links: Mapping[str, str | None],
    metrics: list[str],
    own: list[str],
) -> tuple[Cell, ...]:
    run_id = str(row["run_id"])
    cells = [Cell(run_id[-8:], run_id, safe_link(links.get(run_id)), run_id)]
    cells.append(_count(row["trial"]))
    cells += [_text(row["optimizer"]), _text(row["loss"]), _number(row["lr"], pad=False)]
    cells += [_number(row[name]) for name in metrics]
    cells += [_count(row.get("steps", math.nan)), _text(row["outcome"])]
    if own:
        given = [(name, float(row[name])) for name in own if not pd.isna(row[name])]
        # A line may break between two of them, not within one.
        cells.append(_text(", ".join(f"{name}\u00a0{number(v, pad=False)}" for name, v in given)))
    return tuple(cells)


def safe_link(address: str | None) -> str | None:
    """`address` if it is a web page's; a link must not run a script."""
    if address is not None and address.lower().startswith(("http://", "https://")):
        return address
    return None


def _text(value: object) -> Cell:
    return Cell(str(value), str(value))


def _number(value: float, *, pad: bool = True) -> Cell:
    value = float(value)
    return Cell(number(value, pad=pad), repr(value) if math.isfinite(value) else "")


def _value(value: Any) -> Cell:
    whole = isinstance(value, int | np.integer)
    return _count(value) if whole else _number(value, pad=False)


def _count(value: float) -> Cell:
    if math.isnan(float(value)):
        return Cell("–", "")
    return Cell(f"{int(value):,}", str(int(value)))


def _asset(name: str) -> str:
    return files("lrlab.report.render").joinpath(name).read_text(encoding="utf-8")
