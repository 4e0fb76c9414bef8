"""The figures in a browser: drawn under a strict policy, followed by hand, by key and on paper."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from lrlab.report import build_report

pytestmark = pytest.mark.browser

LR = "#figure-lr_sensitivity"
SCREEN = {"width": 1440, "height": 900}
EVIL = "</script><img src=x onerror=alert(1)>"


class Opened:
    """A page in the browser with what it complained of and asked for."""

    def __init__(self, context: Any, path: Path) -> None:
        self.page = context.new_page()
        self.problems: list[str] = []
        self.requests: list[str] = []
        self.page.on("console", lambda message: self.problems.append(message.text))
        self.page.on("pageerror", lambda error: self.problems.append(str(error)))
        self.page.on("dialog", lambda dialog: self.problems.append(dialog.message))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(path.as_uri())

    def draw(self, figure: str = LR) -> Any:
        """Scroll to a figure and wait until it is drawn; gives its box."""
        box = self.page.locator(f"{figure} .chart")
        box.scroll_into_view_if_needed()
        self.page.locator(f"{figure} .chart[data-drawn=true]").wait_for()
        self.settle()
        return box

    def settle(self) -> None:
        """Wait until the page has stopped scrolling, as that hides the tooltip."""
        self.page.evaluate(
            "new Promise(done => { let still = 0, last = -1; (function look() {"
            "still = scrollY === last ? still + 1 : 0; last = scrollY;"
            "still > 5 ? done() : requestAnimationFrame(look); })(); })"
        )

    def hover(self, mark: Any) -> None:
        """Move the mouse over a mark that is in view."""
        mark.scroll_into_view_if_needed()
        self.settle()
        mark.hover(force=True)

    @property
    def told(self) -> list[str]:
        """The lines of the tooltip, once there is one."""
        tooltip = self.page.locator("#tooltip")
        tooltip.wait_for()
        return str(tooltip.inner_text()).split("\n")

    def reset(self) -> None:
        """Select all runs again, at the top of the page."""
        clear = self.page.locator("#selected button")
        if clear.is_visible():
            clear.click()
        self.page.evaluate("window.scrollTo({top: 0, behavior: 'instant'})")
        self.page.mouse.move(0, 0)
        assert self.selected == ""

    @property
    def selected(self) -> str:
        """What the bar says, once all that was done is taken in."""
        self.page.evaluate("new Promise(done => setTimeout(done, 0))")
        self.page.locator("#selected:not([aria-busy=true])").wait_for(state="attached")
        return str(self.page.locator("#selected span").inner_text())

    @property
    def listed(self) -> int:
        """How many runs the table of runs has."""
        found = re.search(r"of ([\d,]+)$", self.page.locator("#all-runs .where").inner_text())
        return int(found[1].replace(",", "")) if found else 0

    @property
    def marks(self) -> int:
        """How many runs with an objective are drawn in the figure of the learning rate."""
        return int(self.page.locator(f"{LR} [class*=' lr_'][class*=_marks] path").count())


@pytest.fixture(scope="module")
def file(live: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(live, encoding="utf-8")
    return path


Open = Callable[..., Any]


@pytest.fixture(scope="module")
def usual(browser: Any, file: Path) -> Iterator[Opened]:
    """The page as most tests open it: loading it takes longer than what they do there."""
    with browser.new_context(viewport=SCREEN, reduced_motion="reduce") as context:
        yield Opened(context, file)


@pytest.fixture(scope="module")
def opened(browser: Any, file: Path, usual: Opened) -> Open:
    @contextmanager
    def call(path: Path = file, width: int = 1440, **settings: Any) -> Iterator[Opened]:
        if (path, width, settings) == (file, 1440, {}):
            yield usual
            usual.reset()
            return
        size = SCREEN | {"width": width}
        with browser.new_context(viewport=size, reduced_motion="reduce", **settings) as context:
            yield Opened(context, path)

    return call


def brush(view: Opened, low: float, high: float) -> None:
    """Drag over the first panel between two shares of its width."""
    plot = view.page.locator(f"{LR} .mark-group.role-scope path.background").first.bounding_box()
    mouse = view.page.mouse
    mouse.move(plot["x"] + low * plot["width"], plot["y"] + 2)
    mouse.down()
    mouse.move(plot["x"] + high * plot["width"], plot["y"] + plot["height"] - 2, steps=4)
    mouse.up()


def test_figures_are_drawn_from_a_file_without_a_complaint_or_a_request(opened, sweep, file):
    with opened() as view:
        view.draw()
        assert view.marks == sweep[0]["val_log_loss"].notna().sum()
        assert view.problems == []
        assert view.requests == [file.as_uri()]


def test_what_is_out_of_sight_is_not_drawn_yet(opened):
    with opened() as view:
        view.draw()
        assert view.page.locator("#figure-history .chart svg").count() == 0
        assert view.draw("#figure-history").locator("svg").count() == 1


def test_hovering_over_a_mark_names_the_run_and_its_settings(opened, sweep):
    runs = sweep[0]
    with opened() as view:
        view.draw()
        mark = view.page.locator(f"{LR} .mark-symbol.role-mark path").first
        view.hover(mark)
        told = view.told
        (run,) = runs[runs["run_id"] == told[told.index("run") + 1]].to_dict("records")
        assert told[told.index("trial") + 1] == str(run["trial"])
        assert told[told.index("optimizer") + 1] == run["optimizer"]
        assert told[told.index("loss") + 1] == run["loss"]
        assert math.isclose(float(told[told.index("lr") + 1]), run["lr"], rel_tol=1e-3)


def test_a_click_on_a_mark_opens_the_page_of_its_run(opened, sweep):
    with opened() as view:
        view.draw()
        view.page.context.route("http://localhost:5000/**", lambda route: route.fulfill(body=""))
        mark = view.page.locator(f"{LR} .mark-symbol.role-mark path").first
        view.hover(mark)
        told = view.told
        run = told[told.index("run") + 1]
        with view.page.context.expect_page() as found:
            mark.click(force=True)
        assert found.value.url.endswith(f"/#/runs/{run}")
        assert found.value.evaluate("window.opener") is None
        found.value.close()


def test_a_brush_selects_the_runs_below_it_in_every_figure_and_in_the_table(opened, sweep):
    runs = sweep[0]
    with opened() as view:
        view.draw()
        brush(view, 0.3, 0.6)
        text = view.selected
        count = view.listed
        assert text == f"{count} of {len(runs)} runs selected"
        assert 0 < count < len(runs)
        lr = listed_lr(view)
        inside = runs[runs["lr"].between(lr.min(), lr.max()) & (runs["outcome"] != "diverged")]
        assert len(inside) == count
        shown = opacities(view, f"{LR} [class*=' lr_'][class*=_marks] path")
        assert (shown.count("0.65"), shown.count("0.08")) == (count, view.marks - count)
        view.page.locator("#selected button").click()
        assert view.selected == ""
        assert view.listed == len(runs)
        assert view.marks == runs["val_log_loss"].notna().sum()
        assert view.problems == []


def listed_lr(view: Opened) -> pd.Series:
    heads = view.page.locator("#all-runs th").all_inner_texts()
    cells = view.page.locator(f"#all-runs td:nth-child({heads.index('lr') + 1})").all_inner_texts()
    return pd.Series([float(text.replace(",", "")) for text in cells])


@pytest.mark.parametrize("drift", [8, -4])  # across the axis, and straight along it
def test_a_brush_over_an_axis_of_the_parallel_coordinates_selects_by_it(opened, sweep, drift):
    runs = sweep[0]
    with opened() as view:
        view.draw("#figure-parallel")
        name = view.page.locator("#figure-parallel .mark-text text", has_text="hinge").last
        place = name.bounding_box()
        mouse = view.page.mouse
        mouse.move(place["x"] - (12 if drift > 0 else 4), place["y"] - 8)
        mouse.down()
        mouse.move(place["x"] + drift, place["y"] + place["height"] + 8, steps=4)
        mouse.up()
        assert len(view.page.context.pages) == 1
        expected = runs.query("loss == 'hinge'")
        assert view.selected == f"{len(expected)} of {len(runs)} runs selected"
        view.draw()
        assert view.marks == expected["val_log_loss"].notna().sum()


def test_near_a_line_of_the_parallel_coordinates_its_run_is_named(opened, sweep):
    with opened() as view:
        view.draw("#figure-parallel")
        line = view.page.locator("#figure-parallel .mark-line.role-mark path").last
        x, y = line.evaluate(
            "e => { const q = e.getPointAtLength(e.getTotalLength() * 0.4), m = e.getScreenCTM();"
            "return [q.x * m.a + m.e, q.y * m.d + m.f]; }"
        )
        view.page.mouse.move(x, y + 4)
        told = view.told
        assert told[told.index("run") + 1] in set(sweep[0]["run_id"])
        view.page.mouse.move(x, y - 400)
        assert not view.page.locator("#tooltip").is_visible()


def test_an_axis_can_be_linear_or_logarithmic(opened):
    with opened() as view:
        figure = "#figure-convergence_val_log_loss"
        view.draw(figure)
        labels = f"{figure} .role-axis-label text"
        before = view.page.locator(labels).all_text_contents()
        linear = view.page.locator(figure).get_by_role("button", name="Linear")
        linear.click()
        view.page.wait_for_function(
            "([selector, text]) => document.querySelector(selector)"
            " && [...document.querySelectorAll(selector)].map(e => e.textContent).join() !== text",
            arg=[labels, ",".join(before)],
        )
        assert linear.get_attribute("aria-pressed") == "true"


def test_the_same_selection_can_be_made_with_the_keyboard(opened, sweep):
    runs = sweep[0]
    with opened() as view:
        page = view.page
        page.locator("select[name=loss]").select_option("hinge")
        page.locator("select[name=outcome]").select_option("converged")
        page.get_by_label("Learning rate from").focus()
        page.keyboard.type("1e-2")
        page.get_by_role("button", name="adam", exact=True).focus()
        page.keyboard.press("Enter")
        expected = runs.query(
            "loss == 'hinge' and outcome == 'converged' and lr >= 0.01 and optimizer == 'adam'"
        )
        assert view.selected == f"{len(expected)} of {len(runs)} runs selected"
        assert view.listed == len(expected)
        view.draw()
        assert view.marks == len(expected)
        ids = page.locator("#all-runs tbody td:first-child").all_inner_texts()
        assert sorted(ids) == sorted(expected["run_id"].str[-8:])


def opacities(view: Opened, marks: str) -> list[str]:
    script = "all => all.map(e => getComputedStyle(e).opacity)"
    return list(view.page.locator(marks).evaluate_all(script))


def test_figures_of_methods_fade_the_losses_not_chosen_and_others_say_that_they_stay(opened):
    with opened() as view:
        page, cells = view.page, "#figure-heat_map .mark-rect.role-mark path"
        view.draw("#figure-convergence_train_objective")
        view.draw("#figure-heat_map")
        page.locator("select[name=loss]").select_option("hinge")
        assert view.selected
        view.draw("#figure-heat_map")
        shown = opacities(view, cells)
        assert 0 < shown.count("1") == shown.count("0.2")
        curves = "#figure-convergence_train_objective .mark-line[class*=curve_{}_] path"
        view.draw("#figure-convergence_train_objective")
        first, second = (set(opacities(view, curves.format(i))) for i in (0, 1))
        assert {*first, *second} == {"0.95", "0.08"}
        assert len(first) == len(second) == 1
        said = {
            part.get_attribute("id"): part.locator(".stays").inner_text()
            for part in page.locator("figure:has(.stays.shown)").all()
        }
        assert said == {
            "figure-tunability": "Of the selection, this figure follows the optimizers only.",
            "figure-importance": "This figure does not follow the selection.",
        }


def test_what_is_no_number_is_told_and_escape_clears_the_selection(opened, sweep):
    with opened() as view:
        page = view.page
        upper = page.get_by_label("to", exact=True)
        upper.fill("abc")
        assert view.selected == ""
        assert upper.get_attribute("aria-invalid") == "true"
        note = page.locator(f"#{upper.get_attribute('aria-describedby')}")
        assert note.inner_text().startswith("abc is not a number")
        upper.fill("1e-1")
        assert upper.get_attribute("aria-invalid") is None
        assert note.inner_text() == ""
        expected = int((sweep[0]["lr"] <= 0.1).sum())
        assert view.selected == f"{expected} of {len(sweep[0])} runs selected"
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent") == "Clear selection"
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent") == "Clear"
        page.keyboard.press("Escape")
        assert view.selected == upper.input_value() == ""
        assert view.listed == len(sweep[0])


def test_the_legend_of_a_figure_chooses_methods_everywhere(opened, sweep):
    runs = sweep[0]
    with opened() as view:
        view.draw()
        view.page.locator(f"{LR} .role-legend-label text", has_text="adam").first.click()
        own = runs[runs["optimizer"] == "adam"]
        assert view.selected == f"{len(own)} of {len(runs)} runs selected"
        chip = view.page.get_by_role("button", name="adam", exact=True)
        assert chip.get_attribute("aria-pressed") == "true"


def test_the_table_of_runs_sorts_and_turns_its_pages(opened, sweep):
    runs = sweep[0]
    with opened() as view:
        page = view.page
        assert page.locator("#all-runs tbody tr").count() == 50
        heading = page.locator("#all-runs th", has_text="lr").first
        heading.locator("button").click()
        assert heading.get_attribute("aria-sort") == "ascending"
        assert listed_lr(view).is_monotonic_increasing
        page.get_by_role("button", name="Next").click()
        assert page.locator("#all-runs tbody tr").count() == len(runs) - 50
        assert page.locator("#all-runs .where").inner_text() == "Runs 51 to 60 of 60"


def test_the_theme_is_the_systems_until_another_is_chosen_and_figures_follow(opened):
    with opened(color_scheme="dark") as view:
        page = view.page
        paper = "getComputedStyle(document.body).backgroundColor"
        ink = f"document.querySelector('{LR} .role-axis-label text').getAttribute('fill')"
        view.draw()
        assert page.evaluate(paper) == "rgb(21, 24, 28)"
        dark = page.evaluate(ink)
        page.get_by_text("Light", exact=True).click()
        view.draw()
        assert page.evaluate(paper) == "rgb(255, 255, 255)"
        page.wait_for_function(f"{ink} !== '{dark}'")
        page.reload()
        assert page.evaluate(paper) == "rgb(255, 255, 255)"
        assert page.get_by_label("Light", exact=True).is_checked()


@pytest.mark.parametrize("width", [390, 1440])
def test_no_figure_or_table_is_cut_without_a_hint(opened, width):
    with opened(width=width) as view:
        view.draw()
        assert view.page.evaluate("document.documentElement.scrollWidth") <= width
        boxes = view.page.locator(".scroll").evaluate_all(
            "all => all.filter(box => box.scrollWidth > box.clientWidth + 1)"
            ".map(box => [box.parentNode.classList.contains('more'), box.tabIndex])"
        )
        assert all(box == [True, 0] for box in boxes)
        drawn = view.page.locator(f"{LR} svg").bounding_box()
        assert drawn["x"] + drawn["width"] <= width


def test_the_contents_follow_the_scroll(opened):
    with opened() as view:
        current = view.page.locator("#contents a[aria-current]")
        assert current.inner_text() == "Verdict"
        view.page.locator("#runs").evaluate("part => part.scrollIntoView({behavior: 'instant'})")
        view.page.locator("#contents a[aria-current]", has_text="Best 20 trials").wait_for()
        assert current.count() == 1


def test_the_numbers_behind_a_figure_are_a_table(opened, sweep):
    with opened() as view:
        part = view.page.locator(f"{LR} details")
        assert part.locator("tr").count() == 0
        part.locator("summary").click()
        part.locator("tr").first.wait_for()
        assert part.locator("tbody tr").count() == len(sweep[0])


def test_on_paper_all_figures_are_drawn_light_and_none_is_cut_from_its_caption(opened, tmp_path):
    with opened(color_scheme="dark") as view:
        page = view.page
        pdf = page.pdf(format="A4", prefer_css_page_size=True)
        assert pdf.startswith(b"%PDF")
        page.emulate_media(media="print")
        page.set_viewport_size({"width": 665, "height": 1001})  # A4 without its margins
        page.wait_for_function(
            "document.querySelectorAll('.chart:not([data-drawn])').length === 0"
        )
        for figure in page.locator("figure").all():
            box, caption = figure.bounding_box(), figure.locator("figcaption")
            assert box["height"] < 1001
            assert caption.is_visible()
            assert figure.evaluate("part => getComputedStyle(part).breakInside") == "avoid"
            drawn = figure.locator("svg").bounding_box()
            assert drawn["width"] <= box["width"] + 1
        fills = page.locator(".role-axis-label text").first.get_attribute("fill")
        page.emulate_media(media="screen")
        view.draw()
        page.wait_for_function(
            f"document.querySelector('.role-axis-label text').getAttribute('fill') !== '{fills}'"
        )
        assert view.problems == []


def test_of_a_wide_table_paper_gets_what_fits_and_the_names_of_the_rest(opened):
    with opened() as view:
        note = view.page.locator("#optimizers .paper")
        assert not note.is_visible()
        view.page.emulate_media(media="print")
        assert note.is_visible()
        cut = view.page.locator("#optimizers th.screen").all_text_contents()
        assert note.inner_text().endswith(f"because the table is too wide: {', '.join(cut)}.")


def test_a_long_table_begins_with_twenty_rows_and_paper_gets_no_more(
    opened, tmp_path, sweep_of, context_of
):
    optimizers = tuple(f"o{i}" for i in range(6))
    runs, curves = sweep_of(200, optimizers, ("a", "b", "c", "d"), 2)
    path = tmp_path / "long.html"
    report = build_report(runs, curves, context_of())
    path.write_text(report.html, encoding="utf-8")
    total = len(report.summary)
    assert total > 20
    with opened(path) as view:
        rows = view.page.locator("#summary tbody tr:visible")
        assert rows.count() == 20
        view.page.get_by_role("button", name=f"Show all {total} rows here").click()
        assert rows.count() == total
        view.page.emulate_media(media="print")
        assert rows.count() == 20
        said = view.page.locator("#summary .paper").first.inner_text()
        assert said == f"The first 20 of {total} rows; summary.csv has them all."


def test_without_scripts_verdict_and_tables_are_there_and_it_is_said_what_figures_need(opened):
    with opened(java_script_enabled=False) as view:
        page = view.page
        assert "Best setting" in page.locator("#answer").inner_text()
        assert page.locator("#summary tbody tr").count() > 1
        assert page.locator("figcaption").first.is_visible()
        assert "The figures need scripts" in page.locator("#figures noscript").inner_text()
        assert "lrlab report 'a sweep' --format png" in page.locator("#figures").inner_text()
        for control in ("#filters", "#theme", "#all-runs", "details.numbers"):
            assert not page.locator(control).first.is_visible()


def test_in_the_sandbox_of_the_mlflow_page_figures_are_drawn_and_runs_named(browser, live):
    with browser.new_page(viewport={"width": 1200, "height": 900}) as outer:
        problems: list[str] = []
        outer.on("pageerror", lambda error: problems.append(str(error)))
        outer.set_content("<iframe sandbox='allow-scripts' width=1150 height=850></iframe>")
        outer.evaluate(
            "html => { const blob = new Blob([html], {type: 'text/html'});"
            "document.querySelector('iframe').src = URL.createObjectURL(blob); }",
            live,
        )
        frame = outer.frame_locator("iframe")
        frame.locator(".chart").first.scroll_into_view_if_needed()
        frame.locator(f"{LR} .chart[data-drawn=true]").wait_for()
        assert problems == []
        frame.locator(f"{LR} .mark-symbol.role-mark path").first.click(force=True)
        frame.locator("#blocked", has_text="http://localhost:5000/#/runs/run").wait_for()


def test_the_page_has_no_flaw_that_axe_knows(opened):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    with opened(width=390, bypass_csp=True) as view:
        for width in (390, 1440):
            view.page.set_viewport_size({"width": width, "height": 900})
            for theme in ("light", "dark"):
                view.page.emulate_media(color_scheme=theme)
                view.draw()
                view.page.wait_for_timeout(200)
                found = axe.run(view.page).response["violations"]
                assert [(each["id"], each["nodes"][0]["html"]) for each in found] == []


def test_names_that_hold_markup_do_nothing(opened, runs_of, context_of, tmp_path):
    rows = [(EVIL, EVIL, 10.0**i, 0.2 + 0.1 * i) for i in range(-2, 2)]
    runs = runs_of([*rows, ("sgd", "bce", 0.1, 0.3)], outcome=EVIL)
    runs[f"evil.{EVIL}"] = [0.1, 0.2, 0.3, 0.4, 0.5]
    path = tmp_path / "evil.html"
    none = pd.DataFrame(columns=["run_id", "step", "metric", "value"])
    links = {"run0": "javascript:alert(1)", "run1": f'http://x/"{EVIL}'}
    context = context_of(title=EVIL, data=EVIL, run_links=links, facts={EVIL: EVIL})
    path.write_text(build_report(runs, none, context).html, encoding="utf-8")
    with opened(path) as view:
        view.draw()
        view.page.locator(f"{LR} .mark-symbol.role-mark path").first.hover(force=True)
        assert EVIL in view.page.locator("#tooltip").inner_text()
        for part in view.page.locator("details.numbers").all():
            part.locator("summary").click()
        assert view.page.locator("img").count() == 0
        assert view.page.locator("a[href^=javascript]").count() == 0
        assert view.problems == []
