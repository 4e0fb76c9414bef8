"""Tables of a sweep: ranking of the runs, and one row an optimizer x loss.

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
SUMMARY_COLUMNS = (
    *PAIR,
    "n_runs",
    "best",
    "best_lr",
    "median",
    "spread",
    "steps_to_threshold",
    "reached",
    "diverged",
)
FALLBACK_CURVE = "val_log_loss"
TOLERANCE = 0.05


def minimizes(direction: str) -> bool:
    """Whether smaller is better.

    Raises:
        UserError: If `direction` is neither `minimize` nor `maximize`.
    """
    if direction not in ("minimize", "maximize"):
        raise UserError(f"direction {direction!r}: use 'minimize' or 'maximize'")
    return direction == "minimize"


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


def threshold(
    runs: pd.DataFrame, *, objective: str, direction: str, tolerance: float = TOLERANCE
) -> float:
    """The value that counts as nearly as good as the best of the sweep.

    It is the best trial's value b made worse by `tolerance` x |b|, whatever the sign of b. Where
    b is 0 a share of it says nothing: the median distance of the runs from b takes its place.

    Args:
        runs: The runs frame.
        objective: Name of a final metric.
        direction: `minimize` or `maximize`.
        tolerance: Share by which a value may be worse than the best.

    Returns:
        The threshold in units of the objective; NaN if no trial competes.
    """
    frame = prepare(runs, objective, direction)
    order = order_of_trials(frame, direction)
    if not order:
        return math.nan
    best = order[0].value
    scale = abs(best) or float((frame["value"] - best).abs().median())
    return best + tolerance * scale * (1 if minimizes(direction) else -1)


def stepped_curve(
    runs: pd.DataFrame, curves: pd.DataFrame, objective: str, direction: str
) -> tuple[str, str] | None:
    """The metric whose curve says when a run became good, and its direction.

    Returns:
        The objective where it has a curve, else the validation log loss, else None.
    """
    if curves.empty or runs.empty:
        return None
    metrics = set(curves["metric"].unique())
    if objective in metrics:
        return objective, direction
    if FALLBACK_CURVE in metrics and FALLBACK_CURVE in runs.columns:
        return FALLBACK_CURVE, "minimize"
    return None


def steps_to_reach(
    runs: pd.DataFrame, curves: pd.DataFrame, *, objective: str, direction: str
) -> pd.Series:
    """Step from which on each run is as good as the threshold, to its end.

    The threshold and the curve are those of the objective where it has a curve, else those of
    the validation log loss. Curves are stepped, so the step is the first recorded one. A run that
    gets worse again, or diverged later, has not reached anything.

    Args:
        runs: The runs frame.
        curves: The curves frame.
        objective: Name of a final metric.
        direction: `minimize` or `maximize`.

    Returns:
        Steps by run_id, of those runs that reach it and stay.
    """
    nothing = pd.Series(dtype=float, name="step", index=pd.Index([], name="run_id", dtype=str))
    stepped = stepped_curve(runs, curves, objective, direction)
    if stepped is None:
        return nothing
    metric, metric_direction = stepped
    limit = threshold(runs, objective=metric, direction=metric_direction)
    curve = curves[curves["metric"] == metric]
    good = curve["value"] <= limit if minimizes(metric_direction) else curve["value"] >= limit
    finished = runs.loc[runs["outcome"] != "diverged", "run_id"]
    own = curve.assign(good=good)[curve["run_id"].isin(finished)]
    last_bad = own[~own["good"]].groupby("run_id", observed=True)["step"].max()
    before = own["run_id"].astype(str).map(last_bad).fillna(-math.inf)
    stays = own[own["step"] > before]
    if stays.empty:
        return nothing
    return stays.groupby("run_id", observed=True)["step"].min().astype(float)


def summary_table(
    runs: pd.DataFrame, curves: pd.DataFrame, *, objective: str, direction: str
) -> pd.DataFrame:
    """One row an optimizer x loss, best first; ties in alphabetical order.

    Args:
        runs: The runs frame.
        curves: The curves frame.
        objective: Name of a final metric.
        direction: `minimize` or `maximize`.

    Returns:
        optimizer, loss; n_runs, all runs of the pair; best, the objective of its best trial (the
        mean over replicates), and best_lr, the learning rate of that; median and
        spread (interquartile range, NaN for fewer than two) of such means over the trials of the
        pair, that is over what the sweep varied within it, above all lr; steps_to_threshold, the
        fewest steps from which on the runs of one of its trials are as good as the threshold (mean
        over replicates, all of which must get there: see `steps_to_reach`); reached, how many of
        its runs are; diverged, the share of its runs that diverged. best, best_lr,
        median and spread are over the trials of which no run diverged, so read them together with
        diverged; what cannot be had is NaN.
    """
    frame = prepare(runs, objective, direction)
    if frame.empty:
        return pd.DataFrame({name: _empty_column(name) for name in SUMMARY_COLUMNS})
    steps = steps_to_reach(runs, curves, objective=objective, direction=direction)
    frame["steps"] = frame["run_id"].map(steps).astype(float)
    of_trial = frame.groupby("trial")["steps"]
    frame["trial_steps"] = of_trial.transform("mean").where(
        of_trial.transform("count") == of_trial.transform("size")
    )
    groups = frame.groupby(PAIR, sort=True)
    table = groups.agg(
        n_runs=("run_id", "size"),
        steps_to_threshold=("trial_steps", "min"),
        reached=("steps", "count"),
        diverged=("diverged", "mean"),
    )
    order = order_of_trials(frame, direction)
    first = frame.drop_duplicates("trial").set_index("trial").loc[[best.trial for best in order]]
    first["value"] = [best.value for best in order]
    values = first.groupby(PAIR)["value"]
    table["median"] = values.median()
    table["spread"] = (values.quantile(0.75) - values.quantile(0.25)).where(values.count() > 1)
    best = first.drop_duplicates(PAIR).set_index(PAIR)
    table["best"] = best["value"]
    table["best_lr"] = best["lr"]
    table = table.reset_index()[list(SUMMARY_COLUMNS)]
    return table.sort_values(
        "best", ascending=minimizes(direction), kind="stable", ignore_index=True
    )


def _empty_column(name: str) -> pd.Series:
    kind = "str" if name in PAIR else "int64" if name in ("n_runs", "reached") else "float64"
    return pd.Series(dtype=kind)
