"""A Dask cluster as workers: programs are tasks, and the data go there once.

Dask trains a task again whose worker dies, and sends the data to workers that come later. What it
does not answer for is done here: a scheduler that goes away, workers that do not come, a program
that kills every worker, other versions over there. The last resort is always this process, which
gets the same numbers.
"""

from __future__ import annotations

import hashlib
import logging
import operator
import pickle
import pkgutil
import time
from array import array
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from importlib import metadata
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit
from uuid import uuid4

from lrlab.errors import LrlabError, UserError
from lrlab.problem import Problem
from lrlab.spec import TrainSpec
from lrlab.train import remote
from lrlab.train.executors import Note
from lrlab.train.trajectory import Trajectory
from lrlab.trial import Run

if TYPE_CHECKING:
    from distributed import Client, Future

PORT = 8786  # Dask's own
CONNECT = 10.0  # seconds to wait for the scheduler, at first and when it was lost
WORKERS = 60.0  # seconds to wait for a worker
IN_DOUBT = 2.0  # seconds to wait for either, once waiting was in vain
LOSSES = 3  # connections lost in a row, beyond which a batch is trained here
KILLS = 4  # workers that may die over a program before it is trained here
LOOK = 1.0  # seconds without news, after which the cluster is looked after
ANSWER = 30.0  # seconds that an answer may take
AHEAD = 2**28  # bytes of results that are fetched before their turn
LOGGERS = ("distributed", "distributed.client", "distributed.gc", "tornado", "tornado.application")


class _LostError(Exception):
    """The scheduler is gone, or has forgotten what it was to do."""


class _AloneError(Exception):
    """No worker came."""


