"""One row an optimizer x loss, and when runs became nearly as good as the best."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pandas as pd

from lrlab.report.analysis.tables import PAIR, minimizes, order_of_trials, prepare
from lrlab.search import Best

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
    return _threshold(frame, order_of_trials(frame, direction), direction, tolerance)


def _threshold(
    frame: pd.DataFrame, order: Sequence[Best], direction: str, tolerance: float = TOLERANCE
) -> float:
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
    runs: pd.DataFrame,
    curves: pd.DataFrame,
    *,
    objective: str,
    direction: str,
    limit: float | None = None,
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
        limit: The objective's threshold, if it is known.

    Returns:
        Steps by run_id, of those runs that reach it and stay.
    """
    nothing = pd.Series(dtype=float, name="step", index=pd.Index([], name="run_id", dtype=str))
    stepped = stepped_curve(runs, curves, objective, direction)
    if stepped is None:
        return nothing
    metric, metric_direction = stepped
    if limit is None or metric != objective:
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
    order = order_of_trials(frame, direction)
    limit = _threshold(frame, order, direction)
    steps = steps_to_reach(runs, curves, objective=objective, direction=direction, limit=limit)
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
