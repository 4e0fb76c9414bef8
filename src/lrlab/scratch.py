"""Temporary folders: named after their owner, and removed at the next start if it was killed."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

_OURS = re.compile(r"lrlab-(\d{1,9})-\w+")  # the owner's process id


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """A folder that is removed at the end, or by the next process if this one is killed."""
    folder, lock = _make()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def lasting_folder() -> Path:
    """A folder for as long as this process lives, and the program that takes its place."""
    folder, lock = _make()
    os.set_inheritable(lock, True)
    return folder


def remove_litter() -> None:
    """Remove the folders that killed processes of this user left behind.

    A process of another container may share the folder and not be seen from here; so a folder is
    litter only if its process is not found and its lock is free.
    """
    with os.scandir(tempfile.gettempdir()) as entries:
        for entry in entries:
            found = _OURS.fullmatch(entry.name)
            if found and not _is_alive(int(found[1])):
                _remove_unlocked(Path(entry.path))


def _make() -> tuple[Path, int]:
    """A new folder of this process, mode 0700, and the descriptor that holds its lock."""
    _remove_litter_once()
    folder = Path(tempfile.mkdtemp(prefix=f"lrlab-{os.getpid()}-"))
    lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    with suppress(OSError):  # a file system without locks, where nothing is ever litter
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return folder, lock


@cache
def _remove_litter_once() -> None:
    remove_litter()


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _remove_unlocked(folder: Path) -> None:
    try:
        lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:  # gone, no folder, or not this user's
        return
    try:
        if os.fstat(lock).st_uid == os.getuid():
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
    except OSError:  # somebody holds it, or there are no locks here
        return
    finally:
        os.close(lock)
