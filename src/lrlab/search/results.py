"""Batches of trials, and how a trial ended."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lrlab.spec import SweepSpec


@dataclass(frozen=True)
class TrialBatch:
    """Trials `start` to `stop` - 1, asked for and trained together."""

    index: int
    start: int
    stop: int


@dataclass(frozen=True)
class TrialResult:
    """How a trial ended.

    Args:
        value: The objective, the mean over replicates; None if the trial diverged.
        last_value: For a diverged trial, the last finite objective, if there was one.
        last_step: For a diverged trial, the step at which it diverged.
    """

    value: float | None
    last_value: float | None = None
    last_step: int = 0


def mean(values: Sequence[float]) -> float:
    """The objective of a trial from those of its runs; in whatever order, to the last digit."""
    return math.fsum(values) / len(values)


def combine(results: Sequence[TrialResult]) -> TrialResult:
    """A trial's result from its replicates: the mean; diverged if any of them diverged."""
    ended = [result.value for result in results if result.value is not None]
    if len(ended) == len(results):
        return TrialResult(mean(ended))
    diverged = [result for result in results if result.value is None]
    last = [result.last_value for result in diverged if result.last_value is not None]
    return TrialResult(
        None,
        mean(last) if last else None,
        min(result.last_step for result in diverged),
    )


def batches(spec: SweepSpec) -> Iterator[TrialBatch]:
    """The sweep's batches; only the last may be short."""
    for index, start in enumerate(range(0, spec.n_trials, spec.search.batch)):
        yield TrialBatch(index, start, min(start + spec.search.batch, spec.n_trials))
