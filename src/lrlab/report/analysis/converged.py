"""Convergence of a sweep's runs: the frames, measured against the optimum of each objective."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, fields

import numpy as np
import pandas as pd

from lrlab.optimum import Objective
from lrlab.optimum.record import Optima
from lrlab.report.analysis import convergence
from lrlab.report.analysis.convergence import Arrival

CURVE = "train_objective"
CHUNK = 2**22  # numbers looked at together
ARRIVALS = tuple(each.name for each in fields(Arrival))
START = "start_objective"  # before the first update, of runs recorded by lrlab 0.2 or later


def objectives(runs: pd.DataFrame) -> list[Objective]:
    """The objective of each run, in order."""
    losses = runs["loss"].tolist()
    weights = runs["l2"].tolist() if "l2" in runs else [0.0] * len(runs)
    own = {
        loss: sorted(c for c in map(str, runs) if c.startswith(f"{loss}.")) for loss in set(losses)
    }
    values = {name: runs[name].tolist() for each in own.values() for name in each}
    known: dict[tuple[object, ...], Objective] = {}  # many runs share one

    def of_row(row: int) -> Objective:
        loss, weight = losses[row], float(weights[row])
        params = tuple((c.partition(".")[2], float(values[c][row])) for c in own[loss])
        key = (loss, params, weight)
        if key not in known:
            known[key] = Objective(loss, params, weight)
        return known[key]

    return [of_row(row) for row in range(len(runs))]


@dataclass(frozen=True)
class Gaps:
    """Relative gaps of the runs at the evaluation steps.

    Args:
        run_ids: [r].
        steps: [e].
        values: The objective, [r, e].
        gap: Relative gap, [r, e]; NaN where the optimum is not known.
        arrival: When the runs came to `convergence.TOLERANCES`, [r, t] each.
        exact: Whether `arrival` rests on every step; else on the evaluations.
        estimated_start: Whether the objective at the start is that of the first mini-batch, as
            records before lrlab 0.2 have no other.
        least: The gap below which rounding tells nothing, [r].
        precision: Relative precision of the training, 0 if unknown.
    """

    run_ids: np.ndarray
    steps: np.ndarray
    values: np.ndarray
    gap: np.ndarray
    arrival: Arrival
    exact: bool = False
    estimated_start: bool = False
    least: np.ndarray = field(default_factory=lambda: np.empty(0))
    precision: float = 0.0

    def level(self, run_ids: Iterable[str]) -> float | None:
        """The gap at which some of these runs end because rounding tells no lower one."""
        own = np.isin(self.run_ids, list(run_ids))
        if not self.precision or not own.any():
            return None
        last = convergence.last_value(self.gap[own])
        ends = self.least[own][last <= self.least[own]]
        return float(np.median(ends)) if len(ends) else None


def gaps(
    runs: pd.DataFrame,
    curves: pd.DataFrame,
    optima: Optima | None,
    per_step: np.ndarray | None = None,
) -> Gaps:
    """Read the objective's curves as gaps.

    Where the best known value of an objective is above the lowest that a run reached, the latter
    counts. The start is `start_objective`, where the runs have it; else the loss of the first
    step, which is the same for full-batch runs.

    Args:
        runs: The runs frame.
        curves: The curves frame.
        optima: What is known; without them there are no gaps.
        per_step: Of full-batch runs, the objective after 0, 1, 2, ... updates, [r, s + 1] in the
            order of `runs`; NaN after a run's end, or where it cannot be read.
    """
    run_ids = runs["run_id"].to_numpy()
    wide = _wide(curves, CURVE, run_ids)
    steps, values = wide.columns.to_numpy(dtype=float), wide.to_numpy(dtype=float)
    first = _wide(curves, "train_loss", run_ids).reindex(columns=[1])[1].to_numpy(dtype=float)
    start, estimated = first, np.isfinite(first)
    if START in runs:
        recorded = runs[START].to_numpy(dtype=float)
        start, estimated = np.where(np.isnan(recorded), first, recorded), np.isnan(recorded)
    optimum = _optimum(runs, values, optima) if len(steps) else np.full(len(runs), np.nan)
    precision = optima.precision if optima else 0.0
    gap = convergence.relative_gap(values, optimum, start, precision)
    arrival = convergence.arrival(steps, gap)
    if per_step is not None:
        arrival = _exact(arrival, per_step, optimum, start, precision)
    known = np.isfinite(gap).any(axis=1)
    full = optima is None or optima.batch_rows >= optima.n_rows
    guessed = not full and bool((estimated & known).any())
    exact, least = per_step is not None, convergence.least_gap(optimum, start, precision)
    return Gaps(run_ids, steps, values, gap, arrival, exact, guessed, least, precision)


def _exact(
    rough: Arrival,
    per_step: np.ndarray,
    optimum: np.ndarray,
    start: np.ndarray,
    precision: float,
) -> Arrival:
    """The arrivals by every step, for the runs that have them; else by the evaluations."""
    parts = []
    for rows in np.array_split(np.arange(len(per_step)), -(-per_step.size // CHUNK) or 1):
        gap = convergence.relative_gap(per_step[rows, 1:], optimum[rows], start[rows], precision)
        found = convergence.arrival(np.arange(1.0, per_step.shape[1]), gap)
        parts.append([getattr(found, name) for name in ARRIVALS])
    known = np.isfinite(per_step[:, 1:]).any(axis=1)[:, None]
    whole = [np.concatenate([part[i] for part in parts]) for i in range(len(ARRIVALS))]
    spaced = [getattr(rough, name) for name in ARRIVALS]
    return Arrival(*(np.where(known, a, b) for a, b in zip(whole, spaced, strict=True)))


def _optimum(runs: pd.DataFrame, values: np.ndarray, optima: Optima | None) -> np.ndarray:
    """f* of each run, [r]; NaN where it is not known."""
    if optima is None:
        return np.full(len(runs), np.nan)
    folds = runs["replicate"].to_numpy() % max(1, len(optima.folds))  # each has its own rows
    keys = list(zip(objectives(runs), folds.tolist(), strict=True))
    found = {key: optima.of(key[1]).found.get(key[0]) for key in set(keys)}
    best = [found[key] for key in keys]
    optimum = np.array([np.nan if each is None else each.value for each in best])
    lowest = pd.Series(np.nanmin(np.where(np.isnan(values), np.inf, values), axis=1))
    reached = lowest.groupby(pd.Series([repr(k) for k in keys])).transform("min").to_numpy()
    loose = np.array([each is not None and each.kind == "best known" for each in best])
    return np.where(loose, np.fmin(optimum, reached), optimum)


def convergence_frame(runs: pd.DataFrame, found: Gaps, optima: Optima | None) -> pd.DataFrame:
    """One row a run: how it converged.

    Args:
        runs: The runs frame.
        found: What `gaps` returns.
        optima: What is known; without them what needs one is NaN.

    Returns:
        run_id; how, the recorded outcome, and detail within it (`convergence.details`); gap, at
        the end; steps_to_1e-1 .. steps_to_1e-6, the step from which on the gap stays so small,
        and passes_to_ the same in passes over the data; first_steps_to_ the first time;
        where evaluations are all there is, least_steps_to_ and most_steps_to_, between which
        steps_to_ lies; steps_to_final; rate_kind, rate, exponent, r_squared; log_gap_area;
        non_monotonicity; and generalization_gap, held-out minus training log loss. A run that
        diverged comes to no gap to stay.
    """
    recorded = runs["outcome"].astype(str).to_numpy()
    frame = pd.DataFrame({"run_id": found.run_ids, "how": recorded})
    frame["detail"] = np.where(recorded == "diverged", "diverged", "")
    frame["generalization_gap"] = np.nan
    if {"val_log_loss", "train_log_loss"} <= set(runs.columns):
        frame["generalization_gap"] = (runs["val_log_loss"] - runs["train_log_loss"]).to_numpy()
    if not len(found.steps):
        return frame
    frame["detail"] = convergence.details(found.steps, found.gap, recorded)
    frame["gap"] = convergence.last_value(found.gap)
    per_pass = _passes_a_step(runs, optima)
    frame = pd.concat([frame, _arrivals(found, recorded == "diverged", per_pass)], axis=1)
    frame["steps_to_final"] = convergence.steps_to_final(found.steps, found.values)
    precision = optima.precision if optima else 0.0
    rates = convergence.tail_rates(found.steps, found.gap, floor=max(precision, 1e-12))
    frame["rate_kind"] = rates.kind
    frame["rate"], frame["exponent"] = rates.rate, rates.exponent
    frame["r_squared"] = rates.r_squared
    frame["log_gap_area"] = convergence.log_gap_area(found.steps, found.gap)
    frame["non_monotonicity"] = convergence.non_monotonicity(found.values)
    return frame


def _passes_a_step(runs: pd.DataFrame, optima: Optima | None) -> np.ndarray:
    """What share of its training rows a run's step sees, [r]."""
    if optima is None:
        return np.full(len(runs), np.nan)
    own = [optima.of(replicate) for replicate in runs["replicate"].tolist()]
    return np.array([each.batch_rows / each.n_rows for each in own])


