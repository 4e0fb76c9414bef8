"""Titles and notes of the tables of a page, and its headings."""

from __future__ import annotations

from lrlab.report.analysis.tables import TOLERANCE
from lrlab.report.text.formats import percent, plural

SUMMARY = "Optimizer by loss"
HEADINGS = {
    "verdict": "Verdict",
    "figures": "Figures",
    "spec": "Spec",
    "spec_hint": "The sweep as it was asked for",
    "facts": "Facts",
}
# Tables that are shown, by name, each with its title and what it says.
TITLES = {
    "optimizers": (
        "Optimizers compared",
        "Each at its best trial, by the rows that chose it: value (mean over the replicates), "
        "lowest and highest; what new rows are expected to give is the table of expected values. "
        "lr_width: decades of learning rate within 10% of its best; diverged: share of all its "
        "runs; expected_best_k: of k of its random_trials.",
    ),
    "held_out": (
        "Losses by the metrics common to all",
        "Each at its best trial by the objective of the sweep, by the rows that chose it. What a "
        "loss optimises itself is not what it is judged by: where scores are raw, log loss, Brier "
        "score and ECE say little before they are recalibrated.",
    ),
    "across_optimizers": (
        "Optimizers on every data set",
        "Each at its best trial: ratio to the best of the data set (more is worse), expected "
        "value on new rows, and what these say (best, tied, worse); lr_width: decades of learning "
        "rate within 10% of its best; expected_best_k: of k random trials.",
    ),
    "across_losses": ("Losses on every data set", "As above, each loss at its best trial."),
    "speed": (
        "Steps to a relative gap of 1e-3",
        "On one objective: that of the best trial (its loss, hyperparameters and l2). Each "
        "optimizer at the setting that needs the fewest steps until the gap stays so small: "
        "geometric mean over the seeds (infinite if it misses on one), fewest and most; reached: "
        "on how many seeds; runs_reached: of how many runs of all its trials; value: the sweep's "
        "objective at that setting.",
    ),
    "speed_claims": (
        "Who needs more steps",
        "Steps of the worse, at the setting that comes nearest, as a multiple of those of the "
        "better, over seeds that did not choose the better's setting; intervals are 95% for all "
        "pairs together.",
    ),
    "endings": (
        "How runs ended",
        "how: as recorded; detail: by the gap to the optimum, within it (docs/report.md).",
    ),
    "objectives": (
        "Objectives, their optimum and curvature",
        "Optimum of loss + l2 on the training rows, in double precision. stable_lr: 2/L, the "
        "largest learning rate at which gradient descent stays at the optimum; safe_lr: the same "
        "with the largest L anywhere, below which it falls from any start.",
    ),
    "beaten": (
        "Best known optima that a run came below",
        "Of losses that are not convex. best_known: the lowest of several starts; reached: what a "
        "run came to, from which gaps are measured; by: the difference.",
    ),
    "stable_lr": (
        "Largest stable learning rate, by theory and as observed",
        "limit: 2(1 + beta)/L with L at the optimum, above which no run can rest there; safe: 2/L "
        "with the largest L anywhere, below which gradient descent falls from any start; with "
        "momentum only on a quadratic loss, as no such lr is known for others (Goujaud et al. "
        "2023); largest_stable: the largest lr up to which no run oscillated or "
        "diverged; smallest_unstable: the smallest at which one did.",
    ),
    "columns": (
        "How your columns were read",
        "Every column of the table, in its order. missing: rows without a value; categories: "
        "different values; why: why it was left out, or what is odd about it.",
    ),
}


def summary_note(objective: str, base_rate: str) -> str:
    """What the table optimizer x loss says.

    Args:
        objective: Name of the objective.
        base_rate: A sentence on it, or nothing.
    """
    text = (
        f"{objective} by optimizer and loss, best first. Best, median and spread (the "
        "interquartile range, that is over learning rates and whatever else the sweep varied) are "
        "over the trials of the pair of which no run diverged, each the mean of its runs. Steps "
        f"to threshold: the fewest after which a run of the pair is at most {percent(TOLERANCE)} "
        "worse than the best of the sweep. Diverged: the share of the runs of the pair."
    )
    return f"{text} {base_rate}".rstrip()


def steps_allowed(steps: int) -> str:
    """How long a run was allowed to be."""
    return f"A run had at most {plural(steps, 'step')}."


def top_title(trials: int) -> str:
    """Heading of the table of the best trials."""
    return "Best trial" if trials == 1 else f"Best {trials:,} trials"