class Cluster:
    """Trains programs on a Dask cluster.

    Args:
        executor: `dask://host:port`, `tcp://` for the same, or `tls://`, for which Dask's own
            configuration (`distributed.comm.tls`) names the certificates.
        problem: What to train on.
        settings: How. Workers train on the kind of device that the problem is on.
        note: Told when programs cannot be trained there.

    Raises:
        UserError: If the address is malformed, or workers have other versions.
        LrlabError: If no scheduler answers.
    """

    ready = True  # from the first batch on, also while the scheduler is away: `map` sees to it

    def __init__(self, executor: str, problem: Problem, settings: TrainSpec, note: Note) -> None:
        self.executor, self._address = executor, _address(executor)
        self._problem = problem.to("cpu")
        device = problem.x_train.device.type
        self._settings = settings.model_copy(update={"device": device})
        self._note, self._said = note, set[str]()
        self._versions = remote.versions()
        self._doubt = False
        self._alone_since: float | None = None
        self._data: Future | None = None
        self._client: Client | None = self._connect(CONNECT)
        try:
            self._check_versions(self._client)
        except BaseException:
            self.close()
            raise

    def map(self, groups: Sequence[Sequence[Run]]) -> Iterator[list[Trajectory] | None]:
        """Trajectories of each program, in order; see `Workers`."""
        batch = _Batch(groups)
        try:
            for number in range(len(groups)):
                if not self._bring(batch, number):
                    return
                yield batch.take(number)
        finally:
            batch.release()

    def close(self) -> None:
        """Leave the cluster; the scheduler then gives up what is not finished."""
        client, self._client, self._data = self._client, None, None
        if client is not None:
            with suppress(Exception):  # it is gone, or will be with this process
                client.close(timeout=IN_DOUBT)

    # --- one batch ---------------------------------------------------------------------------

    def _bring(self, batch: _Batch, number: int) -> bool:
        """Have a program ended; False if this one and the rest are to be trained here."""
        lost = 0
        while number not in batch.ended:
            try:
                self._submit(batch)
                self._await(batch, number)
            except _AloneError:
                self._say(
                    f"no worker has come to {self.executor}; what is left of this batch is "
                    "trained in this process"
                )
                self._doubt = True
                return False
            except _LostError:
                batch.release()
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
            self._client = self._connect(IN_DOUBT if self._doubt else CONNECT)
        self._doubt = self._client is None
        return self._client is not None

    def _submit(self, batch: _Batch) -> None:
        """Send every program that is not there yet."""
        if self._client is None:
            raise _LostError
        try:
            data = self._data = self._data or self._share(self._client)
            due = batch.due()
            if not due:
                return
            same = (_by_name(f"{remote.__name__}:train_program"), self._versions, data)
            futures = self._client.map(
                operator.call,
                *([value] * len(due) for value in same),
                [pickle.dumps(list(batch.groups[number]), protocol=5) for number in due],
                key=[f"lrlab-program-{uuid4().hex}" for _ in due],
                priority=batch.sent,  # what is sent again is waited for
                pure=False,
            )
            batch.sent += 1
            for number, future in zip(due, futures, strict=True):
                batch.watch(number, future)
        except (OSError, RuntimeError) as error:  # RuntimeError: its event loop has ended
            raise _LostError from error

    def _share(self, client: Client) -> Future:
        """Send the data to the cluster, as a task: Dask makes it again if its worker is lost."""
        import dask

        payload = pickle.dumps((self._problem, self._settings), protocol=5)
        key = f"lrlab-data-{hashlib.sha256(payload).hexdigest()[:32]}"
        with dask.config.set({"distributed.admin.large-graph-warning-threshold": "1 TB"}):
            return client.submit(array, "B", payload, key=key)

    def _await(self, batch: _Batch, number: int) -> None:
        """Wait until something has happened to the batch's programs, and take note of it."""
        found = batch.next_finished(number, LOOK)
        if found is None:
            self._look_after()
            return
        ended, future = found
        try:
            answer = future.result(timeout=ANSWER)
        except TimeoutError:  # its worker is lost since; Dask trains it again
            batch.watch(ended, future)
            self._look_after()
        except Exception as error:
            if future.status != "error":
                raise _LostError from error
            self._failed(batch, ended, error)
        else:
            self._answered(batch, ended, answer)

    def _answered(self, batch: _Batch, number: int, answer: bytes | dict[str, str]) -> None:
        if isinstance(answer, dict):
            raise self._other_versions(answer, "a worker")
        self._alone_since, self._doubt = None, False
        if not answer:  # it was given up over there; nobody here has done so
            batch.retry(number)
            return
        self._said.clear()
        batch.end(number, answer)

    def _failed(self, batch: _Batch, number: int, error: Exception) -> None:
        """A program failed: again, if its worker was killed; else in this process.

        What is wrong with the program itself then shows here, without Dask around it.
        """
        from distributed.scheduler import KilledWorker

        if isinstance(error, ImportError) and (error.name or "").startswith(remote.COMPARED):
            needed = " and ".join(f"{name} {v}" for name, v in self._versions.items())
            raise UserError(
                f"a worker of {self.executor} cannot import {error.name}. Install {needed} on the "
                "cluster, as here"
            ) from None
        if isinstance(error, KilledWorker):
            batch.kills[number] += error.allowed_failures + 1
            if batch.kills[number] < KILLS:
                batch.retry(number)
                return
            reason = f"{batch.kills[number]} workers have died over it"
        else:
            first = str(error).strip().partition("\n")[0]
            reason = f"{type(error).__name__}: {first}"
        self._say(f"a program failed on {self.executor} ({reason}) and is trained in this process")
        batch.end(number, b"")

    def _look_after(self) -> None:
        """See whether scheduler and workers are there."""
        assert self._client is not None
        try:
            identity = cast("Any", self._client.scheduler).identity
            found = self._client.sync(identity, n_workers=0, callback_timeout=ANSWER)
        except Exception as error:
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

    # --- the connection ----------------------------------------------------------------------

    def _connect(self, timeout: float) -> Client:
        distributed = _distributed()
        try:
            return distributed.Client(
                self._address, name="lrlab", set_as_default=False, timeout=timeout
            )
        except (TypeError, ValueError) as error:  # of certificates that are not there
            raise UserError(f"cannot use the executor {self.executor}: {error}") from None
        except Exception as error:
            raise LrlabError(
                f"no Dask scheduler answers at {self.executor} within {timeout:.0f} s "
                f"({type(error).__name__}). Is it running (`dask scheduler`), is the address "
                "right, and does a firewall let the port through?"
            ) from None

    def _check_versions(self, client: Client) -> None:
        """Refuse workers that are there; those that come later are asked with each program."""
        found: dict[str, dict[str, str]] = {}
        for package in remote.COMPARED:
            answers = client.run(metadata.version, package, on_error="return")
            for worker, answer in answers.items():
                if isinstance(answer, str):
                    found.setdefault(worker, {})[package] = remote.public(answer)
                elif isinstance(answer, metadata.PackageNotFoundError):
                    found.setdefault(worker, {})
        for worker, there in found.items():
            if there != self._versions:
                raise self._other_versions(there, f"the worker {worker}")

    def _other_versions(self, there: dict[str, str], who: str) -> UserError:
        named = [
            f"{package} {there[package]}" if package in there else f"no {package}"
            for package in remote.COMPARED
            if there.get(package) != self._versions[package]
        ]
        here = " and ".join(f"{name} {version}" for name, version in self._versions.items())
        return UserError(
            f"{who} of {self.executor} has {' and '.join(named)}; here it is {here}. Its numbers "
            "could differ: install the same versions there as here"
        )


