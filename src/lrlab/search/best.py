"""The best trial: one meaning, wherever something is called best.

A trial's objective is the mean over its replicates, as the search is told (`results.combine`). A
trial of which a replicate diverged or is not there (yet) has none.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from lrlab.metrics import Direction
from lrlab.search.results import mean

if TYPE_CHECKING:
    import pandas as pd


class Score(NamedTuple):
    """The objective of one run; None if it diverged."""

    trial: int
    replicate: int
    value: float | None


@dataclass(frozen=True)
class Best:
    """A trial with an objective.

    Args:
        trial: Its number.
        value: The objective: the mean over its replicates.
        replicate: Which of its runs stands for it, and has the model that is logged: the one of
            the median objective, of an even count the lower of the two in the middle; of equals
            the first.
    """

    trial: int
    value: float
    replicate: int


def better(best: float | None, value: float | None, direction: Direction) -> float | None:
    """The better of two objectives, either of which may not be there."""
    if value is None or not math.isfinite(value):
        return best
    if best is None:
        return value
    return min(best, value) if direction == "minimize" else max(best, value)


def best_trials(scores: Iterable[Score], replicates: int, direction: Direction) -> list[Best]:
    """The trials that have an objective, best first; ties go to the lower number.

    Args:
        scores: The runs' objectives, in any order.
        replicates: Runs that a whole trial has.
        direction: Which objectives are better.
    """
    by_trial: dict[int, list[tuple[float | None, int]]] = {}
    for score in scores:
        by_trial.setdefault(score.trial, []).append((score.value, score.replicate))
    sign = 1 if direction == "minimize" else -1
    whole = {trial: runs for trial, runs in by_trial.items() if len(runs) >= replicates}
    found = []
    for trial, runs in whole.items():
        values = [value for value, _ in runs if value is not None]
        if len(values) == len(runs) and math.isfinite(value := mean(values)):
            found.append(Best(trial, value, _representative(runs)))
    return sorted(found, key=lambda best: (sign * best.value, best.trial))


def best_trial(scores: Iterable[Score], replicates: int, direction: Direction) -> Best | None:
    """The best trial; None if no trial has an objective. See `best_trials`."""
    return next(iter(best_trials(scores, replicates, direction)), None)


def scores_of(runs: pd.DataFrame, objective: str) -> list[Score]:
    """The objectives of a runs frame (`lrlab.track.runs_frame`)."""
    columns = (runs[name].tolist() for name in ("trial", "replicate", objective, "outcome"))
    return [
        Score(int(trial), int(replicate), None if outcome == "diverged" else float(value))
        for trial, replicate, value, outcome in zip(*columns, strict=True)
    ]


def _representative(runs: list[tuple[float | None, int]]) -> int:
    """The replicate of the median objective, of objectives that are all there."""
    ordered = sorted(runs)
    middle = ordered[(len(ordered) - 1) // 2][0]
    return min(replicate for value, replicate in runs if value == middle)
