"""The best trial of a sweep, as a row and in words."""

from __future__ import annotations

import pandas as pd

from lrlab.search import best_trials, scores_of
from lrlab.spec import SweepSpec


def ranked_trials(runs: pd.DataFrame, spec: SweepSpec) -> pd.DataFrame:
    """The trials that have an objective, best first, each by the run that stands for it.

    Returns:
        Rows of `runs` (see `lrlab.search.Best`), with the objective of the trial as the column
        `mean_<objective>`.
    """
    scores = scores_of(runs, spec.objective)
    best = best_trials(scores, spec.search.replicates, spec.metric.direction)
    where = {(score.trial, score.replicate): i for i, score in enumerate(scores)}
    rows = runs.iloc[[where[each.trial, each.replicate] for each in best]]
    return rows.assign(**{f"mean_{spec.objective}": [each.value for each in best]})


def best_of(runs: pd.DataFrame, spec: SweepSpec) -> pd.Series | None:
    """The best trial, as the first row of `ranked_trials`; None if no trial has an objective."""
    order = ranked_trials(runs, spec)
    return None if order.empty else order.iloc[0]


def describe_best(best: pd.Series, spec: SweepSpec) -> str:
    """Such as `val_log_loss 0.0302 (mean of 5 runs) with adam, bce, lr 0.0123`."""
    several = spec.search.replicates > 1
    mean = f" (mean of {spec.search.replicates} runs)" if several else ""
    return (
        f"{spec.objective} {best[f'mean_{spec.objective}']:.4g}{mean} with {best['optimizer']}, "
        f"{best['loss']}, lr {best['lr']:.4g}"
    )
