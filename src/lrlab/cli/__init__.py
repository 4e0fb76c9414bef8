"""The command `lrlab`: a thin skin over the library.

Nothing but the handling of signals is imported here, so that Ctrl-C is understood from the first
moment; `app.py` has the commands, and nothing heavy is imported there or at the top of their
modules, so that `lrlab --help` answers at once.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence
from contextlib import suppress

from lrlab.cli import interrupt

# New objects after which the garbage collector looks at them. By default it does so 1,000 times as
# torch and pandas are imported, which takes a seventh of that time and finds nothing.
OBJECTS = 100_000


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line and exit: 0 done, 1 failure, 2 the user's mistake, 130 Ctrl-C."""
    try:
        interrupt.install()
        gc.set_threshold(OBJECTS, *gc.get_threshold()[1:])
        _prepare_output()
        code = run(sys.argv[1:] if argv is None else argv)
        interrupt.finish(code)
    except KeyboardInterrupt:  # between two lines of the above
        code = _interrupted()
        interrupt.finish(code)
    _let_go_of_output()
    sys.exit(code)


def run(argv: Sequence[str]) -> int:
    """Run the command line; returns the exit code."""
    try:
        from lrlab.cli.app import run_command

        return run_command(argv)
    except KeyboardInterrupt:
        return _interrupted()


def _interrupted() -> int:
    with suppress(OSError):
        print("Interrupted.", file=sys.stderr)
    return interrupt.INTERRUPTED


def _prepare_output() -> None:
    """Text that the terminal cannot show is escaped; a closed output is no output."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_WRONLY), "w"))
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def _let_go_of_output() -> None:
    """What cannot be written any more (a full disk, `| head`) has been told."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
