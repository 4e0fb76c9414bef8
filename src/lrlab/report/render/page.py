"""The report's page: one file that needs nothing else and asks nobody for anything."""

from __future__ import annotations

import base64
import hashlib
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.resources import files

import pandas as pd
from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from lrlab.report.context import ReportContext
from lrlab.report.figures.figure import Figure
from lrlab.report.figures.style import THEMES, config
from lrlab.report.render.bundle import bundle
from lrlab.report.render.page_data import page_data
from lrlab.report.render.tables import Table, frame_rows, summary_rows, top_rows
from lrlab.report.text.base_rate import base_rate
from lrlab.report.text.page import LABELS
from lrlab.report.text.tables import (
    HEADINGS,
    SUMMARY,
    TITLES,
    note_of,
    steps_allowed,
    summary_note,
    top_title,
)
from lrlab.report.text.words import Words

TOP_RUNS = 20
MOST_ROWS = 200
MOST_CHOICES = 60  # optimizers, losses or sweeps that can be chosen on the page
SCRIPTS = ("page", "selection", "runs", "around", "nearest", "figures", "start")


@dataclass(frozen=True)
class Section:
    """A table of the page with its heading."""

    name: str
    title: str
    note: str
    table: Table


def render_page(
    context: ReportContext,
    words: Words,
    tables: Mapping[str, pd.DataFrame],
    top: pd.DataFrame,
    figures: Sequence[Figure],
) -> str:
    """The whole page.

    Args:
        context: Title, spec and facts.
        words: The answer at the top.
        tables: Frames by name; those with a title in `TITLES` are shown.
        top: The runs to list, best first.
        figures: In the order shown.
    """
    # Autoescape covers every value; what is marked as safe are the package's own files and JSON.
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    template = environment.from_string(_asset("template.html"))
    runs = tables.get("runs", pd.DataFrame())
    sections = _sections(context, tables)
    choices = _choices(runs, tables)
    data = page_data(
        runs,
        figures,
        objective=context.objective,
        methods=choices.get("optimizer", []),
        links=context.run_links or {},
        config={theme: config(theme) for theme in THEMES},
    )
    theme, style = _asset("scripts/theme.js"), _asset("style.css")
    scripts = [bundle()] if figures else []
    scripts.append(_joined(SCRIPTS))
    return template.render(
        context=context,
        words=words,
        allowed=steps_allowed(context.steps),
        headings=HEADINGS,
        labels=LABELS,
        summary=sections.pop("summary", None),
        sections=list(sections.values()),
        top=top_rows(top, runs, context),
        top_title=top_title(len(top)),
        figures=figures,
        choices=choices,
        brushed=", ".join(figure.title for figure in figures if _has_brush(figure)),
        names=shlex.join(choices.get("sweep", [context.title])),
        n_runs=len(runs),
        policy=policy([theme, *scripts], style),
        theme=Markup(theme),
        style=Markup(style),
        scripts=[Markup(script) for script in scripts],
        data=Markup(data),
    )


def policy(scripts: Iterable[str], style: str) -> str:
    """The page's Content-Security-Policy: these scripts and this style, and nothing from anywhere.

    Vega sets attributes `style` of what it draws; these run nothing and load nothing.
    """
    allowed = " ".join(f"'{_digest(script)}'" for script in scripts)
    return (
        f"default-src 'none'; script-src {allowed}; style-src-elem '{_digest(style)}'; "
        "style-src-attr 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
    )


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode()


def _sections(context: ReportContext, tables: Mapping[str, pd.DataFrame]) -> dict[str, Section]:
    """The tables that have rows, in the order of the page."""
    found = {}
    if not (summary := tables.get("summary", pd.DataFrame())).empty:
        note = summary_note(context.objective, base_rate(context.baseline, context.objective))
        shown = summary_rows(summary, context.direction, note)
        found["summary"] = Section("summary", SUMMARY, note, _counted(shown, "summary", summary))
    for name, (title, explained) in TITLES.items():
        if name in tables:
            shown = frame_rows(title, tables[name].head(MOST_ROWS), explained)
            note = note_of(name, [column.title for column in shown.columns])
            found[name] = Section(name, title, note, _counted(shown, name, tables[name]))
    return found


def _counted(table: Table, name: str, frame: pd.DataFrame) -> Table:
    return replace(table, file=f"{name}.csv", total=len(frame))


def _choices(runs: pd.DataFrame, tables: Mapping[str, pd.DataFrame]) -> dict[str, list[str]]:
    """What the runs can be chosen by: each column that has several values, and they are few.

    Optimizers and losses are in the order of the tables, which is that of the figures.
    """
    names = ("summary", "across_optimizers", "across_losses")
    ordered = [*(tables[name] for name in names if name in tables), runs]
    found = {}
    for name in ("sweep", "optimizer", "loss", "outcome"):
        table = next((table for table in ordered if name in table), None)
        values = [] if table is None else list(dict.fromkeys(map(str, table[name])))
        if name in runs:  # the tables of several sweeps have names that no run has
            own = list(dict.fromkeys(map(str, runs[name])))
            values = list(dict.fromkeys([*(v for v in values if v in own), *own]))
        if 1 < len(values) <= MOST_CHOICES:
            found[name] = values
    return found


def _has_brush(figure: Figure) -> bool:
    return any(param.get("name") == "brush" for param in figure.spec.get("params", ()))


def _joined(names: Iterable[str]) -> str:
    """The page's own scripts as one, whose names are nobody else's."""
    parts = "\n".join(_asset(f"scripts/{name}.js") for name in names)
    return f'(function () {{\n"use strict";\n{parts}}})();\n'


def _asset(name: str) -> str:
    return files("lrlab.report.render").joinpath(name).read_text(encoding="utf-8")
