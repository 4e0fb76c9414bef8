"""Splits of whatever rows: parts are apart and whole, or it is said what to set."""

from __future__ import annotations

import re
import warnings
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lrlab.data.rows.splits import Labelled, Parts, in_folds, in_three
from lrlab.errors import UserError


@st.composite
def rows(draw: st.DrawFn) -> Labelled:
    n = draw(st.integers(4, 60))
    some = st.integers(0, draw(st.integers(1, 40)))
    ones = draw(st.lists(st.booleans(), min_size=n, max_size=n))
    ones[:2] = [True, False]  # a target of one class is refused before
    kind = draw(st.sampled_from(["classes", "groups", "times"]))
    numbers = np.array(draw(st.lists(some, min_size=n, max_size=n)))
    more: dict[str, Any] = {} if kind == "classes" else {kind: numbers}
    return Labelled(np.array(ones, float), "t.csv", **more)


def check(rows: Labelled, parts: Parts) -> None:
    """No row is in two parts, each has both classes, and groups and times are whole."""
    named = [part for part in (parts.train, parts.val, parts.test) if len(part)]
    for part in named:
        assert 0 < rows.y[part].sum() < len(part)
        assert (np.diff(part) > 0).all()
    for one, other in combinations(named, 2):
        assert not np.isin(one, other).any()
        if rows.groups is not None:
            assert not np.isin(rows.groups[one], rows.groups[other]).any()
        if rows.times is not None:
            assert rows.times[one].max() < rows.times[other].min()


def said(error: UserError) -> str:
    message = str(error)
    assert message.isprintable()
    assert message.startswith("t.csv: ")
    assert len(message) < 500
    return message


@pytest.fixture(autouse=True)
def _nothing_that_scikit_learn_would_mutter() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


@settings(max_examples=150, deadline=None)
@given(
    rows(), st.sampled_from([0.01, 0.2, 0.5]), st.sampled_from([0, 0.1, 0.4]), st.integers(0, 9)
)
def test_three_parts_are_all_rows(rows: Labelled, val: float, test: float, seed: int) -> None:
    try:
        parts = in_three(rows, val, test, seed)
    except UserError as error:
        message = said(error)
        if instead := re.search(r"set data.folds: (\d+) in place of both", message):
            assert in_folds(rows, int(instead[1]), int(instead[1]), 0, seed)
        return
    check(rows, parts)
    assert len(parts.train) + len(parts.val) + len(parts.test) == len(rows.y)


@settings(max_examples=150, deadline=None)
@given(rows(), st.integers(2, 6), st.integers(1, 3), st.sampled_from([0, 0.2]), st.integers(0, 9))
def test_folds_hold_every_row_out_once_a_repeat(
    rows: Labelled, folds: int, repeats: int, test: float, seed: int
) -> None:
    try:
        every = in_folds(rows, folds, folds * repeats, test, seed)
    except UserError as error:
        message = said(error)
        if instead := re.search(r"set data.folds: (\d+), or", message):
            assert in_folds(rows, int(instead[1]), int(instead[1]), test, seed)
        return
    assert len(every) == folds * repeats
    for i, parts in enumerate(every):
        check(rows, parts)
        assert parts.test.tolist() == every[0].test.tolist()
        if i % folds == 0:
            seen = np.concatenate([each.val for each in every[i : i + folds]])
            assert len(seen) == len(set(seen.tolist()))
            if rows.times is None:
                rest = np.setdiff1d(np.arange(len(rows.y)), parts.test)
                assert sorted(seen) == rest.tolist()
