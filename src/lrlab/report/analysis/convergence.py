"""How runs converged: metrics on arrays of curves, one row a run.

A curve is an objective f at the steps at which it was taken, the same steps for all runs; what
comes after a run's end is NaN. With the optimum f* known it is read as the relative gap
(f(x_k) - f*) / (f(x_0) - f*): 1 at the start, 0 at the optimum.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

TOLERANCES = (1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6)
CONVERGED = 1e-3  # relative gap at the end, at most
LATE = 0.5  # share of the steps, from the end, that counts as the tail
RISING = 0.2  # share of the movement in the tail that goes upwards, of an oscillating run
DEPARTED = 0.9  # relative gap below which a run has left its start
NOISE = 3.0  # times the lowest gap, below which a curve may be noise
ROUNDING = 8  # units in the last place of f that a gap can tell
OUTCOMES = ("converged", "slow", "diverged")  # as recorded, and what each may be in detail
DETAILS = {
    "converged": ("at the optimum", "stalled above it"),
    "slow": ("at the optimum", "oscillating", "above its start", "hardly moved", "descending"),
    "diverged": ("diverged",),
}


def relative_gap(
    values: np.ndarray, optimum: np.ndarray, start: np.ndarray, precision: float = 0.0
) -> np.ndarray:
    """(f - f*) / (f(x_0) - f*), no lower than what rounding can tell.

    Args:
        values: f, [r, e]; NaN where not taken.
        optimum: f* of each run, [r].
        start: f(x_0) of each run, [r].
        precision: Relative precision of f: machine epsilon of the training.

    Returns:
        [r, e]; NaN where f is, or where the start is no higher than the optimum.
    """
    whole = np.where(start > optimum, start - optimum, np.nan)[:, None]
    least = least_gap(optimum, start, precision)[:, None]
    gaps: np.ndarray = np.maximum((values - optimum[:, None]) / whole, least)
    return gaps


def least_gap(optimum: np.ndarray, start: np.ndarray, precision: float) -> np.ndarray:
    """The relative gap below which rounding tells nothing, [r]; arguments as `relative_gap`."""
    whole = np.where(start > optimum, start - optimum, np.nan)
    least: np.ndarray = np.maximum(ROUNDING * precision * np.abs(optimum) / whole, 1e-16)
    return least


@dataclass(frozen=True)
class Arrival:
    """When runs came to a relative gap, [r, t] each; NaN where they never did.

    Args:
        first: The first step with a gap of at most the tolerance.
        stays: The first step from which on it stays so, to the end of the run.
        least: The earliest step that `stays` can be, by the evaluations around it.
        most: The latest.
    """

    first: np.ndarray
    stays: np.ndarray
    least: np.ndarray
    most: np.ndarray


def arrival(
    steps: np.ndarray, gap: np.ndarray, tolerances: tuple[float, ...] = TOLERANCES
) -> Arrival:
    """The steps at which runs come to each tolerance, and stay there.

    Exact where the gap is given at every step. Between two evaluations log gap is taken as linear
    in step, and the step rounded up; `least` and `most` do without that, but not without taking
    the evaluations for all there is.

    Args:
        steps: At which the gap is taken, [e], increasing; before them is step 0, at a gap of 1.
        gap: Relative gap, [r, e]; a run ends where its NaNs begin.
        tolerances: Any number t of them, below 1.
    """
    times = np.concatenate([[0], steps]).astype(float)
    whole = np.concatenate([np.ones((len(gap), 1)), gap], axis=1)
    known = np.isfinite(whole)
    index = np.arange(whole.shape[1])
    last = whole.shape[1] - 1 - known[:, ::-1].argmax(axis=1)
    found = np.full((4, len(gap), len(tolerances)), np.nan)
    for column, tolerance in enumerate(tolerances):
        inside = known & (whole <= tolerance)
        first = inside.argmax(axis=1)
        found[0, :, column] = np.where(
            inside.any(axis=1), _crossing(times, whole, first, tolerance), np.nan
        )
        # the last evaluation that is not inside, of those before the end
        outside = np.where(known & ~inside, index, 0).max(axis=1)
        stays = np.minimum(outside + 1, last)
        arrived = (outside < last) & (last > 0)
        crossed = _crossing(times, whole, stays, tolerance)
        found[1, :, column] = np.where(arrived, crossed, np.nan)
        found[2, :, column] = np.where(arrived, times[stays - 1] + 1, np.nan)
        found[3, :, column] = np.where(arrived, times[stays], np.nan)
    return Arrival(*found)


def _crossing(
    times: np.ndarray, gap: np.ndarray, index: np.ndarray, tolerance: float
) -> np.ndarray:
    """The step, up to evaluation `index` [r] and after the one before it, of a tolerance."""
    rows, before = np.arange(len(gap)), np.maximum(index - 1, 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        high, low = np.log(gap[rows, before]), np.log(gap[rows, index])
        share = np.where(high > low, (high - np.log(tolerance)) / (high - low), 1.0)
    step = times[before] + share * (times[index] - times[before])
    return np.asarray(np.ceil(step - 1e-9))


def steps_to_final(steps: np.ndarray, values: np.ndarray, tolerance: float = 0.01) -> np.ndarray:
    """The first evaluation from which on a curve stays near its final value.

    Near: within `tolerance` of the whole way from its first to its final value.

    Args:
        steps: [e], increasing.
        values: [r, e]; a curve ends where its NaNs begin.
        tolerance: Share of the way.

    Returns:
        [r]; NaN for an empty curve.
    """
    final, first = last_value(values), values[:, 0]
    limit = tolerance * np.abs(final - first)
    away = ~(np.abs(values - final[:, None]) <= limit[:, None]) & np.isfinite(values)
    after_last = values.shape[1] - np.argmax(away[:, ::-1], axis=1)
    index = np.where(away.any(axis=1), np.minimum(after_last, values.shape[1] - 1), 0)
    return np.where(np.isfinite(final), steps[index].astype(float), np.nan)


@dataclass(frozen=True)
class Rates:
    """How fast the gap shrinks at the end, one number a run.

    Args:
        kind: `linear` (gap ~ rate^k), `sublinear` (gap ~ k^-exponent), or `` where the tail is
            too short or does not shrink.
        rate: Factor by which the gap shrinks a step, of a linear fit.
        exponent: Power of the step, of a sublinear fit.
        r_squared: Share of the variance of log gap that the better fit explains.
    """

    kind: np.ndarray
    rate: np.ndarray
    exponent: np.ndarray
    r_squared: np.ndarray


def tail_rates(steps: np.ndarray, gap: np.ndarray, floor: float = 1e-12) -> Rates:
    """Fit log gap in the tail against the step, and against its logarithm; the better fit wins.

    The tail is the second half of the descent in log gap, down to where a run is within a
    factor of 3 of the lowest gap it reaches or of `floor`; so neither the start nor the noise at
    the end is in it.

    Args:
        steps: [e], increasing.
        gap: Relative gap, [r, e].
        floor: Gaps below are not looked at.
    """
    logs = np.log(np.where(gap > 0, gap, np.nan))
    with np.errstate(invalid="ignore"):
        lowest = np.min(np.where(np.isfinite(logs), logs, np.inf), axis=1)
        bottom = np.maximum(lowest, np.log(floor)) + np.log(NOISE)
        middle = (logs[:, 0] + bottom) / 2
        reached = np.argmax(logs <= bottom[:, None], axis=1)
        inside = (logs <= middle[:, None]) & (logs >= bottom[:, None])
    inside &= np.arange(logs.shape[1]) <= reached[:, None]
    linear, first = _fit(np.broadcast_to(steps.astype(float), logs.shape), logs, inside)
    power, second = _fit(np.broadcast_to(np.log(steps), logs.shape), logs, inside)
    fits = (inside.sum(axis=1) >= 4) & (np.fmin(linear, power) < 0)
    by_step = fits & (first >= second)
    by_power = fits & ~by_step
    return Rates(
        kind=np.where(by_step, "linear", np.where(by_power, "sublinear", "")),
        rate=np.where(by_step, np.exp(linear), np.nan),
        exponent=np.where(by_power, -power, np.nan),
        r_squared=np.where(fits, np.fmax(first, second), np.nan),
    )


def _fit(x: np.ndarray, y: np.ndarray, inside: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Slope and R² of least squares by row, over the points inside."""
    count = inside.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean_x = np.where(inside, x, 0).sum(axis=1) / count
        mean_y = np.where(inside, y, 0).sum(axis=1) / count
        dx = np.where(inside, x - mean_x[:, None], 0)
        dy = np.where(inside, y - mean_y[:, None], 0)
        xx, yy, xy = (dx * dx).sum(axis=1), (dy * dy).sum(axis=1), (dx * dy).sum(axis=1)
        return xy / xx, np.where(yy > 0, xy * xy / (xx * yy), np.nan)


