"""The report as Markdown: verdict, tables and figures as files beside it."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from lrlab.report.context import ReportContext
from lrlab.report.figures.figure import Figure
from lrlab.report.text.formats import number
from lrlab.report.text.tables import SUMMARY, TITLES, column_title, steps_allowed, summary_note
from lrlab.report.text.words import Words

MOST_ROWS = 40
# A mark that means something within a line; an underscore only at the edge of a word.
SPECIAL = re.compile(r"([\\`*\[\]<>|~]|\b_|_\b|^[-+#])")


def render_markdown(
    context: ReportContext,
    words: Words,
    tables: Mapping[str, pd.DataFrame],
    figures: Sequence[Figure],
) -> str:
    """The whole text.

    Args:
        context: Title and data.
        words: The answer at the top.
        tables: Frames by name; those with a title in `TITLES` are shown.
        figures: Figures, which are linked as `name.png`.
    """
    parts = [f"# {escape(context.title)}", escape(context.data)]
    parts += [escape(paragraph) for paragraph in words.paragraphs]
    counts = f"{words.counts} {steps_allowed(context.steps)}"
    parts += ["\n".join(f"- {escape(line)}" for line in (counts, *words.remarks))]
    shown = {"summary": (SUMMARY, summary_note(context.objective, "")), **TITLES}
    for name, (title, note) in shown.items():
        if name in tables:
            parts += [f"## {title}", _table(tables[name]), escape(note)]
    for figure in figures:
        parts += [
            f"## {escape(figure.title)}",
            f"![{escape(figure.title)}]({figure.name}.png)",
            escape(figure.caption),
        ]
    return "\n\n".join(parts) + "\n"


def escape(text: str) -> str:
    """`text` as it is, whatever characters it holds."""
    return SPECIAL.sub(r"\\\1", " ".join(text.split()))


def _table(frame: pd.DataFrame) -> str:
    rows = [[column_title(str(name)) for name in frame.columns], ["---"] * frame.shape[1]]
    rows += [
        [_cell(value) for value in row] for row in frame.head(MOST_ROWS).to_numpy(dtype=object)
    ]
    lines = [
        "| " + " | ".join(cell if i == 1 else escape(cell) for cell in row) + " |"
        for i, row in enumerate(rows)
    ]
    return "\n".join(lines)


def _cell(value: Any) -> str:
    if isinstance(value, float):
        whole = math.isfinite(value) and value == int(value) and abs(value) < 1e6
        return str(int(value)) if whole else number(value, pad=False)
    return str(value)
