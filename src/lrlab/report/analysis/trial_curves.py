"""Curves of trials: the mean over their runs, as the trials themselves are compared."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd


def trial_curves(
    runs: pd.DataFrame, curves: pd.DataFrame, metric: str, trials: Iterable[int]
) -> pd.DataFrame:
    """The mean curve of each trial, over all its runs.

    Between recorded steps and after its last one a run keeps its value; a curve begins where
    all of them have one.

    Args:
        runs: The runs frame.
        curves: The curves frame.
        metric: Which curve.
        trials: Numbers of the trials that are wanted.

    Returns:
        trial, step, value, in the order of trial and step; a trial of which a run has no such
        curve is absent.
    """
    wanted = runs.loc[runs["trial"].isin(list(trials)), ["run_id", "trial"]]
    wanted = wanted.sort_values("trial", kind="stable", ignore_index=True)
    column = wanted.groupby("trial").cumcount().to_numpy()
    points = points_of(curves, metric, wanted["run_id"])
    trial = wanted["trial"].to_numpy()[points["place"]]
    span = int(points["step"].max()) + 1 if len(points) else 1
    keys, row = np.unique(
        trial.astype(np.int64) * span + points["step"].to_numpy(), return_inverse=True
    )
    own, step = keys // span, keys % span
    wide = np.full((len(keys), int(column.max(initial=0)) + 1), np.nan)
    wide[row, column[points["place"]]] = points["value"]
    known = pd.DataFrame(wide).groupby(own).ffill().to_numpy()
    needed = wanted["trial"].value_counts().reindex(own).to_numpy()
    whole = np.isfinite(known).sum(axis=1) == needed
    mean = np.nansum(known, axis=1) / needed
    found: pd.DataFrame = pd.DataFrame({"trial": own, "step": step, "value": mean})[whole]
    return found.reset_index(drop=True)


def steps_to_stay(lines: pd.DataFrame, good: pd.Series) -> pd.Series:
    """The first recorded step from which on a trial's curve is good to its end.

    Args:
        lines: What `trial_curves` returns.
        good: Whether each of its points is.

    Returns:
        Steps by trial, of those that get there.
    """
    last_bad = lines[~good].groupby("trial")["step"].max()
    before = lines["trial"].map(last_bad).fillna(-np.inf)
    return lines[lines["step"] > before].groupby("trial")["step"].min().astype(float)


def points_of(curves: pd.DataFrame, metric: str, run_ids: pd.Series) -> pd.DataFrame:
    """place (of the run among `run_ids`), step and value of those runs' curves."""
    own = curves[curves["metric"] == metric] if len(curves) else curves
    if own.empty:
        return pd.DataFrame({"place": [], "step": [], "value": []}, dtype="int64")
    ids = own["run_id"].astype("category").cat
    place = pd.Index(run_ids).get_indexer(ids.categories)[ids.codes.to_numpy()]
    found: pd.DataFrame = own[["step", "value"]].assign(place=place)[place >= 0]
    # A resumed run may have logged a step twice; the later value is the valid one.
    return found.drop_duplicates(["place", "step"], keep="last")