def log_gap_area(steps: np.ndarray, gap: np.ndarray) -> np.ndarray:
    """Mean of log10 relative gap over the steps, by trapezoids: the lower, the sooner.

    Args:
        steps: [e], increasing, from step 0 on at a gap of 1.
        gap: [r, e]; a run that ended keeps its last gap.

    Returns:
        [r]; NaN for an empty curve.
    """
    times = np.concatenate([[0], steps]).astype(float)
    logs = np.log10(np.concatenate([np.ones((len(gap), 1)), _filled(gap)], axis=1))
    return np.asarray(np.trapezoid(logs, times, axis=1) / times[-1])


def non_monotonicity(values: np.ndarray) -> np.ndarray:
    """Share of a curve's whole movement that goes upwards, [r]: 0 for a curve that only falls."""
    moves = np.diff(values, axis=1)
    moves = np.where(np.isfinite(moves), moves, 0.0)
    whole = np.abs(moves).sum(axis=1)
    return np.where(whole > 0, np.maximum(moves, 0).sum(axis=1) / np.where(whole > 0, whole, 1), 0)


def details(steps: np.ndarray, gap: np.ndarray, outcome: np.ndarray) -> np.ndarray:
    """How each run ended in detail: `DETAILS`, within its recorded outcome.

    A relative gap of at most 1e-3 at the end is `at the optimum`. Above it, a run that stands
    still is `stalled above it`. A slow one is `above its start` if it ended so; `oscillating` if
    over the last half of the steps more than a fifth of its movement goes upwards; `hardly moved`
    if nine tenths of the way are still before it; else `descending`.

    Args:
        steps: [e], increasing.
        gap: Relative gap, [r, e].
        outcome: As recorded, [r].

    Returns:
        [r] of str; of a run that did not diverge empty where the gap is not known.
    """
    held = _filled(gap)
    final = held[:, -1]
    late = steps >= (1 - LATE) * steps[-1]
    late[np.maximum(np.argmax(late) - 1, 0)] = True  # the tail begins where the first half ended
    tail = held[:, late]
    with np.errstate(invalid="ignore", divide="ignore"):
        moving = np.ptp(tail, axis=1) > 1e-3 * final
        cases = [
            outcome == "diverged",
            ~np.isfinite(final),
            final <= CONVERGED,
            outcome == "converged",
            final > 1,
            (non_monotonicity(tail) > RISING) & moving,
            final >= DEPARTED,
        ]
    names = ["diverged", "", "at the optimum", "stalled above it", "above its start"]
    return np.select(cases, [*names, "oscillating", "hardly moved"], default="descending")


def last_value(values: np.ndarray) -> np.ndarray:
    """The last value of each row that is not NaN, [r]."""
    return _filled(values)[:, -1]


def _filled(values: np.ndarray) -> np.ndarray:
    """NaNs replaced by the last value before them."""
    index = np.where(np.isfinite(values), np.arange(values.shape[1]), 0)
    np.maximum.accumulate(index, axis=1, out=index)
    return np.take_along_axis(values, index, axis=1)
