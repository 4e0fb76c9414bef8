"""The captions of the figures; every sentence is computed from the frames."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from lrlab.report.analysis.figure_data import BINS_PER_DECADE, is_grid
from lrlab.report.analysis.tables import TOLERANCE, minimizes
from lrlab.report.text.formats import listing, number, percent, plural

if TYPE_CHECKING:
    from lrlab.report.analysis.converged import Gaps
    from lrlab.report.analysis.importance import Importance


def lr_caption(
    points: pd.DataFrame, medians: pd.DataFrame, summary: pd.DataFrame, objective: str
) -> str:
    """What to see in the figure of the learning rates."""
    parts = ["Each mark is a run."]
    if medians.duplicated(["loss", "optimizer"]).any():
        where = (
            "at each learning rate"
            if is_grid(points["lr"])
            else f"in bins of 1/{BINS_PER_DECADE} decade"
        )
        parts = [f"Each mark is a run, the lines are medians {where}."]
    spread = summary.groupby("optimizer")["spread"].median().dropna()
    if points["lr"].nunique() > 1 and len(spread) > 1 and spread.min() < spread.max():
        parts.append(
            f"{spread.idxmin()} depends least on it (interquartile range of {objective} "
            f"{number(float(spread.min()), 2)}, median over its losses), {spread.idxmax()} most "
            f"({number(float(spread.max()), 2)})."
        )
    lost = points.loc[points["diverged"], "lr"]
    if not lost.empty:
        parts.append(
            f"{len(lost):,} of {plural(len(points), 'run')} diverged, the lowest learning rate "
            f"among them {number(float(lost.min()), pad=False)}."
        )
    return " ".join(parts)


def convergence_caption(
    lines: pd.DataFrame,
    summary: pd.DataFrame,
    band: pd.DataFrame,
    metric: str,
    limit: float | None,
) -> str:
    """What to see in a figure of curves; with a threshold, who reaches it first."""
    count = plural(lines["run_id"].nunique(), "run")
    text = f"{metric} of the best trial of each optimizer, by loss ({count})"
    if not band.empty:
        text += "; grey is the median and the quartiles of the other runs that did not diverge"
    text += "."
    if limit is None:
        if lines["loss"].nunique() > 1:
            text += " Each loss has its own scale: values of different losses do not compare."
        return text
    steps = summary["steps_to_threshold"]
    if steps.notna().any():
        first = summary.iloc[int(steps.argmin())]
        never = int(steps.isna().sum())
        text += (
            f" {first['optimizer']} with {first['loss']} is first to stay within the threshold "
            f"{number(limit)} ({percent(TOLERANCE)} worse than the best), from step "
            f"{number(float(first['steps_to_threshold']), 3, pad=False)} on."
        )
        if never:
            verb = "gets" if never == 1 else "get"
            text += f" {never} of {plural(len(summary), 'pair')} never {verb} there."
    return text


def heat_map_caption(table: pd.DataFrame, objective: str) -> str:
    """What to see in the heat map: which choice moves the objective more."""
    grid = table.pivot(index="optimizer", columns="loss", values="best")
    first = table[table["best"].notna()].head(1)
    if first.empty:
        return f"No pair has a run with a finite {objective}."
    optimizer, loss = first["optimizer"].iloc[0], first["loss"].iloc[0]
    column, row = grid[loss].dropna(), grid.loc[optimizer].dropna()
    parts = [f"Best {objective} of each pair; the darker, the better."]
    if len(column) > 1:
        parts.append(
            f"With {loss}, the choice of optimizer moves it by up to "
            f"{number(float(column.max() - column.min()), 2)}."
        )
    if len(row) > 1:
        parts.append(
            f"With {optimizer}, the choice of loss moves it by up to "
            f"{number(float(row.max() - row.min()), 2)}."
        )
    failed = int((table["best"].isna() & (table["n_runs"] > 0)).sum())
    if failed:
        parts.append(f"“none”: no run of the pair has a result ({plural(failed, 'pair')}).")
    return " ".join(parts)


def history_caption(table: pd.DataFrame, objective: str) -> str:
    """What to see in the optimization history: when the best was found."""
    final = table["best_so_far"].iloc[-1]
    if math.isnan(final):
        return f"No trial has a finite {objective}."
    trials = table.groupby("trial")["best_so_far"].last()
    found = int(trials.index[int(np.argmax(trials.to_numpy() == final))])
    text = f"The best {objective}, {number(final)}, was found in trial {found}"
    text += f" of {int(trials.index[0])} to {int(trials.index[-1])}."
    last = len(trials) // 4
    if last == 0:
        return text
    earlier = float(trials.iloc[-last - 1])
    gain = abs(float(final) - earlier)
    if math.isnan(earlier):
        return f"{text} Only the last {plural(last, 'trial')} gave a result."
    quarter = f"The last quarter ({plural(last, 'trial')})"
    if gain == 0:
        return f"{text} {quarter} did not improve it."
    return f"{text} {quarter} improved it by {number(gain, 2)}."


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


def stability_caption(limits: pd.DataFrame) -> str:
    """How the theory of the largest stable learning rate agrees with what was observed."""
    if limits.empty:
        return ""
    text = " Dashed: the lr above which theory allows no rest at the optimum, 2(1 + beta)/L"
    if limits["safe"].notna().any():
        text += "; dotted: that below which it lets any start come to rest, without momentum"
    if limits["breaks"].isna().all():
        return f"{text}; nothing tried went beyond it."
    held = (limits["holds"].isna()) | (limits["holds"] <= limits["limit"])
    broke = ~(limits["breaks"] < limits["safe"])  # NaN: nothing broke, or theory says nothing
    row = limits[limits["breaks"].notna()].iloc[0]
    example = (
        f"{row['optimizer']} with {row['loss']}: {number(float(row['limit']), 3, pad=False)}; "
        f"the first lr that did not hold was {number(float(row['breaks']), 3, pad=False)}"
    )
    if not math.isnan(float(row["holds"])):
        example += f", the last that did {number(float(row['holds']), 3, pad=False)}"
    return f"{text} ({example}). {int((held & broke).sum())} of {len(limits)} cases agree with it."


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


def _best_of(values: pd.Series, direction: str) -> str:
    return str(values.idxmin() if minimizes(direction) else values.idxmax())


def importance_basis(importance: Importance, sampler: str, learns: bool) -> str:
    """Which trials the importance rests on, the end of a sentence."""
    text = f"{plural(importance.trials, 'trial')} with a result"
    if not learns:
        return f"{text}."
    if importance.drawn:
        return f"{text}, which {sampler} drew at random before it learnt."
    return f"{text}; {sampler} looked more at good settings, which blurs the shares."


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
