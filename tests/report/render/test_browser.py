"""The page in a browser: sorting, narrow screens, no network."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

pytestmark = pytest.mark.browser


@pytest.fixture
def requests() -> list[str]:
    return []


@pytest.fixture
def page(browser: Any, report: Any, tmp_path: Any, requests: list[str]) -> Iterator[Any]:
    path = tmp_path / "report.html"
    path.write_text(report.html, encoding="utf-8")
    with browser.new_page(viewport={"width": 390, "height": 800}) as found:
        found.on("request", lambda request: requests.append(request.url))
        found.goto(path.as_uri())
        yield found


def column(page: Any, index: int) -> list[str]:
    return page.locator(f"#summary tbody td:nth-child({index + 1})").all_inner_texts()


def test_a_click_on_a_heading_sorts_by_it_and_another_one_turns_the_order(page, report):
    heading = page.locator("#summary th", has_text="median")
    heading.locator("button").click()
    expected = [f"{x:#.4g}" for x in sorted(report.summary["median"])]
    assert column(page, 5) == expected
    assert heading.get_attribute("aria-sort") == "ascending"
    assert page.locator("#summary th[aria-sort]").count() == 1
    heading.locator("button").click()
    assert column(page, 5) == expected[::-1]
    assert heading.get_attribute("aria-sort") == "descending"


def test_the_keyboard_sorts_too_and_what_is_missing_stays_last(page):
    button = page.locator("#summary th", has_text="steps to threshold").locator("button")
    for _ in range(2):
        button.focus()
        page.keyboard.press("Enter")
        steps = column(page, 7)
        known = [text for text in steps if text != "–"]
        assert 0 < len(known) < len(steps)
        assert "–" not in steps[: len(known)]


def test_names_sort_by_the_alphabet(page, report):
    page.locator("#summary th", has_text="optimizer").locator("button").click()
    assert column(page, 0) == sorted(report.summary["optimizer"])


@pytest.mark.parametrize("width", [390, 1440])
def test_the_page_itself_never_scrolls_sideways(page, width):
    page.set_viewport_size({"width": width, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_page_asks_for_no_other_file(page, requests):
    assert [url for url in requests if not url.startswith("data:")] == [page.url]
