"""Wording: messages stay short and cannot control a terminal."""

from __future__ import annotations

from lrlab.wording import printable, quoted, some


def test_what_controls_a_terminal_is_escaped() -> None:
    assert printable("a\x1b[31m\nb\u2028") == "a\\x1b[31m\\nb\\u2028"
    assert printable("Zürich 東京 color=red") == "Zürich 東京 color=red"
    assert quoted("it's \ud800") == "'it's \\ud800'"


def test_long_text_is_cut_and_long_lists_are_counted() -> None:
    assert printable("x" * 5000) == "x" * 57 + "..."
    assert some(range(3)) == "0, 1, 2"
    assert some(range(322)) == "0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 312 more"
    assert some([]) == ""
