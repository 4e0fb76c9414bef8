"""Several sweeps compared, in sentences; numbers come from the tables of `lrlab.report.across`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from lrlab.report.analysis.fact import Fact
from lrlab.report.text.facts import say
from lrlab.report.text.formats import listing, number, plural, share

MOST_NAMES = 12
SCORES = {"": "", "raw": ", by raw scores", "recalibrated": ", recalibrated by Platt scaling"}
KINDS = {"optimizer": "Optimizers", "loss": "Losses"}


def never_worse(table: pd.DataFrame, by: str, scores: str = "") -> str:
    """Which methods are never shown to be worse than the best, and which always are.

    Args:
        table: One row a method and sweep, with its verdict.
        by: `optimizer` or `loss`.
        scores: By which losses are compared, where that makes a difference.
    """
    untested = [
        str(name)
        for name, own in table.groupby("sweep", sort=False)
        if (own["verdict"] == "untested").all()
    ]
    tested = table[~table["sweep"].isin(untested)]
    sweeps = tested["sweep"].nunique()
    counts = tested.pivot_table(index=by, columns="verdict", aggfunc="size", fill_value=0)
    elsewhere = [str(n) for n in counts.index[counts.sum(axis=1) < sweeps]]
    counts = counts[counts.sum(axis=1) == sweeps]
    if not sweeps or len(counts) < 2:
        return ""
    blank = pd.Series(0, index=counts.index)
    worse, unsaid = counts.get("worse", blank), counts.get("untested", blank)
    never = [str(n) for n in counts.index[(worse == 0) & (unsaid == 0)]]
    always = [str(n) for n in counts.index[worse == sweeps]]
    text = f"{KINDS[by]}{SCORES[scores]}, on {plural(sweeps, 'data set')}, "
    text += "each at its best setting there: "
    if never:
        text += f"{listing(never, MOST_NAMES)} {_is(never)} never shown to be worse than the best"
    else:
        text += "none is best, or tied with the best, on all of them"
    if always:
        text += f"; {listing(always, MOST_NAMES)} {_is(always)} worse everywhere"
    if untested:
        text += f"; {listing(untested)} {_is(untested)} not tested"
    if elsewhere:
        text += f". Left out, as not tried on all of them: {listing(elsewhere, MOST_NAMES)}"
    return f"{text}."


def fastest(profile: pd.DataFrame, problems: int, tried: int) -> str:
    """Who reaches the optimum soonest, most often.

    Args:
        profile: What `performance_profile` returns, not empty.
        problems: How many any optimizer solves.
        tried: How many there are, of losses whose optimizers minimized one objective.
    """
    at_once, within = profile.iloc[0], profile.loc[profile.index <= 4].iloc[-1]
    first, near = at_once.idxmax(), within.idxmax()
    often, nearly = (round(problems * float(part.max())) for part in (at_once, within))
    of = "the only problem" if problems == 1 else f"{often:,} of {problems:,} problems"
    text = f"{first} is fastest to a gap of 1e-3 on {of} (data set, loss and seed). "
    if problems > 1:
        who = "It" if near == first else near
        text += f"{who} is within a factor of 4 of the fastest on {nearly:,}. "
    left = tried - problems
    if left > 0:
        rest = "problem" if left == 1 else f"{left:,} problems"
        text += f"No optimizer solves the remaining {rest}."
    return text.rstrip()


def left_out(parts: Sequence[tuple[str, str, Fact]], losses: Mapping[str, int]) -> str:
    """Which losses of which sweeps are no such problems, and why: a sentence a reason.

    Args:
        parts: Sweep, loss and reason.
        losses: How many losses a sweep tried, by its name.
    """
    reasons: dict[str, dict[str, list[str]]] = {}
    for sweep, loss, why in parts:
        reasons.setdefault(_why_left_out(why), {}).setdefault(sweep, []).append(loss)
    told = []
    for reason, sweeps in reasons.items():
        names = [
            name if len(own) == losses[name] else f"{listing(own)} of {name}"
            for name, own in sweeps.items()
        ]
        told.append(f"Left out: {listing(names, MOST_NAMES)}, because {reason}.")
    return " ".join(told)


def _why_left_out(why: Fact) -> str:
    """The reason without the loss that it is about, so that losses share a sentence."""
    if why.kind == "one_optimizer":
        return "only one optimizer was tried"
    if why.kind == "none_finite_of_loss":
        return "no trial has a finite objective"
    if why.kind == "objectives_differ":
        return say(why).split(";")[0]  # without the advice, which the sweep's own report gives
    return say(why)


def robust(loss: pd.Series, width: pd.Series) -> str:
    """What to take without tuning: one random trial, and the widest range of learning rates.

    Args:
        loss: By optimizer, how many times worse than the best choice one random trial is, mean
            over the data sets; two or more.
        width: By optimizer, decades of good learning rates; empty if unknown.
    """
    order, widths = loss.sort_values(), width.sort_values(ascending=False)
    least, most = (share(float(order.iloc[i]) - 1) for i in (0, -1))
    text = (
        f"With a single random trial, {order.index[0]} loses least against the best choice for "
        f"each data set ({least} on average), and {order.index[-1]} most ({most})."
    )
    if widths.empty:
        return text
    return (
        f"{text} {widths.index[0]} has the widest range of good learning rates "
        f"({number(float(widths.iloc[0]), 2)} decades on average), {widths.index[-1]} the "
        f"narrowest ({number(float(widths.iloc[-1]), 2)})."
    )


def counts(outcomes: Mapping[str, int], sweeps: int) -> str:
    """How many runs there are and how they ended."""
    total = sum(outcomes.values())
    ends = ", ".join(f"{count:,} {name}" for name, count in outcomes.items())
    return f"{plural(total, 'run')} in {plural(sweeps, 'sweep')}: {ends}."


def ratio_caption(by: str, objective: str, scores: str = "") -> str:
    """What to see in the heat map of methods by data set."""
    return (
        f"{objective} of each {by} at its best setting{SCORES[scores]}, as a multiple of the best "
        "on the same data set; 1 is best, and darker is better. It is the value expected on new "
        "rows, where that is known."
    )


def different_objectives(aims: Mapping[str, str]) -> str:
    """That sweeps cannot be compared."""
    each = ", ".join(f"{name} by {objective}" for name, objective in aims.items())
    return (
        f"these sweeps cannot be compared, as they have different objectives ({each}); name "
        "sweeps with the same one"
    )


def _is(names: list[str]) -> str:
    return "is" if len(names) == 1 else "are"
