"""Who is fastest, on objectives that compare and on those that do not; and what captions say."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from lrlab.report.analysis.evidence import costs, fastest_trials
from lrlab.report.analysis.importance import Importance
from lrlab.report.analysis.methods import SPEED
from lrlab.report.text.captions import gap_caption, importance_basis, profile_caption

AIM = {"objective": "val_log_loss", "direction": "minimize"}
# trial: optimizer, l2, val_log_loss, steps on two seeds
TRIALS = [
    ("sgd", 0.01, 0.30, (50.0, 70.0)),
    ("sgd", 0.01, 0.35, (20.0, 90.0)),
    ("adam", 0.01, 0.31, (30.0, np.nan)),
    ("adam", 0.01, 0.33, (40.0, 40.0)),
    ("sgd", 1.00, 0.60, (2.0, 2.0)),
    ("adam", 1.00, 0.60, (3.0, 3.0)),
]


def frames(l2: list[float] | None = None) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Runs of the trials, and their steps to a gap."""
    rows = [
        (trial, seed, name, own if l2 is None else l2[trial], value, steps[seed])
        for trial, (name, own, value, steps) in enumerate(TRIALS)
        for seed in (0, 1)
    ]
    columns = ["trial", "replicate", "optimizer", "l2", "val_log_loss", SPEED]
    runs = pd.DataFrame(rows, columns=columns).assign(loss="bce", lr=0.1, outcome="slow")
    runs["run_id"] = [f"r{i}" for i in range(len(runs))]
    runs["gap"] = np.where(runs[SPEED].isna(), 0.01, 1e-4)
    measured = runs[["run_id", "gap", SPEED]]
    return runs.drop(columns=["gap", SPEED]), measured


def test_the_fastest_are_those_on_the_objective_of_the_best_trial() -> None:
    runs, measured = frames()
    found = fastest_trials(runs, measured, **AIM)
    assert found["optimizer"].to_dict() == {3: "adam", 1: "sgd"}  # not l2 = 1, which is near
    assert found["steps"].tolist() == pytest.approx([40, stats.gmean([20, 90])])
    assert found["shared"].all()
    table = costs(runs, measured, found)
    assert table.loc[("bce", 0)].to_dict() == {"adam": 40, "sgd": 20}
    caption = gap_caption(found, 2)
    assert "adam with bce is the first to stay below a gap of 1e-3, after 40 steps." in caption


def test_where_every_trial_has_an_objective_of_its_own_nothing_is_fastest() -> None:
    runs, measured = frames(l2=[0.01, 0.02, 0.03, 0.04, 0.05, 0.06])
    found = fastest_trials(runs, measured, **AIM)
    assert found["optimizer"].to_dict() == {0: "sgd", 2: "adam"}  # the best by the objective
    assert not found["shared"].any()
    assert costs(runs, measured, found).empty
    caption = gap_caption(found, 2)
    assert caption == (
        "Relative gap to the exact optimum against step, of the best trial of each optimizer: "
        "median and quartiles over its 2 runs. l2 was searched, so each line has an optimum of "
        "its own: lines do not compare."
    )


def test_without_gaps_nobody_is_fastest() -> None:
    runs, measured = frames()
    assert fastest_trials(runs, measured.assign(gap=np.nan), **AIM).empty
    assert fastest_trials(runs, measured[["run_id"]], **AIM).empty


def test_a_profile_says_that_chances_were_unequal() -> None:
    table = pd.DataFrame({"a": [0.4, 1.0], "b": [0.6, 0.8]}, index=[1.0, 100.0])
    even = profile_caption(table, 5, pd.Series({"a": 10, "b": 15}))
    assert even.endswith(
        "b is fastest on 3 of 5 problems; within 100 times the fewest steps, a solves 5."
    )
    tpe = profile_caption(table, 5, pd.Series({"a": 10, "b": 150}))
    assert tpe.endswith(
        "unequal chances: a 10 trials, b 150 trials; a grid gives all of them the same."
    )


def test_importance_says_which_trials_it_rests_on() -> None:
    shares = pd.Series({"lr": 1.0})

    def known(trials: int, *, drawn: bool = True) -> Importance:
        return Importance(shares, shares, shares, trials, drawn)

    assert importance_basis(known(56), "random", learns=False) == ("56 trials with a result.")
    assert importance_basis(known(60), "tpe", learns=True) == (
        "60 trials with a result, which tpe drew at random before it learned."
    )
    blurred = importance_basis(known(200, drawn=False), "tpe", learns=True)
    assert blurred.endswith("tpe drew good settings more often, which biases the shares.")
