"""Separability against a linear program over all rows, and how it is told and recorded."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from scipy import sparse
from scipy.optimize import linprog

from lrlab.data import load_problem
from lrlab.optimum import Objective
from lrlab.optimum.background import compute_optima
from lrlab.optimum.record import Optima
from lrlab.optimum.separability import Separability, separation
from lrlab.spec import make_spec


def signed(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Rows s (x, 1)."""
    return np.where(y, 1.0, -1.0)[:, None] * np.column_stack([x, np.ones(len(x))])


def by_program(margins: np.ndarray) -> tuple[str, np.ndarray]:
    """Kind and rows inside, by maximizing sum u with u <= margins w, 0 <= u <= 1."""
    n, p = margins.shape
    found = linprog(
        np.r_[np.zeros(p), -np.ones(n)],
        A_ub=sparse.hstack([-margins, sparse.identity(n)]).tocsr(),
        b_ub=np.zeros(n),
        bounds=[(None, None)] * p + [(0, 1)] * n,
        method="highs",
    )
    inside = found.x[p:] < 0.5
    return "none" if inside.all() else "quasi" if inside.any() else "complete", inside


def table(kind: int, rng: np.random.Generator) -> np.ndarray:
    """Signed rows of a small table: normal, 0 and 1, one-hot twice, repeated, constant, odd."""
    n, p = rng.integers(4, 60), rng.integers(1, 7)
    normal = rng.normal(size=(n, p))
    x = (
        lambda: normal,
        lambda: rng.integers(0, 2, (n, p)) * 1.0,
        lambda: np.column_stack(
            [np.eye(4)[rng.integers(0, 4, n)], np.eye(p)[rng.integers(0, p, n)]]
        ),
        lambda: rng.integers(-2, 3, (n, p))[rng.integers(0, max(2, n // 3), n)] * 1.0,
        lambda: np.column_stack([normal, np.full(n, 3.7), np.zeros(n)]),
        lambda: np.column_stack([rng.standard_t(1, (n, p)), rng.random((n, 3)) < 0.08]),
        lambda: np.column_stack([normal * np.logspace(-3, 3, p), 1e4 + rng.normal(size=n)]),
    )[kind]()
    scale = np.where(x.std(0) > 1e-9, x.std(0), 1)
    score = (x - x.mean(0)) / scale @ rng.normal(size=x.shape[1])
    noise = rng.choice([0.0, 0.5, 5.0])
    y = score + noise * rng.logistic(size=n) > rng.choice([0.0, 1.5])
    if rng.random() < 0.3:  # a column that is only there in one class
        x = np.column_stack([x, y & (rng.random(n) < 0.2)])
    return signed(x, y)


@pytest.mark.parametrize("kind", range(7))
def test_what_is_proved_is_what_a_linear_program_over_all_rows_finds(kind: int) -> None:
    rng = np.random.default_rng(kind)
    for _ in range(40):
        margins = table(kind, rng)
        found, (program, inside) = separation(margins), by_program(margins)
        assert found.kind == program
        assert (found.inside == inside).all()


def test_where_nothing_is_proved_programs_on_some_rows_find_what_one_on_all_finds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("lrlab.optimum.recession.STEPS", 0)
    rng = np.random.default_rng(1)
    for i in range(21):
        few = table(i % 7, rng)
        margins = few[rng.integers(0, len(few), 1500)] * rng.uniform(0.5, 2, (1500, 1))
        found, (program, inside) = separation(margins), by_program(margins)
        assert found.kind == program
        assert (found.inside == inside).all()


@pytest.mark.parametrize("noise", [0.0, 1.0])
def test_no_table_is_too_large_for_a_proof(noise: float) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60_000, 10))  # 600,000 numbers
    y = x @ rng.normal(size=10) + noise * rng.logistic(size=len(x)) > 0
    assert separation(signed(x, y)).kind == ("none" if noise else "complete")
    rare = y & (rng.random(len(x)) < 2e-4)
    found = separation(signed(np.column_stack([x, rare]), y)).told([f"x{i}" for i in range(11)])
    if noise:
        assert found == Separability("quasi-complete", int(rare.sum()), len(x), ("x10",))


@pytest.mark.parametrize(
    ("points", "labels", "kind", "inside"),
    [
        ([-2, -1, 1, 2], [0, 0, 1, 1], "complete", [False] * 4),
        ([5, 6, 7, 8], [0, 0, 1, 1], "complete", [False] * 4),
        ([-2, 0, 0, 2], [0, 0, 1, 1], "quasi", [False, True, True, False]),
        ([-2, 1, -1, 2], [0, 0, 1, 1], "none", [True] * 4),
    ],
)
def test_separation_is_complete_quasi_or_none(
    points: list[float], labels: list[int], kind: str, inside: list[bool]
) -> None:
    found = separation(signed(np.array(points, dtype=float)[:, None], np.array(labels) == 1))
    assert found.kind == kind
    assert found.inside.tolist() == inside


def test_rows_that_can_be_fitted_are_counted_and_their_columns_named() -> None:
    rng = np.random.default_rng(0)
    x = np.column_stack([rng.normal(size=(4000, 5)), np.zeros((4000, 2))])
    y = rng.random(4000) < 0.4
    x[np.flatnonzero(y)[:20], 5] = 1  # two rare categories, each in one class only
    x[np.flatnonzero(~y)[:15], 6] = 1
    found = separation(signed(x, y)).told(["a", "b", "c", "d", "e", "rare", "other"])
    assert found.kind == "quasi-complete"
    assert (found.fitted, found.rows) == (35, 4000)
    assert set(found.columns) == {"rare", "other"}
    assert (found.more_columns, found.alone) == (0, "")


def test_of_many_columns_the_five_largest_are_named_and_the_others_counted() -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=(500, 8))
    y = x @ np.arange(1, 9) > 0
    found = separation(signed(x, y)).told("abcdefgh")
    assert (found.kind, found.fitted) == ("complete", 500)
    assert found.columns[:2] == ("h", "g")
    assert (len(found.columns), found.more_columns) == (5, 3)
    assert found.alone == ""


