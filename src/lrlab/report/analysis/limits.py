"""What limits the verdict: where the search has not looked, and what is not known."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import pandas as pd

from lrlab.data import Baseline, TableReading
from lrlab.optimum.record import Optima
from lrlab.report.analysis.fact import Fact
from lrlab.report.analysis.methods import BUDGETS, FEW_TRIALS, Comparison
from lrlab.report.analysis.tables import minimizes

EDGE = 0.05  # share of the range of learning rates, in decades, that counts as its end


def limits(
    runs: pd.DataFrame,
    comparisons: Sequence[Comparison],
    optima: Optima | None,
    best_lr: float | None,
    *,
    objective: str,
    direction: str,
    sampler: str,
    baseline: Baseline | None = None,
    reading: TableReading | None = None,
) -> tuple[Fact, ...]:
    """Every remark, in the order in which they are said.

    Args:
        runs: The runs frame.
        comparisons: Of the optimizers and of the losses.
        optima: The optima, if they are known.
        best_lr: Of the best trial, if there is one.
        objective: Name of the objective.
        direction: `minimize` or `maximize`.
        sampler: The sweep's.
        baseline: The base rate, if it is known.
        reading: How the table was read, if there is one.
    """
    if best_lr is None:
        return ()
    found = [
        no_better(runs, baseline, objective, minimizes(direction)),
        _affordable(comparisons[0], sampler, minimizes(direction)),
        _without_optimum(optima),
        _edge(runs, best_lr),
        _few_trials(comparisons, sampler),
        *_of_reading(reading),
        Fact("one_run") if len(runs) < 2 else None,
    ]
    return tuple(fact for fact in found if fact is not None)


def no_better(
    runs: pd.DataFrame, known: Baseline | None, objective: str, better_small: bool
) -> Fact | None:
    """A remark if no run is better than the base rate.

    Args:
        runs: The runs frame.
        known: The base rate.
        objective: Name of the objective.
        better_small: Whether smaller is better.
    """
    if known is None or objective not in known.metrics:
        return None
    values = runs.loc[runs["outcome"] != "diverged", objective].astype(float)
    limit = known.metrics[objective]
    better = values < limit if better_small else values > limit
    return None if bool(better.any()) else Fact("no_better")


def too_few_random_trials(comparison: Comparison, sampler: str) -> bool:
    """Whether random trials of some method are too few to be taken for what a trial gives."""
    return sampler != "grid" and bool((comparison.table["random_trials"] < FEW_TRIALS).any())


def _affordable(comparison: Comparison, sampler: str, better_small: bool) -> Fact | None:
    """Which method to take for 1, 10 or 100 trials."""
    table = comparison.table
    if len(table) < 2:
        return None
    everything = bool((table["random_trials"] == table["trials"]).all())
    which = {"sampler": sampler, "drawn": comparison.drawn, "all": everything}
    if too_few_random_trials(comparison, sampler):
        return None if everything else Fact("budgets_unknown", which)
    leaders = []
    for budget in BUDGETS:
        own = table.dropna(subset=[f"expected_best_{budget}"])
        values = own[f"expected_best_{budget}"].to_numpy(dtype=float)
        if len(own) > 1:
            place = int(values.argmin() if better_small else values.argmax())
            name = str(own[comparison.by].iloc[place])
            leaders.append((budget, name, float(values[place])))
    if not leaders:
        return None
    return Fact("budgets", {"metric": comparison.metric, "leaders": tuple(leaders), **which})


def _few_trials(comparisons: Sequence[Comparison], sampler: str) -> Fact | None:
    """Methods of which so few settings were tried that a good one may be missing."""
    few = sorted(
        (int(count), str(name))
        for comparison in comparisons
        for name, count in zip(
            comparison.table[comparison.by], comparison.table["trials"], strict=True
        )
        if count < FEW_TRIALS and len(comparison.table) > 1
    )
    if sampler == "grid" or not few:
        return None
    return Fact("few_trials", {"methods": tuple((name, count) for count, name in few)})


def _edge(runs: pd.DataFrame, best_lr: float) -> Fact | None:
    """That the best learning rate is at an end of those tried."""
    tried = runs.loc[runs["lr"] > 0, "lr"]
    low, high = float(tried.min()), float(tried.max())
    if tried.nunique() < 2 or best_lr <= 0:
        return None
    place = math.log(best_lr / low) / math.log(high / low)
    if EDGE < place < 1 - EDGE:
        return None
    end = "low" if place <= EDGE else "high"
    return Fact("edge", {"end": end, "best": best_lr, "low": low, "high": high})


def _without_optimum(optima: Optima | None) -> Fact | None:
    each = () if optima is None else optima.folds or (optima,)
    left_out = sum(len(fold.left_out) for fold in each)
    if optima is None or not left_out:
        return None
    total = sum(len(fold.found) for fold in each) + left_out
    given = {"left_out": left_out, "objectives": total, "seconds": optima.budget}
    return Fact("without_optimum", given)


def _of_reading(reading: TableReading | None) -> Iterator[Fact]:
    """What there is to say of how the table was read."""
    if reading is None:
        return
    for text in (reading.lost_rows(), reading.in_disguise(), reading.in_groups()):
        if text:
            yield Fact("reading", {"text": text})
