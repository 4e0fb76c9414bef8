"""The numbers behind each figure, as frames; the drawing only draws them."""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd

from lrlab.report.analysis.tables import PAIR, minimizes, order_of_trials, prepare

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
    runs: pd.DataFrame, curves: pd.DataFrame, metric: str, *, objective: str, direction: str
) -> pd.DataFrame:
    """Curves of the run that stands for the best trial of each optimizer x loss.

    Args:
        runs: The runs frame.
        curves: The curves frame.
        metric: Which curve.
        objective: Name of the final metric that says which trial is best.
        direction: `minimize` or `maximize`.

    Returns:
        loss, optimizer, run_id, step, value, in the order of the steps. A best run without
        that curve is absent.
    """
    chosen = _best_of_pairs(runs, objective, direction)
    lines = _curve(curves, metric, chosen["run_id"]).merge(chosen, on="run_id")
    columns = ["loss", "optimizer", "run_id", "step", "value"]
    return lines.sort_values(columns[:4], kind="stable", ignore_index=True)[columns]


def convergence_band(
    runs: pd.DataFrame, curves: pd.DataFrame, metric: str, *, objective: str, direction: str
) -> pd.DataFrame:
    """Median and quartiles, over step, of the runs that `best_curves` does not show.

    Those are the other competing runs of each loss. Between
    recorded steps and after its last one a run keeps its value, so that a run that stopped
    early because it had converged does not drop out of the band.

    Args:
        runs: The runs frame.
        curves: The curves frame.
        metric: Which curve.
        objective: Name of the final metric that says which trial is best.
        direction: `minimize` or `maximize`.

    Returns:
        loss, step, low, median, high (quartiles) and n_runs.
    """
    competing = prepare(runs, objective, direction)
    competing = competing[competing["value"].notna()]
    shown = _best_of_pairs(runs, objective, direction)["run_id"]
    rest = competing.loc[~competing["run_id"].isin(shown), ["run_id", "loss"]]
    points = _curve(curves, metric, rest["run_id"]).merge(rest, on="run_id")
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


def history(runs: pd.DataFrame, *, objective: str, direction: str) -> pd.DataFrame:
    """Objective by trial, and the best so far.

    Args:
        runs: The runs frame.
        objective: Name of a final metric.
        direction: `minimize` or `maximize`.

    Returns:
        trial, replicate, optimizer, loss, value, diverged, best_so_far (the best trial's, of
        those that are whole; NaN before the first), in the order of trial and replicate.
    """
    frame = prepare(runs, objective, direction)
    frame = frame.sort_values(["trial", "replicate", "run_id"], ignore_index=True)
    means = {best.trial: best.value for best in order_of_trials(frame, direction)}
    whole = ~frame.duplicated("trial", keep="last")
    value = frame["trial"].map(means).astype(float).where(whole)
    frame["best_so_far"] = (value.cummin() if minimizes(direction) else value.cummax()).ffill()
    return frame[["trial", "replicate", "optimizer", "loss", "value", "diverged", "best_so_far"]]


def _best_of_pairs(runs: pd.DataFrame, objective: str, direction: str) -> pd.DataFrame:
    frame = prepare(runs, objective, direction)
    order = order_of_trials(frame, direction)
    keys = frame.set_index(["trial", "replicate"])
    chosen = keys.loc[[(best.trial, best.replicate) for best in order]]
    return chosen.drop_duplicates(PAIR)[["run_id", *PAIR]]


def _curve(curves: pd.DataFrame, metric: str, run_ids: pd.Series) -> pd.DataFrame:
    if curves.empty:
        return pd.DataFrame(
            {
                "run_id": pd.Series(dtype="str"),
                "step": pd.Series(dtype="int64"),
                "value": pd.Series(dtype=float),
            }
        )
    wanted = curves.loc[curves["metric"] == metric, ["run_id", "step", "value"]]
    wanted = wanted[wanted["run_id"].isin(run_ids)]
    # A resumed run may have logged a step twice; the later value is the valid one.
    wanted = wanted.drop_duplicates(["run_id", "step"], keep="last")
    return wanted.assign(run_id=wanted["run_id"].astype(str))


def _band(points: pd.DataFrame) -> pd.DataFrame:
    wide = points.pivot(index="step", columns="run_id", values="value").sort_index().ffill()
    quartiles = wide.quantile([0.25, 0.5, 0.75], axis=1).T
    return pd.DataFrame(
        {
            "step": wide.index,
            "low": quartiles[0.25].to_numpy(),
            "median": quartiles[0.5].to_numpy(),
            "high": quartiles[0.75].to_numpy(),
            "n_runs": wide.notna().sum(axis=1).to_numpy(),
        }
    )
