"""Settings' importance in a process of its own, which is up when the last run has ended.

The forests that it takes need most of a second to be imported, and the verdict does not wait for
them; on a machine with a second core neither does the report.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from lrlab import search
from lrlab.spec import SweepSpec

if TYPE_CHECKING:
    from lrlab.report.analysis.importance import Interval, Rows

PATIENCE = 60.0  # seconds for the answer, before it is computed here
BEFORE_THE_END = 2  # trial batches before the last run, when the process is started


class Forests:
    """Computes shares as `lrlab.report.analysis.importance.shares_of` does, to the last bit.

    Without the process, or if it fails, it computes them here.
    """

    def __init__(self, spec: SweepSpec) -> None:
        self._spec = spec
        self._process: subprocess.Popen[str] | None = None

    def consider(self, batch: search.Batch) -> None:
        """Called before every batch; the process is started before the last ones."""
        from lrlab.report.analysis.importance import LEAST_TRIALS

        trials = self._spec.n_trials
        soon = batch.start + BEFORE_THE_END * self._spec.search.batch >= trials
        if self._process is None and soon and trials >= LEAST_TRIALS and _cores() > 1:
            self._process = _started()

    def shares(self, rows: Rows, names: Sequence[str], direction: str) -> dict[str, Interval]:
        """Share of each of the named settings, with its interval; see `shares_of`."""
        if self._process is not None:
            request = json.dumps([list(rows), list(names), direction])
            try:
                found = json.loads(self._process.communicate(request, PATIENCE)[0])
                return {str(name): [float(part) for part in found[name]] for name in names}
            except (OSError, ValueError, TypeError, KeyError, subprocess.TimeoutExpired):
                self.close()
        from lrlab.report.analysis.importance import shares_of

        return shares_of(rows, names, direction)

    def close(self) -> None:
        """End the process. May be called again."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None


def _cores() -> int:
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on every system
        return os.cpu_count() or 1


def _started() -> subprocess.Popen[str] | None:
    # -P: no module of the working folder is imported; a session of its own: Ctrl-C is not for it
    command = [sys.executable, "-P", "-m", "lrlab.report.analysis.importance"]
    try:
        return subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )
    except OSError:
        return None
