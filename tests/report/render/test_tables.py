"""Headings of tables, and what the notes below say of them."""

from __future__ import annotations

import re

import pandas as pd
import pytest

from lrlab.report.render.tables import frame_rows
from lrlab.report.text.tables import COLUMN_TITLES, TITLES, column_title, note_of


def test_a_heading_is_in_words_but_metrics_and_hyperparameters_keep_their_names() -> None:
    names = ["lr_width", "how", "detail", "spread", "random_trials", "val_log_loss", "adam.beta_1"]
    assert [column_title(name) for name in names] == [
        "lr width",
        "outcome",
        "what happened",
        "interquartile range",
        "trials drawn at random",
        "val_log_loss",
        "adam.beta_1",
    ]
    frame = pd.DataFrame({name: [1.0] for name in names})
    shown = frame_rows("some", frame)
    assert [column.title for column in shown.columns] == [column_title(name) for name in names]


@pytest.mark.parametrize("name", TITLES)
def test_a_note_spells_columns_as_the_headings_do(name: str) -> None:
    note = TITLES[name][1]
    assert not re.search(r"\b[a-z]+_[a-z_]+\b", note.replace("val_log_loss", ""))
    replaced = [old for old, new in COLUMN_TITLES.items() if old not in new]
    assert not [word for word in replaced if f"{word}:" in note or f"({word}" in note]


def test_a_note_says_nothing_of_a_column_that_is_not_shown() -> None:
    headings = ["column", "read as", "missing", "why"]
    assert "why: the reason" in note_of("columns", headings)
    assert "categories" not in note_of("columns", headings)
    assert note_of("columns", headings[:3]).endswith("missing: rows without a value.")