def _arrivals(found: Gaps, diverged: np.ndarray, per_pass: np.ndarray) -> pd.DataFrame:
    """The columns on the steps to each tolerance."""
    when = found.arrival
    stays, least, most = (
        np.where(diverged[:, None], np.nan, each) for each in (when.stays, when.least, when.most)
    )
    columns: dict[str, np.ndarray] = {}
    for i, tolerance in enumerate(convergence.TOLERANCES):
        name = f"{tolerance:.0e}".replace("e-0", "e-")
        columns[f"steps_to_{name}"] = stays[:, i]
        columns[f"first_steps_to_{name}"] = when.first[:, i]
        if not found.exact:
            columns[f"least_steps_to_{name}"] = least[:, i]
            columns[f"most_steps_to_{name}"] = most[:, i]
        columns[f"passes_to_{name}"] = stays[:, i] * per_pass
    return pd.DataFrame(columns)


def endings(converged: pd.DataFrame) -> pd.DataFrame:
    """How many runs ended how: one row an outcome and detail that occurs, in their order.

    Args:
        converged: What `convergence_frame` returns.

    Returns:
        how, the recorded outcome; detail (empty where the optimum is not known); runs.
    """
    order = [(how, d) for how, own in convergence.DETAILS.items() for d in (*own, "")]
    if converged.empty:
        return pd.DataFrame({"how": [], "detail": [], "runs": np.array([], dtype="int64")})
    counts = converged.groupby(["how", "detail"]).size()
    known = [each for each in order if each in counts.index]
    known += [each for each in counts.index if each not in known]
    return counts.reindex(known).rename("runs").reset_index()


def _wide(curves: pd.DataFrame, metric: str, run_ids: np.ndarray) -> pd.DataFrame:
    """A curve as one row a run and one column a step."""
    own = curves[curves["metric"] == metric]
    own = own.drop_duplicates(["run_id", "step"], keep="last")
    wide = own.pivot(index="run_id", columns="step", values="value").reindex(run_ids)
    return wide[sorted(wide.columns)]
