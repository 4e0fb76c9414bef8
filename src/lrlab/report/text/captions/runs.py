"""Captions of the figures whose marks are runs: by learning rate, over steps, by trial."""

from __future__ import annotations

import math
from collections.abc import Collection

import numpy as np
import pandas as pd

from lrlab.report.analysis.figure_data import BINS_PER_DECADE, is_grid
from lrlab.report.analysis.methods import FEW_TRIALS
from lrlab.report.analysis.summary import TOLERANCE
from lrlab.report.text.formats import listing, number, percent, plural

LEAST_LR = 5  # learning rates of an optimizer, below which nothing is said of its range


def lr_caption(
    points: pd.DataFrame,
    medians: pd.DataFrame,
    objective: str,
    *,
    methods: pd.DataFrame | None = None,
) -> str:
    """What to see in the figure of the learning rates.

    Args:
        points: What `figure_data.lr_sensitivity` returns, not empty.
        medians: What `figure_data.lr_medians` returns.
        objective: Name of the objective.
        methods: The optimizers compared (`methods.compare`), where learning rates were drawn
            alike for all of them; None where the sampler learns, which leaves no fair comparison.
    """
    parts = [f"Each mark is a run: {objective} against learning rate."]
    if medians.duplicated(["loss", "optimizer"]).any():
        decades = f"in bins of 1/{BINS_PER_DECADE} decade"
        where = "at each learning rate" if is_grid(points["lr"]) else decades
        parts.append(f"Lines are medians {where}.")
    lost = points.loc[points["diverged"], "lr"]
    if not lost.empty:
        parts.append(
            f"Crosses are runs that diverged ({len(lost):,} of {len(points):,}; lowest learning "
            f"rate {number(float(lost.min()), pad=False)})."
        )
    return " ".join([*parts, *_good_ranges(points, methods)])


def _good_ranges(points: pd.DataFrame, methods: pd.DataFrame | None) -> list[str]:
    """Who stays near its best over the widest range, where each had enough learning rates."""
    if methods is None or len(methods) < 2 or methods["lr_width"].isna().any():
        return []
    own = points.merge(methods[["optimizer", "loss"]], on=["optimizer", "loss"])
    if own.groupby("optimizer")["lr"].nunique().reindex(methods["optimizer"]).min() < LEAST_LR:
        return []
    widths = methods.set_index("optimizer")["lr_width"].sort_values()
    low, high = float(widths.iloc[0]), float(widths.iloc[-1])
    if low == high:
        return []
    return [
        f"{widths.index[-1]} has the widest range of learning rates within 10% of its best "
        f"({number(high, 2)} decades, at its best loss), {widths.index[0]} the narrowest "
        f"({number(low, 2)})."
    ]


def stability_caption(limits: pd.DataFrame) -> str:
    """How the theory of the largest stable learning rate agrees with what was observed."""
    if limits.empty:
        return ""
    text = (
        " Dashed lines: the largest stable learning rate by theory, 2(1 + beta)/L, above which no "
        "run stays at the optimum."
    )
    if limits["safe"].notna().any():
        text += " Dotted lines: the learning rate below which a run converges from any start."
    if limits["smallest_unstable"].isna().all():
        return f"{text} No run was unstable."
    stable = limits["largest_stable"].isna() | (limits["largest_stable"] <= limits["limit"])
    # NaN: nothing was unstable, or theory names no safe learning rate
    unstable = ~(limits["smallest_unstable"] < limits["safe"])
    row = limits[limits["smallest_unstable"].notna()].iloc[0]
    limit, smallest, largest = (
        number(float(row[name]), 3, pad=False)
        for name in ("limit", "smallest_unstable", "largest_stable")
    )
    seen = f"the smallest unstable one tried is {smallest}"
    if not math.isnan(float(row["largest_stable"])):
        seen += f", and the largest stable one {largest}"
    return (
        f"{text} For {row['optimizer']} with {row['loss']} theory gives {limit}; {seen}. "
        f"{_agreement(int((stable & unstable).sum()), len(limits))}"
    )


def _agreement(agree: int, cases: int) -> str:
    if cases == 1:
        return "Runs and theory agree." if agree else "Runs and theory disagree."
    every = "both" if cases == 2 else f"all {cases:,}"
    if agree == cases:
        return f"Runs and theory agree in {every} cases."
    if not agree:
        return f"Runs and theory disagree in {every} cases."
    return f"Runs and theory agree in {agree:,} of {cases:,} cases."


