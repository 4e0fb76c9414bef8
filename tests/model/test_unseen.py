"""Categories that training did not see are named, with their rows, and only so many of them."""

from __future__ import annotations

from typing import Any

import pandas as pd

from lrlab.model.unseen import Unseen

NUMBERS: dict[str, Any] = {
    "columns": [
        {"name": "age", "kind": "numeric"},
        {
            "name": "city",
            "kind": "categorical",
            "of": "text",
            "base": "Bonn",
            "fill": "Bonn",
            "categories": [{"category": "Oslo", "coefficient": 1.0}],
        },
    ],
    "cells": {"missing_markers": ["?"], "missing_numbers": []},
}


def told(*parts: list[Any]) -> str:
    unseen = Unseen(NUMBERS)
    for cities in parts:
        unseen.add(pd.DataFrame({"age": 1.0, "city": cities}))
    return unseen.told()


def test_a_category_is_named_with_its_column_and_rows_over_all_parts() -> None:
    assert told(["Bonn", "Rome", None], ["Oslo", "Rome", "?", "Kyiv"]) == (
        "categories that training did not see add nothing: 'city' 'Rome' (2 rows), "
        "'city' 'Kyiv' (1 row)"
    )


def test_nothing_is_said_where_training_saw_them_all() -> None:
    assert told(["Bonn", "Oslo", None, "?"]) == ""


def test_at_most_ten_are_named() -> None:
    text = told([f"town {i}" for i in range(1000)], ["town 0", "town 999"])
    assert text.count("town") == 10
    assert "'town 0' (2 rows)" in text
    assert text.endswith(", and others (991 rows)")
