"""What the report says in words; every sentence is computed from the frames."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from lrlab.report.figure_data import BINS_PER_DECADE, is_grid
from lrlab.report.tables import TOLERANCE, minimizes

EDGE = 0.05  # share of the range of learning rates, in decades, that counts as its end


@dataclass(frozen=True)
class Headline:
    """The answer at the top of the page.

    Args:
        best: The best run's optimizer, loss, lr and value as text, or None if there is none.
        counts: How many runs there are and how they ended.
        remarks: What limits the answer, a sentence each.
    """

    best: dict[str, str] | None
    counts: str
    remarks: tuple[str, ...]


def number(value: float, digits: int = 4, *, pad: bool = True) -> str:
    """`value` with so many significant digits; an en dash if it is not a number.

    Args:
        value: Any number.
        digits: Significant digits.
        pad: Keep trailing zeros, so that numbers in a column can be compared at a glance.
    """
    if math.isnan(value):
        return "–"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if value == 0:
        return "0"
    mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
    text, suffix = mantissa, f"e{int(exponent)}"
    if 1e-4 <= abs(value) < 1e6:
        text, suffix = f"{value:.{max(0, digits - 1 - int(exponent))}f}", ""
    if not pad and "." in text:
        text = text.rstrip("0").rstrip(".")
    return f"{text}{suffix}".replace("-", "−")


def percent(share: float) -> str:
    """A share as a percentage: whole, unless that would say 0 or 100 of something else."""
    rounded = round(100 * share)
    if 0 < share < 1 and rounded in (0, 100):
        return "<\u00a01\u00a0%" if rounded == 0 else ">\u00a099\u00a0%"
    return f"{rounded}\u00a0%"


def shorten(text: str, length: int) -> str:
    """`text`, cut with an ellipsis if it is longer than `length` characters."""
    return text if len(text) <= length else text[: length - 1] + "…"


def plural(count: int, noun: str) -> str:
    """`1 run`, `2 runs`, `10,000 runs`."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def headline(
    runs: pd.DataFrame,
    best: pd.Series | None,
    summary: pd.DataFrame,
    seeds: tuple[float, int],
    *,
    objective: str,
    direction: str,
) -> Headline:
    """The answer at the top of the page.

    Args:
        runs: The runs frame.
        best: The best run, or None.
        summary: What `summary_table` returns.
        seeds: What `seed_range` returns.
        objective: Name of the objective.
        direction: `minimize` or `maximize`.
    """
    if runs.empty:
        return Headline(None, "There are no runs yet.", ())
    if best is None:
        return Headline(None, _counts(runs), _without_best(runs, objective))
    answer = {
        "superlative": "lowest" if minimizes(direction) else "highest",
        "value": number(float(best[objective])),
        "optimizer": str(best["optimizer"]),
        "loss": str(best["loss"]),
        "lr": number(float(best["lr"]), pad=False),
    }
    remarks = [
        _runner_up(summary, objective),
        _edge_remark(runs, float(best["lr"])),
        _caution(runs, summary, seeds, objective),
    ]
    return Headline(answer, _counts(runs), tuple(text for text in remarks if text))


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
    text = f"{metric} of the best run of each optimizer, by loss ({count})"
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
            f" {first['optimizer']} with {first['loss']} is first at the threshold "
            f"{number(limit)} ({percent(TOLERANCE)} worse than the best), after "
            f"{plural(int(first['steps_to_threshold']), 'step')}."
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
    if gain == 0:
        return f"{text} The last {plural(last, 'trial')} did not improve it."
    return f"{text} The last {plural(last, 'trial')} improved it by {number(gain, 2)}."


def _counts(runs: pd.DataFrame) -> str:
    ended = runs["outcome"].astype(str).value_counts()
    order = [name for name in ("converged", "slow", "diverged") if name in ended.index]
    order += sorted(set(ended.index) - set(order))
    each = [f"{ended[name]:,} {name} ({percent(ended[name] / len(runs))})" for name in order]
    if "diverged" not in order:
        each.append("none diverged")
    return f"{plural(len(runs), 'run')}: {', '.join(each)}."


def _without_best(runs: pd.DataFrame, objective: str) -> tuple[str, ...]:
    if (runs["outcome"] == "diverged").all():
        low = number(float(runs["lr"].min()), pad=False)
        return (f"Every run diverged. The lowest learning rate was {low}: try lower ones.",)
    return (f"No run has a finite {objective}, so none can be called the best.",)


def _runner_up(summary: pd.DataFrame, objective: str) -> str:
    rows = summary[summary["best"].notna()]
    if len(rows) < 2:
        return ""
    first, second = rows.iloc[0], rows.iloc[1]
    gap = abs(float(second["best"]) - float(first["best"]))
    name = f"{second['optimizer']} with {second['loss']}"
    if gap == 0:
        return f"{name} does equally well."
    return f"The next best pair is {name}, {number(gap, 2)} behind in {objective}."


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
        f"Its learning rate is at the {end} end of those tried ({number(low, pad=False)} to "
        f"{number(high, pad=False)}): a better one may lie beyond."
    )


def _caution(
    runs: pd.DataFrame, summary: pd.DataFrame, seeds: tuple[float, int], objective: str
) -> str:
    if len(runs) < 2:
        return "One run shows nothing about other choices."
    noise, trials = seeds
    if trials == 0:
        return (
            "This is one sweep in which no trial has a second seed with a result: how much of "
            "a difference is chance cannot be told, and none has been tested."
        )
    text = (
        f"Between seeds of the same trial {objective} differs by {number(noise, 2)} (median over "
        f"{plural(trials, 'trial')})"
    )
    bests = summary["best"].dropna()
    if len(bests) > 1 and abs(float(bests.iloc[1] - bests.iloc[0])) <= noise:
        return f"{text}, no less than the lead over the next pair; no difference has been tested."
    return f"{text}; differences of that size mean little, and none has been tested."
