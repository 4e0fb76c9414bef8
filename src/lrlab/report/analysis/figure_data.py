"""The numbers behind each figure, as frames; the drawing only draws them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np
import pandas as pd

from lrlab.report.analysis.tables import PAIR, minimizes, order_of_trials, prepare
from lrlab.report.analysis.trial_curves import points_of, trial_curves
from lrlab.search import Best

MOST_GRID_VALUES = 24  # with more learning rates than this a line through each is no help
BINS_PER_DECADE = 2


def lr_sensitivity(runs: pd.DataFrame, *, objective: str, direction: str) -> pd.DataFrame:
    """Objective against learning rate, one row a run.

    Args:
        runs: The runs frame.
        objective: Name of a final metric.
        direction: `minimize` or `maximize`.

    Returns:
        loss, optimizer, lr, value (NaN where diverged) and diverged; runs that have neither a
        value nor diverged are left out.
    """
    frame = prepare(runs, objective, direction)
    shown = frame["lr"].notna() & (frame["value"].notna() | frame["diverged"])
    columns = ["loss", "optimizer", "lr", "value", "diverged"]
    return frame.loc[shown, columns].reset_index(drop=True)


def is_grid(lr: pd.Series) -> bool:
    """Whether the learning rates are few values that come back, rather than drawn at random."""
    distinct = lr.nunique()
    return 0 < distinct <= MOST_GRID_VALUES and (distinct == 1 or distinct <= len(lr) / 2)


def lr_medians(points: pd.DataFrame) -> pd.DataFrame:
    """Median objective along the learning rate, for each loss and optimizer.

    Args:
        points: What `lr_sensitivity` returns.

    Returns:
        loss, optimizer, lr, value and n_runs. On a grid of learning rates there is one row a
        value; otherwise runs are binned by half decades and lr is their geometric mean.
    """
    found = points[points["value"].notna() & (points["lr"] > 0)].copy()
    log_lr = np.log10(found["lr"].to_numpy(dtype=float))
    found["log_lr"] = log_lr
    grid = is_grid(points["lr"])
    found["bin"] = found["lr"] if grid else np.round(log_lr * BINS_PER_DECADE)
    groups = found.groupby(["loss", "optimizer", "bin"], sort=True)
    medians = groups.agg(
        log_lr=("log_lr", "mean"), value=("value", "median"), n_runs=("value", "size")
    ).reset_index()
    medians["lr"] = medians["bin"] if grid else 10.0 ** medians["log_lr"]
    return medians[["loss", "optimizer", "lr", "value", "n_runs"]]


def best_curves(
    runs: pd.DataFrame,
    curves: pd.DataFrame,
    metric: str,
    *,
    objective: str,
    direction: str,
    order: Sequence[Best] | None = None,
) -> pd.DataFrame:
    """Curves of the best trial of each optimizer x loss, the mean over its runs.

    Args:
        runs: The runs frame.
        curves: The curves frame.
        metric: Which curve.
        objective: Name of the final metric that says which trial is best.
        direction: `minimize` or `maximize`.
        order: The trials, best first, if they are at hand.

    Returns:
        loss, optimizer, trial, step, value, in the order of the steps. A best trial of which a
        run lacks that curve is absent. See `trial_curves`.
    """
    chosen = _best_of_pairs(prepare(runs, objective, direction), direction, order)
    lines = trial_curves(runs, curves, metric, chosen["trial"])
    columns = ["loss", "optimizer", "trial", "step", "value"]
    lines = lines.merge(chosen, on="trial")[columns]
    return lines.sort_values(columns[:4], kind="stable", ignore_index=True)


def convergence_band(
    runs: pd.DataFrame,
    curves: pd.DataFrame,
    metric: str,
    *,
    objective: str,
    direction: str,
    order: Sequence[Best] | None = None,
) -> pd.DataFrame:
    """Median and quartiles, over step, of the runs of trials that `best_curves` does not show.

    Those are the other competing runs of each loss. Between
    recorded steps and after its last one a run keeps its value, so that a run that stopped
    early because it had converged does not drop out of the band.

    Args:
        runs: The runs frame.
        curves: The curves frame.
        metric: Which curve.
        objective: Name of the final metric that says which trial is best.
        direction: `minimize` or `maximize`.
        order: The trials, best first, if they are at hand.

    Returns:
        loss, step, low, median, high (quartiles) and n_runs.
    """
    frame = prepare(runs, objective, direction)
    competing = frame[frame["value"].notna()]
    shown = _best_of_pairs(frame, direction, order)["trial"]
    rest = competing.loc[~competing["trial"].isin(shown), ["run_id", "loss"]]
    points = points_of(curves, metric, rest["run_id"])
    points["loss"] = rest["loss"].to_numpy()[points["place"]]
    bands = [_band(part).assign(loss=loss) for loss, part in points.groupby("loss", sort=True)]
    columns = ["loss", "step", "low", "median", "high", "n_runs"]
    if not bands:
        return pd.DataFrame({name: pd.Series(dtype=float) for name in columns})
    return pd.concat(bands, ignore_index=True)[columns]


def heat_map(summary: pd.DataFrame) -> pd.DataFrame:
    """Best objective of every optimizer with every loss.

    Args:
        summary: What `summary_table` returns.

    Returns:
        optimizer, loss, best (NaN if no run competes) and n_runs (0 if never tried), for all
        pairs; optimizers and losses are in the order of their best pair.
    """
    pairs = product(summary["optimizer"].unique(), summary["loss"].unique())
    table = pd.DataFrame(list(pairs), columns=pd.Index(PAIR))
    if table.empty:
        return table.assign(best=pd.Series(dtype=float), n_runs=pd.Series(dtype="int64"))
    table = table.merge(summary[[*PAIR, "best", "n_runs"]], on=PAIR, how="left")
    return table.assign(n_runs=table["n_runs"].fillna(0).astype("int64"))


def history(
    runs: pd.DataFrame, *, objective: str, direction: str, order: Sequence[Best] | None = None
) -> pd.DataFrame:
    """Objective by trial, and the best so far.

    Args:
        runs: The runs frame.
        objective: Name of a final metric.
        direction: `minimize` or `maximize`.
        order: The trials, best first, if they are at hand.

    Returns:
        trial, replicate, optimizer, loss, value, diverged, best_so_far (the best trial's, of
        those that are whole; NaN before the first), in the order of trial and replicate.
    """
    frame = prepare(runs, objective, direction)
    frame = frame.sort_values(["trial", "replicate", "run_id"], ignore_index=True)
    ranked = order_of_trials(frame, direction) if order is None else order
    means = {best.trial: best.value for best in ranked}
    whole = ~frame.duplicated("trial", keep="last")
    value = frame["trial"].map(means).astype(float).where(whole)
    frame["best_so_far"] = (value.cummin() if minimizes(direction) else value.cummax()).ffill()
    return frame[["trial", "replicate", "optimizer", "loss", "value", "diverged", "best_so_far"]]


def _best_of_pairs(
    frame: pd.DataFrame, direction: str, order: Sequence[Best] | None
) -> pd.DataFrame:
    """trial, optimizer and loss of the best trial of each pair, of a prepared frame."""
    order = order_of_trials(frame, direction) if order is None else order
    columns = {"trial": [b.trial for b in order], "replicate": [b.replicate for b in order]}
    chosen = pd.DataFrame(columns, dtype="int64").merge(frame, on=list(columns), how="left")
    return chosen.drop_duplicates(PAIR)[["trial", *PAIR]]


def _band(points: pd.DataFrame) -> pd.DataFrame:
    steps, row = np.unique(points["step"], return_inverse=True)
    runs, column = np.unique(points["place"], return_inverse=True)
    wide = np.full((len(steps), len(runs)), np.nan)
    wide[row, column] = points["value"]
    kept = pd.DataFrame(wide).ffill()
    quartiles = kept.quantile([0.25, 0.5, 0.75], axis=1).to_numpy()
    counts = kept.notna().sum(axis=1).to_numpy()
    names = dict(zip(("low", "median", "high"), quartiles, strict=True))
    return pd.DataFrame({"step": steps, **names, "n_runs": counts})
