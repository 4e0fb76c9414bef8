"""Methods at their best setting, over all settings, and what the verdict says of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.calibration import calibration_curve

from lrlab.data import load_problem
from lrlab.report import evidence
from lrlab.report.converged import convergence_frame, gaps, objectives
from lrlab.report.importance import importances
from lrlab.report.methods import compare, trial_frame, tunability
from lrlab.report.remarks import remarks
from lrlab.spec import make_spec

AIM = {"objective": "val_log_loss", "direction": "minimize"}
SEEDS = 10


def tournament(levels: dict[str, float], lrs: tuple[float, ...] = (0.1,), seed: int = 0) -> Any:
    """Ten seeds of every optimizer at every lr; the first lr is the best."""
    rng = np.random.default_rng(seed)
    block = rng.normal(0, 0.01, SEEDS)
    rows = []
    for trial, (name, lr) in enumerate((n, r) for n in levels for r in lrs):
        value = levels[name] + 0.1 * lrs.index(lr) + block + rng.normal(0, 0.002, SEEDS)
        rows += [(trial, r, name, lr, v) for r, v in enumerate(value)]
    frame = pd.DataFrame(rows, columns=["trial", "replicate", "optimizer", "lr", "val_log_loss"])
    frame["loss"], frame["l2"], frame["outcome"] = "bce", 0.0, "converged"
    frame["run_id"] = [f"r{i}" for i in range(len(frame))]
    return frame


def said(runs: pd.DataFrame, sampler: str = "random") -> tuple[str, ...]:
    comparisons = [compare(runs, by, sampler=sampler, **AIM) for by in ("optimizer", "loss")]
    return remarks(runs, comparisons, None, 0.1, sampler=sampler, **AIM)


def test_a_trial_counts_with_the_median_of_its_replicates() -> None:
    runs = tournament({"a": 0.3})
    trials = trial_frame(runs, **AIM)
    assert trials["value"].tolist() == [pytest.approx(runs["val_log_loss"].median())]


def test_a_trial_of_which_one_replicate_diverged_has_no_value() -> None:
    runs = tournament({"a": 0.3, "b": 0.4})
    runs.loc[3, ["val_log_loss", "outcome"]] = [np.nan, "diverged"]
    trials = trial_frame(runs, **AIM)
    assert np.isnan(trials["value"].iloc[0])
    assert trials["diverged"].tolist() == [0.1, 0]


def test_every_method_is_compared_at_its_best_trial() -> None:
    found = compare(
        tournament({"a": 0.3, "b": 0.4}, (0.1, 1.0)), "optimizer", sampler="grid", **AIM
    )
    assert found.table["optimizer"].tolist() == ["a", "b"]
    assert found.table["lr"].tolist() == [0.1, 0.1]
    assert (found.table["low"] <= found.table["median"]).all()
    assert found.table["trials"].tolist() == [2, 2]


def test_trials_that_are_no_random_sample_tell_nothing_of_budgets() -> None:
    runs = tournament({"a": 0.3, "b": 0.4}, (0.1, 1.0))
    fair, unfair = (" ".join(said(runs, sampler)) for sampler in ("grid", "tpe"))
    assert "By the expected best val_log_loss of random trials, take a for 1 trial" in fair
    assert "cannot be said: tpe's trials are no random sample" in unfair
    table = compare(runs, "optimizer", sampler="tpe", **AIM).table
    assert table["expected_best_1"].isna().all()


def test_a_method_of_few_trials_may_have_missed_its_best_setting() -> None:
    runs = tournament({"a": 0.3, "b": 0.4}, (0.1, 1.0))
    drawn, grid = (" ".join(said(runs, sampler)) for sampler in ("random", "grid"))
    assert "Few trials were drawn of a (2) and b (2)" in drawn
    assert "Few trials" not in grid


def test_a_trial_that_diverged_counts_as_untrained() -> None:
    runs = tournament({"a": 0.3}, (0.1, 1.0))
    runs.loc[runs["lr"] == 1.0, ["val_log_loss", "outcome"]] = [np.nan, "diverged"]
    table = tunability(runs, "optimizer", **AIM)
    best = runs["val_log_loss"].median()
    assert table["trials"].tolist() == [1, 2]
    assert table["value"].tolist() == pytest.approx([(best + np.log(2)) / 2, best])


def test_the_setting_that_decides_is_the_important_one() -> None:
    rng = np.random.default_rng(0)
    n = 300
    lr = 10 ** rng.uniform(-3, 1, n)
    runs = pd.DataFrame(
        {
            "run_id": [f"r{i}" for i in range(n)],
            "trial": range(n),
            "replicate": 0,
            "optimizer": rng.choice(["a", "b"], n),
            "loss": rng.choice(["x", "y"], n),
            "lr": lr,
            "l2": 0.0,
            "outcome": "slow",
            "val_log_loss": 0.3 + np.log10(lr) ** 2 + rng.normal(0, 0.01, n),
        }
    )
    for size in (60, n):  # fANOVA, PED-ANOVA
        found = importances(runs.head(size), **AIM)
        assert found.index[0] == "lr"
        assert found.iloc[0] > 0.8
        assert found.sum() == pytest.approx(1)
    assert importances(runs.head(10), **AIM).empty


# --- evidence ---------------------------------------------------------------------------------


def test_calibration_is_that_of_scikit_learn() -> None:
    problem = load_problem(make_spec({"name": "x", "data": {"noise": 0.1}}))
    weight, bias = np.array([-0.4, -0.3]), 0.5
    table = evidence.calibration(problem, weight, bias)
    p = 1 / (1 + np.exp(-(problem.x_val.double().numpy() @ weight + bias)))
    seen, told = calibration_curve(problem.y_val.numpy(), p, n_bins=10)
    np.testing.assert_allclose(table["said"], told)
    np.testing.assert_allclose(table["seen"], seen)
    assert table["rows"].sum() == len(problem.y_val)
    assert ((table["low"] <= table["seen"]) & (table["seen"] <= table["high"])).all()


def test_the_boundary_counts_rows_on_the_wrong_side() -> None:
    problem = load_problem(make_spec({"name": "x"}))
    rows, line = evidence.boundary(problem, np.array([0.0, 0.0]), 1.0)
    assert line == (0.0, 0.0, 1.0)
    assert rows["right"].sum() == int(problem.y_val.sum())  # all rows are called class 1


def test_the_objective_of_a_run_is_its_loss_its_hyperparameters_and_l2() -> None:
    runs = tournament({"a": 0.3}).head(2)
    runs["loss"] = ["focal", "bce"]
    runs["focal.gamma"] = [2.0, np.nan]
    runs["momentum.beta"] = [0.9, np.nan]
    runs["l2"] = [0.1, 0.0]
    first, second = objectives(runs)
    assert (first.loss, first.loss_params, first.l2) == ("focal", (("gamma", 2.0),), 0.1)
    assert (second.loss, second.loss_params) == ("bce", ())


def test_without_an_optimum_the_recorded_outcome_stands() -> None:
    runs = tournament({"a": 0.3}).head(2)
    runs["outcome"] = ["slow", "diverged"]
    curves = pd.DataFrame(
        [
            (r, s, m, 1.0 / s)
            for r in ("r0", "r1")
            for s in (1, 2)
            for m in ("train_objective", "train_loss")
        ],
        columns=["run_id", "step", "metric", "value"],
    )
    found = convergence_frame(runs, gaps(runs, curves, None), None)
    assert found["how"].tolist() == ["slow", "diverged"]
    assert found["gap"].isna().all()


def test_the_lr_that_breaks_is_the_first_at_which_a_run_swings_or_diverges() -> None:
    lr = pd.Series([0.1, 0.1, 1, 1, 10.0])
    assert evidence._observed(lr, np.array([False, False, False, True, True])) == (0.1, 1)
    held, breaks = evidence._observed(lr, np.zeros(5, dtype=bool))
    assert held == 10
    assert np.isnan(breaks)
