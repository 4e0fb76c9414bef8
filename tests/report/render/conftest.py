"""A browser, and a page of sixty made-up runs in it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from typing import Any

import pytest

from lrlab.report import ReportContext
from lrlab.report.analysis.findings import find
from lrlab.report.analysis.tables import rank_trials
from lrlab.report.figures.registry import make_figures
from lrlab.report.render.page import render_page


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    api = pytest.importorskip("playwright.sync_api")
    program = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chrome")
    with api.sync_playwright() as play:
        try:
            found = play.chromium.launch(executable_path=program, args=["--no-sandbox"])
        except api.Error as error:
            pytest.skip(f"no Chromium: {error.message.splitlines()[0]}")
        yield found
        found.close()


def page_of(runs: Any, curves: Any, context: ReportContext) -> str:
    """The page of a sweep, with the figures that are drawn by scripts."""
    found = find(runs, curves, context)
    top = rank_trials(runs, **context.aim).head(20)
    figures = make_figures(found, context)
    return render_page(context, found.verdict.words, found.tables(context), top, figures)


@pytest.fixture(scope="session")
def live(sweep: Any, context_of: Any) -> str:
    """The page of the session's sweep, with an address for every run."""
    runs, curves = sweep
    links = {run: f"http://localhost:5000/#/runs/{run}" for run in runs["run_id"]}
    return page_of(runs, curves, context_of(run_links=links))
