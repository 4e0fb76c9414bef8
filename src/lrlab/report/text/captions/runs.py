"""Captions of the figures whose marks are runs: by learning rate, over steps, by trial."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from lrlab.report.analysis.figure_data import BINS_PER_DECADE, is_grid
from lrlab.report.analysis.tables import TOLERANCE
from lrlab.report.text.formats import number, percent, plural


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


def stability_caption(limits: pd.DataFrame) -> str:
    """How the theory of the largest stable learning rate agrees with what was observed."""
    if limits.empty:
        return ""
    text = " Dashed: the lr above which theory allows no rest at the optimum, 2(1 + beta)/L"
    if limits["safe"].notna().any():
        text += "; dotted: that below which it lets any start come to rest, without momentum"
    if limits["smallest_unstable"].isna().all():
        return f"{text}; nothing tried went beyond it."
    stable, unstable = limits["largest_stable"], limits["smallest_unstable"]
    held = stable.isna() | (stable <= limits["limit"])
    broke = ~(unstable < limits["safe"])  # NaN: nothing broke, or theory says nothing
    row = limits[unstable.notna()].iloc[0]
    example = (
        f"{row['optimizer']} with {row['loss']}: {number(float(row['limit']), 3, pad=False)}; "
        "the first lr that did not hold was "
        f"{number(float(row['smallest_unstable']), 3, pad=False)}"
    )
    if not math.isnan(float(row["largest_stable"])):
        example += f", the last that did {number(float(row['largest_stable']), 3, pad=False)}"
    return f"{text} ({example}). {int((held & broke).sum())} of {len(limits)} cases agree with it."


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


def beyond_caption(below: int, above: int) -> str:
    """How many runs are so far off that they are drawn at an edge; nothing if none is."""
    if not below + above:
        return ""
    lies = "run lies" if below + above == 1 else "runs lie"
    return f" {below + above:,} {lies} beyond the axis (arrows at its edge)."