@pytest.mark.parametrize("sign", [1, -1])
def test_a_column_that_separates_the_classes_alone_is_named(sign: int) -> None:
    rng = np.random.default_rng(2)
    x = rng.normal(size=(300, 4))
    found = separation(signed(sign * x, x[:, 2] > 0)).told(["Lag1", "Lag2", "Today", "Volume"])
    assert found == Separability("complete", 300, 300, ("Today",), 0, "Today")


def test_overlapping_classes_fit_no_row_perfectly() -> None:
    rng = np.random.default_rng(3)
    found = separation(signed(rng.normal(size=(200, 3)), rng.random(200) < 0.5)).told("abc")
    assert found == Separability("overlap", 0, 200)


def test_a_proof_that_does_not_come_in_time_is_called_unknown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("lrlab.optimum.recession.STEPS", 0)
    monkeypatch.setattr("lrlab.optimum.recession.ROUNDS", 0)
    rng = np.random.default_rng(3)
    found = separation(signed(rng.normal(size=(200, 3)), rng.random(200) < 0.5))
    assert found.kind == "unknown"
    assert found.told("abc") == Separability("unknown", 0, 200)


def test_it_is_recorded_with_the_optima_and_early_records_are_read_without_it() -> None:
    problem = load_problem(make_spec({"name": "x", "data": {"noise": 0.1}}))
    x = problem.x_train.clone()
    x[:, 1] = problem.y_train * 2 - 1
    problem = replace(problem, x_train=x)
    found = compute_optima(problem, [Objective("bce_logits")], 10)
    name = problem.feature_names[1]
    assert found.separability == Separability("complete", len(x), len(x), (name,), 0, name)
    assert Optima.from_json(found.to_json()).separability == found.separability
    early = json.loads(found.to_json())
    del early["separability"]
    early["separation"] = "complete"  # as lrlab 0.1.0 wrote it
    read = Optima.from_json(json.dumps(early))
    assert read.separability is None
    assert compute_optima(problem, [Objective("bce_logits")], 10, read) == found
