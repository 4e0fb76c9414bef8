"""Building a report from the two frames, and writing it to a folder."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from pathlib import Path

import pandas as pd

from lrlab.report.analysis.answer import VERDICT_FILE, Verdict
from lrlab.report.analysis.findings import Findings, find
from lrlab.report.analysis.tables import rank_trials
from lrlab.report.context import Named, Report, ReportContext
from lrlab.report.figures.figure import Figure
from lrlab.report.figures.pictures import render_png, render_svg
from lrlab.report.figures.registry import make_figures
from lrlab.report.files import write_files
from lrlab.report.render.markdown import render_markdown
from lrlab.report.render.page import TOP_RUNS, render_page
from lrlab.report.text.record import spoken, verdict_json
from lrlab.report.text.verdict import in_words
from lrlab.report.text.words import Words

FORMATS = ("html", "csv", "md", "parquet", "json", "png", "svg")
USUAL = ("html", "csv")


def build_report(runs: pd.DataFrame, curves: pd.DataFrame, context: ReportContext) -> Report:
    """The report of a sweep, finished or not.

    Args:
        runs: One row a run.
        curves: One row a run, step and metric.
        context: What else the page says.

    Returns:
        The page, the tables and the figures; what has no data is left out.

    Raises:
        UserError: If the objective is no column of `runs` or the direction is unknown.
    """
    return report_on(find(runs, curves, context), context)


def report_on(found: Findings, context: ReportContext) -> Report:
    """The report on what was found; arguments as `find` takes and gives them."""
    top = rank_trials(found.runs, **context.aim).head(TOP_RUNS)
    drawn = make_figures(found, context)
    words = in_words(found.verdict)
    return finished_report(context, words, found.tables(context), top, drawn, found.verdict)


def finished_report(
    context: ReportContext,
    words: Words,
    tables: dict[str, pd.DataFrame],
    top: pd.DataFrame,
    drawn: Sequence[Figure],
    verdict: Verdict | None = None,
) -> Report:
    """Render what was found as page and text.

    Args:
        context: Title and so on.
        words: The answer at the top.
        tables: Frames by name.
        top: The trials to list, best first.
        drawn: The figures.
        verdict: The same as an object, of a single sweep.
    """
    return Report(
        html=render_page(context, words, tables, top, drawn),
        markdown=render_markdown(context, words, tables, drawn),
        words=words,
        verdict=verdict,
        tables=Named(tables),
        figures=Named({figure.name: figure for figure in drawn}),
    )


def write_report(report: Report, folder: Path, formats: Collection[str] = USUAL) -> list[Path]:
    """Write a report's files; those of the same name are replaced.

    Args:
        report: A finished report.
        folder: Where to; made if it is not there.
        formats: Of `FORMATS`: html is the page, md its text with the figures as PNG files, csv,
            parquet and json the tables, png and svg the figures, a file each.

    Returns:
        The files that were written, and the verdict as JSON.
    """
    contents: dict[str, bytes] = {}
    if "html" in formats:
        contents["report.html"] = report.html.encode("utf-8")
    if "md" in formats:
        contents["report.md"] = report.markdown.encode("utf-8")
    if "csv" in formats:
        for name, table in report.tables.items():
            contents[f"{name}.csv"] = table.to_csv(index=False).encode("utf-8")
    if "parquet" in formats:
        for name, table in report.tables.items():
            contents[f"{name}.parquet"] = table.to_parquet(index=False)
    if "json" in formats:
        contents["report.json"] = _as_json(report).encode("utf-8")
    for name, figure in report.figures.items():
        if {"md", "png"} & set(formats):
            contents[f"{name}.png"] = render_png(figure)
        if "svg" in formats:
            contents[f"{name}.svg"] = render_svg(figure)
    if report.verdict is not None:
        contents[VERDICT_FILE] = verdict_json(report.verdict).encode("utf-8")
    return write_files(folder, contents)


def _as_json(report: Report) -> str:
    """Verdict and tables; NaN and infinity, which JSON lacks, become null."""
    tables = {
        name: json.loads(table.to_json(orient="records", double_precision=15))
        for name, table in report.tables.items()
    }
    verdict = spoken(report.words, report.verdict)
    return json.dumps({"verdict": verdict, "tables": tables}, indent=1, allow_nan=False)
