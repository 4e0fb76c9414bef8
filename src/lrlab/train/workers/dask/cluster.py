"""A Dask cluster as workers: groups are tasks, and the data go there once.

Dask trains a task again whose worker dies, and sends the data to workers that come later. What it
does not answer for is done here: a scheduler that goes away, workers that do not come, a group
that kills every worker, other versions over there. The last resort is always this process, which
gets the same numbers.
"""

from __future__ import annotations

import hashlib
import operator
import pickle
import pkgutil
import time
from array import array
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, cast
from uuid import uuid4

from lrlab.data import Problem
from lrlab.errors import LrlabError, UserError
from lrlab.spec import TrainSpec
from lrlab.train.fused.workers import Note
from lrlab.train.trajectory import Trajectory
from lrlab.train.workers.dask import remote
from lrlab.train.workers.dask.connection import ANSWER, check_versions, connect, other_versions
from lrlab.train.workers.dask.in_flight import InFlight
from lrlab.trial import Run

if TYPE_CHECKING:
    from distributed import Client
    from distributed import Future as Task

CONNECT = 10.0  # seconds to wait for the scheduler, at first and when it was lost
WORKERS = 60.0  # seconds to wait for a worker
IN_DOUBT = 2.0  # seconds to wait for either, once waiting was in vain
LOSSES = 3  # connections lost in a row, beyond which a batch is trained here
KILLS = 4  # workers that may die over a group before it is trained here
LOOK = 1.0  # seconds without news, after which the cluster is looked after


class _LostError(Exception):
    """The scheduler is gone, or has forgotten what it was to do."""


class _AloneError(Exception):
    """No worker came."""


