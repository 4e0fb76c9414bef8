"""Tables as the page shows them: cells with what they sort by, and which columns are printed."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from lrlab.report.analysis.tables import minimizes, searched
from lrlab.report.context import ReportContext, safe_link
from lrlab.report.text.formats import number, percent
from lrlab.report.text.tables import SUMMARY, column_title

METRICS = ("val_log_loss", "val_accuracy", "val_auc", "val_brier", "val_ece")
KEYS = 3  # columns that say what a row is
PAPER = 660  # pixels that a table has on A4
LETTER, GAP, MOST_LETTERS = 5.6, 10, 22  # pixels of a printed letter and between columns


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
        printed: Whether paper has room for it.
    """

    title: str
    numeric: bool
    sort: str | None = None
    printed: bool = True

    @property
    def kind(self) -> str:
        """Its classes in the page's style."""
        return ("number" if self.numeric else "text") + ("" if self.printed else " screen")


@dataclass(frozen=True)
class Table:
    """A table of the page.

    Args:
        label: What it is called.
        columns: Without those that are empty.
        rows: Those on the page.
        file: Where all rows are.
        total: How many those are.
    """

    label: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    file: str = ""
    total: int = 0

    @property
    def not_printed(self) -> str:
        """Titles of the columns that paper has no room for."""
        return ", ".join(column.title for column in self.columns if not column.printed)


def fitted(
    label: str, columns: Sequence[Column], rows: Sequence[tuple[Cell, ...]], note: str = ""
) -> Table:
    """A table without its empty columns; of a wide one only those that fit are printed.

    These are the first three, then those that the note below it explains, then the others.
    """
    if rows:
        kept = [
            i for i in range(len(columns)) if any(row[i].text not in ("", "–") for row in rows)
        ]
        columns = [columns[i] for i in kept]
        rows = [tuple(row[i] for i in kept) for row in rows]
    letters = [max((len(row[i].text) for row in rows), default=0) for i, _ in enumerate(columns)]
    titles = [column.title for column in columns]
    ranks = [0 if i < KEYS else 1 if _is_explained(t, note) else 2 for i, t in enumerate(titles)]
    order = sorted(range(len(titles)), key=ranks.__getitem__)
    given = printable([titles[i] for i in order], [letters[i] for i in order])
    fits = [fit for _, fit in sorted(zip(order, given, strict=True))]
    shown = (replace(column, printed=fit) for column, fit in zip(columns, fits, strict=True))
    return Table(label, tuple(shown), tuple(rows))


def _is_explained(title: str, note: str) -> bool:
    """Whether a note says what a column is, as in `reached: runs that do`."""
    name = re.sub(r"\d+$", "k", title)  # expected best 10 is one of expected_best_k
    return re.search(rf"\b{re.escape(name)}\b[^;.]*:", note.replace("_", " ")) is not None


def printable(titles: Sequence[str], letters: Sequence[int]) -> list[bool]:
    """Which columns paper has room for: those that fit, from the first on.

    Args:
        titles: Headings, which break between words.
        letters: Of the longest cell of each column.
    """
    room, found = float(PAPER), []
    for title, longest in zip(titles, letters, strict=True):
        heading = max(map(len, title.split()), default=0)
        width = LETTER * min(max(longest, heading), MOST_LETTERS) + GAP
        found.append(width <= room)
        room -= width if found[-1] else 0
    return found


def summary_rows(summary: pd.DataFrame, direction: str, note: str = "") -> Table:
    """The table optimizer x loss as it is shown."""
    order = "ascending" if minimizes(direction) else "descending"
    own = (name.removeprefix("best_") for name in map(str, summary.columns))
    names = [name for name in own if name == "l2" or "." in name]
    columns = [
        Column("optimizer", False),
        Column("loss", False),
        Column("runs", True),
        Column("best", True, order),
        Column("best lr", True),
        *_settings_columns("best ", names),
        Column("median", True),
        Column(column_title("spread"), True),
        Column("steps to threshold", True),
        Column("reached", True),
        Column("diverged", True),
    ]
    rows = [
        (
            _text(row["optimizer"]),
            _text(row["loss"]),
            _count(row["n_runs"]),
            _number(row["best"]),
            _number(row["best_lr"], pad=False),
            *_settings(row, names, "best_"),
            _number(row["median"]),
            _number(row["spread"]),
            _count(row["steps_to_threshold"]),
            _count(row["reached"]),
            Cell(percent(row["diverged"]), repr(float(row["diverged"]))),
        )
        for row in summary.to_dict("records")
    ]
    return fitted(SUMMARY, columns, rows, note)


