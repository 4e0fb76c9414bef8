"""A sweep that is running: its process, as the dispatcher has it in hand."""

from __future__ import annotations

import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from lrlab.server.queue import Queued

PATIENCE = 20.0  # seconds that a job has to stop when told to


@dataclass
class Job:
    """A sweep that is running.

    Attributes:
        sweep: As the queue had it at the start.
        process: That runs it.
        folder: Its working folder; gone with the job.
        begun: When, on the monotonic clock.
        told: When it was told to stop, if it was.
        why: Why it was told to stop, unless the user wished so.
        noted: When its time was last written to the record.
    """

    sweep: Queued
    process: subprocess.Popen[bytes]
    folder: tempfile.TemporaryDirectory[str]
    begun: float
    noted: float
    told: float | None = None
    why: str = ""

    @property
    def spent(self) -> float:
        """Seconds that the sweep has run, over all starts."""
        return self.sweep.spent + time.monotonic() - self.begun

    def stop(self, why: str = "") -> None:
        """Tell it to stop, and end it if it does not."""
        now = time.monotonic()
        if self.told is None:
            self.told, self.why = now, why
            self.process.terminate()
        elif now - self.told > PATIENCE:
            self.process.kill()

    @property
    def log(self) -> Path:
        """What it says goes there."""
        return Path(f"{self.folder.name}.log")

    @property
    def said(self) -> str:
        """The last that it said of an error; empty if nothing."""
        lines = self.log.read_text("utf-8", "replace").splitlines() if self.log.exists() else []
        errors = [line for line in lines if line.strip()]
        return errors[-1].removeprefix("Error: ")[:500] if errors else ""
