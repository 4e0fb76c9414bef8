"""Importance in a process of its own is that of this process, and never in the way."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from lrlab import make_spec, search
from lrlab.report.analysis.importance import shares_of
from lrlab.sweep import forests
from support import tiny

NAMES = ["optimizer", "lr"]


def _rows(count: int = 40) -> list[dict[str, str | float]]:
    rng = np.random.default_rng(3)
    rows = []
    for i in range(count):
        lr, optimizer = float(10 ** rng.uniform(-3, 1)), ("sgd", "adam")[i % 2]
        value = float(np.log10(lr) ** 2 + (optimizer == "sgd") + rng.normal() / 9)
        rows.append({"value": value, "optimizer": optimizer, "loss": "bce", "lr": lr})
    return rows


def _considered(trials: int, monkeypatch: pytest.MonkeyPatch, cores: int = 2) -> Any:
    begun: list[int] = []
    monkeypatch.setattr(forests, "_cores", lambda: cores)
    spec = make_spec(tiny(search={"trials": trials, "batch": 8}))
    helper = forests.Forests(spec)
    for batch in search.batches(spec):
        monkeypatch.setattr(forests, "_started", lambda at=batch.start: begun.append(at) or "")
        helper.consider(batch)
    return begun


def test_the_process_gives_the_same_shares_to_the_last_bit() -> None:
    helper = forests.Forests(make_spec(tiny()))
    helper._process = forests._started()
    try:
        found = helper.shares(_rows(), NAMES, "minimize")
        assert helper._process is not None  # nothing was wrong with it
    finally:
        helper.close()
    assert found == shares_of(_rows(), NAMES, "minimize")


def test_a_process_that_fails_or_is_none_costs_nothing_but_time() -> None:
    helper = forests.Forests(make_spec(tiny()))
    expected = helper.shares(_rows(), NAMES, "minimize")
    pipes: Any = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    helper._process = subprocess.Popen([sys.executable, "-c", "print('no')"], **pipes)
    assert helper.shares(_rows(), NAMES, "minimize") == expected
    assert helper._process is None


def test_it_is_started_before_the_last_two_trial_batches_where_there_is_a_second_core(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert _considered(40, monkeypatch) == [24]
    assert _considered(24, monkeypatch) == [8]
    assert _considered(16, monkeypatch) == []  # importance is not told of fewer than 20 trials
    assert _considered(40, monkeypatch, cores=1) == []