def frame_rows(label: str, frame: pd.DataFrame, note: str = "") -> Table:
    """Any frame as it is shown."""
    numeric = [pd.api.types.is_numeric_dtype(frame[name]) for name in frame.columns]
    columns = [
        Column(column_title(str(name)), is_number)
        for name, is_number in zip(frame.columns, numeric, strict=True)
    ]
    rows = [
        tuple(
            _value(value) if is_number else _text(value)
            for value, is_number in zip(row, numeric, strict=True)
        )
        for row in frame.to_numpy(dtype=object)
    ]
    return fitted(label, columns, rows, note)


def _settings_columns(prefix: str, names: Sequence[str]) -> list[Column]:
    """The columns of l2 and of hyperparameters, which are given by name in a single one."""
    found = [Column(f"{prefix}l2", True)] if "l2" in names else []
    if any(name != "l2" for name in names):
        found.append(Column("hyperparameters", False))
    return found


def _settings(row: Mapping[Any, Any], names: Sequence[str], prefix: str = "") -> list[Cell]:
    cells = [_number(row[f"{prefix}l2"], pad=False)] if "l2" in names else []
    if own := [name for name in names if name != "l2"]:
        given = [
            (name, float(row[prefix + name])) for name in own if not pd.isna(row[prefix + name])
        ]
        # A line may break between two of them, not within one.
        cells.append(_text(", ".join(f"{name}\u00a0{number(v, pad=False)}" for name, v in given)))
    return cells


def top_rows(top: pd.DataFrame, runs: pd.DataFrame, context: ReportContext) -> Table:
    """The best trials as they are shown; a column is left out where it says nothing.

    Args:
        top: Their runs, best first.
        runs: All runs, which show what was searched: that stands beside the learning rate.
        context: The objective, and the runs' addresses.
    """
    metrics = [
        name
        for name in dict.fromkeys((context.objective, *METRICS))
        if name in top.columns and top[name].notna().any()
    ]
    own = [name for name in searched(runs) if top[name].notna().any()]
    fixed = [
        name
        for name in map(str, top.columns)
        if "." in name and name not in own and top[name].notna().any()
    ]
    order = "ascending" if minimizes(context.direction) else "descending"
    columns = [Column("run", False), Column("trial", True)]
    columns += [Column("optimizer", False), Column("loss", False), Column("lr", True)]
    columns += _settings_columns("", own)
    columns += [Column(name, True, None if i else order) for i, name in enumerate(metrics)]
    columns += [Column("steps", True), Column("outcome", False)]
    if fixed:
        columns.append(Column("not searched" if own else "hyperparameters", False))
    links = context.run_links or {}
    rows = [_top_row(row, links, metrics, own, fixed) for row in top.to_dict("records")]
    return fitted("Best trials", columns, rows)


def _top_row(
    row: Mapping[Any, Any],
    links: Mapping[str, str | None],
    metrics: list[str],
    own: list[str],
    fixed: list[str],
) -> tuple[Cell, ...]:
    run_id = str(row["run_id"])
    cells = [Cell(run_id[-8:], run_id, safe_link(links.get(run_id)), run_id)]
    cells.append(_count(row["trial"]))
    cells += [_text(row["optimizer"]), _text(row["loss"]), _number(row["lr"], pad=False)]
    cells += _settings(row, own)
    cells += [_number(row[name]) for name in metrics]
    cells += [_count(row.get("steps", math.nan)), _text(row["outcome"])]
    cells += _settings(row, fixed)
    return tuple(cells)


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
