"""What the fused engine needs of workers, whoever they are (`lrlab.train.workers`)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from lrlab.train.trajectory import Trajectory
from lrlab.trial import Run

Note = Callable[[str], None]  # tells the user something while a batch is trained


class Workers(Protocol):
    """What trains fused groups besides this process. They write nothing."""

    @property
    def ready(self) -> bool:
        """Whether they can be given groups now."""

    def map(self, groups: Sequence[Sequence[Run]]) -> Iterator[list[Trajectory] | None]:
        """Trajectories of each group, in order.

        None stands for a group that they could not train; where the iterator ends early, they
        are gone. Both are trained in this process instead, to the same numbers.
        """

    def close(self) -> None:
        """Let go of them, also in the middle of a group. May be called again."""
