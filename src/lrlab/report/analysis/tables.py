"""Runs and trials of a sweep, ranked.

Everything rests on two frames. `runs` has one row a run; `curves` is long, with the columns
run_id, step, metric and value. A run competes when it did not diverge and its objective is
finite; the others are counted, but have no value.
"""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from lrlab.errors import LrlabError, UserError
from lrlab.metrics import METRICS
from lrlab.registry import did_you_mean
from lrlab.search import Best, Score, best_trials

PAIR = ["optimizer", "loss"]
NEEDED = ("run_id", "trial", "replicate", "optimizer", "loss", "lr", "outcome")


def minimizes(direction: str) -> bool:
    """Whether smaller is better.

    Raises:
        UserError: If `direction` is neither `minimize` nor `maximize`.
    """
    if direction not in ("minimize", "maximize"):
        raise UserError(f"direction {direction!r}: use 'minimize' or 'maximize'")
    return direction == "minimize"


def searched(runs: pd.DataFrame) -> list[str]:
    """Settings beside optimizer, loss and lr of which runs have several values: l2, adam.beta1."""
    own = [str(name) for name in runs.columns if name == "l2" or "." in str(name)]
    return [name for name in own if runs[name].nunique() > 1]


def prepare(runs: pd.DataFrame, objective: str, direction: str) -> pd.DataFrame:
    """The columns that every table and figure needs, one row a run, in the order of `runs`.

    Args:
        runs: The runs frame; an empty one needs no columns.
        objective: Name of a final metric.
        direction: `minimize` or `maximize`.

    Returns:
        run_id, trial, replicate, optimizer, loss, lr, diverged (bool) and value: the objective,
        NaN where the run diverged or the objective is not finite.

    Raises:
        UserError: If runs are there but a column is not, or the direction is unknown.
    """
    minimizes(direction)
    if runs.empty:
        runs = pd.DataFrame(columns=pd.Index([*NEEDED, objective]))
    for column in (*NEEDED, objective):
        if column not in runs.columns:
            known = [str(name) for name in runs.columns]
            raise UserError(f"the runs have no column {column!r}{did_you_mean(column, known)}")
    value = pd.to_numeric(runs[objective]).astype(float)
    diverged = (runs["outcome"] == "diverged").astype(bool)
    return pd.DataFrame(
        {
            "run_id": runs["run_id"].astype(str),
            "trial": runs["trial"].astype("int64"),
            "replicate": runs["replicate"].astype("int64"),
            "optimizer": runs["optimizer"].astype(str),
            "loss": runs["loss"].astype(str),
            "lr": pd.to_numeric(runs["lr"]).astype(float),
            "diverged": diverged,
            "value": value.where(np.isfinite(value) & ~diverged),
        }
    )


def ranked(frame: pd.DataFrame, direction: str) -> pd.DataFrame:
    """The competing runs of a prepared frame, best first; ties go to the earlier trial.

    Args:
        frame: What `prepare` returns.
        direction: `minimize` or `maximize`.
    """
    return frame[frame["value"].notna()].sort_values(
        ["value", "trial", "replicate", "run_id"],
        ascending=[minimizes(direction), True, True, True],
        kind="stable",
    )


def order_of_trials(frame: pd.DataFrame, direction: str) -> list[Best]:
    """The trials of a prepared frame that have an objective, best first.

    A trial is whole if it has as many runs as any.

    Args:
        frame: What `prepare` returns.
        direction: `minimize` or `maximize`.
    """
    columns = (frame[name].tolist() for name in ("trial", "replicate", "value"))
    scores = [
        Score(trial, replicate, None if math.isnan(value) else value)
        for trial, replicate, value in zip(*columns, strict=True)
    ]
    replicates = int(frame["trial"].value_counts().max()) if len(frame) else 1
    return best_trials(scores, replicates, "minimize" if minimizes(direction) else "maximize")


def rank_trials(runs: pd.DataFrame, *, objective: str, direction: str) -> pd.DataFrame:
    """The trials that have an objective, best first, each by the run that stands for it.

    Args:
        runs: The runs frame.
        objective: Name of a final metric.
        direction: `minimize` or `maximize`.

    Returns:
        Rows of `runs` without `replicate` (see `lrlab.search.Best`), in which final metrics are
        the means over the trial's replicates.
    """
    order = order_of_trials(prepare(runs, objective, direction), direction)
    if not order:
        return runs.iloc[:0]
    numbers = zip(runs["trial"].tolist(), runs["replicate"].tolist(), strict=True)
    where = {key: i for i, key in enumerate(numbers)}
    chosen = runs.iloc[[where[best.trial, best.replicate] for best in order]]
    names = [name for name in dict.fromkeys((objective, *METRICS)) if name in runs]
    means = runs.groupby("trial")[names].mean().loc[chosen["trial"]]
    return chosen.assign(**{name: means[name].to_numpy() for name in names}).drop(
        columns="replicate"
    )


def best_run(runs: pd.DataFrame, *, objective: str, direction: str) -> pd.Series:
    """The run that stands for the best trial (`lrlab.search.Best`), as a row of `runs`.

    Args:
        runs: The runs frame.
        objective: Name of a final metric.
        direction: `minimize` or `maximize`.

    Raises:
        LrlabError: If in every trial a run diverged or has no finite objective.
    """
    order = order_of_trials(prepare(runs, objective, direction), direction)
    if not order:
        raise LrlabError(
            f"there is no best trial: none of the {runs['trial'].nunique()} trials has a finite "
            f"{objective} in all its runs; try smaller learning rates"
        )
    own = (runs["trial"] == order[0].trial) & (runs["replicate"] == order[0].replicate)
    return runs[own].iloc[0]
