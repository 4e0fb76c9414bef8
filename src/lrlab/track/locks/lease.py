"""A lease of a sweep: tags of its parent run that say who runs it, renewed while that is so.

MLflow has no compare-and-set, so a lease is taken by writing it, waiting until whoever wrote at
the same time has written too, and reading who came last. Two processes can both have it only if
one needs longer than `SETTLE` seconds from its look at the tags to its own; then the first
notices with its next sign of life, and stops.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from secrets import token_hex

from lrlab.errors import LrlabError
from lrlab.track import mlflow_schema as schema
from lrlab.track.store import Store, explained

BEAT = 15.0  # seconds between signs of life
STALE = 180.0  # seconds without one after which somebody else may take over
SETTLE = 1.0  # seconds until a lease is read back
_BY_TAGS = ".tags"  # ends the lease of an owner that has no lock beside the store


@cache
def _machine() -> str:
    """Names this machine's run of the kernel and what processes this one sees; "" if unknown."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
        return f"{boot} {Path('/proc/self/ns/pid').stat().st_ino}"
    except OSError:
        return ""


def _began(pid: int) -> str:
    """When a process began, in the kernel's ticks, which tells it from a later one of its id."""
    try:
        about = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace")
        return about.rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""


def sign_of_life(token: str = "", *, by_tags: bool = False) -> dict[str, str]:
    """Tags that say which process runs a sweep, and that it does so now.

    Args:
        token: Tells one lease from another; drawn anew if empty.
        by_tags: Whether they are all that it has: no lock lies beside a store reached over HTTP.
    """
    pid = os.getpid()
    token = token or new_token(by_tags)
    return {
        schema.OWNER: f"{socket.gethostname()}:{pid}",
        schema.LEASE: f"{_machine()} {pid} {_began(pid)} {token}",
        schema.HEARTBEAT: f"{time.time():.0f}",
    }


def new_token(by_tags: bool) -> str:
    """What tells one lease from another."""
    return token_hex(8) + (_BY_TAGS if by_tags else "")


def has_a_lock(tags: Mapping[str, str]) -> bool:
    """Whether the owner says that it holds the lock beside the store too."""
    return schema.LEASE in tags and not tags[schema.LEASE].endswith(_BY_TAGS)


def is_by_tags(tags: Mapping[str, str]) -> bool:
    """Whether the owner says that it has no lock beside the store."""
    return tags.get(schema.LEASE, "").endswith(_BY_TAGS)


def is_from_here(tags: Mapping[str, str]) -> bool:
    """Whether a lease is of a process of this machine."""
    here = _machine()
    if here and schema.LEASE in tags:
        return tags[schema.LEASE].startswith(f"{here} ")
    return tags.get(schema.OWNER, "").rpartition(":")[0] == socket.gethostname()


def age_of_lease(tags: Mapping[str, str]) -> float | None:
    """Seconds since the last sign of life of an owner that may live; None if there is none."""
    if schema.OWNER not in tags or schema.HEARTBEAT not in tags or _is_dead(tags):
        return None
    age = time.time() - float(tags[schema.HEARTBEAT])
    return max(age, 0.0) if age < STALE else None


def _is_dead(tags: Mapping[str, str]) -> bool:
    """Whether the owner is known to have ended: a process of this machine that is gone."""
    parts = tags.get(schema.LEASE, "").split(" ")
    if len(parts) != 5 or not _machine() or " ".join(parts[:2]) != _machine():
        return False
    pid, began = parts[2:4]
    return not pid.isdigit() or _began(int(pid)) != began


class Lease:
    """A sweep's lease, with a thread that renews it.

    Args:
        store: Where the sweep is recorded.
        run_id: Its parent run.
        holds: Whether the lock beside the store is still held.

    Attributes:
        more: Gives further tags for every sign of life, such as how far the sweep is.
    """

    def __init__(self, store: Store, run_id: str, holds: Callable[[], bool]) -> None:
        self.store, self.run_id, self._holds = store, run_id, holds
        self.more: Callable[[], Mapping[str, str]] = dict
        self._token = new_token(store.is_server)
        self._renewed, self._beating = time.time(), threading.Lock()
        self._over, self._lost = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._renew, name="lrlab-lease", daemon=True)

    def tags(self) -> dict[str, str]:
        """A sign of life, of this lease."""
        return {**self.more(), **sign_of_life(self._token)}

    def take(self) -> None:
        """Write the lease, and begin to renew it.

        Raises:
            LrlabError: If another process has taken it at the same time, or the store fails.
        """
        self._write()
        if self.store.is_server:  # elsewhere a lock has decided
            time.sleep(SETTLE)
            if not self._is_ours():
                raise LrlabError(
                    "another process began to run this sweep at the same time; wait for it, or "
                    "start a second one with --new"
                )
        self._thread.start()

    def check(self) -> None:
        """Make sure that the sweep is still this process's to write.

        Raises:
            LrlabError: If another process has taken over, or the store fails after a stall.
        """
        if time.time() - self._renewed > STALE / 2:  # this process stood still, or the store fails
            self._beat()
        if self._lost.is_set():
            raise LrlabError(
                "another process has taken over this sweep, as this one gave no sign of life for "
                f"{STALE:.0f} s (was the machine asleep?); nothing more is written here. "
                "`lrlab show` shows its progress"
            )

    @property
    def is_lost(self) -> bool:
        """Whether another process has taken over."""
        return self._lost.is_set()

    def close(self) -> None:
        """Stop renewing."""
        self._over.set()
        if self._thread.is_alive():
            self._thread.join()

    def _renew(self) -> None:
        while not self._over.wait(BEAT):
            try:
                self._beat()
            except LrlabError:
                continue  # a store that fails now may answer at the next beat
            if self._lost.is_set():
                return

    def _beat(self) -> None:
        """Look whether the sweep is still ours, and say that this process lives."""
        with self._beating:
            if not (self._holds() and self._is_ours()):
                self._lost.set()
            elif not self._lost.is_set():
                self._write()

    def _write(self) -> None:
        with explained(self.store.uri):
            self.store.log(self.run_id, tags=self.tags())
        self._renewed = time.time()

    def _is_ours(self) -> bool:
        """Whether the record names this lease, or none though the sweep runs.

        A person may have deleted the tag; but a sweep that has ended was ended by another process.
        """
        with explained(self.store.uri):
            tags = self.store.client.get_run(self.run_id).data.tags
        if schema.LEASE not in tags:
            return bool(tags.get(schema.STATE, schema.RUNNING) == schema.RUNNING)
        return str(tags[schema.LEASE]).endswith(f" {self._token}")
