"""Convergence of a sweep's runs: the frames, measured against the optimum of each objective."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from lrlab.optimum import Objective
from lrlab.optimum.record import Optima
from lrlab.report import convergence

CURVE = "train_objective"


def objectives(runs: pd.DataFrame) -> list[Objective]:
    """The objective of each run, in order."""
    params = {
        loss: sorted(c for c in runs.columns if c.startswith(f"{loss}."))
        for loss in runs["loss"].unique()
    }
    records = runs.to_dict("records")
    l2 = runs["l2"] if "l2" in runs else pd.Series(0.0, index=runs.index)
    return [
        Objective(
            row["loss"],
            tuple((c.partition(".")[2], float(row[c])) for c in params[row["loss"]]),
            float(weight),
        )
        for row, weight in zip(records, l2, strict=True)
    ]


@dataclass(frozen=True)
class Gaps:
    """Relative gaps of the runs at the evaluation steps.

    Args:
        run_ids: [r].
        steps: [e].
        values: The objective, [r, e].
        gap: Relative gap, [r, e]; NaN where the optimum is not known.
    """

    run_ids: np.ndarray
    steps: np.ndarray
    values: np.ndarray
    gap: np.ndarray


def gaps(runs: pd.DataFrame, curves: pd.DataFrame, optima: Optima | None) -> Gaps:
    """Read the objective's curves as gaps.

    Where the best known value of an objective is above the lowest that a run reached, the latter
    counts.
    """
    run_ids = runs["run_id"].to_numpy()
    wide = _wide(curves, CURVE, run_ids)
    steps, values = wide.columns.to_numpy(dtype=float), wide.to_numpy(dtype=float)
    start = _wide(curves, "train_loss", run_ids).reindex(columns=[1])[1].to_numpy(dtype=float)
    optimum = np.full(len(runs), np.nan)
    if optima is not None and len(steps):
        keys = objectives(runs)
        found = {key: optima.found[key] for key in set(keys) if key in optima.found}
        optimum = np.array([found[k].value if k in found else np.nan for k in keys])
        lowest = pd.Series(np.nanmin(np.where(np.isnan(values), np.inf, values), axis=1))
        reached = lowest.groupby(pd.Series([repr(k) for k in keys])).transform("min").to_numpy()
        loose = np.array([k in found and found[k].kind == "best known" for k in keys])
        optimum = np.where(loose, np.fmin(optimum, reached), optimum)
    precision = optima.precision if optima else 0.0
    gap = convergence.relative_gap(values, optimum, start, precision)
    return Gaps(run_ids, steps, values, gap)


def convergence_frame(runs: pd.DataFrame, found: Gaps, optima: Optima | None) -> pd.DataFrame:
    """One row a run: how it converged.

    Args:
        runs: The runs frame.
        found: What `gaps` returns.
        optima: What is known; without them what needs one is NaN.

    Returns:
        run_id; how, the outcome by the gap (else the recorded outcome); gap, at the end;
        steps_to_1e-1 .. steps_to_1e-6 and passes_to_ the same in passes over the data;
        steps_to_final; rate_kind, rate, exponent, r_squared; log_gap_area; non_monotonicity; and
        generalisation_gap, held-out minus training log loss.
    """
    recorded = runs["outcome"].astype(str).to_numpy()
    frame = pd.DataFrame({"run_id": found.run_ids, "how": recorded})
    frame["generalisation_gap"] = np.nan
    if {"val_log_loss", "train_log_loss"} <= set(runs.columns):
        frame["generalisation_gap"] = (runs["val_log_loss"] - runs["train_log_loss"]).to_numpy()
    if not len(found.steps):
        return frame
    how = convergence.outcomes(found.steps, found.gap, recorded == "diverged")
    frame["how"] = np.where(how == "", recorded, how)
    frame["gap"] = convergence.last_value(found.gap)
    steps = convergence.steps_to_gap(found.steps, found.gap)
    per_pass = optima.batch_rows / optima.n_rows if optima else np.nan
    for i, tolerance in enumerate(convergence.TOLERANCES):
        frame[f"steps_to_{tolerance:.0e}".replace("e-0", "e-")] = steps[:, i]
        frame[f"passes_to_{tolerance:.0e}".replace("e-0", "e-")] = steps[:, i] * per_pass
    frame["steps_to_final"] = convergence.steps_to_final(found.steps, found.values)
    precision = optima.precision if optima else 0.0
    rates = convergence.tail_rates(found.steps, found.gap, floor=max(precision, 1e-12))
    frame["rate_kind"] = rates.kind
    frame["rate"], frame["exponent"] = rates.rate, rates.exponent
    frame["r_squared"] = rates.r_squared
    frame["log_gap_area"] = convergence.log_gap_area(found.steps, found.gap)
    frame["non_monotonicity"] = convergence.non_monotonicity(found.values)
    return frame


def _wide(curves: pd.DataFrame, metric: str, run_ids: np.ndarray) -> pd.DataFrame:
    """A curve as one row a run and one column a step."""
    own = curves[curves["metric"] == metric]
    own = own.drop_duplicates(["run_id", "step"], keep="last")
    wide = own.pivot(index="run_id", columns="step", values="value").reindex(run_ids)
    return wide[sorted(wide.columns)]
