"""Ctrl-C and SIGTERM: the command ends once, says one line, and exits with 130.

The first signal raises KeyboardInterrupt in the main thread. Those that follow at once (a key
held down, a signal to the whole process group) are the same wish, and must not disturb what ends
the command in order. Whoever asks again after `PATIENCE` is let go without it: what is recorded
can be resumed whatever happens.
"""

from __future__ import annotations

import _thread
import atexit
import os
import signal
import sys
import threading
import time
from contextlib import suppress
from types import FrameType

INTERRUPTED = 130
PATIENCE = 3.0  # seconds that ending in order may take before another signal ends it at once
STOPS = (signal.SIGINT, signal.SIGTERM)

_since: float | None = None  # when the first signal came
_code = INTERRUPTED  # of the command


def install() -> None:
    """Handle both signals from here on, unless the process was started to ignore them."""
    for number in STOPS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _interrupt)
    sys.unraisablehook = _again
    atexit.register(_end)  # the first to be registered runs last


def interrupted() -> bool:
    """Whether a signal has come."""
    return _since is not None


def finish(code: int) -> None:
    """The command is done: nothing disturbs Python's own end, and it takes no longer than that."""
    global _code
    _code = code
    for number in STOPS:
        signal.signal(number, signal.SIG_IGN)
    if interrupted():
        guard = threading.Timer(PATIENCE, os._exit, (code,))
        guard.daemon = True
        guard.start()


def _end() -> None:
    """Python would turn the exit code into a signal if Ctrl-C came while it ran a text as code."""
    if interrupted():
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError):
                stream.flush()
        os._exit(_code)


def _interrupt(number: int, frame: FrameType | None) -> None:
    global _since
    now = time.monotonic()
    if _since is None:
        _since = now
        raise KeyboardInterrupt
    if now - _since > PATIENCE:
        os.write(2, b"Interrupted.\n")
        os._exit(INTERRUPTED)


def _again(unraisable: sys.UnraisableHookArgs) -> None:
    """An interrupt that came where nothing can be raised is raised as soon as it can be."""
    global _since
    if isinstance(unraisable.exc_value, KeyboardInterrupt):
        _since = None
        _thread.interrupt_main()
    elif not interrupted():
        sys.__unraisablehook__(unraisable)