class Cluster:
    """Trains groups on a Dask cluster.

    Args:
        executor: `dask://host:port`, `tcp://` for the same, or `tls://`, for which Dask's own
            configuration (`distributed.comm.tls`) names the certificates.
        problem: What to train on.
        settings: How. Workers train on the kind of device that the problem is on.
        note: Told when groups cannot be trained there.

    Raises:
        UserError: If the address is malformed, or workers have other versions.
        LrlabError: If no scheduler answers.
    """

    ready = True  # from the first batch on, also while the scheduler is away: `map` sees to it

    def __init__(self, executor: str, problem: Problem, settings: TrainSpec, note: Note) -> None:
        self.executor = executor
        self._problem = problem.to("cpu")
        device = problem.x_train.device.type
        self._settings = settings.model_copy(update={"device": device})
        self._note, self._said = note, set[str]()
        self._versions = remote.versions()
        self._doubt = False
        self._alone_since: float | None = None
        self._data: Task[Any] | None = None
        self._client: Client | None = connect(self.executor, CONNECT)
        try:
            check_versions(executor, self._client, self._versions)
        except OSError as error:
            self.close()
            raise LrlabError(f"the scheduler at {executor} has gone away again: {error}") from None
        except BaseException:
            self.close()
            raise

    def map(self, groups: Sequence[Sequence[Run]]) -> Iterator[list[Trajectory] | None]:
        """Trajectories of each group, in order; see `Workers`."""
        flight = InFlight(groups)
        try:
            for number in range(len(groups)):
                if not self._bring(flight, number):
                    return
                yield flight.take(number)
        finally:
            flight.release()

    def close(self) -> None:
        """Leave the cluster; the scheduler then gives up what is not finished."""
        client, self._client, self._data = self._client, None, None
        if client is not None:
            with suppress(Exception):  # it is gone, or will be with this process
                client.close(timeout=IN_DOUBT)

    # --- one batch ---------------------------------------------------------------------------

    def _bring(self, flight: InFlight, number: int) -> bool:
        """Have a group ended; False if this one and the rest are to be trained here."""
        lost = 0
        while number not in flight.ended:
            try:
                self._submit(flight)
                self._await(flight, number)
            except _AloneError:
                self._say(
                    f"no worker has come to {self.executor}; what is left of this batch is "
                    "trained in this process"
                )
                self._doubt = True
                return False
            except _LostError:
                flight.release()
                self.close()
                lost += 1
                if lost > LOSSES or not self._reconnect():
                    self._say(
                        f"the connection to {self.executor} is lost; what is left of this batch "
                        "is trained in this process, and the next one tries it again"
                    )
                    return False
        return True

    def _reconnect(self) -> bool:
        with suppress(LrlabError):
            self._client = connect(self.executor, IN_DOUBT if self._doubt else CONNECT)
        self._doubt = self._client is None
        return self._client is not None

    def _submit(self, flight: InFlight) -> None:
        """Send every group that is not there yet."""
        if self._client is None:
            raise _LostError
        try:
            due = flight.due()
            if not due:
                return
            data = self._share(self._client)
            same = (_by_name(f"{remote.__name__}:train_group"), self._versions, data)
            futures = self._client.map(
                operator.call,
                *([value] * len(due) for value in same),
                [pickle.dumps(list(flight.groups[number]), protocol=5) for number in due],
                key=[f"lrlab-group-{uuid4().hex}" for _ in due],
                priority=flight.sent,  # what is sent again is waited for
                pure=False,
            )
            flight.sent += 1
            for number, future in zip(due, futures, strict=True):
                flight.watch(number, future)
        except (OSError, RuntimeError) as error:  # RuntimeError: its event loop has ended
            raise _LostError from error

    def _share(self, client: Client) -> Task[Any]:
        """The data on the cluster, as a task: Dask does it again if its worker is lost."""
        import dask

        if self._data is not None:
            if self._data.status not in ("error", "cancelled"):
                return self._data
            self._data.release()
        payload = pickle.dumps((self._problem, self._settings), protocol=5)
        key = f"lrlab-data-{hashlib.sha256(payload).hexdigest()[:32]}"
        with dask.config.set({"distributed.admin.large-graph-warning-threshold": "1 TB"}):
            self._data = client.submit(array, "B", payload, key=key)
        return self._data

    def _await(self, flight: InFlight, number: int) -> None:
        """Wait until something has happened to the batch's groups, and take note of it."""
        found = flight.next_finished(number, LOOK)
        if found is None:
            self._look_after()
            return
        ended, future = found
        try:
            answer = future.result(timeout=ANSWER)
        except Exception as error:
            if future.status == "error":
                self._failed(flight, ended, error)
            elif isinstance(error, TimeoutError):  # its worker is lost since: Dask trains it again
                flight.watch(ended, future)
                self._look_after()
            else:
                raise _LostError from error
        else:
            self._answered(flight, ended, answer)

    def _answered(self, flight: InFlight, number: int, answer: bytes | dict[str, str]) -> None:
        if isinstance(answer, dict):
            raise other_versions(self.executor, self._versions, answer, "a worker")
        self._alone_since, self._doubt = None, False
        if not answer:  # it was given up over there; nobody here has done so
            flight.retry(number)
            return
        self._said.clear()
        flight.end(number, answer)

    def _failed(self, flight: InFlight, number: int, error: Exception) -> None:
        """A group failed: again, if its worker was killed; else in this process.

        What is wrong with the group itself then shows here, without Dask around it.
        """
        from distributed.scheduler import KilledWorker

        if isinstance(error, ImportError) and (error.name or "").startswith(remote.COMPARED):
            needed = " and ".join(f"{name} {v}" for name, v in self._versions.items())
            raise UserError(
                f"a worker of {self.executor} cannot import {error.name}. Install {needed} on the "
                "cluster, as here"
            ) from None
        if isinstance(error, KilledWorker):
            flight.kills[number] += error.allowed_failures + 1
            if flight.kills[number] < KILLS:
                flight.retry(number)
                return
            reason = f"{flight.kills[number]} workers have died over it"
        else:
            first = str(error).strip().partition("\n")[0]
            reason = f"{type(error).__name__}: {first}"
        self._say(
            f"a fused group failed on {self.executor} ({reason}) and is trained in this process"
        )
        flight.end(number, b"")

    def _look_after(self) -> None:
        """See whether scheduler and workers are there."""
        assert self._client is not None
        try:
            identity = cast("Any", self._client.scheduler).identity
            found = self._client.sync(identity, n_workers=0, callback_timeout=ANSWER)
        except Exception as error:  # Dask has many for one that does not answer
            raise _LostError from error
        if found["n_workers"]:
            self._alone_since = None
            return
        now = time.monotonic()
        patience = IN_DOUBT if self._doubt else WORKERS
        if self._alone_since is None:
            self._alone_since = now
            if not self._doubt:
                self._say(
                    f"no worker is connected to {self.executor}; waiting {patience:.0f} s for one"
                )
        elif now - self._alone_since >= patience:
            self._alone_since = None
            raise _AloneError

    def _say(self, text: str) -> None:
        """Tell the user, but not twice before the cluster has trained again."""
        if text not in self._said:
            self._said.add(text)
            self._note(text)


def _by_name(function: str) -> Any:
    """A function of the workers; named, so that the scheduler need not import it."""
    from dask.task_spec import Task

    return Task(None, pkgutil.resolve_name, function)
