"""What a training leaves behind: when it is measured, its table, and its outcome."""

from __future__ import annotations

import numpy as np
import pytest

from lrlab.train import Trajectory, evaluation_steps
from lrlab.train.trajectory import EVALUATIONS, outcome_of


@pytest.mark.parametrize("steps", [1, 2, 3, 10, 59, 60, 61, 1000, 999_999, 1_000_000])
def test_evaluations_run_from_the_first_step_to_the_last_spread_evenly_in_log(
    steps: int,
) -> None:
    found = evaluation_steps(steps)
    assert (found[0], found[-1]) == (1, steps)
    assert (np.diff(found) > 0).all()
    assert len(found) <= min(steps, EVALUATIONS)
    assert len(found) >= min(steps, EVALUATIONS // 3)
    late = found[found > 100]
    if len(late) > 3:
        ratios = late[1:] / late[:-1]
        assert ratios.max() / ratios.min() < 1.05


def trajectory_of(
    train_loss: list[float], evaluated: list[int], **stepped: list[float]
) -> Trajectory:
    return Trajectory(
        train_loss=np.array(train_loss),
        evaluated=np.array(evaluated, dtype=np.int64),
        stepped={name: np.array(values) for name, values in stepped.items()},
        final={},
        outcome="slow",
        weight=np.zeros(2),
        bias=0.0,
    )


def test_the_history_has_a_row_a_step_and_gaps_only_where_nothing_was_measured() -> None:
    trajectory = trajectory_of(
        [5.0, 4.0, 3.0, 2.0, 1.0],
        [1, 2, 5],
        val_accuracy=[0.5, 0.6, 0.9],
        val_log_loss=[0.7, 0.6, 0.1],
    )
    frame = trajectory.history()
    assert list(frame.columns) == ["step", "train_loss", "val_accuracy", "val_log_loss"]
    assert frame["step"].tolist() == [1, 2, 3, 4, 5]
    assert frame["train_loss"].tolist() == [5, 4, 3, 2, 1]
    for name in ("val_accuracy", "val_log_loss"):
        assert frame[name].isna().tolist() == [False, False, True, True, False]
        assert frame[name].dropna().tolist() == trajectory.stepped[name].tolist()


def test_the_history_of_a_run_that_diverged_at_once_is_empty() -> None:
    frame = trajectory_of([], []).history()
    assert list(frame.columns) == ["step", "train_loss"]
    assert len(frame) == 0


def test_the_history_of_a_run_that_diverged_later_ends_there() -> None:
    frame = trajectory_of([2.0, 9.0], [1], val_log_loss=[0.5]).history()
    assert frame["val_log_loss"].tolist()[:1] == [0.5]
    assert frame["val_log_loss"].isna().tolist() == [False, True]


STEPS = evaluation_steps(1000)
EARLY = STEPS < 700


@pytest.mark.parametrize(
    ("objective", "expected"),
    [
        (np.where(EARLY, 1.0, 0.1), "converged"),
        (0.1 + 0.9 * np.exp(-STEPS / 20), "converged"),
        (0.1 + 0.9 * np.exp(-STEPS / 300), "slow"),  # still on its way down
        (1 - 0.5 * STEPS / 1000, "slow"),
        (1 - 1e-5 * STEPS / 1000, "slow"),  # ... by very little
        (np.full(len(STEPS), 1.0), "slow"),  # stands still where it began
        (np.full(len(STEPS), 2.0), "slow"),  # ... or above
        (np.where(EARLY, 0.1, 3.0), "slow"),  # ended above where it began
        (np.where(EARLY, 0.1, 0.1 + 0.05 * np.cos(STEPS)), "slow"),  # swings about the optimum
        (np.where(EARLY, 0.1, 0.1 + 1e-4 * np.cos(STEPS)), "converged"),  # ... imperceptibly
        (1 - 1e-9 * (1 - np.exp(-STEPS / 20)), "converged"),  # a small descent, but done
    ],
    ids=[
        "a step down",
        "exponential and done",
        "exponential and under way",
        "straight down",
        "straight down a little",
        "stalled at the start",
        "stalled above the start",
        "ended above the start",
        "swinging",
        "swinging a little",
        "tiny descent",
    ],
)
def test_a_run_has_converged_if_it_came_down_and_then_stood_still(
    objective: np.ndarray, expected: str
) -> None:
    assert outcome_of(1.0, STEPS, objective) == expected


def test_a_run_of_one_step_has_not_converged() -> None:
    assert outcome_of(1.0, np.array([1]), np.array([0.5])) == "slow"


def test_only_the_last_tenth_of_the_steps_has_to_stand_still() -> None:
    moving = np.where(STEPS < 800, 1 + np.sin(STEPS), 0.2)
    assert outcome_of(3.0, STEPS, moving) == "converged"
    late = np.where(STEPS < 950, 0.3, 0.2)
    assert outcome_of(3.0, STEPS, late) == "slow"
