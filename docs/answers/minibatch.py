"""Mini-batches: passes over the data to a gap, the gap that is left, and the learning rate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from lrlab.optimum.reference import SolverRun
from lrlab.report.analysis.converged import convergence_frame, gaps
from lrlab.report.analysis.speed_claims import Counted, slower

from .markdown import WORSE, by_rank, geometric_mean, short
from .reading import Sweep, in_prior

GOALS = ("1e-1", "1e-2")  # gaps to which passes are counted


@dataclass(frozen=True)
class Batch:
    """Sweeps on one table and one batch size, read.

    Args:
        counted: Steps until the gap stays at most so small, by trial and seed, for each goal.
        lr: Of each trial.
        left: Gap at the end by trial and seed, [T, R]; inf where a run diverged.
        passes_a_step: Share of the training rows in a step.
    """

    counted: Mapping[str, Counted]
    lr: np.ndarray
    left: np.ndarray
    passes_a_step: float


def read_of(sweep: Sweep) -> Batch:
    """Of the learning rates in the optimizers' priors."""
    own = sweep.only(in_prior(sweep.runs))
    context = own.context
    measured = gaps(own.runs, own.curves, context.optima, context.per_step)
    converged = convergence_frame(own.runs, measured, context.optima)
    frame = own.runs[["run_id", "trial", "replicate", "optimizer", "lr", "outcome"]]
    frame = frame.merge(converged, on="run_id").sort_values(["trial", "replicate"])
    frame["gap"] = frame["gap"].where(frame["outcome"] != "diverged", np.inf)

    def wide(column: str) -> np.ndarray:
        found = frame.pivot(index="trial", columns="replicate", values=column)
        return np.asarray(found.fillna(np.inf).to_numpy(dtype=float))

    first = frame.drop_duplicates("trial")
    counted = {}
    for goal in GOALS:
        exact = f"steps_to_{goal}"
        least, most = (n if n in frame else exact for n in (f"least_{exact}", f"most_{exact}"))
        counted[goal] = Counted(
            trials=first["trial"].to_numpy(),
            optimizers=first["optimizer"].astype(str).tolist(),
            stays=wide(exact),
            least=wide(least),
            most=wide(most),
            allowed=float(own.runs["steps"].max()),
        )
    return Batch(counted, first["lr"].to_numpy(dtype=float), wide("gap"), _share(sweep))


def _share(sweep: Sweep) -> float:
    optima = sweep.context.optima
    assert optima is not None
    return optima.batch_rows / optima.n_rows


def passes(batches: Mapping[int, Batch], goal: str) -> pd.DataFrame:
    """Passes over the data to the gap, each optimizer at the lr that needs fewest."""
    raw, shown = {}, {}
    for size, batch in batches.items():
        counted = batch.counted[goal]
        order = [counted.methods[i] for i in counted.order()]
        worse = {claim.worse for claim in slower(counted, 0.01)} if _testable(counted) else set()
        values, texts = {}, {}
        for name, trial in zip(counted.methods, counted.best, strict=True):
            own = counted.stays[trial]
            values[name] = geometric_mean(own) * batch.passes_a_step
            mean = short(values[name])
            mean = f"**{mean}**" if name == order[0] else mean
            mark = f" {WORSE}" if name in worse else ""
            texts[name] = f"{mean}{mark} (lr {batch.lr[trial]:.2g})"
            if not np.isfinite(own).all():
                texts[name] = f"– ({np.isfinite(own).sum()} of {len(own)})"
        raw[size], shown[_named(size)] = values, texts
    order = by_rank(pd.DataFrame(raw))
    return pd.DataFrame(shown).loc[order].rename_axis("optimizer").reset_index()


def _testable(counted: Counted) -> bool:
    """Whether the leader, where other seeds chose it, arrives on every seed."""
    leader = counted.by_others()[counted.order()[0]]
    return bool(np.isfinite(counted.stays[leader]).all())


def left(batches: Mapping[int, Batch]) -> pd.DataFrame:
    """The gap after all passes, each optimizer at the lr that leaves least on half of the seeds,
    told on the others."""
    raw, shown = {}, {}
    for size, batch in batches.items():
        half = batch.left.shape[1] // 2
        values, texts = {}, {}
        counted = batch.counted[GOALS[0]]
        for name in counted.methods:
            own = np.flatnonzero(np.array(counted.optimizers) == name)
            logs = np.log(batch.left[own])
            trial = own[logs[:, half:].mean(axis=1).argmin()]
            told = batch.left[trial, :half]
            values[name] = geometric_mean(told)
            texts[name] = f"{values[name]:.1e} (lr {batch.lr[trial]:.2g})"
        first = min(values, key=lambda name: values[name])
        texts[first] = (
            f"**{values[first]:.1e}**"
            + texts[first].partition(" ")[1]
            + (texts[first].partition(" ")[2])
        )
        raw[size], shown[_named(size)] = values, texts
    order = by_rank(pd.DataFrame(raw))
    return pd.DataFrame(shown).loc[order].rename_axis("optimizer").reset_index()


def floor(batches: Mapping[int, Batch], optimizer: str = "sgd") -> pd.DataFrame:
    """The gap after all passes by learning rate and batch size, of one optimizer."""
    columns = {}
    for size, batch in batches.items():
        own = np.array(batch.counted[GOALS[0]].optimizers) == optimizer
        means = [geometric_mean(gap) for gap in batch.left[own]]
        columns[_named(size)] = pd.Series(means, index=batch.lr[own])
    frame = pd.DataFrame(columns).sort_index()
    text = frame.map(lambda v: "diverged" if np.isinf(v) else f"{v:.1e}")
    text.insert(0, "lr", [f"{lr:.2g}" for lr in frame.index])
    return text


def cheapest(
    tables: Mapping[str, Mapping[int, Batch]],
    cost: Mapping[str, float],
    solved: Mapping[str, Mapping[str, list[SolverRun]]],
) -> pd.DataFrame:
    """The optimizer that needs the fewest passes at each batch size: passes, steps and
    milliseconds to a gap of 1e-1, beside L-BFGS to one of 1e-3.

    Args:
        tables: Batches by table and size.
        cost: Microseconds of a step in the loop, by optimizer.
        solved: Reference solvers by table.
    """
    rows = []
    for name, batches in tables.items():
        row = {"table": name}
        for size, batch in batches.items():
            counted = batch.counted[GOALS[0]]
            first = counted.order()[0]
            count = geometric_mean(counted.stays[counted.best[first]])
            who, spent = counted.methods[first], count * cost[counted.methods[first]] / 1e3
            done = f"{who}: {count * batch.passes_a_step:.2g}, {short(spent)} ms"
            row[_named(size)] = done if np.isfinite(count) else "none"
        runs = solved[name]["L-BFGS"]
        count = geometric_mean(np.array([run.passes for run in runs], dtype=float))
        least = 1e3 * min(run.seconds for run in runs)
        row["L-BFGS, to 1e-3"] = f"{count:.0f}, {short(least)} ms"
        rows.append(row)
    return pd.DataFrame(rows)


def _named(size: int) -> str:
    return f"batch {size}" if size else "all rows"
