"""One dispatcher in the whole installation: a lock that the database holds."""

from __future__ import annotations

from lrlab.track.locks.database import DatabaseLock

KEY = 0x6C726C6162  # "lrlab": the number that PostgreSQL knows the lock by


def leader_lock(url: str) -> DatabaseLock:
    """The dispatcher's lock in a database."""
    return DatabaseLock(url, KEY, "the dispatcher")
