"""One row an optimizer x loss, and when runs became nearly as good as the best."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pandas as pd

from lrlab.report.analysis.tables import PAIR, minimizes, order_of_trials, prepare, searched
from lrlab.report.analysis.trial_curves import steps_to_stay, trial_curves
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
    order: Sequence[Best],
    *,
    objective: str,
    direction: str,
) -> pd.Series:
    """Step from which on each trial is as good as the threshold, to the end of its curve.

    The threshold and the curve are those of the objective where it has a curve, else those of
    the validation log loss. The curve is the mean over the trial's runs, as the threshold is made
    from such a mean: folds are not equally hard. The step is one at which it was evaluated.

    Args:
        runs: The runs frame.
        curves: The curves frame.
        order: The trials that have an objective, best first.
        objective: Name of a final metric.
        direction: `minimize` or `maximize`.

    Returns:
        Steps by trial, of those that reach it and stay.
    """
    stepped = stepped_curve(runs, curves, objective, direction)
    if stepped is None:
        return pd.Series(dtype=float)
    metric, metric_direction = stepped
    limit = threshold(runs, objective=metric, direction=metric_direction)
    lines = trial_curves(runs, curves, metric, (best.trial for best in order))
    good = lines["value"] <= limit if minimizes(metric_direction) else lines["value"] >= limit
    return steps_to_stay(lines, good)


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
        mean over replicates), and best_lr, the learning rate of that, with best_l2 and the like
        for what else was searched; median and
        spread (interquartile range, NaN for fewer than two) of such means over the trials of the
        pair, that is over what the sweep varied within it, above all lr; steps_to_threshold, the
        fewest steps from which on one of its trials is as good as the threshold (see
        `steps_to_reach`); reached, how many of its trials are; diverged, the share of its runs
        that diverged. All but n_runs and diverged are over the trials of which no run diverged, so
        read them together with diverged; what cannot be had is NaN.
    """
    frame = prepare(runs, objective, direction)
    if frame.empty:
        return pd.DataFrame({name: _empty_column(name) for name in SUMMARY_COLUMNS})
    order = order_of_trials(frame, direction)
    steps = steps_to_reach(runs, curves, order, objective=objective, direction=direction)
    frame["steps"] = frame["trial"].map(steps).astype(float).mask(frame.duplicated("trial"))
    table = frame.groupby(PAIR, sort=True).agg(
        n_runs=("run_id", "size"),
        steps_to_threshold=("steps", "min"),
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
    settings = searched(runs)
    own = runs.set_index("run_id")[settings].reindex(best["run_id"]).set_axis(best.index)
    table = table.join(own.add_prefix("best_")).reset_index()
    place = SUMMARY_COLUMNS.index("best_lr") + 1
    names = [f"best_{name}" for name in settings]
    table = table[[*SUMMARY_COLUMNS[:place], *names, *SUMMARY_COLUMNS[place:]]]
    return table.sort_values(
        "best", ascending=minimizes(direction), kind="stable", ignore_index=True
    )


def _empty_column(name: str) -> pd.Series:
    kind = "str" if name in PAIR else "int64" if name in ("n_runs", "reached") else "float64"
    return pd.Series(dtype=kind)
