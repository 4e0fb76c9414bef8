"""Verdict and tables as a terminal shows them."""

from __future__ import annotations

import math
import shutil
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from lrlab.wording import printable

if TYPE_CHECKING:
    import pandas as pd

    from lrlab.data import Baseline

MOST_OF_A_CELL = 300  # characters
MOST_PAIRS = 10  # of optimizer and loss
WIDEST = 100  # columns of a text


def verdict_text(lines: Iterable[str]) -> str:
    """The verdict in brief, a line each; what is longer than the terminal goes on indented."""
    return "\n".join(
        textwrap.fill(line, _width(), subsequent_indent="  ", break_on_hyphens=False)
        for line in lines
    )


def wrapped(text: str) -> str:
    """Paragraphs, no wider than the terminal or 100 columns."""
    paragraphs = text.split("\n\n")
    return "\n\n".join(
        textwrap.fill(each, _width(), break_on_hyphens=False) for each in paragraphs
    )


def _width() -> int:
    return min(max(shutil.get_terminal_size().columns, 20), WIDEST)


def summary_text(summary: pd.DataFrame, objective: str, baseline: Baseline | None) -> str:
    """The head of the table optimizer x loss, for a terminal; the base rate is its last row."""
    own = [name for name in ("best_l2",) if name in summary]
    columns = ["optimizer", "loss", "n_runs", "best", "best_lr", *own, "median"]
    rows = [
        (*row[columns], f"{row['diverged']:.0%}") for _, row in summary.head(MOST_PAIRS).iterrows()
    ]
    none = ["-"] * (len(own) + 3)
    if baseline is not None and objective in baseline.metrics:
        rows.append(("base rate", "-", "-", baseline.metrics[objective], *none))
    at = [name.replace("best_", "at ") for name in ("best_lr", *own)]
    header = ("optimizer", "loss", "runs", f"best {objective}", *at, "median", "diverged")
    more = len(summary) - MOST_PAIRS
    rest = f"\n... and {more} more; the report has them all." if more > 0 else ""
    return table(header, rows) + rest


def settings_titles(names: Sequence[str]) -> list[str]:
    """Headings of l2 and of other settings, which share a column."""
    several = any(name != "l2" for name in names)
    return [name for name in ("l2",) if name in names] + ["hyperparameters"] * several


def settings_of(row: Mapping[Any, Any], names: Sequence[str]) -> list[Any]:
    """The cells below `settings_titles`: what a run has of these settings."""
    given = [
        f"{name} {cell(row[name])}" for name in names if name != "l2" and row[name] == row[name]
    ]
    cells = [row[name] for name in ("l2",) if name in names]
    return (
        [*cells, ", ".join(given) or None]
        if "hyperparameters" in settings_titles(names)
        else cells
    )


def table(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Columns aligned for a terminal: numbers right, text left."""
    cells = [[cell(value) for value in row] for row in rows]
    numeric = [
        all(_is_number(row[i]) for row in cells) and bool(cells) for i in range(len(header))
    ]
    widths = [max(len(line[i]) for line in [list(header), *cells]) for i in range(len(header))]
    lines = []
    for line in [list(header), *cells]:
        parts = [
            text.rjust(width) if right else text.ljust(width)
            for text, width, right in zip(line, widths, numeric, strict=True)
        ]
        lines.append("  ".join(parts).rstrip())
    return "\n".join(lines)


def cell(value: Any) -> str:
    """A value in a table: four significant digits, `-` for what is missing, nothing hidden."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "-"
    if isinstance(value, float):
        return f"{value:.4g}"
    return printable(value, MOST_OF_A_CELL)


def _is_number(text: str) -> bool:
    return text == "-" or text.replace(",", "").lstrip("-").replace(".", "", 1)[:1].isdigit()
