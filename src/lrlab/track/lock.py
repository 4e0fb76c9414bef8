"""One process a sweep: a file lock on this machine, a heartbeat in MLflow between machines."""

from __future__ import annotations

import hashlib
import os
import socket
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from lrlab.errors import LrlabError
from lrlab.track import mlflow_schema as schema

STALE = 180.0  # seconds without a heartbeat after which another machine may take over
BEAT = 15.0  # seconds between heartbeats at the least


def this_process() -> str:
    """`host:pid` of this process."""
    return f"{socket.gethostname()}:{os.getpid()}"


def sign_of_life() -> dict[str, str]:
    """Tags that say which process runs a sweep, and that it does so now."""
    return {schema.OWNER: this_process(), schema.HEARTBEAT: f"{time.time():.0f}"}


@contextmanager
def turn(identity: str) -> Iterator[None]:
    """Wait for one's turn to look for a sweep and create it, so that two do not both create."""
    with FileLock(_lock_file(identity)):
        yield


@contextmanager
def only_one(run_id: str, name: str) -> Iterator[None]:
    """Hold the lock of a sweep; it goes with the process, kill -9 included.

    Args:
        run_id: The sweep's parent run.
        name: The sweep's name, for the message.

    Raises:
        LrlabError: If another process on this machine holds it.
    """
    lock = FileLock(_lock_file(run_id))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise LrlabError(
            f"the sweep {name!r} is being run by another process on this machine; wait for it, "
            "or start a second one with --new"
        ) from None
    try:
        yield
    finally:
        lock.release()


def is_alive(run_id: str, tags: Mapping[str, str]) -> bool:
    """Whether some process is running a sweep now, here or on another machine."""
    lock = FileLock(_lock_file(run_id))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return True
    lock.release()
    return alive_elsewhere(tags) is not None


def _lock_file(identity: str) -> Path:
    folder = Path(tempfile.gettempdir()) / f"lrlab-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder / f"{hashlib.sha256(identity.encode()).hexdigest()[:24]}.lock"


def alive_elsewhere(tags: Mapping[str, str]) -> float | None:
    """Seconds since the last heartbeat of a live owner on another machine; None if there is none.

    Args:
        tags: Of the sweep's parent run.
    """
    owner, beat = tags.get(schema.OWNER, ""), tags.get(schema.HEARTBEAT, "")
    if not owner or not beat or owner.rpartition(":")[0] == socket.gethostname():
        return None
    age = time.time() - float(beat)
    return age if age < STALE else None
