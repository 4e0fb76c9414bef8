"""Methods at their best setting, over all settings, and what the verdict says of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.calibration import calibration_curve

from lrlab.data import load_problem
from lrlab.report import evidence
from lrlab.report.converged import convergence_frame, gaps, objectives
from lrlab.report.importance import importances
from lrlab.report.methods import SPEED, compare, compare_speed, trial_frame, tunability
from lrlab.report.verdict import verdict
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


def said(runs: pd.DataFrame, sampler: str = "random") -> Any:
    comparisons = [compare(runs, by, sampler=sampler, **AIM) for by in ("optimizer", "loss")]
    return verdict(runs, runs["outcome"], comparisons, None, None, sampler=sampler, **AIM)


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


def test_a_clear_winner_is_called_the_best() -> None:
    text = said(tournament({"a": 0.3, "b": 0.4, "c": 0.5})).sentences[0]
    assert text.startswith(
        "Optimizer: a is the best, each at the best setting tried; b and c are worse"
    )
    assert "10 seeds" in text


def test_two_that_lead_are_called_indistinguishable() -> None:
    text = said(tournament({"a": 0.3, "b": 0.3, "c": 0.5})).sentences[0]
    assert "a and b are indistinguishable" in text or "b and a are indistinguishable" in text
    assert "c is worse" in text


def test_if_nothing_differs_the_verdict_is_a_tie() -> None:
    text = said(tournament({"a": 0.3, "b": 0.3, "c": 0.3})).sentences[0]
    assert "indistinguishable at the best settings tried" in text
    assert "worse" not in text


def test_one_method_is_not_compared() -> None:
    assert said(tournament({"a": 0.3})).sentences[0] == "Optimizer: only a was tried."


def test_trials_that_are_no_random_sample_tell_nothing_of_budgets() -> None:
    runs = tournament({"a": 0.3, "b": 0.4}, (0.1, 1.0))
    fair, unfair = (" ".join(said(runs, sampler).remarks) for sampler in ("grid", "tpe"))
    assert "By the expected best val_log_loss of random trials, take a for 1 trial" in fair
    assert "cannot be said: tpe's trials are no random sample" in unfair
    table = compare(runs, "optimizer", sampler="tpe", **AIM).table
    assert table["expected_best_1"].isna().all()


def test_the_verdict_says_what_its_tests_are_about() -> None:
    assert any(
        "speak of the seeds" in remark for remark in said(tournament({"a": 1, "b": 2})).remarks
    )


def test_a_method_of_few_trials_may_have_missed_its_best_setting() -> None:
    runs = tournament({"a": 0.3, "b": 0.4}, (0.1, 1.0))
    drawn, grid = (" ".join(said(runs, sampler).remarks) for sampler in ("random", "grid"))
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


@pytest.mark.parametrize(
    ("l2", "expected"),
    [
        (
            [0.1, 0.1],
            "to the optimum (gap 1e-3) with bce, a needs the fewest steps (7 at lr 1.00).",
        ),
        (
            [0.77, 0.0],
            "to the optimum of its own l2 (gap 1e-3) with bce, "
            "a needs the fewest steps (7 at lr 1.00 and l2 0.770).",
        ),
    ],
)
def test_speed_says_whose_optimum_is_meant_where_l2_varies(l2: list[float], expected: str) -> None:
    runs = tournament({"a": 0.5, "b": 0.3}).groupby("optimizer", as_index=False).first()
    runs["l2"], runs["lr"] = l2, 1.0
    converged = pd.DataFrame({"run_id": runs["run_id"], SPEED: [7.0, 20.0]})
    comparisons = [compare(runs, by, sampler="grid", **AIM) for by in ("optimizer", "loss")]
    speed = compare_speed(runs, converged, "bce")
    told = verdict(runs, runs["outcome"], comparisons, speed, None, sampler="grid", **AIM)
    assert expected in told.text


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


@pytest.mark.parametrize(
    ("low", "expected"),
    [
        ([np.nan, 0.01, 0.02], "So they would be on another draw of 50 held-out rows."),
        ([np.nan, -0.01, 0.02], "On another draw of 50 held-out rows that is certain of c only."),
        ([np.nan, -0.01, -0.02], "But 50 held-out rows are too few to say so of another draw"),
    ],
)
def test_the_verdict_says_what_the_held_out_rows_bear_out(low: list[float], expected: str) -> None:
    runs = tournament({"a": 0.3, "b": 0.4, "c": 0.5})
    found = compare(runs, "optimizer", sampler="grid", **AIM)
    found = replace(found, table=found.table.assign(rows_low=low, rows_high=1.0))
    told = verdict(runs, runs["outcome"], [found], None, None, sampler="grid", held_out=50, **AIM)
    assert expected in told.sentences[0]
