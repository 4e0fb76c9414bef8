"""A lock that is a file: it goes with the process, kill -9 included, and can be looked at.

Record locks of the open file (`F_OFD_SETLK`, Linux) are asked for without being taken. Elsewhere
they are those of the process (`lockf`), which say the same between processes.
"""

from __future__ import annotations

import fcntl
import os
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

LOOK = 0.05  # seconds between tries
_SET = getattr(fcntl, "F_OFD_SETLK", fcntl.F_SETLK)
_GET = getattr(fcntl, "F_OFD_GETLK", fcntl.F_GETLK)
_LOCK = "hhqqi4x" if hasattr(fcntl, "F_OFD_SETLK") else "qqihh"  # struct flock: Linux; BSD, macOS


class FileLock:
    """An exclusive lock at a path; the file is there as long as somebody holds it.

    Whoever may write the folder may take it, whatever the umask of the process that made the file.

    Args:
        path: The file. Its folder must exist.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: int | None = None

    def acquire(self) -> bool:
        """Take the lock if nobody has it.

        Raises:
            OSError: If the file cannot be made or opened.
        """
        while True:
            file = _opened(self.path)
            try:
                fcntl.fcntl(file, _SET, _request())
            except (BlockingIOError, PermissionError):  # EAGAIN or EACCES: somebody has it
                os.close(file)
                return False
            if self._is_at_path(file):
                self._file = file
                return True
            os.close(file)  # its holder has just removed it

    def holds(self) -> bool:
        """Whether this object has it, and it is still the file that others would look at."""
        return self._file is not None and self._is_at_path(self._file)

    def release(self) -> None:
        """Let go of the lock, if it is held."""
        if self._file is None:
            return
        file, self._file = self._file, None
        if self._is_at_path(file):
            with suppress(OSError):  # a folder that has become read-only
                self.path.unlink()
        os.close(file)

    def is_taken(self) -> bool:
        """Whether somebody has it. Looking does not take it."""
        if self._file is not None:
            return True
        try:
            file = os.open(self.path, os.O_RDONLY)
        except OSError:
            return False
        try:
            found = fcntl.fcntl(file, _GET, _request())
        except OSError:  # a file system without locks
            return False
        finally:
            os.close(file)
        kind = struct.unpack(_LOCK, found)[0 if _LOCK.startswith("h") else 3]
        return bool(kind != fcntl.F_UNLCK)

    @contextmanager
    def waited_for(self) -> Iterator[None]:
        """Hold the lock, as soon as nobody else does."""
        acquired(self.acquire, float("inf"))
        try:
            yield
        finally:
            self.release()

    def _is_at_path(self, file: int) -> bool:
        try:
            there, ours = self.path.stat(), os.fstat(file)
        except OSError:
            return False
        return (there.st_dev, there.st_ino) == (ours.st_dev, ours.st_ino)


def acquired(acquire: Callable[[], bool], patience: float) -> bool:
    """Try until a lock is taken; whether it was, within so many seconds."""
    until = time.monotonic() + patience
    while not acquire():
        if time.monotonic() > until:
            return False
        time.sleep(LOOK)
    return True


def _opened(path: Path) -> int:
    # Not through a link, which somebody else who may write the folder could have put there.
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o666)
    folder = path.parent.stat()
    with suppress(OSError):  # another user's, or a group that this user is not of
        os.fchown(file, -1, folder.st_gid)
    with suppress(OSError):  # another user's
        os.fchmod(file, 0o666 & folder.st_mode | 0o600)
    return file


def _request() -> bytes:
    """`struct flock` of an exclusive lock on the whole file."""
    if _LOCK.startswith("h"):
        return struct.pack(_LOCK, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
    return struct.pack(_LOCK, 0, 0, 0, fcntl.F_WRLCK, os.SEEK_SET)
