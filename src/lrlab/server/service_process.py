"""A service as a process of this machine: started, kept going, ended with its parent."""

from __future__ import annotations

import ctypes
import os
import pwd
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lrlab.server.services import Command

STOP = 15.0  # seconds that it has to end
PAUSE = 1.0  # seconds before one that ended is started again
LONGEST_PAUSE = 30.0
PR_SET_PDEATHSIG = 1


@dataclass
class Service:
    """A service and the process that it is at present.

    Attributes:
        name: As in `SERVICES`, or `postgres`.
        command: How it is started.
        stop: The signal that ends it in good order.
        user: Whose process it is; None for this one's.
        process: The process; None before the first start.
        starts: How often it was started.
        not_before: When it may be started again, on the monotonic clock.
    """

    name: str
    command: Command
    stop: signal.Signals = signal.SIGTERM
    user: str | None = None
    process: subprocess.Popen[bytes] | None = None
    starts: int = 0
    not_before: float = 0.0
    _began: float = field(default=0.0, repr=False)

    def start(self, folder: Path) -> None:
        """Start it, with its output in `logs/` and its process id in `pids/`."""
        with (folder / "logs" / f"{self.name}.log").open("ab") as log:
            self.process = subprocess.Popen(
                self.command.argv,
                env=os.environ | self.command.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                **as_user(self.user),
                preexec_fn=_ends_with_parent(self.stop),
            )
        self.starts += 1
        self._began = time.monotonic()
        (folder / "pids" / f"{self.name}.pid").write_text(f"{self.process.pid}\n")

    def keep(self, folder: Path, say: Callable[[str], None]) -> None:
        """Start it again if it has ended; later and later if it keeps ending at once."""
        if self.process is None or self.process.poll() is None:
            return
        now = time.monotonic()
        if not self.not_before:
            _signal(self.process, signal.SIGKILL)  # what the process has left of its group
            quick = now - self._began < LONGEST_PAUSE
            pause = min(PAUSE * 2 ** (self.starts - 1 if quick else 0), LONGEST_PAUSE)
            self.not_before = now + pause
            say(f"{self.name} ended ({self.process.returncode}); again in {pause:.0f} s")
        elif now > self.not_before:
            self.not_before = 0.0
            self.start(folder)

    def end(self) -> None:
        """Stop it, and wait until it is gone."""
        if self.process is None:
            return
        _signal(self.process, self.stop)
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(STOP)
        _signal(self.process, signal.SIGKILL)
        self.process.wait()


def as_user(user: str | None) -> dict[str, Any]:
    """Arguments by which `subprocess` runs a program as another user; none for this one."""
    if user is None:
        return {}
    return {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []}


def _signal(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)


def _ends_with_parent(number: signal.Signals) -> Callable[[], None]:
    """For a child about to start: the kernel sends it a signal when its parent dies (Linux)."""
    libc = ctypes.CDLL(None, use_errno=True)

    def ask() -> None:
        libc.prctl(PR_SET_PDEATHSIG, int(number), 0, 0, 0)

    return ask
