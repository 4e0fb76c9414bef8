"""What limits the verdict: where the search has not looked, and what is not known."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pandas as pd

from lrlab.data import Baseline, TableReading
from lrlab.optimum.record import Optima
from lrlab.report.analysis.methods import BUDGETS, Comparison
from lrlab.report.analysis.tables import minimizes
from lrlab.report.text.base_rate import no_better
from lrlab.report.text.formats import listing, number, plural

EDGE = 0.05  # share of the range of learning rates, in decades, that counts as its end
FEW_TRIALS = 10  # of a method, below which its best setting is a matter of luck
BUDGET = "The best expected"


def remarks(
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
) -> tuple[str, ...]:
    """Every remark, a sentence each.

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
        _edge_remark(runs, best_lr),
        _few_trials(comparisons, sampler),
        *_of_reading(reading),
        "One run shows nothing about other choices." if len(runs) < 2 else "",
    ]
    return tuple(text for text in found if text)


def too_few_random_trials(comparison: Comparison, sampler: str) -> bool:
    """Whether random trials of some method are too few to be taken for what a trial gives."""
    return sampler != "grid" and bool((comparison.table["random_trials"] < FEW_TRIALS).any())


def _affordable(comparison: Comparison, sampler: str, better_small: bool) -> str:
    """Which method to take for 1, 10 or 100 trials."""
    table = comparison.table
    if len(table) < 2:
        return ""
    everything = bool((table["random_trials"] == table["trials"]).all())
    if too_few_random_trials(comparison, sampler):
        if everything:
            return ""  # too few to be taken for what a trial gives
        return (
            f"What one gets for 1, 10 or 100 random trials cannot be said: {sampler}'s trials are "
            f"no random sample but for the first {comparison.drawn}, which are too few. Run with "
            "search.sampler: random to know."
        )
    which = "" if everything else f" (the first {comparison.drawn}, before {sampler} learns)"
    budgets: dict[str, list[str]] = {}
    for budget in BUDGETS:
        column = table[f"expected_best_{budget}"].dropna()
        if len(column) > 1:
            place = int(column.argmin() if better_small else column.argmax())
            name = table[comparison.by].loc[column.index].iloc[place]
            value = number(float(column.min() if better_small else column.max()))
            budgets.setdefault(str(name), []).append(f"for {plural(budget, 'trial')} ({value})")
    if not budgets:
        return ""
    choices = [f"of {name} {listing(each)}" for name, each in budgets.items()]
    return (
        f"{BUDGET} {comparison.metric} of random trials{which} is that {listing(choices)}; on "
        "the rows that chose, not tested."
    )


def _of_reading(reading: TableReading | None) -> list[str]:
    """What there is to say of how the table was read."""
    if reading is None:
        return []
    found = (reading.lost_rows(), reading.in_disguise(), reading.in_groups())
    return [f"{text}." for text in found if text]


def _few_trials(comparisons: Sequence[Comparison], sampler: str) -> str:
    """Methods of which so few settings were tried that a good one may be missing."""
    few = [
        (int(count), str(name))
        for comparison in comparisons
        for name, count in zip(
            comparison.table[comparison.by], comparison.table["trials"], strict=True
        )
        if count < FEW_TRIALS and len(comparison.table) > 1
    ]
    if sampler == "grid" or not few:
        return ""
    named = listing([f"{name} ({count})" for count, name in sorted(few)], 8)
    return (
        f"Few trials were drawn of {named}: a better setting may not have been tried. More "
        "trials, or a grid, give every choice its chance."
    )


def _edge_remark(runs: pd.DataFrame, best_lr: float) -> str:
    tried = runs.loc[runs["lr"] > 0, "lr"]
    low, high = float(tried.min()), float(tried.max())
    if tried.nunique() < 2 or best_lr <= 0:
        return ""
    place = math.log(best_lr / low) / math.log(high / low)
    if EDGE < place < 1 - EDGE:
        return ""
    end = "low" if place <= EDGE else "high"
    return (
        f"The best learning rate is at the {end} end of those tried ({number(low, pad=False)} to "
        f"{number(high, pad=False)}): a better one may lie beyond."
    )


def _without_optimum(optima: Optima | None) -> str:
    if optima is None or not optima.note:
        return ""
    return f"{optima.note[0].upper()}{optima.note[1:]}."
