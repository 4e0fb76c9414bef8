"""The script that draws the figures in a browser: made from vl-convert, kept in a cache.

It is not part of lrlab: vl-convert has Vega-Embed, Vega-Lite and Vega in it, and bundles them in
about a second. The result is kept by version in the user's cache folder. A cache that is damaged,
cannot be written or may be written by others only costs that second again.

This file runs as a program, too (see `prepare`), so it imports nothing of lrlab.
"""

from __future__ import annotations

import hashlib
import os
import stat
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

# What the page's own scripts use. Vega and Vega-Lite have no default export: their names are null.
SNIPPET = "window.vegaEmbed=vegaEmbed;"
FORM = 1  # to be raised as `make` changes, so that caches of before are not taken
LENGTH_OF_HEAD = 64 + 1 + 12 + 1  # SHA-256, blank, length in bytes, end of line

_started: list[subprocess.Popen[bytes]] = []


def bundle() -> str:
    """The script, from the cache or made anew; it needs no network and no `eval`."""
    while _started:
        _started.pop().wait()
    found = _read()
    if found is None:
        found = make()
        _write(found)
    return found


def prepare() -> None:
    """Begin to make the script if the cache lacks it, in a process of its own.

    A thread would hold up all others: vl-convert keeps Python's lock as it bundles.
    """
    if not _started and _read() is None:
        quiet = subprocess.DEVNULL
        command = [sys.executable, "-P", __file__]
        _started.append(subprocess.Popen(command, stdin=quiet, stdout=quiet, stderr=quiet))


def make() -> str:
    """The script, made anew, such that it may stand within a page's script element."""
    import vl_convert

    made: str = vl_convert.javascript_bundle(snippet=SNIPPET)
    # Its hundreds of short names stay its own.
    made = "(function () {" + made.replace("\r\n", "\n").replace("\r", "\n") + "\n})();\n"
    return made.replace("</script", "<\\/script").replace("<!--", "<\\!--")


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


def _file() -> Path:
    return cache_folder() / f"vega-{version('vl-convert-python')}-{FORM}.js"


def _read() -> str | None:
    """The script in the cache; None if it is not there, not whole, or anybody could write it."""
    try:
        path = _file()
        if not (_own(path.parent) and _own(path)):
            return None
        head, content = (data := path.read_bytes())[:LENGTH_OF_HEAD], data[LENGTH_OF_HEAD:]
    except (OSError, RuntimeError):  # the latter: there is no home folder
        return None
    return content.decode("utf-8") if head == _head(content) else None


def _head(content: bytes) -> bytes:
    return f"{hashlib.sha256(content).hexdigest()} {len(content):>12}\n".encode()


def _own(path: Path) -> bool:
    """Whether a file or folder is the user's, and no link, and nobody else may write it."""
    found = path.lstat()
    if stat.S_ISLNK(found.st_mode):
        return False
    if not hasattr(os, "getuid"):  # Windows: the folder is in the user's profile
        return True
    return found.st_uid == os.getuid() and not found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def _write(script: str) -> None:
    """Keep the script; a folder that does not allow it costs time at the next page, no more."""
    content = script.encode("utf-8")
    try:
        path = _file()
        path.parent.parent.mkdir(parents=True, exist_ok=True)
        path.parent.mkdir(mode=0o700, exist_ok=True)
        if not _own(path.parent):
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


if __name__ == "__main__":
    _write(make())
