"""What limits the verdict: a sentence for each remark."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from lrlab.report.text.formats import listing, number, plural

MOST_METHODS = 8  # that a sentence names


def no_better() -> str:
    """Of a sweep whose runs are no better than the base rate."""
    return "No run is better than the base rate: the models learned nothing from the columns."


def budgets(
    metric: str, leaders: Sequence[tuple[int, str, float]], sampler: str, drawn: int, all: bool
) -> str:
    """Which method to take for a budget of random trials.

    Args:
        metric: Of which the best is expected.
        leaders: Budget, leading method and its expected best, smallest budget first.
        sampler: The sweep's.
        drawn: How many trials were drawn at random.
        all: Whether those are all.
    """
    each: dict[str, list[str]] = {}
    for budget, name, value in leaders:
        each.setdefault(name, []).append(f"{plural(budget, 'trial')} ({number(value)})")
    told = [f"{name} after {listing(when)}" for name, when in each.items()]
    first = "first trial" if drawn == 1 else f"first {drawn:,} trials"
    which = "" if all else f" and from the {first}, before {sampler} learns"
    return (
        f"The best expected {metric} of random trials is that of {listing(told)}. This is on the "
        f"rows that chose the settings{which}; it is not tested."
    )


def budgets_unknown(sampler: str, drawn: int, all: bool) -> str:
    """Of a sampler that learns, with too few trials before it does."""
    fair = "none of its trials is random"
    if drawn:
        first = "trial is" if drawn == 1 else f"{drawn:,} trials are"
        fair = f"only its first {first} random, too few for an estimate"
    return (
        f"How good 1, 10 or 100 random trials would be is unknown: {sampler} learns from results, "
        f"and {fair}. To find out, set search.sampler to random."
    )


def without_optimum(left_out: int, objectives: int, seconds: float) -> str:
    """Of objectives whose exact optimum is not known."""
    why = f"{seconds:,.0f} s of computing were not enough" if seconds else "the data are too large"
    whose = "its runs have" if left_out == 1 else "their runs have"
    of = f"{left_out:,} of {plural(objectives, 'objective')}"
    if left_out == objectives:
        of = {1: "the only objective", 2: "both objectives"}.get(
            objectives, f"all {objectives:,} objectives"
        )
    return f"The exact optimum of {of} is not known, because {why}; {whose} no gap."


def edge(end: str, best: float, low: float, high: float) -> str:
    """Of a best learning rate at an end of the range."""
    tried = f"{number(low, pad=False)} to {number(high, pad=False)}"
    return (
        f"The best learning rate, {number(best, 3, pad=False)}, is at the {end} end of the range "
        f"tried ({tried}): a better one may lie beyond it."
    )


def few_trials(methods: Sequence[tuple[str, int]]) -> str:
    """Of methods of which few settings were tried."""
    named = listing([f"{name} ({count:,})" for name, count in methods], MOST_METHODS)
    return (
        f"Few trials were drawn of {named}, so a better setting may have been missed. More "
        "trials, or a grid, would tell."
    )


def reading(text: str) -> str:
    """How the table was read, as `lrlab.data.TableReading` says it."""
    return f"{text[0].upper()}{text[1:]}."


def one_run() -> str:
    """Of a sweep of one run."""
    return "A single run cannot be compared with anything."


def unsolved(count: int, iterations: int, objective: str, gap: float, value: float) -> str:
    """Of convex objectives whose optimum is not exact."""
    within = f"not solved within {plural(iterations, 'iteration')}"
    low = f"may be up to {number(gap, 2, pad=False)} below {number(value)}"
    if count == 1:
        return f"1 convex objective ({objective}) was {within}: its optimum {low}."
    return (
        f"{count:,} convex objectives were {within}. The least certain is {objective}: its "
        f"optimum {low}."
    )


def beaten(count: int, objective: str, by: float, reached: float, best_known: float) -> str:
    """Of objectives that are not convex, on which a run was better than the best known optimum."""
    which = f"the best known optimum of {objective}"
    if count > 1:
        which = f"the best known optima of {count:,} objectives, most for {objective}"
    what = "The objective is" if count == 1 else "The objectives are"
    return (
        f"Training went below {which}, by {number(by, 2, pad=False)} ({number(reached)} instead "
        f"of {number(best_known)}). {what} not convex; gaps are measured from the lowest value "
        "that a run reached."
    )


REMARKS: dict[str, Callable[..., str]] = {
    each.__name__: each
    for each in (
        no_better,
        budgets,
        budgets_unknown,
        without_optimum,
        edge,
        few_trials,
        reading,
        one_run,
        unsolved,
        beaten,
    )
}
