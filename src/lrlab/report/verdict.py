"""The verdict: what the sweep says about optimizer and loss, and how sure it is.

Every sentence is computed from the frames. A difference is called one only if a paired test over
the seeds, adjusted for all pairs, says so and it is not negligible; all else is a tie.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from lrlab.data import Baseline, TableReading
from lrlab.optimum.record import Optima
from lrlab.report.base_rate import base_rate, no_better
from lrlab.report.convergence import OUTCOMES
from lrlab.report.methods import BUDGETS, UNBIASED, Comparison, best_trials, trial_frame
from lrlab.report.statistics import LEAST_SEEDS, LEVEL, NEGLIGIBLE, bootstrap_median
from lrlab.report.tables import minimizes, seed_range
from lrlab.report.words import listing, number, percent, plural

EDGE = 0.05  # share of the range of learning rates, in decades, that counts as its end
FEW_TRIALS = 10  # of a method, below which its best setting is a matter of luck
INTERVAL = percent(LEVEL)
BUDGET = "By the expected best"
SCOPE = (
    "Medians, their intervals and tests speak of the seeds (initial weights, order of "
    "mini-batches) on these rows; settings are chosen and judged on the same held-out rows."
)


@dataclass(frozen=True)
class Verdict:
    """The answer at the top of the page.

    Args:
        best: The best trial's optimizer, loss, lr and value as text, or None if there is none.
        sentences: What may be said of the optimizers and of the losses.
        counts: How many runs there are and how they ended.
        remarks: What limits the answer, a sentence each.
        base_rate: What no column at all gives, a sentence; empty where that is unknown.
    """

    best: dict[str, str] | None
    sentences: tuple[str, ...]
    counts: str
    remarks: tuple[str, ...]
    base_rate: str = ""

    @property
    def text(self) -> str:
        """Best and sentences as plain text."""
        if self.best is not None:
            first = "{first} {value}{interval}, by {optimizer} with {loss} at learning rate {lr}."
            found = (first.format(**self.best), self.base_rate, *self.sentences)
            return " ".join(filter(None, found))
        return " ".join(self.sentences or (*self.remarks[:1], self.counts))


def verdict(
    runs: pd.DataFrame,
    how: pd.Series,
    comparisons: Sequence[Comparison],
    speed: Comparison | None,
    optima: Optima | None,
    *,
    objective: str,
    direction: str,
    sampler: str,
    held_out: int = 0,
    baseline: Baseline | None = None,
    reading: TableReading | None = None,
) -> Verdict:
    """The answer at the top of the page.

    Args:
        runs: The runs frame.
        how: How each run converged.
        comparisons: Of the optimizers and of the losses.
        speed: Of the optimizers by steps, if the optimum is known.
        optima: The optima, if they are known.
        objective: Name of the objective.
        direction: `minimize` or `maximize`.
        sampler: The sweep's.
        held_out: Number of held-out rows.
        baseline: The base rate, if it is known.
        reading: How the table was read, if there is one.
    """
    if runs.empty:
        return Verdict(None, (), "There are no runs yet.", ())
    counts = _counts(how)
    trials = best_trials(
        trial_frame(runs, objective=objective, direction=direction), "optimizer", direction
    )
    if trials.empty:
        return Verdict(None, (), counts, _without_best(runs, objective))
    best = trials.iloc[0]
    better_small = minimizes(direction)
    sentences = [
        " ".join(filter(None, (_compared(each), _on_other_rows(each, held_out, better_small))))
        for each in comparisons
    ]
    if speed is not None and len(speed.table) > 1:
        sentences[0] += " " + _speed(speed)
    remarks = [
        no_better(runs, baseline, objective, better_small),
        _affordable(comparisons[0], sampler, minimizes(direction)),
        _separable(runs, optima),
        _without_optimum(optima),
        _edge_remark(runs, float(best["lr"])),
        _few_trials(comparisons, sampler),
        *_of_reading(reading),
        _untested(runs, comparisons, objective, direction),
        SCOPE if any(comparison.standing.tested for comparison in comparisons) else "",
    ]
    return Verdict(
        _best(runs, best, objective, direction),
        tuple(sentences),
        counts,
        tuple(text for text in remarks if text),
        base_rate(baseline, objective),
    )


def _best(runs: pd.DataFrame, best: pd.Series, objective: str, direction: str) -> dict[str, str]:
    values = runs.loc[runs["trial"] == best.name, objective].to_numpy(dtype=float)
    value, low, high = bootstrap_median(values)
    interval = ""
    if not math.isnan(low):
        interval = (
            f" ({plural(len(values), 'seed')}, {INTERVAL} interval {number(low)} to "
            f"{number(high)})"
        )
    median = "median " if len(values) > 1 else ""
    return {
        "first": f"The {'lowest' if minimizes(direction) else 'highest'} {median}{objective} is",
        "value": number(value),
        "interval": interval,
        "optimizer": str(best["optimizer"]),
        "loss": str(best["loss"]),
        "lr": number(float(best["lr"]), pad=False),
    }


def _compared(comparison: Comparison) -> str:
    """One sentence on the methods of a kind, each at its best setting."""
    by, table, found = comparison.by, comparison.table, comparison.standing
    names = [str(name) for name in table[by]]
    kind = {"optimizer": "Optimizer", "loss": "Loss"}[by]
    if len(names) < 2:
        return f"{kind}: only {names[0]} was tried." if names else ""
    leader = names[0]
    if not found.tested:
        return f"{kind}: {_apart(comparison, names)}; whether that is chance is not tested."
    if not found.behind:
        return (
            f"{kind}: {listing(names)} are indistinguishable at the best settings tried: no "
            f"difference above {percent(NEGLIGIBLE)} that {plural(found.n, 'seed')} bear out."
        )
    first = f"{listing([leader, *found.level])} are indistinguishable at the best settings tried"
    if not found.level:
        first = f"{leader} is the best, each at the best setting tried"
    worst = _p_of(found.pairs, leader, found.behind)
    verb = "is" if len(found.behind) == 1 else "are"
    return (
        f"{kind}: {first}; {listing(found.behind)} {verb} worse by more than "
        f"{percent(NEGLIGIBLE)} (p at most {number(worst, 2, pad=False)}, adjusted for all pairs; "
        f"{plural(found.n, 'seed')})."
    )


def _apart(comparison: Comparison, names: Sequence[str]) -> str:
    """Who is within a negligible distance of the leader, without a test."""
    medians = comparison.table["median"].to_numpy(dtype=float)
    gaps = abs(medians - medians[0])
    near = [n for n, gap in zip(names, gaps, strict=True) if gap <= NEGLIGIBLE * abs(medians[0])]
    far = list(names[len(near) :])
    measure, settings = comparison.measure, "each at the best setting tried"
    if len(near) == 1:
        lead = number(float(gaps[1]), 2)
        return f"{names[0]} leads {names[1]} by {lead} in {measure}, {settings}"
    text = f"{listing(near)} are within {percent(NEGLIGIBLE)} of the best {measure}, {settings}"
    return f"{text}; {listing(far)} {'is' if len(far) == 1 else 'are'} not" if far else text


def _p_of(pairs: pd.DataFrame, leader: str, others: Sequence[str]) -> float:
    own = pairs[
        ((pairs["a"] == leader) & pairs["b"].isin(others))
        | ((pairs["b"] == leader) & pairs["a"].isin(others))
    ]
    return float(own["p_adjusted"].max())


def _speed(speed: Comparison) -> str:
    """Who comes to a relative gap of 1e-3 first."""
    table, found = speed.table, speed.standing
    first = table.iloc[0]
    loss = str(first["loss"])
    level = [str(first["optimizer"]), *(found.level if found.tested else ())]
    steps = number(float(first["median"]), 3, pad=False)
    optimum = "the optimum of its own l2" if "l2" in table else "the optimum"
    lead = f"To come within a thousandth of the way to {optimum} (gap 1e-3) with {loss}, "
    if len(level) > 1:
        return f"{lead}{listing(level)} need the fewest steps, not told apart (from {steps} on)."
    setting = f"lr {number(float(first['lr']), 3)}"
    if "l2" in table:
        setting += f" and l2 {number(float(first['l2']), 3)}"
    lead += f"{level[0]} needs the fewest steps ({steps} at {setting})"
    if len(table) < 3:
        return f"{lead}."
    last = table.iloc[-1]
    return (
        f"{lead}, {last['optimizer']} the most of those that get there "
        f"({number(float(last['median']), 3, pad=False)})."
    )


def _affordable(comparison: Comparison, sampler: str, better_small: bool) -> str:
    """Which method to take for 1, 10 or 100 trials."""
    table = comparison.table
    if len(table) < 2:
        return ""
    if sampler not in UNBIASED:
        return (
            f"What one gets for 1, 10 or 100 random trials cannot be said: {sampler}'s trials are "
            "no random sample. Run with search.sampler: random to know."
        )
    if sampler != "grid" and (table["trials"] < FEW_TRIALS).any():
        return ""  # too few to be taken for what a trial gives
    choices: list[str] = []
    for budget in BUDGETS:
        column = table[f"expected_best_{budget}"].dropna()
        if len(column) > 1:
            place = int(column.argmin() if better_small else column.argmax())
            name = table[comparison.by].loc[column.index].iloc[place]
            value = number(float(column.min() if better_small else column.max()))
            choices.append(f"{name} for {plural(budget, 'trial')} ({value})")
    if not choices:
        return ""
    return f"{BUDGET} {comparison.measure} of random trials, take " + (f"{listing(choices)}.")


def _of_reading(reading: TableReading | None) -> list[str]:
    """What there is to say of how the table was read."""
    found = () if reading is None else (reading.lost_rows(), reading.in_disguise())
    return [f"{text}." for text in found if text]


def _separable(runs: pd.DataFrame, optima: Optima | None) -> str:
    if optima is None:
        return ""
    losses = sorted({key.loss for key, o in optima.found.items() if o.kind == "infimum"})
    if not losses:
        return ""
    which = "" if optima.separation == "complete" else ", but for some rows on the plane"
    return (
        f"The training rows are linearly separable{which}: with l2 = 0, {listing(losses)} "
        f"{'has' if len(losses) == 1 else 'have'} no minimiser, and weights grow for ever towards "
        f"an infimum; set train.l2 above 0 for a problem with a solution."
    )


def _without_optimum(optima: Optima | None) -> str:
    if optima is None or not optima.note:
        return ""
    return f"{optima.note[0].upper()}{optima.note[1:]}."


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
        f"Few trials were drawn of {named}: a better setting may not have been tried, and the "
        "tests above do not know that. More trials, or a grid, give every choice its chance."
    )


def _on_other_rows(comparison: Comparison, held_out: int, better_small: bool) -> str:
    """Whether those that the seeds put behind would be so on another draw of held-out rows.

    Without a test over seeds: whom the rows alone put behind.
    """
    by, table, found = comparison.by, comparison.table, comparison.standing
    if "rows_low" not in table or (found.tested and not found.behind):
        return ""
    certain = table["rows_low"] > 0 if better_small else table["rows_high"] < 0
    names = [str(name) for name in table.loc[certain, by]]
    leader, rows = table[by].iloc[0], f"{held_out:,} held-out rows"
    if not found.tested:
        each = f"{listing(names)} {'lies' if len(names) == 1 else 'lie'} behind {leader}"
        return f"By the {rows} alone {each} for certain." if names else ""
    names = [name for name in names if name in found.behind]
    if not names:
        return f"But {rows} are too few to say so of another draw of them."
    if len(names) == len(found.behind):
        return f"So they would be on another draw of {rows}."
    return f"On another draw of {rows} that is certain of {listing(names)} only."


def _untested(
    runs: pd.DataFrame, comparisons: Sequence[Comparison], objective: str, direction: str
) -> str:
    if len(runs) < 2:
        return "One run shows nothing about other choices."
    if all(c.standing.tested or len(c.table) < 2 for c in comparisons):
        return ""
    seeds = int(runs.groupby("trial").size().max())
    text = (
        f"With {plural(seeds, 'seed')} a trial, chance cannot be told from a difference: a paired "
        f"test needs {LEAST_SEEDS} or more (search.replicates: 10)."
    )
    noise, trials = seed_range(runs, objective=objective, direction=direction)
    if trials == 0:
        return text
    return (
        f"{text} Between seeds of the same trial {objective} differs by {number(noise, 2)} "
        f"(median over {plural(trials, 'trial')})."
    )


def _counts(how: pd.Series) -> str:
    ended = how.astype(str).value_counts()
    order = [name for name in OUTCOMES if name in ended.index]
    order += sorted(set(ended.index) - set(order))
    each = [f"{ended[name]:,} {name} ({percent(ended[name] / len(how))})" for name in order]
    if "diverged" not in order:
        each.append("none diverged")
    return f"{plural(len(how), 'run')}: {', '.join(each)}."


def _without_best(runs: pd.DataFrame, objective: str) -> tuple[str, ...]:
    if (runs["outcome"] == "diverged").all():
        low = number(float(runs["lr"].min()), pad=False)
        return (f"Every run diverged. The lowest learning rate was {low}: try lower ones.",)
    return (f"No run has a finite {objective}, so none can be called the best.",)


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
