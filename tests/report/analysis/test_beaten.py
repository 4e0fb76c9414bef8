"""Optima that are not certain: what the report says of them, and how gaps are measured then."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from lrlab.optimum import Objective, Optimum
from lrlab.optimum.doubts import Beaten, Unsolved, beaten, unsolved
from lrlab.optimum.record import Optima
from lrlab.report.analysis.beaten import beaten_by_runs, beaten_table, doubts
from lrlab.report.analysis.converged import gaps
from lrlab.report.text.facts import say

MSE, FOCAL = Objective("mse"), Objective("focal", (("gamma", 2.0),), 0.1)


def known(**found: Optimum) -> Optima:
    named = {"mse": MSE, "focal": FOCAL, "hinge": Objective("hinge", (), 1e-9)}
    return Optima({named[name]: each for name, each in found.items()}, 1e-7, 10, 10)


def best(value: float, gap: float = math.nan, kind: str = "best known") -> Optimum:
    return Optimum(value, kind, gap=gap, iterations=40)


def sweep(low: float) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Two runs of one trial, which come from 0.5 to `low` and to 0.3."""
    runs = pd.DataFrame(
        {"run_id": ["a", "b"], "replicate": [0, 1], "loss": "mse", "l2": 0.0, "trial": 0}
    )
    curves = pd.DataFrame(
        {
            "run_id": ["a", "a", "b", "b"] * 2,
            "step": [1, 9] * 4,
            "metric": ["train_objective"] * 4 + ["train_loss"] * 4,
            "value": [0.5, low, 0.5, 0.3] * 2,
        }
    )
    return runs, curves


def test_a_best_known_value_that_a_run_beats_is_told_and_gaps_begin_at_the_run() -> None:
    optima = known(mse=best(0.2), focal=best(0.1))
    runs, curves = sweep(low=0.15)
    measured = gaps(runs, curves, optima)
    found = beaten_by_runs(runs, measured, optima)
    assert found == (Beaten(MSE, 0, 0.2, 0.15),)
    assert measured.gap[0, -1] == pytest.approx(0, abs=1e-6)
    assert measured.gap[1, -1] == pytest.approx(0.15 / 0.35)
    (said,) = doubts(optima, found)
    assert say(said) == (
        "Training went below the best known optimum of mse with l2 0, by 0.05 (0.1500 instead of "
        "0.2000). The objective is not convex; gaps are measured from the lowest value that a run "
        "reached."
    )
    (row,) = beaten_table(found).to_dict("records")
    assert (row["loss"], row["best_known"], row["reached"]) == ("mse", 0.2, 0.15)
    assert row["by"] == pytest.approx(0.05)


@pytest.mark.parametrize("low", [0.25, 0.2, 0.2 * (1 - 1e-6), math.nan])
def test_a_run_that_is_not_lower_by_more_than_rounding_beats_nothing(low: float) -> None:
    optima = known(mse=best(0.2))
    runs, curves = sweep(low)
    found = beaten_by_runs(runs, gaps(runs, curves, optima), optima)
    assert found == ()
    assert doubts(optima, found) == []


def test_with_folds_each_one_has_a_best_known_value_of_its_own() -> None:
    first, second = known(mse=best(0.2)), known(mse=best(0.4))
    folds = Optima(first.found, 1e-7, 10, 10, folds=(first, second))
    runs, curves = sweep(low=0.25)
    found = beaten_by_runs(runs, gaps(runs, curves, folds), folds)
    assert found == (Beaten(MSE, 1, 0.4, 0.3),)


def test_what_is_certain_is_not_beaten_and_the_worst_comes_first() -> None:
    optima = known(mse=best(0.2, kind="minimum"), focal=best(0.5), hinge=best(0.9))
    reached = {(0, objective): 0.1 for objective in optima.found}
    assert [each.objective.loss for each in beaten(optima, reached)] == ["hinge", "focal"]


def test_a_convex_objective_that_was_not_solved_is_told_with_its_gap() -> None:
    optima = known(mse=best(0.2), hinge=best(0.4, gap=0.03))
    (left,) = unsolved(optima)
    assert left == Unsolved(Objective("hinge", (), 1e-9), 0, 0.4, 0.03, 40)
    assert [say(each) for each in doubts(optima, ())] == [
        "1 convex objective (hinge with l2 1e-09) was not solved within 40 iterations: its "
        "optimum may be up to 0.03 below 0.4000."
    ]


def test_a_gap_of_rounding_is_no_doubt() -> None:
    assert unsolved(known(hinge=best(0.4, gap=1e-9))) == ()
    assert np.isnan(known(mse=best(0.2)).found[MSE].gap)


def test_without_optima_nothing_is_said() -> None:
    runs, curves = sweep(0.1)
    assert beaten_by_runs(runs, gaps(runs, curves, None), None) == ()
    assert doubts(None, ()) == []
