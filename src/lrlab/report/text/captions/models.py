"""Captions of the figures on settings and on the best model."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from lrlab.report.text.formats import number, percent, plural

if TYPE_CHECKING:
    from lrlab.report.analysis.importance import Importance

CALIBRATED = {
    "run": "the run whose model is kept",
    "fold": "the run whose model is kept, on the one fold that it did not train on",
    "folds": "the best trial, each row by its run that did not train on it",
}


def importance_caption(
    importance: Importance, objective: str, sampler: str, *, learns: bool
) -> str:
    """What to see in the bars of the settings: which matters most, and what that rests on.

    Args:
        importance: With shares.
        objective: Name of the objective.
        sampler: The sweep's.
        learns: Whether it learns from results.
    """
    top, basis = importance.top, importance_basis(importance, sampler, learns)
    text = f"No setting stands out for {objective} in this space."
    if top is not None:
        low, high = (percent(float(part[top])) for part in (importance.low, importance.high))
        share = f"{low} to {high} of the importance"
        text = f"{top} matters most for {objective} in this space ({share})."
    return (
        f"{text} Shares of the importance ({importance.method}) add up to 100%; lines are their "
        f"range over {importance.resamples} resamples of the trials. Estimated from {basis}"
    )


def importance_basis(importance: Importance, sampler: str, learns: bool) -> str:
    """Which trials the importance rests on, the end of a sentence."""
    text = f"{plural(importance.trials, 'trial')} with a result"
    if not learns:
        return f"{text}."
    if importance.drawn:
        return f"{text}, which {sampler} drew at random before it learned."
    return f"{text}; {sampler} drew good settings more often, which biases the shares."


def boundary_caption(
    wrong: int, rows: int, drawn: int | None = None, *, fold: bool = False
) -> str:
    """What to see in the figure of the decision boundary: how many rows it gets wrong.

    Args:
        wrong: Rows on the wrong side.
        rows: All held-out rows.
        drawn: How many of them are drawn, if not all.
        fold: Whether they are those of one fold.
    """
    some = "" if drawn is None or drawn == rows else f" Only {drawn:,} of the rows are drawn."
    which = "a row of the fold that it did not train on" if fold else "a held-out row"
    return (
        "The line is the decision boundary of the run whose model is kept; each mark is "
        f"{which}, by its two columns. {_part(wrong, rows, 'row', 'is', 'are')} on the wrong side "
        f"of it.{some}"
    )


def _part(some: int, total: int, noun: str, verb: str, verbs: str) -> str:
    """`3 of 40 rows are`, with its verb; `no row is`, `all 40 rows are`, `the only row is`."""
    if total == 1:
        return f"The only {noun} {verb}" if some else f"No {noun} {verb}"
    if some in (0, total):
        every = "Both" if total == 2 else f"All {total:,}"
        return f"{every} {noun}s {verbs}" if some else f"No {noun} {verb}"
    return f"{some:,} of {total:,} {noun}s {verb if some == 1 else verbs}"


def calibration_caption(table: pd.DataFrame, source: str = "run") -> str:
    """What to see in the reliability diagram: whether the probabilities can be believed.

    Args:
        table: What `evidence.calibration` returns.
        source: Whose predictions they are, of `CALIBRATED`.
    """
    off = int(((table["predicted"] < table["low"]) | (table["predicted"] > table["high"])).sum())
    wide = float((table["high"] - table["low"]).median())
    few = " The intervals are wide, because there are few rows." if wide > 0.3 else ""
    missed = _part(off, len(table), "interval", "misses", "miss")
    return (
        f"Fraction of positives against mean predicted probability of {CALIBRATED[source]}: "
        f"{plural(int(table['rows'].sum()), 'held-out row')} in {plural(len(table), 'bin')}, with "
        f"95% intervals. The diagonal is perfect calibration. {missed} it.{few}"
    )


def parallel_caption(
    extreme: float, objective: str, *, folds: bool, gaps: bool = False, highest: bool = False
) -> str:
    """What to see in the parallel coordinates: how low (or high) a single run comes.

    Args:
        extreme: The lowest value of a run, or the highest, where that is better.
        objective: Name of the objective.
        folds: Whether a run is a fold.
        gaps: Whether some run lacks a setting.
        highest: Whether it is the highest.
    """
    none = " A run without a setting passes through “none” on its axis." if gaps else ""
    whose = ", on its own fold (folds are not equally hard)" if folds else ""
    return (
        f"Each line is a run, through its settings to its {objective}; a stronger line is better."
        f"{none} The {'highest' if highest else 'lowest'} run reaches {number(extreme)}{whose}."
    )
