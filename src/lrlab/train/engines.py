"""The engines by name."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Protocol

from lrlab.data import Problem
from lrlab.spec import TrainSpec
from lrlab.train import fused, loop
from lrlab.train.fused.workers import Workers
from lrlab.train.trajectory import Trajectory
from lrlab.trial import Run

Finished = list[tuple[Run, Trajectory]]


class Engine(Protocol):
    """Trains one trial batch and yields its runs as they end.

    The loop yields run by run, the fused engine group by group, and a group is recorded as a
    whole; runs that are `recorded` already are left out. Replicate r of a trial trains on
    `problem.of(r)`.
    """

    def __call__(
        self,
        problem: Problem,
        runs: Sequence[Run],
        settings: TrainSpec,
        recorded: Collection[tuple[int, int]] = ...,
        workers: Workers | None = ...,
    ) -> Iterator[Finished]: ...


ENGINES: dict[str, Engine] = {"fused": fused.train_batch, "loop": loop.train_batch}
