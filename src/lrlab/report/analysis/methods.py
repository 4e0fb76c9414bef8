"""Methods compared: optimizers, or losses, each at its best setting and over all settings.

A trial counts with the mean of its replicates, as in the search. What a method reaches at its best
setting, how wide the range of good learning rates is, and what it gives to someone who can afford
k trials are three questions, with an answer each.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from lrlab.metrics import METRICS
from lrlab.report.analysis.statistics import expected_best, lr_width
from lrlab.report.analysis.tables import minimizes, prepare

BUDGETS = (1, 10, 100)
FEW_TRIALS = 10  # of a method, below which its best setting is a matter of luck
SPEED = "steps_to_1e-3"
BINS_PER_DECADE = 4  # of learning rates that are no grid


@dataclass(frozen=True)
class Comparison:
    """Methods of one kind by the objective, as the rows that chose have it.

    Args:
        by: `optimizer` or `loss`.
        metric: What is compared.
        table: One row a method, best first: the setting of its best trial, value (mean over its
            replicates) with the lowest and highest of them, replicates; lr_width, trials,
            random_trials, diverged and expected_best_k, which rests on the random trials, and is
            NaN for all where a sampler that learns drew too few of them at random.
        drawn: How many trials were drawn at random.
    """

    by: str
    metric: str
    table: pd.DataFrame
    drawn: int = 0


def trial_frame(runs: pd.DataFrame, *, objective: str, direction: str) -> pd.DataFrame:
    """One row a trial: optimizer, loss, lr, replicates, value and diverged.

    Args:
        runs: The runs frame.
        objective: Name of a final metric.
        direction: `minimize` or `maximize`.

    Returns:
        Indexed by trial; value is the mean over replicates, as the search is told it
        (`lrlab.search.best`), NaN unless all have one; diverged the share of replicates that did.
    """
    frame = prepare(runs, objective, direction)
    groups = frame.groupby("trial", sort=True)
    trials = groups.agg(
        optimizer=("optimizer", "first"),
        loss=("loss", "first"),
        lr=("lr", "first"),
        replicates=("run_id", "size"),
        value=("value", "mean"),
        finite=("value", "count"),
        diverged=("diverged", "mean"),
    )
    trials["value"] = trials["value"].where(trials["finite"] == trials["replicates"])
    return trials.drop(columns="finite")


def best_trials(trials: pd.DataFrame, by: str, direction: str) -> pd.DataFrame:
    """The best trial of every method that has one, best first: rows of `trials`."""
    order = trials[trials["value"].notna()].sort_values(
        "value", ascending=minimizes(direction), kind="stable"
    )
    return order.drop_duplicates(by)


def compare(
    runs: pd.DataFrame, by: str, *, objective: str, direction: str, random: int | None = None
) -> Comparison:
    """Optimizers or losses by the objective, each at its best trial.

    Args:
        runs: The runs frame.
        by: `optimizer` or `loss`.
        objective: Name of a final metric.
        direction: `minimize` or `maximize`.
        random: The first trials that were drawn at random, a fair sample of the space; None: all.
    """
    trials = trial_frame(runs, objective=objective, direction=direction)
    best = best_trials(trials, by, direction)
    table = _at_best(prepare(runs, objective, direction), best, by)
    table["lr_width"] = [
        _width(trials[(trials[[by]] == name).all(axis=1)], row, by, direction)
        for name, row in zip(table[by], best.to_dict("records"), strict=True)
    ]
    own = trials.groupby(by)
    table["trials"] = table[by].map(own.size())
    table["diverged"] = table[by].map(own["diverged"].mean())
    fair = drawn_at_random(trials, random)
    table["random_trials"] = table[by].map(fair.groupby(by).size()).fillna(0).astype("int64")
    everything = bool((table["random_trials"] == table["trials"]).all())
    unknown = not everything and bool((table["random_trials"] < FEW_TRIALS).any())
    for budget, column in zip(BUDGETS, _affordable(fair, table[by], by, objective), strict=True):
        table[f"expected_best_{budget}"] = math.nan if unknown else column
    return Comparison(by, objective, table, len(fair))


def drawn_at_random(trials: pd.DataFrame, random: int | None) -> pd.DataFrame:
    """The trials that are a fair sample of the space: those with a number below `random`."""
    return trials if random is None else trials[trials.index < random]


def tunability(
    runs: pd.DataFrame,
    by: str,
    *,
    objective: str,
    direction: str,
    random: int | None = None,
    most: int = 100,
) -> pd.DataFrame:
    """Expected best objective after k random trials (Dodge et al. 2019; Sivaprasad et al. 2020).

    A trial that diverged counts as one that did not train: as p = 1/2 for every row, where the
    objective has such a value, else as the worst of the sweep.

    Args:
        runs: The runs frame.
        by: `optimizer` or `loss`.
        objective: Name of a final metric.
        direction: `minimize` or `maximize`.
        random: The first trials that were drawn at random, which alone count; None: all.
        most: Largest budget.

    Returns:
        The method, trials (k, about 30 of them up to `most` or as many as the method has), value.
    """
    trials = trial_frame(runs, objective=objective, direction=direction)
    trials = drawn_at_random(trials, random)
    sign = 1 if minimizes(direction) else -1
    failed = _failed(trials, objective, sign)
    parts = []
    for name, own in trials.groupby(by, sort=False):
        budgets = np.unique(np.geomspace(1, min(most, len(own)), 30).round().astype(int))
        values = sign * expected_best(_capped(own, sign, failed), budgets.tolist())
        parts.append(pd.DataFrame({by: name, "trials": budgets, "value": values}))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def _affordable(
    trials: pd.DataFrame, names: pd.Series, by: str, objective: str
) -> list[list[float]]:
    sign = 1 if METRICS[objective].direction == "minimize" else -1
    failed = _failed(trials, objective, sign)
    values = [
        expected_best(_capped(trials[trials[by] == n], sign, failed), BUDGETS) for n in names
    ]
    return [[sign * float(row[i]) for row in values] for i in range(len(BUDGETS))]


def _failed(trials: pd.DataFrame, objective: str, sign: int) -> float:
    """What a trial that failed counts as, times sign."""
    chance = METRICS[objective].chance if objective in METRICS else None
    if chance is not None:
        return sign * chance
    found = (sign * trials["value"]).dropna()
    return float(found.max()) if len(found) else math.nan


def _capped(trials: pd.DataFrame, sign: int, failed: float) -> np.ndarray:
    values = (sign * trials["value"]).fillna(failed)
    capped: np.ndarray = np.minimum(values.to_numpy(dtype=float), failed)
    return capped


def _at_best(frame: pd.DataFrame, best: pd.DataFrame, by: str) -> pd.DataFrame:
    """Method, the setting of its best trial, its value and the range over its replicates."""
    other = "loss" if by == "optimizer" else "optimizer"
    table = best.reset_index()[[by, other, "lr", "trial", "value"]].copy()
    own = frame.groupby("trial")["value"]
    table["lowest"], table["highest"] = (table["trial"].map(own.agg(f)) for f in ("min", "max"))
    table["replicates"] = table["trial"].map(own.count())
    return table


def _width(own: pd.DataFrame, best: Mapping[Hashable, object], by: str, direction: str) -> float:
    """Width of the good range of lr, at the best partner (loss or optimizer)."""
    other = "loss" if by == "optimizer" else "optimizer"
    same = own[own[other] == best[other]]
    if len(same) < 2:
        return math.nan
    lr = same["lr"].to_numpy(dtype=float)
    values = same["value"].to_numpy(dtype=float) * (1 if minimizes(direction) else -1)
    if len(np.unique(lr)) > len(lr) / 2:  # no grid: the best of every quarter of a decade
        lr = 10 ** (np.round(np.log10(lr) * BINS_PER_DECADE) / BINS_PER_DECADE)
    grid = pd.Series(values).groupby(lr).min()
    return lr_width(grid.index.to_numpy(dtype=float), grid.to_numpy())
