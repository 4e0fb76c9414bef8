"""What takes long to make and can be made again, in the user's cache folder.

A cache that is damaged, cannot be written or may be written by others is not used: then what it
would hold is made again.
"""

from __future__ import annotations

import hashlib
import os
import stat
import sys
import tempfile
from pathlib import Path

LENGTH_OF_HEAD = 64 + 1 + 12 + 1  # SHA-256, blank, length in bytes, end of line


def cache_folder() -> Path:
    """Where the platform keeps what programs can make again, and in it lrlab's own folder."""
    if os.name == "nt":
        base = os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local"
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path.home() / ".cache"
    given = os.environ.get("XDG_CACHE_HOME", "")
    # A relative path is invalid by the XDG specification.
    return Path(given if Path(given).is_absolute() else base) / "lrlab"


def read(name: str) -> bytes | None:
    """What `write` kept by that name.

    Returns:
        None if it is not there or not whole, or anybody else could have written it.
    """
    try:
        path = cache_folder() / name
        if not (is_own(path.parent) and is_own(path)):
            return None
        head, content = (data := path.read_bytes())[:LENGTH_OF_HEAD], data[LENGTH_OF_HEAD:]
    except (OSError, RuntimeError):  # the latter: there is no home folder
        return None
    return content if head == _head(content) else None


def _head(content: bytes) -> bytes:
    return f"{hashlib.sha256(content).hexdigest()} {len(content):>12}\n".encode()


def is_own(path: Path) -> bool:
    """Whether a file or folder is the user's, and no link, and nobody else may write it."""
    found = path.lstat()
    if stat.S_ISLNK(found.st_mode):
        return False
    if not hasattr(os, "getuid"):  # Windows: the folder is in the user's profile
        return True
    return found.st_uid == os.getuid() and not found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def write(name: str, content: bytes) -> None:
    """Keep something by a name; where the folder does not allow it, nothing is kept."""
    try:
        path = cache_folder() / name
        path.parent.parent.mkdir(parents=True, exist_ok=True)
        path.parent.mkdir(mode=0o700, exist_ok=True)
        if not is_own(path.parent):
            return
        _replace(path, _head(content) + content)
    except (OSError, RuntimeError):
        return


def _replace(path: Path, content: bytes) -> None:
    """Put a whole file in place at once, readable by the user alone."""
    handle, name = tempfile.mkstemp(dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        Path(name).replace(path)
    finally:
        Path(name).unlink(missing_ok=True)
