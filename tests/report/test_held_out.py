"""What the held-out rows can tell, against scipy's paired t-test."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import stats

from lrlab.data import load_problem
from lrlab.measures import HELD_OUT
from lrlab.report.held_out import ROW_SCORES, held_out_intervals, representatives
from lrlab.spec import make_spec

PROBLEM = load_problem(make_spec({"name": "x", "data": {"noise": 0.1}}))
FIRST, SECOND = (np.array([-1.0, -1.1]), 0.2), (np.array([-0.2, -0.5]), 1.0)


def logits(weights: tuple[np.ndarray, float]) -> torch.Tensor:
    return PROBLEM.x_val.double() @ torch.from_numpy(weights[0]) + weights[1]


@pytest.mark.parametrize("objective", ROW_SCORES)
def test_the_mean_over_rows_is_the_measure(objective: str) -> None:
    z, y = logits(FIRST), PROBLEM.y_val.double()
    assert float(ROW_SCORES[objective](z, y).mean()) == pytest.approx(
        float(HELD_OUT[objective](z, y))
    )


@pytest.mark.parametrize("objective", ROW_SCORES)
def test_for_two_models_the_interval_is_that_of_the_paired_t_test(objective: str) -> None:
    y = PROBLEM.y_val.double()
    scores = [ROW_SCORES[objective](logits(w), y).numpy() for w in (SECOND, FIRST)]
    expected = stats.ttest_rel(*scores).confidence_interval(0.95)
    found = held_out_intervals(PROBLEM, [FIRST, SECOND], objective)
    assert np.isnan(found[0]).all()
    assert found[1] == pytest.approx([expected.low, expected.high])


def test_more_models_have_wider_intervals() -> None:
    two = held_out_intervals(PROBLEM, [FIRST, SECOND], "val_log_loss")
    three = held_out_intervals(PROBLEM, [FIRST, SECOND, SECOND], "val_log_loss")
    assert three[1, 0] < two[1, 0] < two[1, 1] < three[1, 1]
    assert three[1] == pytest.approx(three[2])


def test_the_run_nearest_to_the_median_stands_for_its_trial() -> None:
    rows = [(0, r, "a", v) for r, v in enumerate((0.3, 0.2, 0.31))]
    rows += [(1, r, "b", v) for r, v in enumerate((0.1, 0.5, 0.4))]
    runs = pd.DataFrame(rows, columns=["trial", "replicate", "optimizer", "val_log_loss"])
    runs = runs.assign(run_id=[f"r{i}" for i in range(6)], loss="bce", lr=1.0, outcome="slow")
    aim = {"objective": "val_log_loss", "direction": "minimize"}
    assert representatives(runs, "optimizer", **aim) == {"a": "r0", "b": "r5"}
