"""How runs converged: measures on arrays of curves, one row a run.

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
CREEP = 0.05  # of its log10 gap that a stalled run still loses in the tail
DEPARTED = 0.9  # relative gap below which a run has left its start
NOISE = 3.0  # times the lowest gap, below which a curve may be noise
ROUNDING = 8  # units in the last place of f that a gap can tell
OUTCOMES = ("converged", "slow", "stalled", "oscillating", "diverged")


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
    least = ROUNDING * precision * np.abs(optimum)[:, None] / whole
    gaps: np.ndarray = np.maximum((values - optimum[:, None]) / whole, np.maximum(least, 1e-16))
    return gaps


def steps_to_gap(
    steps: np.ndarray, gap: np.ndarray, tolerances: tuple[float, ...] = TOLERANCES
) -> np.ndarray:
    """The first step whose relative gap is at most a tolerance.

    Between two evaluations log gap is taken as linear in step, and the step rounded up.

    Args:
        steps: Evaluation steps, [e], increasing.
        gap: Relative gap, [r, e].
        tolerances: Any number t of them.

    Returns:
        [r, t]; NaN where the gap is never that small.
    """
    found = np.full((len(gap), len(tolerances)), np.nan)
    # the start is step 0, at a gap of 1
    times = np.concatenate([[0], steps]).astype(float)
    logs = np.log(np.concatenate([np.ones((len(gap), 1)), gap], axis=1))
    rows = np.arange(len(gap))
    for column, tolerance in enumerate(tolerances):
        reached = logs <= np.log(tolerance)
        first = reached.argmax(axis=1)
        before = np.maximum(first - 1, 0)
        high, low = logs[rows, before], logs[rows, first]
        with np.errstate(invalid="ignore", divide="ignore"):
            share = np.where(high > low, (high - np.log(tolerance)) / (high - low), 1.0)
        step = times[before] + share * (times[first] - times[before])
        found[:, column] = np.where(reached.any(axis=1), np.ceil(step - 1e-9), np.nan)
    return found


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


def outcomes(steps: np.ndarray, gap: np.ndarray, diverged: np.ndarray) -> np.ndarray:
    """How each run ended, by its relative gap.

    `diverged`: left the finite range. `converged`: ended at a relative gap of at most 1e-3. Of
    the others, over the last half of the steps: `oscillating` if more than a fifth of its movement
    goes upwards, or if it ended above its start; `stalled` if it had left its start, but now loses
    less than 0.05 decades; else `slow`.

    Args:
        steps: [e], increasing.
        gap: Relative gap, [r, e].
        diverged: [r] bool.

    Returns:
        [r] of str; empty where the gap is not known.
    """
    held = _filled(gap)
    final = held[:, -1]
    late = steps >= (1 - LATE) * steps[-1]
    late[np.maximum(np.argmax(late) - 1, 0)] = True  # the tail begins where the first half ended
    tail = held[:, late]
    with np.errstate(invalid="ignore", divide="ignore"):
        lost = np.log10(tail[:, 0]) - np.log10(final)
        moving = np.ptp(tail, axis=1) > 1e-3 * final
        swings = (non_monotonicity(tail) > RISING) & moving
        cases = [
            diverged,
            ~np.isfinite(final),
            final <= CONVERGED,
            swings | (final > 1),
            (lost < CREEP) & (final < DEPARTED),
        ]
    names = ["diverged", "", "converged", "oscillating", "stalled"]
    return np.select(cases, names, default="slow")


def last_value(values: np.ndarray) -> np.ndarray:
    """The last value of each row that is not NaN, [r]."""
    return _filled(values)[:, -1]


def _filled(values: np.ndarray) -> np.ndarray:
    """NaNs replaced by the last value before them."""
    index = np.where(np.isfinite(values), np.arange(values.shape[1]), 0)
    np.maximum.accumulate(index, axis=1, out=index)
    return np.take_along_axis(values, index, axis=1)
