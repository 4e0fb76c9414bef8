"""The engines by name, and where they train."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Protocol

import torch

from lrlab.data import Problem
from lrlab.errors import UserError
from lrlab.spec import TrainSpec
from lrlab.train import fused, loop
from lrlab.train.trajectory import Trajectory
from lrlab.train.workers import Workers
from lrlab.trial import Run

Finished = list[tuple[Run, Trajectory]]


class Engine(Protocol):
    """Trains one trial batch and yields its runs in the parts in which they end.

    The loop yields run by run, the fused engine program by program. A part is recorded as a
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


def device_of(settings: TrainSpec) -> torch.device:
    """Where to train: `auto` is a GPU if there is one.

    Raises:
        UserError: If CUDA is asked for and there is none.
    """
    available = torch.cuda.is_available()
    if settings.device == "cuda" and not available:
        raise UserError(
            "train.device is cuda, but torch finds no GPU here; write cpu or auto, or install a "
            "CUDA build of torch"
        )
    return torch.device("cuda" if available and settings.device != "cpu" else "cpu")


ENGINES: dict[str, Engine] = {"fused": fused.train_batch, "loop": loop.train_batch}
