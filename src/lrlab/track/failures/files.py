"""Disks, folders and permissions."""

from __future__ import annotations

import errno
import shutil
import sqlite3
import tempfile
from contextlib import suppress
from pathlib import Path

from lrlab.errors import LrlabError
from lrlab.track.address import sqlite_path
from lrlab.track.failures.failure import CONTINUES, Failure

LITTLE = 2**20  # bytes free below which an input/output error is a full disk
DISK_FULL = (errno.ENOSPC, errno.EDQUOT)
NO_PERMISSION = (errno.EACCES, errno.EPERM, errno.EROFS)


def disk_full(failure: Failure) -> LrlabError | None:
    store = [path.parent] if (path := sqlite_path(failure.uri)) is not None else []
    temporary = Path(tempfile.gettempdir() if tempfile.tempdir else "/tmp")
    if failure.errno in DISK_FULL or failure.sqlite == sqlite3.SQLITE_FULL:
        place = full_disk(*store, temporary, Path.cwd())
        return _full(str(place) if place else failure.shown)
    if failure.sqlite in (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN):
        place = full_disk(*store)  # a journal that could not be written: why not?
        if place is not None:
            return _full(str(place))
    return None


def _full(where: str) -> LrlabError:
    return LrlabError(f"the disk is full: no space is left for {where}. Free some and {CONTINUES}")


def no_temporary_folder(failure: Failure) -> LrlabError | None:
    """Python tries to write into each that there may be, and says only that none will do."""
    found = failure.find(FileNotFoundError)
    if found is None or found.errno != errno.ENOENT or found.filename is not None:
        return None
    return LrlabError(
        "no folder for temporary files can be written to: its disk is full, or there is no "
        f"permission. Free some space or name another with TMPDIR=FOLDER, and {CONTINUES}"
    )


def no_permission(failure: Failure) -> LrlabError | None:
    if failure.errno not in NO_PERMISSION:
        return None
    found = failure.find(OSError)
    where = getattr(found, "filename", None) or failure.shown
    return LrlabError(
        f"no permission to write {where}. Change the permissions, run from another folder, "
        "or choose another store with --tracking-uri"
    )


def other_file(failure: Failure) -> LrlabError | None:
    found = failure.find(OSError)
    if found is None or found.errno is None:
        return None
    where = f" at {found.filename}" if found.filename else ""
    return LrlabError(
        f"the tracking store {failure.shown} cannot be used{where}: {found.strerror}. Choose "
        "another place with --tracking-uri"
    )


def full_disk(*places: Path) -> Path | None:
    """The first of some folders whose disk has next to nothing free."""
    for place in places:
        with suppress(OSError):
            if shutil.disk_usage(place).free < LITTLE:
                return place
    return None
