"""Captions of the figures on settings and on the best model."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from lrlab.report.text.formats import number, percent, plural

if TYPE_CHECKING:
    from lrlab.report.analysis.importance import Importance


def importance_basis(importance: Importance, sampler: str, learns: bool) -> str:
    """Which trials the importance rests on, the end of a sentence."""
    text = f"{plural(importance.trials, 'trial')} with a result"
    if not learns:
        return f"{text}."
    if importance.drawn:
        return f"{text}, which {sampler} drew at random before it learnt."
    return f"{text}; {sampler} looked more at good settings, which blurs the shares."


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
    top, share = str(importance.shares.index[0]), percent(float(importance.shares.iloc[0]))
    text = f"{top} matters most for {objective} in this space ({share}), by "
    return text + importance_basis(importance, sampler, learns)


def boundary_caption(wrong: int, rows: int) -> str:
    """What to see in the figure of the decision boundary: how many rows it gets wrong."""
    lie = "lies" if wrong == 1 else "lie"
    return (
        f"The best run's decision boundary over the held-out rows: {wrong:,} of "
        f"{plural(rows, 'row')} {lie} on the wrong side."
    )


def calibration_caption(table: pd.DataFrame) -> str:
    """What to see in the reliability diagram: whether the probabilities can be believed.

    Args:
        table: What `evidence.calibration` returns.
    """
    off = int(((table["predicted"] < table["low"]) | (table["predicted"] > table["high"])).sum())
    wide = float((table["high"] - table["low"]).median())
    few = "; so few rows leave them wide" if wide > 0.3 else ""
    return (
        f"Fraction of positives among {int(table['rows'].sum()):,} held-out rows, by tenths of "
        f"the best run's predicted probability, with 95% intervals{few}. {off} of "
        f"{plural(len(table), 'interval')} {'misses' if off == 1 else 'miss'} the diagonal, on "
        "which probabilities are right."
    )


def parallel_caption(best: float, objective: str, *, folds: bool) -> str:
    """What to see in the parallel coordinates: the best run's value."""
    whose = " on its own fold; folds are not equally hard" if folds else ""
    return (
        f"Each line is a run, from setting to setting to its {objective}; the "
        f"stronger, the better. The best run reaches {number(best)}{whose}."
    )
