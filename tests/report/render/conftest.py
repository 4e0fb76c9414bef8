"""A browser, and a page of sixty made-up runs in it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from typing import Any

import pytest

from lrlab.report import build_report


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


@pytest.fixture(scope="session")
def live(sweep: Any, context_of: Any) -> str:
    """The page of the session's sweep, with an address for every run."""
    runs, curves = sweep
    links = {run: f"http://localhost:5000/#/runs/{run}" for run in runs["run_id"]}
    return build_report(runs, curves, context_of(run_links=links)).html
