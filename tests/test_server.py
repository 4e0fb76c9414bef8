"""A real MLflow server: a sweep through HTTP, and the UI in a real browser."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

import lrlab
from lrlab.report.inputs import charts_path
from lrlab.sweep import run_sweep
from lrlab.track import connect, find_sweep
from support import Finished, free_port, tiny, ui_on

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync"]


@pytest.fixture(scope="module")
def server(finished: Finished) -> Iterator[str]:
    """`lrlab ui` on the finished sweep's store."""
    with ui_on(finished.uri, finished.folder) as (url, process):
        yield url
    assert process.returncode == 0
    with pytest.raises(requests.ConnectionError):
        requests.get(f"{url}/health", timeout=5)


def test_a_sweep_through_http_gives_the_numbers_of_a_local_one(server: str, workdir: Path) -> None:
    spec = lrlab.make_spec(tiny(name="over-http", search={"trials": 6}))
    run_sweep(spec)
    run_sweep(spec, tracking_uri=server)
    local = lrlab.load_runs("over-http").drop(columns="run_id")
    remote = lrlab.load_runs("over-http", server).drop(columns="run_id")
    assert remote.equals(local)
    assert len(lrlab.load_curves("over-http", server)) == len(lrlab.load_curves("over-http"))


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium (Debian: apt-get install chromium)")
def test_the_ui_opens_on_the_sweeps_curves(server: str, finished: Finished) -> None:
    from playwright.sync_api import sync_playwright

    info = find_sweep(connect(finished.uri), finished.run_id)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page(viewport={"width": 1600, "height": 1200})
        page.goto(f"{server}/{charts_path(info)}")
        page.get_by_text("16 matching runs").wait_for(timeout=60_000)
        page.get_by_text("val_log_loss").first.wait_for(timeout=60_000)
        page.locator(".js-plotly-plot").first.wait_for(timeout=60_000)
        names = page.locator("a", has_text="lr=").all_inner_texts()
        page.goto(f"{server}/#/experiments/{info.experiment_id}/runs/{info.run_id}")
        page.get_by_text("Child runs", exact=True).wait_for(timeout=60_000)
        page.get_by_text("16 runs").first.wait_for(timeout=60_000)
        browser.close()
    runs = lrlab.load_runs("tiny", finished.uri).dropna(subset="val_log_loss")
    best = runs.sort_values("val_log_loss").iloc[0]
    assert names[0].startswith(f"{best['trial']:04d} {best['optimizer']} {best['loss']}")


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium (Debian: apt-get install chromium)")
def test_the_report_opens_from_the_parent_run(server: str, finished: Finished) -> None:
    from playwright.sync_api import sync_playwright

    info = find_sweep(connect(finished.uri), finished.run_id)
    runs = f"{server}/#/experiments/{info.experiment_id}/runs/{info.run_id}"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page(viewport={"width": 1600, "height": 1200})
        page.goto(f"{runs}/artifacts/report/report.html")
        frame = page.frame_locator("iframe")
        frame.get_by_role("heading", level=1).wait_for(timeout=60_000)
        assert "tiny" in frame.get_by_role("heading", level=1).inner_text()
        browser.close()


def test_the_server_stops_waiting_clients_get_a_clear_message(workdir: Path) -> None:
    with pytest.raises(lrlab.LrlabError, match="does not answer"):
        run_sweep(lrlab.make_spec(tiny()), tracking_uri=f"http://127.0.0.1:{free_port()}")
