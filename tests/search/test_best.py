"""The best trial: the best mean over replicates, and the run that stands for it."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from lrlab.search import Best, Score, best_trial, best_trials, scores_of

NAN, INF = math.nan, math.inf


def runs(values: list[list[float]]) -> pd.DataFrame:
    """A runs frame from the objectives of each trial; NaN means diverged."""
    rows = [
        (trial, replicate, value, "diverged" if math.isnan(value) else "slow")
        for trial, own in enumerate(values)
        for replicate, value in enumerate(own)
    ]
    return pd.DataFrame(rows, columns=["trial", "replicate", "val_log_loss", "outcome"])


def best(values: list[list[float]], direction: str = "minimize") -> Best | None:
    frame = runs(values).sample(frac=1, random_state=0)  # in whatever order they come
    replicates = max(map(len, values))
    return best_trial(scores_of(frame, "val_log_loss"), replicates, direction)


def test_a_lucky_run_does_not_make_a_trial_the_best() -> None:
    assert best([[0.1, 0.9], [0.4, 0.4]]) == Best(1, 0.4, 0)
    assert best([[0.1, 0.9], [0.4, 0.4]], "maximize") == Best(0, 0.5, 0)


@pytest.mark.parametrize("spoilt", [[0.1, NAN], [0.1], [0.1, INF], [0.1, -INF]])
def test_a_trial_competes_only_if_all_its_replicates_are_there_and_finite(spoilt) -> None:
    assert best([spoilt, [0.4, 0.6]]) == Best(1, 0.5, 0)
    assert best([spoilt, [NAN, NAN]]) is None


def test_a_run_that_recorded_no_objective_is_none_that_competes() -> None:
    assert best_trial([Score(0, 0, NAN), Score(1, 0, None)], 1, "minimize") is None


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
def test_ties_go_to_the_lower_trial(direction) -> None:
    assert best([[0.25, 0.5], [0.5, 0.25], [0.375, 0.375]], direction).trial == 0


@pytest.mark.parametrize(
    ("objectives", "replicate"),
    [
        ([0.3, 0.1, 0.2], 2),
        ([0.4, 0.1, 0.3, 0.2], 3),  # of four the lower of the two in the middle
        ([0.2, 0.1], 1),
        ([0.5, 0.2, 0.2, 0.1, 0.9], 1),  # of equals the first
        ([0.7], 0),
    ],
)
def test_the_run_of_the_median_objective_stands_for_its_trial(objectives, replicate) -> None:
    assert best([objectives]).replicate == replicate


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
def test_the_order_is_that_of_the_means(direction) -> None:
    values = np.random.default_rng(0).uniform(size=(200, 5))
    frame = runs(values.tolist())
    means = frame.groupby("trial")["val_log_loss"].mean()
    order = means.sort_values(ascending=direction == "minimize", kind="stable")
    found = best_trials(scores_of(frame, "val_log_loss"), 5, direction)
    assert [each.trial for each in found] == order.index.tolist()
    assert [each.value for each in found] == pytest.approx(order.tolist(), rel=1e-14)
