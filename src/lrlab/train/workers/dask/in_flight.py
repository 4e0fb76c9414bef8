"""The groups of a batch on their way through a Dask cluster: who has ended, who is due."""

from __future__ import annotations

import pickle
from collections import Counter, deque
from collections.abc import Sequence
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

from lrlab.train.trajectory import Trajectory
from lrlab.trial import Run

if TYPE_CHECKING:
    from typing import Any

    from distributed import Future

AHEAD = 2**28  # bytes of results that are fetched before their turn


class InFlight:
    """Groups of a trial batch on their way through the cluster.

    Attributes:
        groups: The runs of each group.
        ended: Pickled trajectories of those that have ended and were not taken, by number; no
            bytes for a group to be trained here.
        kills: Workers that have died over a group.
        sent: How often groups were sent.
    """

    def __init__(self, groups: Sequence[Sequence[Run]]) -> None:
        self.groups = groups
        self.ended: dict[int, bytes] = {}
        self.kills: Counter[int] = Counter()
        self.sent = 0
        self._left = set(range(len(groups)))  # neither ended nor taken
        self._futures: dict[int, Future[Any]] = {}
        self._finished: SimpleQueue[tuple[int, Future[Any]]] = SimpleQueue()
        self._early: deque[tuple[int, Future[Any]]] = deque()  # finished before their turn

    def due(self) -> list[int]:
        """Groups that are to be sent to the cluster."""
        return sorted(self._left - self._futures.keys())

    def watch(self, number: int, future: Future[Any]) -> None:
        """Have a future's end noticed."""
        self._futures[number] = future
        future.add_done_callback(lambda ended: self._finished.put((number, ended)))

    def next_finished(self, number: int, timeout: float) -> tuple[int, Future[Any]] | None:
        """A group that has finished, if one does within `timeout` seconds.

        The one that is waited for goes first; others follow as long as there is room for them.
        """
        room = sum(map(len, self.ended.values())) < AHEAD
        while True:
            with suppress(Empty):
                while True:
                    self._early.append(self._finished.get_nowait())
            current = [pair for pair in self._early if self._futures.get(pair[0]) is pair[1]]
            self._early = deque(current)  # without those that were released since
            own = [pair for pair in current if pair[0] == number]
            for pair in own or (current if room else []):
                self._early.remove(pair)
                return pair
            try:
                self._early.append(self._finished.get(timeout=timeout))
            except Empty:
                return None

    def end(self, number: int, trajectories: bytes) -> None:
        """A group has ended."""
        self.ended[number] = trajectories
        self._left.discard(number)
        self._futures.pop(number).release()

    def retry(self, number: int) -> None:
        """A group is to be sent again."""
        self._futures.pop(number).release()

    def take(self, number: int) -> list[Trajectory] | None:
        """What came of a group that has ended."""
        trajectories = self.ended.pop(number)
        return pickle.loads(trajectories) if trajectories else None

    def release(self) -> None:
        """Give up what has not ended: the scheduler forgets what no client waits for."""
        while self._futures:
            with suppress(Exception):  # the client may be closed
                self._futures.popitem()[1].release()
