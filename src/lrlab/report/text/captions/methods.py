"""Captions of the figures that compare optimizers and losses."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from lrlab.report.analysis.tables import minimizes
from lrlab.report.text.formats import listing, number, percent, plural

if TYPE_CHECKING:
    from lrlab.report.analysis.converged import Gaps
    from lrlab.report.analysis.methods import Comparison


def gap_caption(fastest: pd.DataFrame, seeds: int) -> str:
    """What to see in the figure of the gaps: who comes closest, and soonest.

    Args:
        fastest: What `evidence.fastest_trials` returns, fastest first, not empty.
        seeds: Replicates of a trial.
    """
    over = f": median and quartiles over {seeds} seeds" if seeds > 1 else ""
    text = f"Relative gap to the exact optimum, of each optimizer's fastest setting{over}."
    apart = sorted(fastest.loc[~fastest["shared"].astype(bool), "loss"].unique())
    if apart:
        text += (
            f" With {listing(apart)} l2 or a hyperparameter of the loss was searched, so lines "
            "are each optimizer's best setting by the sweep's objective, to the optimum of its "
            "own: they do not compare."
        )
    same = fastest[fastest["shared"].astype(bool)]
    if same.empty:
        return text
    first = same.iloc[0]
    if math.isnan(float(first["steps"])):
        return f"{text} No setting comes to a gap of 1e-3 and stays there, with all its seeds."
    return (
        f"{text} First to stay below a gap of 1e-3: {first['optimizer']} on {first['loss']}, "
        f"after {number(float(first['steps']), 3, pad=False)} steps."
    )


def gap_basis(gaps: Gaps) -> str:
    """What the gaps rest on, where that is less than it may be; else nothing."""
    text = ""
    if not gaps.exact and len(gaps.steps) > 1:
        ratio = float(np.median(gaps.steps[1:] / gaps.steps[:-1]))
        text += (
            f" Known at {len(gaps.steps)} evaluations, each about {number(ratio, 3)} times the "
            "step before: steps to a gap are interpolated between them."
        )
    if gaps.estimated_start:
        text += " The start is the loss of the first mini-batch: an earlier version recorded it."
    return text


def tunability_caption(table: pd.DataFrame, objective: str, direction: str) -> str:
    """What to see in the figure of budgets: who is best with one trial, and with many."""
    first = table[table["trials"] == 1].set_index("optimizer")["value"]
    most = int(table.groupby("optimizer")["trials"].max().min())
    last = table[table["trials"] == most].set_index("optimizer")["value"]
    text = (
        f"Expected best {objective} of k trials drawn at random; one that diverged counts as "
        f"untrained. With one trial {_best_of(first, direction)} is best"
    )
    if last.empty or most == 1:
        return text + "."
    if _best_of(first, direction) == _best_of(last, direction):
        return f"{text}, and with {most}."
    return f"{text}, with {most} {_best_of(last, direction)}."


def tunability_basis(comparison: Comparison, trials: int, sampler: str) -> str:
    """Which trials the budgets rest on, where that is not all; else nothing.

    Args:
        comparison: Of the optimizers.
        trials: Trials of the sweep.
        sampler: The sweep's.
    """
    if comparison.drawn >= trials:
        return ""
    return (
        f" Of the first {plural(comparison.drawn, 'trial')} only: {sampler} drew these at random, "
        "before it learnt."
    )


def _best_of(values: pd.Series, direction: str) -> str:
    return str(values.idxmin() if minimizes(direction) else values.idxmax())


def profile_caption(table: pd.DataFrame, problems: int, trials: pd.Series) -> str:
    """What to see in a performance profile: who is fastest most often, and who solves most.

    Args:
        table: What `performance_profile` returns, not empty.
        problems: How many it is over.
        trials: How many each optimizer had, by its name.
    """
    fastest, solved = table.iloc[0], table.iloc[-1]
    text = (
        f"Share of problems (a loss with a seed) on which an optimizer, at its fastest setting, "
        f"comes to a relative gap of 1e-3 and stays within a factor of the fastest; of the "
        f"{plural(problems, 'problem')} that any optimizer solves. "
        f"{fastest.idxmax()} is fastest on {percent(float(fastest.max()))}; within a factor of "
        f"{table.index[-1]:g}, {solved.idxmax()} solves {percent(float(solved.max()))}."
    )
    if len(trials) < 2 or trials.max() < 2 * trials.min():
        return text
    return (
        f"{text} Optimizers had unequal chances: {trials.idxmin()} {trials.min():,} trials, "
        f"{trials.idxmax()} {trials.max():,}; a grid gives all the same."
    )
