"""Training: runs in, trajectories out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from lrlab.problem import Problem
from lrlab.spec import TrainSpec
from lrlab.train import fused, loop
from lrlab.train.loop import train
from lrlab.train.trajectory import Trajectory, evaluation_steps
from lrlab.trial import Run

Finished = list[tuple[Run, Trajectory]]
Engine = Callable[[Problem, Sequence[Run], TrainSpec], Iterator[Finished]]

# An engine trains one cohort and yields its runs, in the order given, in the parts in which they
# end: the loop one by one, the fused engine all at once. A part is recorded as a whole.
ENGINES: dict[str, Engine] = {"fused": fused.train_cohort, "loop": loop.train_cohort}

__all__ = ["ENGINES", "Engine", "Trajectory", "evaluation_steps", "train"]
