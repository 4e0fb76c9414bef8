"""With folds each has optima of its own: those of its own training rows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

from lrlab.data import Problem, load_problem
from lrlab.optimum import Objective, background
from lrlab.optimum.background import compute_optima
from lrlab.optimum.optima import Solver
from lrlab.optimum.record import Optima
from lrlab.report.analysis.converged import convergence_frame, gaps
from lrlab.spec import make_spec

L2 = (1e-3, 0.1)
WANTED = [Objective("bce_logits", (), l2) for l2 in L2]


@pytest.fixture(scope="module")
def problem() -> Problem:
    """Three folds, one with a column less."""
    data = {"sizes": [31, 29], "noise": 0.3, "features": 3}
    whole = load_problem(make_spec({"name": "x", "data": data, "train": {"dtype": "float64"}}))
    fold_of = torch.arange(60) % 3
    folds = []
    for fold in range(3):
        own, columns = fold_of != fold, slice(1 if fold == 1 else 0, None)
        x, y = whole.x_train[own, columns], whole.y_train[own]
        folds.append(replace(whole, x_train=x[fold:], y_train=y[fold:]))
    return replace(folds[0], folds=tuple(folds))


@pytest.fixture(scope="module")
def optima(problem: Problem) -> Optima:
    return compute_optima(problem, WANTED, 40)


def test_they_are_scikit_learn_s_on_the_rows_of_each_fold(
    problem: Problem, optima: Optima
) -> None:
    assert len(optima.folds) == 3
    assert optima.of(0).found == optima.found
    for replicate in range(6):
        own, found = problem.of(replicate), optima.of(replicate)
        x, y = own.x_train.numpy(), own.y_train.numpy()
        assert (found.n_rows, found.batch_rows) == (len(y), len(y))
        for objective in WANTED:
            model = LogisticRegression(C=1 / (objective.l2 * len(y)), tol=1e-10, max_iter=10_000)
            model.fit(x, y)
            value = log_loss(y, model.predict_proba(x)[:, 1])
            value += objective.l2 / 2 * float(np.sum(model.coef_**2))
            assert found.found[objective].value == pytest.approx(value, rel=1e-9)


def test_they_survive_their_text_and_are_not_looked_for_again(
    problem: Problem, optima: Optima, monkeypatch: pytest.MonkeyPatch
) -> None:
    again = Optima.from_json(optima.to_json())
    for replicate in range(3):
        values = {o: v.value for o, v in optima.of(replicate).found.items()}
        assert {o: v.value for o, v in again.of(replicate).found.items()} == values
        assert again.of(replicate).n_rows == optima.of(replicate).n_rows
    partly = replace(again.folds[1], found={WANTED[1]: again.folds[1].found[WANTED[1]]})
    known = replace(again, folds=(again.folds[0], partly, again.folds[2]))
    asked: list[Objective] = []
    solve = Solver.solve

    def noted(self: Solver, objectives: Iterable[Objective]) -> Any:
        asked.extend(wanted := list(objectives))
        return solve(self, wanted)

    monkeypatch.setattr(Solver, "solve", noted)
    whole = compute_optima(problem, WANTED, 40, known)
    assert asked == [WANTED[0]]
    assert whole.of(1).found[WANTED[0]].value == pytest.approx(
        optima.of(1).found[WANTED[0]].value, rel=1e-12
    )


def test_a_record_without_folds_has_the_keys_that_it_had(problem: Problem, optima: Optima) -> None:
    alone = compute_optima(problem.folds[0], WANTED, 40)
    assert "fold" not in alone.to_json()
    assert alone.of(7) is alone
    assert {o: v.value for o, v in alone.found.items()} == {
        o: v.value for o, v in optima.found.items()
    }


def test_a_spent_budget_leaves_out_late_objectives_not_whole_folds(
    problem: Problem, monkeypatch: pytest.MonkeyPatch
) -> None:
    solve, left = Solver.solve, iter(range(4))

    def until_spent(self: Solver, objectives: Iterable[Objective]) -> Any:
        for found in solve(self, objectives):
            if next(left, None) is None:
                raise background._Spent
            yield found

    monkeypatch.setattr(Solver, "solve", until_spent)
    found = compute_optima(problem, WANTED, 40)
    assert [len(fold.found) for fold in found.folds] == [2, 1, 1]
    assert [len(fold.left_out) for fold in found.folds] == [0, 1, 1]
    assert "the exact optimum of 2 of 6 objectives is not known" in found.note


def test_a_run_s_gap_is_to_the_optimum_of_its_own_fold(optima: Optima) -> None:
    columns = {"loss": "bce_logits", "optimizer": "sgd", "l2": L2[0], "outcome": "slow"}
    runs = pd.DataFrame({"run_id": list("abcd"), "replicate": range(4), **columns})
    ends = [optima.of(replicate).found[WANTED[0]].value for replicate in range(4)]
    points = [
        (run_id, step, metric, value)
        for run_id, end in zip("abcd", ends, strict=True)
        for step, metric, value in (
            (1, "train_loss", end + 1.0),
            (1, "train_objective", end + 0.5),
            (10, "train_objective", end + 0.0005),
        )
    ]
    curves = pd.DataFrame(points, columns=["run_id", "step", "metric", "value"])
    found = gaps(runs, curves, optima)
    np.testing.assert_allclose(found.gap, [[0.5, 0.0005]] * 4, rtol=1e-9)
    table = convergence_frame(runs, found, optima)
    assert table["passes_to_1e-3"].tolist() == [10.0] * 4
