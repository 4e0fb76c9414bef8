"""Measures of convergence on curves whose rate, steps and end are known."""

from __future__ import annotations

import numpy as np
import pytest

from lrlab.report import convergence as c

STEPS = np.unique(np.geomspace(1, 1000, 60).round())
EVERY = np.arange(1.0, 1001.0)


def gap_of(*curves: np.ndarray) -> np.ndarray:
    return np.stack(curves)


@pytest.mark.parametrize("rate", [0.5, 0.9, 0.99])
@pytest.mark.parametrize("steps", [STEPS, EVERY], ids=["log-spaced", "every"])
def test_steps_to_a_gap_are_exact_for_a_geometric_curve(steps: np.ndarray, rate: float) -> None:
    found = c.steps_to_gap(steps, gap_of(np.maximum(rate**steps, 1e-16)), (1e-1, 1e-3))
    exact = [np.ceil(np.log(t) / np.log(rate) - 1e-9) for t in (1e-1, 1e-3)]
    assert found[0].tolist() == [
        e if e <= 1000 else pytest.approx(np.nan, nan_ok=True) for e in exact
    ]


def test_a_gap_that_is_never_reached_has_no_step() -> None:
    found = c.steps_to_gap(STEPS, gap_of(np.full(len(STEPS), 0.5), np.full(len(STEPS), np.nan)))
    assert np.isnan(found).all()


def test_the_gap_is_relative_to_the_start_and_ends_where_rounding_begins() -> None:
    values = np.array([[3.0, 2.0, 1.0, np.nan], [1.0, 1.0, 1.0, 1.0]])
    found = c.relative_gap(values, np.array([1.0, 2.0]), np.array([5.0, 1.0]), precision=1e-7)
    assert found[0, :2].tolist() == [0.5, 0.25]
    assert found[0, 2] == pytest.approx(8 * 1e-7 / 4)
    assert np.isnan(found[0, 3])
    assert np.isnan(found[1]).all()  # the start is below the optimum: there is no way to go


@pytest.mark.parametrize("rate", [0.9, 0.98, 0.995])
def test_a_linear_rate_is_found(rate: float) -> None:
    found = c.tail_rates(STEPS, gap_of(rate**STEPS))
    assert found.kind.tolist() == ["linear"]
    assert found.rate[0] == pytest.approx(rate, rel=1e-6)
    assert found.r_squared[0] == pytest.approx(1)
    assert np.isnan(found.exponent[0])


@pytest.mark.parametrize("exponent", [0.5, 1.0, 2.0])
def test_a_power_law_is_found(exponent: float) -> None:
    found = c.tail_rates(STEPS, gap_of(STEPS**-exponent))
    assert found.kind.tolist() == ["sublinear"]
    assert found.exponent[0] == pytest.approx(exponent, rel=1e-6)


def test_the_floor_of_rounding_is_not_taken_for_a_rate() -> None:
    rng = np.random.default_rng(0)
    floor = 1e-7 * (1 + 0.1 * rng.random(len(STEPS)))
    found = c.tail_rates(STEPS, gap_of(np.maximum(0.9**STEPS, floor)))
    assert found.kind.tolist() == ["linear"]
    assert found.rate[0] == pytest.approx(0.9, abs=0.01)


def test_a_curve_that_does_not_fall_has_no_rate() -> None:
    found = c.tail_rates(STEPS, gap_of(np.ones(len(STEPS)), np.full(len(STEPS), np.nan)))
    assert found.kind.tolist() == ["", ""]
    assert np.isnan(found.r_squared).all()


def test_the_area_of_a_geometric_curve_is_half_its_last_log_gap() -> None:
    rate = 10 ** (-6 / 1000)
    assert c.log_gap_area(EVERY, gap_of(rate**EVERY))[0] == pytest.approx(-3)


def test_a_sooner_curve_has_the_smaller_area() -> None:
    soon, late = np.where(STEPS > 10, 1e-3, 1.0), np.where(STEPS > 500, 1e-3, 1.0)
    areas = c.log_gap_area(STEPS, gap_of(soon, late))
    assert areas[0] < areas[1] < 0


@pytest.mark.parametrize(
    ("values", "expected"),
    [([4, 3, 2, 1], 0), ([1, 2, 3, 4], 1), ([4, 2, 3, 1], 0.2), ([2, 2, 2, 2], 0)],
)
def test_non_monotonicity_is_the_share_of_the_movement_upwards(
    values: list[float], expected: float
) -> None:
    assert c.non_monotonicity(np.array([values], dtype=float))[0] == pytest.approx(expected)


def test_steps_to_the_final_value_are_where_a_curve_settles() -> None:
    steps = np.array([1.0, 2, 4, 8, 16])
    values = np.array([[10, 5, 1.0, 1.0, 1.0], [10, 5, 1.0, 5, 1.0], [7, 7, 7, 7, 7.0]])
    assert c.steps_to_final(steps, values).tolist() == [4, 16, 1]


@pytest.mark.parametrize(
    ("curve", "expected"),
    [
        (np.maximum(0.9**STEPS, 1e-7), "converged"),
        (0.9995**STEPS, "slow"),
        (1 - 1e-5 * STEPS, "slow"),  # it has hardly left its start
        (np.maximum(0.9**STEPS, 0.05), "stalled"),
        (0.1 + 0.08 * np.sin(STEPS), "oscillating"),
        (1 + STEPS / 10, "oscillating"),
    ],
    ids=["converged", "slow", "barely moving", "stalled", "oscillating", "above its start"],
)
def test_a_run_ends_in_one_of_the_outcomes(curve: np.ndarray, expected: str) -> None:
    assert c.outcomes(STEPS, gap_of(curve), np.array([False])).tolist() == [expected]


def test_divergence_is_taken_from_the_record() -> None:
    gap = gap_of(np.maximum(0.9**STEPS, 1e-7), np.full(len(STEPS), np.nan))
    assert c.outcomes(STEPS, gap, np.array([True, False])).tolist() == ["diverged", ""]


def test_every_row_is_measured_as_if_it_were_alone() -> None:
    rng = np.random.default_rng(3)
    gap = np.exp(np.cumsum(rng.normal(-0.1, 0.3, size=(20, len(STEPS))), axis=1))
    gap[3, 40:] = np.nan
    for measure in (c.steps_to_gap, c.log_gap_area):
        together = measure(STEPS, gap)
        alone = np.concatenate([measure(STEPS, gap[i : i + 1]) for i in range(len(gap))])
        np.testing.assert_array_equal(together, alone)