def convergence_caption(
    lines: pd.DataFrame,
    summary: pd.DataFrame,
    band: pd.DataFrame,
    metric: str,
    limit: float | None,
    *,
    means: bool = False,
) -> str:
    """What to see in a figure of curves; with a threshold, who reaches it first.

    Args:
        lines: What `best_curves` returns.
        summary: What `summary_table` returns.
        band: What `convergence_band` returns.
        metric: Of the curves.
        limit: The threshold, if it is of this metric.
        means: Whether a trial is several runs.
    """
    text = f"{metric} against step: one line for the best trial of each optimizer"
    text += ", the mean of its runs." if means else "."
    if not band.empty:
        others = "runs of other trials" if means else "other runs"
        text += f" Gray: median and quartiles of the {others} that did not diverge."
    if limit is None:
        if lines["loss"].nunique() > 1:
            text += " Each loss has a scale of its own: values of different losses do not compare."
        return text
    steps = summary["steps_to_threshold"]
    if steps.isna().all():
        line = f"{percent(TOLERANCE)} of the best ({number(limit)}, the horizontal line)"
        text += f" No trial stays within {line}."
    else:
        first = summary[steps == steps.min()]
        pairs = zip(first["optimizer"], first["loss"], strict=True)
        names = [f"{optimizer} with {loss}" for optimizer, loss in pairs]
        never = int(steps.isna().sum())
        text += (
            f" {listing(names)} {'is' if len(names) == 1 else 'are'} the first to stay within "
            f"{percent(TOLERANCE)} of the best ({number(limit)}, the horizontal line), from step "
            f"{number(float(steps.min()), 3, pad=False)} on."
        )
        if never:
            verb = "does" if never == 1 else "do"
            text += f" {never:,} of {plural(len(summary), 'pair')} {verb} not reach it."
    return text


def heat_map_caption(
    table: pd.DataFrame, objective: str, few: Collection[tuple[str, str]] = ()
) -> str:
    """What to see in the heat map: which choice moves the objective more.

    Args:
        table: What `figure_data.heat_map` returns.
        objective: Name of the objective.
        few: Pairs (optimizer, loss) of too few trials to be compared by their best one.
    """
    first = table[table["best"].notna()].head(1)
    if first.empty:
        return f"No pair has a run with a finite {objective}."
    pairs = zip(table["optimizer"], table["loss"], strict=True)
    fair = table[[pair not in few for pair in pairs]]
    fair = fair[fair["best"].notna()]
    parts = [f"Best {objective} of each pair; darker is better."]
    for fixed, varied in (("loss", "optimizer"), ("optimizer", "loss")):
        name, plurals = first[fixed].iloc[0], "losses" if varied == "loss" else "optimizers"
        own = fair[fair[fixed] == name]
        if len(own) > 1:
            by = number(float(own["best"].max() - own["best"].min()), 2)
            parts.append(
                f"With {name}, the best trials of {plurals} differ by up to {by}"
                f"{_without(table[table[fixed] == name], own, varied)}."
            )
    failed = int((table["best"].isna() & (table["n_runs"] > 0)).sum())
    if failed:
        verb = "has" if failed == 1 else "have"
        parts.append(f"{plural(failed, 'pair')} {verb} no result (“none”).")
    return " ".join(parts)


def _without(table: pd.DataFrame, compared: pd.DataFrame, by: str) -> str:
    """The pairs with a result that are not compared."""
    left_out = table[table["best"].notna() & ~table[by].isin(compared[by])][by]
    if left_out.empty:
        return ""
    return f" (without {listing(list(left_out))}, of fewer than {FEW_TRIALS} trials)"


def history_caption(table: pd.DataFrame, objective: str) -> str:
    """What to see in the optimization history: when the best was found."""
    final = table["best_so_far"].iloc[-1]
    if math.isnan(final):
        return f"No trial has a finite {objective}."
    trials = table.groupby("trial")["best_so_far"].last()
    found = int(trials.index[int(np.argmax(trials.to_numpy() == final))])
    text = (
        f"Each mark is a run; the line is the best trial so far. Trial {found} (of "
        f"{int(trials.index[0])} to {int(trials.index[-1])}) has the best {objective}, "
        f"{number(final)}."
    )
    if len(trials) == 1:
        return f"Each mark is a run. The only trial has {objective} {number(final)}."
    last = len(trials) // 4
    if last == 0:
        return text
    earlier = float(trials.iloc[-last - 1])
    gain = abs(float(final) - earlier)
    quarter = "The last trial" if last == 1 else f"The last quarter, {last:,} trials,"
    if math.isnan(earlier):
        return f"{text} {quarter} gave the first result."
    if gain == 0:
        return f"{text} {quarter} did not improve it."
    return f"{text} {quarter} improved it by {number(gain, 2)}."


def beyond_caption(below: int, above: int, linear: int | None = None, *, what: str = "run") -> str:
    """How many marks are so far off that they are drawn at an edge; nothing if none is.

    Args:
        below: How many are below the axis.
        above: How many are above it.
        linear: How many are beyond the figure's linear axis, if it has one.
        what: What a mark is.
    """
    count = below + above
    other = linear is not None and linear != count
    if not count:
        told = f" On the linear axis, {_lie(linear or 0, what)} beyond it (arrows at its edge)."
        return told if other else ""
    also = f", and {f'{linear:,}' if linear else 'none'} beyond the linear axis" if other else ""
    return f" {_lie(count, what)} beyond the axis (arrows at its edge){also}."


def _lie(count: int, what: str) -> str:
    return f"{plural(count, what)} {'lies' if count == 1 else 'lie'}"


def sample_caption(drawn: int, total: int) -> str:
    """Which runs are drawn where all would be too many; else nothing."""
    if drawn == total:
        return ""
    are = "is" if drawn == 1 else "are"
    return (
        f" {drawn:,} of {plural(total, 'run')} {are} drawn: the best, and others spread evenly "
        "over the rest."
    )
