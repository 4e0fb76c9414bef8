"""Titles and notes of the tables of a page, and its headings."""

from __future__ import annotations

from collections.abc import Collection

from lrlab.metrics import METRICS
from lrlab.report.analysis.summary import TOLERANCE
from lrlab.report.text.formats import percent, plural

OPTIONAL = {"categories", "why"}  # columns that a table may lack
SUMMARY = "Optimizer by loss"
HEADINGS = {
    "verdict": "Verdict",
    "figures": "Figures",
    "spec": "Spec",
    "spec_hint": "The spec of this sweep, with every default",
    "facts": "Facts",
}
# Columns whose names in files are not what people say; of others, `_` becomes a space.
COLUMN_TITLES = {
    "how": "outcome",
    "detail": "what happened",
    "spread": "interquartile range",
    "random_trials": "trials drawn at random",
    "expected_best_1": "expected best of 1",
    "expected_best_10": "expected best of 10",
    "expected_best_100": "expected best of 100",
}
# Tables that are shown, by name, each with its title and what it says.
TITLES = {
    "optimizers": (
        "Optimizers compared",
        "Each optimizer at its best trial, on the rows that chose it; the verdict says what to "
        "expect on new rows. value: mean over the replicates, with the lowest and the highest; "
        "lr width: decades of learning rate within 10% of the best; diverged: share of its runs; "
        "expected best of k: that of k trials drawn at random.",
    ),
    "held_out": (
        "Losses compared by held-out metrics",
        "Each loss at its best trial, on the rows that chose it. Values of different losses do "
        "not compare, so the columns are metrics that all losses share. Where scores are raw, "
        "they are not probabilities: log loss, Brier score and ECE mean little before "
        "recalibration.",
    ),
    "across_optimizers": (
        "Optimizers on every data set",
        "Each optimizer at its best trial. value: on the rows that chose it; expected: on new "
        "rows; ratio: expected (or value, where that is unknown) as a multiple of the best on "
        "that data set, above 1 is worse; verdict: best, tied or worse on new rows; lr width: "
        "decades of learning rate within 10% of its best; expected best of k: that of k "
        "trials drawn at random.",
    ),
    "across_losses": (
        "Losses on every data set",
        "The same for each loss at its best trial. value: by the loss's own scores; expected, "
        "ratio and verdict: by raw scores or by recalibrated ones, as column scores says.",
    ),
    "speed": (
        "Steps to a relative gap of 1e-3",
        "All optimizers minimize one objective: that of the best trial (its loss, hyperparameters "
        "and l2). Each is at the setting that needs the fewest steps until the gap stays below "
        "1e-3. steps: geometric mean over the seeds, infinite if it misses on one, with the "
        "fewest and the most; reached: seeds on which it gets there; runs reached: runs of all "
        "its trials that do; value: the sweep's objective at that setting.",
    ),
    "speed_claims": (
        "Which optimizers need more steps",
        "The ratio is that of the steps of the worse optimizer, at its setting that comes "
        "nearest, to those of the better one, whose setting was chosen on other seeds. The "
        "95% intervals hold for all pairs at once.",
    ),
    "endings": (
        "How runs ended",
        "Runs by outcome, as recorded, and by what happened: what the gap to the optimum says, "
        "see docs/report.md.",
    ),
    "objectives": (
        "Objectives: optimum and curvature",
        "The optimum of loss + l2 on the training rows, in double precision. stable lr: 2/L with "
        "the curvature L at the optimum, the largest learning rate at which gradient descent "
        "stays there; safe lr: 2/L with the largest curvature anywhere, below which gradient "
        "descent converges from any start.",
    ),
    "beaten": (
        "Objectives on which a run beat the best known optimum",
        "Their losses are not convex. best known: the lowest value from several starts; reached: "
        "the lowest value of a run, from which gaps are measured; by: the difference.",
    ),
    "stable_lr": (
        "Largest stable learning rate, by theory and as observed",
        "Of gradient descent and momentum, with full batches. limit: 2(1 + beta)/L with the "
        "curvature L at the optimum, above which no run stays there; safe: 2/L with the largest "
        "curvature anywhere, below which gradient descent converges from any start (with momentum "
        "only for a quadratic loss; for others no such learning rate is known, Goujaud et al. "
        "2023); largest stable: the largest learning rate up to which no run oscillated or "
        "diverged; smallest unstable: the smallest at which one did.",
    ),
    "columns": (
        "How the columns were read",
        "Every column of the table, in its order. missing: rows without a value; categories: "
        "different values; why: the reason why it was left out, or what is odd about it.",
    ),
}


def column_title(name: str) -> str:
    """A column's heading; metrics and hyperparameters keep the names that a user gives them."""
    if "." in name or name in METRICS:
        return name
    return COLUMN_TITLES.get(name, name.replace("_", " "))


def note_of(name: str, titles: Collection[str]) -> str:
    """The note of a table, without what it says of columns that are not shown.

    Args:
        name: Of the table, in `TITLES`.
        titles: Headings of the columns that are shown.
    """
    head, *parts = TITLES[name][1].removesuffix(".").split("; ")
    kept = [part for part in parts if part.split(":")[0] not in OPTIONAL - set(titles)]
    return "; ".join([head, *kept]) + "."


def summary_note(objective: str, base_rate: str) -> str:
    """What the table optimizer x loss says.

    Args:
        objective: Name of the objective.
        base_rate: A sentence on it, or nothing.
    """
    text = (
        f"{objective} of each pair, best first. best, median and interquartile range are "
        "over the pair's trials without a diverged run, each the mean of its runs; they vary with "
        "the learning rate and whatever else was searched. steps to threshold: fewest steps after "
        f"which a trial, the mean of its runs, stays within {percent(TOLERANCE)} of the sweep's "
        "best; reached: trials that do; diverged: share of the runs."
    )
    return f"{text} {base_rate}".rstrip()


def steps_allowed(steps: int) -> str:
    """How long a run was allowed to be."""
    return f"Each run had at most {plural(steps, 'step')}."


def top_title(trials: int) -> str:
    """Heading of the table of the best trials."""
    return "Best trial" if trials == 1 else f"Best {trials:,} trials"
