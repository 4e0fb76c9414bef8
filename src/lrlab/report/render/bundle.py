"""The script that draws the figures in a browser: made from vl-convert, kept in a cache.

It is not part of lrlab: vl-convert has Vega-Embed, Vega-Lite and Vega in it, and bundles them in
about a second. The result is kept by version in the user's cache folder.

This file runs as a program, too (see `prepare`).
"""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version

from lrlab import cache

# What the page's own scripts use. Vega and Vega-Lite have no default export: their names are null.
SNIPPET = "window.vegaEmbed=vegaEmbed;"
FORM = 1  # to be raised as `make` changes, so that caches of before are not taken

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
        command = [sys.executable, "-P", "-m", "lrlab.report.render.bundle"]
        _started.append(subprocess.Popen(command, stdin=quiet, stdout=quiet, stderr=quiet))


def make() -> str:
    """The script, made anew, such that it may stand within a page's script element."""
    import vl_convert

    made: str = vl_convert.javascript_bundle(snippet=SNIPPET)
    # Its hundreds of short names stay its own.
    made = "(function () {" + made.replace("\r\n", "\n").replace("\r", "\n") + "\n})();\n"
    return made.replace("</script", "<\\/script").replace("<!--", "<\\!--")


def _file() -> str:
    return f"vega-{version('vl-convert-python')}-{FORM}.js"


def _read() -> str | None:
    found = cache.read(_file())
    return None if found is None else found.decode("utf-8")


def _write(script: str) -> None:
    cache.write(_file(), script.encode("utf-8"))


if __name__ == "__main__":
    _write(make())