class _Batch:
    """Programs of a cohort on their way through the cluster.

    Attributes:
        groups: The runs of each program.
        ended: Pickled trajectories of those that have ended and were not taken, by number; no
            bytes for a program to be trained here.
        kills: Workers that have died over a program.
        sent: How often programs were sent.
    """

    def __init__(self, groups: Sequence[Sequence[Run]]) -> None:
        self.groups = groups
        self.ended: dict[int, bytes] = {}
        self.kills: Counter[int] = Counter()
        self.sent = 0
        self._left = set(range(len(groups)))  # neither ended nor taken
        self._futures: dict[int, Future] = {}
        self._finished: SimpleQueue[tuple[int, Future]] = SimpleQueue()
        self._early: deque[tuple[int, Future]] = deque()  # finished before their turn

    def due(self) -> list[int]:
        """Programs that are to be sent to the cluster."""
        return sorted(self._left - self._futures.keys())

    def watch(self, number: int, future: Future) -> None:
        """Have a future's end noticed."""
        self._futures[number] = future
        future.add_done_callback(lambda ended: self._finished.put((number, ended)))

    def next_finished(self, number: int, timeout: float) -> tuple[int, Future] | None:
        """A program that has finished, if one does within `timeout` seconds.

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
        """A program has ended."""
        self.ended[number] = trajectories
        self._left.discard(number)
        self._futures.pop(number).release()

    def retry(self, number: int) -> None:
        """A program is to be sent again."""
        self._futures.pop(number).release()

    def take(self, number: int) -> list[Trajectory] | None:
        """What came of a program that has ended."""
        trajectories = self.ended.pop(number)
        return pickle.loads(trajectories) if trajectories else None

    def release(self) -> None:
        """Give up what has not ended: the scheduler forgets what no client waits for."""
        while self._futures:
            with suppress(Exception):  # the client may be closed
                self._futures.popitem()[1].release()


def _address(executor: str) -> str:
    """The address as Dask writes it.

    Raises:
        UserError: If there is no host, or no number after it.
    """
    try:
        parts = urlsplit(executor)
        host, port = parts.hostname, parts.port or PORT
    except ValueError:
        host, port = None, 0
    if not host or parts.path.strip("/"):
        raise UserError(f"executor {executor!r}: write {parts.scheme}://HOST:PORT")
    scheme = "tls" if parts.scheme == "tls" else "tcp"
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


def _by_name(function: str) -> Any:
    """A function of the workers; named, so that the scheduler need not import it."""
    from dask.task_spec import Task

    return Task(None, pkgutil.resolve_name, function)


def _distributed() -> Any:
    """Dask, without the levels that its import gives to loggers which were told to be silent."""
    levels = {name: logging.getLogger(name).level for name in LOGGERS}
    import distributed

    for name, level in levels.items():
        if level:
            logging.getLogger(name).setLevel(level)
    return distributed
