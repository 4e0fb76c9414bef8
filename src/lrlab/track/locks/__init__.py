"""One writer a sweep: a lock beside the store that it protects.

A database keeps the lock itself, an SQLite file has it as a file beside it. A server reached over
HTTP has nothing but tags, so there a sweep is leased: its owner writes a sign of life every
`BEAT` seconds, and a lease that is `STALE` is free. Leases also tell apart machines that share an
SQLite file on a file system without locks between them.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from os import getuid
from pathlib import Path
from typing import Protocol

from sqlalchemy.engine import make_url

from lrlab.errors import LrlabError
from lrlab.track.address import is_database, sqlite_path
from lrlab.track.failures import explained
from lrlab.track.file_lock import FileLock, acquired
from lrlab.track.locks.database import DatabaseLock
from lrlab.track.locks.lease import (
    BEAT,
    SETTLE,
    STALE,
    Lease,
    age_of_lease,
    has_a_lock,
    is_by_tags,
    is_from_here,
    sign_of_life,
)

__all__ = [
    "BEAT",
    "SETTLE",
    "STALE",
    "Lease",
    "Lock",
    "is_alive",
    "lock_of",
    "only_one",
    "running_elsewhere",
    "sign_of_life",
    "turn",
]
PATIENCE = 2.0  # seconds for a process that was just killed to let go


class Lock(Protocol):
    """What one process holds at a time."""

    def acquire(self) -> bool:
        """Take it if nobody has it."""

    def is_taken(self) -> bool:
        """Whether somebody has it; looking does not take it."""

    def holds(self) -> bool:
        """Whether this object has it still."""

    def release(self) -> None:
        """Let go of it."""


def lock_of(uri: str, what: str) -> Lock:
    """The lock of a thing in a store.

    Args:
        uri: The store's tracking URI.
        what: A sweep's run id, or anything else that has one name for all processes.
    """
    digest = hashlib.sha256(what.encode()).digest()
    if is_database(uri) and make_url(uri).get_backend_name() == "postgresql":
        return DatabaseLock(uri, int.from_bytes(digest[:8], signed=True), "this sweep")
    path, name = sqlite_path(uri), digest.hex()[:24]
    if path is not None and path.name != ":memory:":
        path = path.resolve()
        return FileLock(path.with_name(f".{path.name}.lrlab-{name}.lock"))
    digest = hashlib.sha256(f"{uri}|{what}".encode()).digest()
    return FileLock(_own_folder() / f"{digest.hex()[:24]}.lock")


def _own_folder() -> Path:
    """For what no store keeps: the locks between processes of this user on this machine."""
    folder = Path(tempfile.gettempdir()) / f"lrlab-{getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


@contextmanager
def turn(uri: str, identity: str) -> Iterator[None]:
    """Wait for one's turn to look for a sweep and create it, so that two do not both create.

    Raises:
        LrlabError: If the store fails.
    """
    lock = lock_of(uri, identity)
    with explained(uri):
        acquired(lock.acquire, float("inf"))
    try:
        yield
    finally:
        lock.release()


@contextmanager
def only_one(uri: str, run_id: str, name: str) -> Iterator[Lock]:
    """Hold the lock of a sweep; it goes with the process, kill -9 included.

    Args:
        uri: The store's tracking URI.
        run_id: The sweep's parent run.
        name: The sweep's name, for the message.

    Raises:
        LrlabError: If another process holds it, or the store fails.
    """
    lock = lock_of(uri, run_id)
    with explained(uri):
        taken = acquired(lock.acquire, PATIENCE)
    if not taken:
        raise LrlabError(
            f"the sweep {name!r} is being run by another process; wait for it, or start a second "
            "one with --new"
        )
    try:
        yield lock
    finally:
        lock.release()


def is_alive(uri: str, run_id: str, tags: Mapping[str, str]) -> bool:
    """Whether some process is running a sweep now, here or on another machine.

    Args:
        uri: The store's tracking URI.
        run_id: The sweep's parent run.
        tags: Its tags.
    """
    lock = lock_of(uri, run_id)
    return lock.is_taken() or running_elsewhere(uri, tags) is not None


def running_elsewhere(uri: str, tags: Mapping[str, str]) -> float | None:
    """Seconds since the sign of life of a live owner that the lock does not show; else None.

    Args:
        uri: The store's tracking URI.
        tags: Of the sweep's parent run.
    """
    if is_database(uri) and make_url(uri).get_backend_name() == "postgresql" and has_a_lock(tags):
        return None  # the database knows whether it is held
    if sqlite_path(uri) is not None and is_from_here(tags) and not is_by_tags(tags):
        return None  # the file's lock is shared with all processes of this machine
    return age_of_lease(tags)
