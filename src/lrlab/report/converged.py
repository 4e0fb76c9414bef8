"""Convergence of a sweep's runs: the frames, measured against the optimum of each objective."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd
import torch

from lrlab.data import Problem
from lrlab.optimum.optima import Objective, Optimum, find_optima
from lrlab.report import convergence
from lrlab.spec import TrainSpec
from lrlab.train.loop import batch_rows

CURVE = "train_objective"
KEPT = ("value", "kind", "gradient_norm", "bound", "largest", "smallest")


@dataclass(frozen=True)
class Landscape:
    """What is known of the objectives of a sweep.

    Args:
        optima: By objective.
        separation: How far the classes are separable: see `lrlab.optimum.separability`.
        precision: Machine epsilon of the training.
        n_rows: Training rows.
        batch_rows: Rows of a step's batch.
    """

    optima: Mapping[Objective, Optimum]
    separation: str
    precision: float
    n_rows: int
    batch_rows: int

    def to_json(self) -> str:
        """All of it but the weights, as text."""
        optima = [
            {"objective": asdict(objective), **{name: getattr(optimum, name) for name in KEPT}}
            for objective, optimum in self.optima.items()
        ]
        rest = {"separation": self.separation, "precision": self.precision}
        rest |= {"n_rows": self.n_rows, "batch_rows": self.batch_rows}
        return json.dumps({**rest, "optima": optima}, indent=1)

    @classmethod
    def from_json(cls, text: str) -> Landscape:
        """What `to_json` wrote.

        Raises:
            ValueError: If it is something else.
        """
        try:
            found = json.loads(text)
            optima = {}
            for entry in found.pop("optima"):
                named = entry.pop("objective")
                params = tuple((str(k), float(v)) for k, v in named["loss_params"])
                objective = Objective(str(named["loss"]), params, float(named["l2"]))
                optima[objective] = Optimum(**entry)
            return cls(optima=optima, **found)
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"not a landscape: {error}") from error


def survey(problem: Problem, runs: pd.DataFrame, settings: TrainSpec) -> Landscape:
    """Find the optimum of every objective that the runs had."""
    optima, separated = find_optima(problem, objectives(runs))
    n_rows = len(problem.y_train)
    return Landscape(
        optima=optima,
        separation=separated.kind,
        precision=torch.finfo(problem.x_train.dtype).eps,
        n_rows=n_rows,
        batch_rows=batch_rows(n_rows, settings),
    )


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


def gaps(runs: pd.DataFrame, curves: pd.DataFrame, landscape: Landscape | None) -> Gaps:
    """Read the objective's curves as gaps.

    Where the best known value of an objective is above the lowest that a run reached, the latter
    counts.
    """
    run_ids = runs["run_id"].to_numpy()
    wide = _wide(curves, CURVE, run_ids)
    steps, values = wide.columns.to_numpy(dtype=float), wide.to_numpy(dtype=float)
    start = _wide(curves, "train_loss", run_ids).reindex(columns=[1])[1].to_numpy(dtype=float)
    optimum = np.full(len(runs), np.nan)
    if landscape is not None and len(steps):
        keys = objectives(runs)
        found = {key: landscape.optima[key] for key in set(keys) if key in landscape.optima}
        optimum = np.array([found[k].value if k in found else np.nan for k in keys])
        lowest = pd.Series(np.nanmin(np.where(np.isnan(values), np.inf, values), axis=1))
        reached = lowest.groupby(pd.Series([repr(k) for k in keys])).transform("min").to_numpy()
        loose = np.array([k in found and found[k].kind == "best known" for k in keys])
        optimum = np.where(loose, np.fmin(optimum, reached), optimum)
    precision = landscape.precision if landscape else 0.0
    gap = convergence.relative_gap(values, optimum, start, precision)
    return Gaps(run_ids, steps, values, gap)


def convergence_frame(
    runs: pd.DataFrame, found: Gaps, landscape: Landscape | None
) -> pd.DataFrame:
    """One row a run: how it converged.

    Args:
        runs: The runs frame.
        found: What `gaps` returns.
        landscape: Optima; without them what needs one is NaN.

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
    per_pass = landscape.batch_rows / landscape.n_rows if landscape else np.nan
    for i, tolerance in enumerate(convergence.TOLERANCES):
        frame[f"steps_to_{tolerance:.0e}".replace("e-0", "e-")] = steps[:, i]
        frame[f"passes_to_{tolerance:.0e}".replace("e-0", "e-")] = steps[:, i] * per_pass
    frame["steps_to_final"] = convergence.steps_to_final(found.steps, found.values)
    precision = landscape.precision if landscape else 0.0
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
