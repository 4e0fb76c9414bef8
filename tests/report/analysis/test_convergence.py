"""Metrics of convergence on curves whose rate, steps and end are known."""

from __future__ import annotations

import numpy as np
import pytest

from lrlab.report.analysis import convergence as c

STEPS = np.unique(np.geomspace(1, 1000, 60).round())
EVERY = np.arange(1.0, 1001.0)


def gap_of(*curves: np.ndarray) -> np.ndarray:
    return np.stack(curves)


@pytest.mark.parametrize("rate", [0.5, 0.9, 0.99])
@pytest.mark.parametrize("steps", [STEPS, EVERY], ids=["log-spaced", "every"])
def test_steps_to_a_gap_are_exact_for_a_geometric_curve(steps: np.ndarray, rate: float) -> None:
    found = c.arrival(steps, gap_of(np.maximum(rate**steps, 1e-16)), (1e-1, 1e-3))
    exact = [np.ceil(np.log(t) / np.log(rate) - 1e-9) for t in (1e-1, 1e-3)]
    expected = [e if e <= 1000 else pytest.approx(np.nan, nan_ok=True) for e in exact]
    assert found.first[0].tolist() == expected
    assert found.stays[0].tolist() == expected


def test_a_gap_that_is_never_reached_has_no_step() -> None:
    found = c.arrival(
        STEPS, gap_of(np.full(len(STEPS), 0.5), np.full(len(STEPS), np.nan)), (1e-3,)
    )
    for each in (found.first, found.stays, found.least, found.most):
        assert np.isnan(each).all()


def test_a_run_that_falls_in_and_leaves_again_arrives_where_it_stays() -> None:
    gap = gap_of(np.array([0.5, 0.05, 0.2, 0.05, 0.04]), np.array([0.5, 0.05, 0.2, 0.05, 0.2]))
    found = c.arrival(np.arange(1.0, 6), gap, (0.1,))
    assert found.first[:, 0].tolist() == [2, 2]
    assert found.stays[0, 0] == 4
    assert np.isnan(found.stays[1, 0])  # at its end it is outside


def walks(rng: np.random.Generator, runs: int, steps: int) -> np.ndarray:
    """Random gaps, some of which end early."""
    gap = np.exp(np.cumsum(rng.normal(-0.05, 0.4, size=(runs, steps)), axis=1))
    for i in range(0, runs, 3):
        gap[i, rng.integers(1, steps) :] = np.nan
    return gap


def by_hand(gap: np.ndarray, tolerance: float) -> tuple[float, float]:
    """First step inside, and first from which on all are, of the gaps of steps 1, 2, ..."""
    known = [bool(g <= tolerance) for g in gap if np.isfinite(g)]
    first = next((k + 1.0 for k, inside in enumerate(known) if inside), np.nan)
    stays = next((k + 1.0 for k in range(len(known)) if all(known[k:])), np.nan)
    return first, stays


def test_with_every_step_the_arrival_is_what_one_counts_by_hand() -> None:
    gap = walks(np.random.default_rng(5), 60, 80)
    found = c.arrival(np.arange(1.0, 81), gap, (1e-1, 1e-2))
    for row in range(len(gap)):
        for i, tolerance in enumerate((1e-1, 1e-2)):
            first, stays = by_hand(gap[row], tolerance)
            np.testing.assert_equal(found.first[row, i], first)
            np.testing.assert_equal(
                [found.stays[row, i], found.least[row, i], found.most[row, i]], [stays] * 3
            )


def test_evaluations_bound_the_step_of_a_falling_curve() -> None:
    some = np.array([1.0, 3, 10, 30, 80])
    gap = np.minimum.accumulate(np.nan_to_num(walks(np.random.default_rng(6), 60, 80), nan=1), 1)
    exact = c.arrival(np.arange(1.0, 81), gap, (1e-1, 1e-2))
    found = c.arrival(some, gap[:, some.astype(int) - 1], (1e-1, 1e-2))
    came = np.isfinite(found.stays)
    assert came.sum() > 20
    assert (found.least[came] <= exact.stays[came]).all()
    assert (exact.stays[came] <= found.most[came]).all()
    assert ((found.least <= found.stays) & (found.stays <= found.most))[came].all()


def test_gradient_descent_on_a_quadratic_arrives_where_algebra_says() -> None:
    # f(x) = (a x1^2 + b x2^2) / 2: x_k = (1 - lr a)^k x_0 by coordinate, whatever the steps
    rates = 1 - 0.05 * np.array([1.0, 30.0])  # the second swings: 1 - 1.5 = -0.5
    every = np.arange(0, 400)
    f = 0.5 * (np.array([1.0, 30.0]) * rates ** (2 * every[:, None])).sum(axis=1)
    gap = c.relative_gap(f[None, 1:], np.zeros(1), f[:1])
    found = c.arrival(np.arange(1.0, 400), gap, (1e-1, 1e-3, 1e-6))
    relative = [next(k for k in every if f[k] <= t * f[0]) for t in (1e-1, 1e-3, 1e-6)]
    assert found.stays[0].tolist() == relative


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
    ("curve", "outcome", "expected"),
    [
        (np.maximum(0.9**STEPS, 1e-7), "converged", "at the optimum"),
        (np.maximum(0.9**STEPS, 1e-7), "slow", "at the optimum"),
        (np.maximum(0.9**STEPS, 0.05), "converged", "stalled above it"),
        (0.9995**STEPS, "slow", "descending"),
        (1 - 1e-5 * STEPS, "slow", "hardly moved"),
        (0.1 + 0.08 * np.sin(STEPS), "slow", "oscillating"),
        (1 + STEPS / 10, "slow", "above its start"),
        (np.maximum(0.9**STEPS, 1e-7), "diverged", "diverged"),
        (np.full(len(STEPS), np.nan), "diverged", "diverged"),
        (np.full(len(STEPS), np.nan), "slow", ""),
        (np.full(len(STEPS), np.nan), "converged", ""),
    ],
)
def test_the_detail_refines_the_recorded_outcome(
    curve: np.ndarray, outcome: str, expected: str
) -> None:
    assert c.details(STEPS, gap_of(curve), np.array([outcome])).tolist() == [expected]


def test_no_detail_belongs_to_another_outcome() -> None:
    gap = walks(np.random.default_rng(8), 300, len(STEPS))
    outcome = np.random.default_rng(9).choice(c.OUTCOMES, 300)
    for how, detail in zip(outcome, c.details(STEPS, gap, outcome), strict=True):
        assert detail in c.DETAILS[how]


def test_every_row_is_measured_as_if_it_were_alone() -> None:
    rng = np.random.default_rng(3)
    gap = np.exp(np.cumsum(rng.normal(-0.1, 0.3, size=(20, len(STEPS))), axis=1))
    gap[3, 40:] = np.nan
    for metric in (lambda steps, gap: c.arrival(steps, gap).stays, c.log_gap_area):
        together = metric(STEPS, gap)
        alone = np.concatenate([metric(STEPS, gap[i : i + 1]) for i in range(len(gap))])
        np.testing.assert_array_equal(together, alone)
