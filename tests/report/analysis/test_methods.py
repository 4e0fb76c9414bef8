"""Methods at their best setting, over all settings, and what the verdict says of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.calibration import calibration_curve

from lrlab.data import load_problem
from lrlab.report import find
from lrlab.report.analysis import evidence
from lrlab.report.analysis.converged import convergence_frame, gaps, objectives
from lrlab.report.analysis.importance import importances
from lrlab.report.analysis.limits import limits
from lrlab.report.analysis.methods import compare, trial_frame, tunability
from lrlab.report.figures.calibration import calibration
from lrlab.report.figures.scene import Scene
from lrlab.report.text.captions import importance_caption
from lrlab.report.text.facts import say
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


def said(
    runs: pd.DataFrame, sampler: str = "random", random: int | None = None
) -> tuple[str, ...]:
    comparisons = [compare(runs, by, random=random, **AIM) for by in ("optimizer", "loss")]
    return tuple(map(say, limits(runs, comparisons, None, 0.1, sampler=sampler, **AIM)))


def test_a_trial_counts_with_the_mean_of_its_replicates() -> None:
    runs = tournament({"a": 0.3})
    trials = trial_frame(runs, **AIM)
    assert trials["value"].tolist() == [pytest.approx(runs["val_log_loss"].mean())]


def test_a_trial_of_which_one_replicate_diverged_has_no_value() -> None:
    runs = tournament({"a": 0.3, "b": 0.4})
    runs.loc[3, ["val_log_loss", "outcome"]] = [np.nan, "diverged"]
    trials = trial_frame(runs, **AIM)
    assert np.isnan(trials["value"].iloc[0])
    assert trials["diverged"].tolist() == [0.1, 0]


def test_every_method_is_compared_at_its_best_trial() -> None:
    found = compare(tournament({"a": 0.3, "b": 0.4}, (0.1, 1.0)), "optimizer", **AIM)
    assert found.table["optimizer"].tolist() == ["a", "b"]
    assert found.table["lr"].tolist() == [0.1, 0.1]
    assert (found.table["lowest"] < found.table["value"]).all()
    assert (found.table["value"] < found.table["highest"]).all()
    assert found.table["replicates"].tolist() == [SEEDS, SEEDS]
    assert found.table["trials"].tolist() == [2, 2]


def test_trials_that_are_no_random_sample_tell_nothing_of_budgets() -> None:
    runs = tournament({"a": 0.3, "b": 0.4}, (0.1, 1.0))
    fair, unfair = (" ".join(said(runs, *given)) for given in (("grid",), ("tpe", 3)))
    assert "The best expected val_log_loss of random trials is that of a after 1 trial (" in fair
    assert "tpe learns from results, and only its first 3 trials are random, too few" in unfair


def test_of_a_sampler_that_learns_the_trials_before_it_learned_tell_of_budgets() -> None:
    lrs = tuple(float(lr) for lr in np.geomspace(0.1, 10, 12))
    runs = tournament({"a": 0.3, "b": 0.4}, lrs)
    first = runs["trial"].isin(np.random.default_rng(0).permutation(24)[:20])
    order = {
        trial: i
        for i, trial in enumerate(
            [*runs.loc[first, "trial"].unique(), *runs.loc[~first, "trial"].unique()]
        )
    }
    runs["trial"] = runs["trial"].map(order)
    found = compare(runs, "optimizer", random=20, **AIM)
    alone = compare(runs[runs["trial"] < 20], "optimizer", **AIM)
    assert found.drawn == 20
    assert found.table["random_trials"].sum() == 20
    assert found.table["trials"].tolist() == [12, 12]
    columns = ["optimizer", "expected_best_1", "expected_best_10"]
    pd.testing.assert_frame_equal(found.table[columns], alone.table[columns])
    table = tunability(runs, "optimizer", random=20, **AIM)
    assert table["trials"].max() == found.table["random_trials"].max()


def test_a_method_of_few_trials_may_have_missed_its_best_setting() -> None:
    runs = tournament({"a": 0.3, "b": 0.4}, (0.1, 1.0))
    drawn, grid = (" ".join(said(runs, sampler)) for sampler in ("random", "grid"))
    assert "Few trials were drawn of a (2) and b (2)" in drawn
    assert "Few trials" not in grid


def test_a_trial_that_diverged_counts_as_untrained() -> None:
    runs = tournament({"a": 0.3}, (0.1, 1.0))
    runs.loc[runs["lr"] == 1.0, ["val_log_loss", "outcome"]] = [np.nan, "diverged"]
    table = tunability(runs, "optimizer", **AIM)
    best = runs.loc[runs["lr"] == 0.1, "val_log_loss"].mean()
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
        assert found.shares.index[0] == "lr"
        assert found.shares.iloc[0] > 0.8
        assert found.shares.sum() == pytest.approx(1)
        assert (found.trials, found.drawn) == (size, True)
        assert found.top == "lr"
        assert (found.low <= found.shares).all()
        assert (found.shares <= found.high).all()
    assert importances(runs.head(10), **AIM).shares.empty


def test_the_important_setting_is_so_whichever_direction_is_better(
    sweep_of: Callable[..., Any],
) -> None:
    runs, _ = sweep_of(300)
    up = importances(runs, objective="val_accuracy", direction="maximize")
    down = importances(runs, **AIM)
    assert up.shares.index[0] == down.shares.index[0] == "lr"
    pd.testing.assert_series_equal(up.shares, down.shares)


def test_no_setting_stands_out_where_another_sample_of_trials_would_rank_them_otherwise() -> None:
    rng = np.random.default_rng(2)
    rows = pd.DataFrame({"trial": range(40), "replicate": 0, "outcome": "slow", "l2": 0.0})
    rows["run_id"] = [f"r{i}" for i in rows["trial"]]
    rows["optimizer"] = rng.choice(["a", "b"], 40)
    rows["loss"], rows["lr"] = rng.choice(["x", "y"], 40), 10 ** rng.uniform(-2, 0, 40)
    bonus = 0.5 * (rows["optimizer"] == "a") + 0.5 * (rows["loss"] == "x")
    found = importances(rows.assign(val_log_loss=bonus + rng.normal(0, 0.3, 40)), **AIM)
    assert found.top is None
    said = importance_caption(found, "val_log_loss", "random", learns=False)
    assert said.startswith("No setting stands out for val_log_loss in this space. Shares of the")
    own = found.shares.rename("importance").rename_axis("setting").reset_index()
    pd.testing.assert_frame_equal(found.frame()[["setting", "importance"]], own)


def test_importance_rests_on_the_random_trials_where_there_are_enough(
    sweep_of: Callable[..., Any],
) -> None:
    runs, _ = sweep_of(100)
    found = importances(runs, random=64, **AIM)
    alone = importances(runs.head(64), **AIM)
    pd.testing.assert_series_equal(found.shares, alone.shares)
    assert found.drawn
    assert found.trials == int(runs.head(64)["val_log_loss"].notna().sum())
    few = importances(runs, random=10, **AIM)
    assert (few.drawn, few.trials) == (False, int(runs["val_log_loss"].notna().sum()))


def test_what_random_trials_give_is_left_out_where_too_few_were_random(
    sweep_of: Callable[..., Any],
) -> None:
    runs, _ = sweep_of(100)
    few, enough = (compare(runs, "optimizer", random=n, **AIM).table for n in (12, 80))
    columns = ["expected_best_1", "expected_best_10"]
    assert (runs[runs["trial"] < 12].groupby("optimizer")["trial"].nunique() < 10).any()
    assert few[[*columns, "expected_best_100"]].isna().all(axis=None)
    assert enough[columns].notna().all(axis=None)
    own = runs[(runs["trial"] < 80) & (runs["optimizer"] == enough["optimizer"].iloc[0])]
    if own["val_log_loss"].notna().all():
        assert enough["expected_best_1"].iloc[0] == pytest.approx(own["val_log_loss"].mean())


# --- evidence ---------------------------------------------------------------------------------


def test_calibration_is_that_of_scikit_learn() -> None:
    problem = load_problem(make_spec({"name": "x", "data": {"noise": 0.1}}))
    weight, bias = np.array([-0.4, -0.3]), 0.5
    table = evidence.calibration(problem, weight, bias)
    p = 1 / (1 + np.exp(-(problem.x_val.double().numpy() @ weight + bias)))
    seen, told = calibration_curve(problem.y_val.numpy(), p, n_bins=10)
    np.testing.assert_allclose(table["predicted"], told)
    np.testing.assert_allclose(table["positives"], seen)
    assert table["rows"].sum() == len(problem.y_val)
    assert ((table["low"] <= table["positives"]) & (table["positives"] <= table["high"])).all()


def test_with_folds_calibration_is_over_all_rows_each_by_the_model_without_it(
    sweep_of: Callable[..., Any], context_of: Callable[..., Any]
) -> None:
    data = {"source": "sklearn", "dataset": "breast_cancer", "folds": 3}
    problem = load_problem(make_spec({"name": "x", "data": data, "search": {"replicates": 3}}))
    drawn = np.random.default_rng(0).normal(0, 0.3, (3, problem.n_features))
    runs, curves = sweep_of(60)
    runs = runs.assign(trial=runs.index // 3, replicate=runs.index % 3)
    best = runs.groupby("trial")["val_log_loss"].agg(lambda v: v.mean(skipna=False)).idxmin()
    own = runs[runs["trial"] == best].sort_values("replicate")["run_id"]
    models = [(weight, 0.2 * i) for i, weight in enumerate(drawn)]
    context = context_of(
        problem=problem,
        best_weights=models[1],
        best_replicate=1,
        weights=dict(zip(own, models, strict=True)),
    )
    [figure] = calibration(Scene(find(runs, curves, context), context))
    folds = list(zip(problem.folds, models, strict=True))
    x = [fold.x_val.double().numpy() @ weight + bias for fold, (weight, bias) in folds]
    y = np.concatenate([fold.y_val.numpy() for fold in problem.folds])
    seen, told = calibration_curve(y, 1 / (1 + np.exp(-np.concatenate(x))), n_bins=10)
    np.testing.assert_allclose(figure.frame["predicted"], told)
    np.testing.assert_allclose(figure.frame["positives"], seen)
    assert figure.frame["rows"].sum() == len(
        np.unique(np.concatenate([f.val_rows for f in problem.folds]))
    )
    assert "each row by its run that did not train on it" in figure.caption
    lost = replace(context, weights={})
    [figure] = calibration(Scene(find(runs, curves, lost), lost))
    assert figure.frame["rows"].sum() == len(problem.folds[1].y_val)
    assert "on the one fold that it did not train on" in figure.caption


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


def test_the_smallest_unstable_lr_is_the_first_at_which_a_run_swings_or_diverges() -> None:
    lr = pd.Series([0.1, 0.1, 1, 1, 10.0])
    assert evidence._observed(lr, np.array([False, False, False, True, True])) == (0.1, 1)
    stable, unstable = evidence._observed(lr, np.zeros(5, dtype=bool))
    assert stable == 10
    assert np.isnan(unstable)
