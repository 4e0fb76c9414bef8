"""Captions of the figures that compare optimizers and losses."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from lrlab.report.analysis.tables import minimizes
from lrlab.report.text.formats import listing, number, plural

if TYPE_CHECKING:
    from lrlab.report.analysis.converged import Gaps
    from lrlab.report.analysis.methods import Comparison

SINGLE = float(np.finfo(np.float32).eps)


def gap_caption(fastest: pd.DataFrame, seeds: int) -> str:
    """What to see in the figure of the gaps: who comes closest, and soonest.

    Args:
        fastest: What `evidence.fastest_trials` returns, fastest first, not empty.
        seeds: Replicates of a trial.
    """
    shared = fastest["shared"].astype(bool)
    apart = fastest[~shared]
    which = "of the best trial of each optimizer"
    if apart.empty:
        which = "at each optimizer's fastest setting"
    elif shared.any():
        losses = listing(sorted(apart["loss"].unique()))
        which = f"at each optimizer's fastest setting ({losses}: of its best trial)"
    text = f"Relative gap to the exact optimum against step, {which}"
    text += f": median and quartiles over its {seeds:,} runs." if seeds > 1 else "."
    searched = sorted(
        {name for each in apart["searched"] for name in str(each).split(",") if name}
    )
    if searched:
        was = "was" if len(searched) == 1 else "were"
        where = f" with {losses}" if shared.any() else ""
        text += (
            f" {listing(searched)} {was} searched, so each line{where} has an optimum of its own: "
            "lines do not compare."
        )
    same = fastest[fastest["shared"].astype(bool)]
    if same.empty:
        return text
    first = same.iloc[0]
    if math.isnan(float(first["steps"])):
        every = " in all its runs" if seeds > 1 else ""
        return f"{text} No setting reaches a gap of 1e-3 and stays below it{every}."
    return (
        f"{text} {first['optimizer']} with {first['loss']} is the first to stay below a gap of "
        f"1e-3, after {number(float(first['steps']), 3, pad=False)} steps."
    )


def gap_basis(gaps: Gaps, level: float | None = None) -> str:
    """What the gaps rest on, where that is less than it may be; else nothing.

    Args:
        gaps: All of them.
        level: Where curves end because rounding tells no lower gap, if any do.
    """
    text = ""
    if level is not None:
        kind = "single" if gaps.precision > SINGLE / 2 else "double"
        text += (
            f" A line that ends flat near {number(level, 1)} is at the optimum as far as {kind} "
            "precision can tell."
        )
    if not gaps.exact and len(gaps.steps) > 1:
        ratio = float(np.median(gaps.steps[1:] / gaps.steps[:-1]))
        text += (
            f" The gap is known at {len(gaps.steps):,} evaluations, each at about "
            f"{number(ratio, 3)} times the step before; steps between them are interpolated."
        )
    if gaps.estimated_start:
        text += (
            " The gap at the start is estimated from the first mini-batch, as this sweep was "
            "recorded by an earlier version."
        )
    return text


def tunability_caption(table: pd.DataFrame, objective: str, direction: str) -> str:
    """What to see in the figure of budgets: who is best with one trial, and with many."""
    first = table[table["trials"] == 1].set_index("optimizer")["value"]
    most = int(table.groupby("optimizer")["trials"].max().min())
    last = table[table["trials"] == most].set_index("optimizer")["value"]
    text = (
        f"Expected best {objective} against the number of random trials; a trial that diverged "
        f"counts as untrained. With 1 trial, {_best_of(first, direction)} is best"
    )
    if last.empty or most == 1:
        return text + "."
    if _best_of(first, direction) == _best_of(last, direction):
        return f"{text}, and with {most:,} as well."
    return f"{text}; with {most:,}, {_best_of(last, direction)} is."


def tunability_basis(comparison: Comparison, trials: int, sampler: str) -> str:
    """Which trials the budgets rest on, where that is not all; else nothing.

    Args:
        comparison: Of the optimizers.
        trials: Trials of the sweep.
        sampler: The sweep's.
    """
    if comparison.drawn >= trials:
        return ""
    which = "trial, which" if comparison.drawn == 1 else f"{comparison.drawn:,} trials, which"
    return f" This rests on the first {which} {sampler} drew at random before it learned."


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
    often = f"{round(problems * float(fastest.max())):,} of {problems:,} problems"
    most = f"{solved.idxmax()} solves {round(problems * float(solved.max())):,}"
    if problems == 1:
        often, most = "the only problem", f"{solved.idxmax()} solves it"
    text = (
        "Share of problems (a loss with a seed) that each optimizer, at its fastest setting, "
        "solves within a multiple of the fewest steps; solved means that the relative gap "
        f"stays below 1e-3. {fastest.idxmax()} is fastest on {often}; within "
        f"{table.index[-1]:g} times the fewest steps, {most}."
    )
    if len(trials) < 2 or trials.max() < 2 * trials.min():
        return text
    return (
        f"{text} The optimizers had unequal chances: {trials.idxmin()} "
        f"{plural(int(trials.min()), 'trial')}, {trials.idxmax()} "
        f"{plural(int(trials.max()), 'trial')}; a grid gives all of them the same."
    )
