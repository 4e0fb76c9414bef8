"""Training: runs in, trajectories out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from lrlab.problem import Problem
from lrlab.spec import TrainSpec
from lrlab.train.loop import train, train_cohort
from lrlab.train.trajectory import Trajectory, evaluation_steps
from lrlab.trial import Run

Engine = Callable[[Problem, Sequence[Run], TrainSpec], Iterator[tuple[Run, Trajectory]]]

# An engine trains one cohort and yields its runs as they end, in the order given.
ENGINES: dict[str, Engine] = {"loop": train_cohort}

__all__ = ["ENGINES", "Engine", "Trajectory", "evaluation_steps", "train"]
