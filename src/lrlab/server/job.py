"""One submitted sweep, run in a process of its own: `python -m lrlab.server.job RUN_ID`.

The dispatcher starts it in an empty folder, with the store's address and login in the environment
and a pipe as standard input: when that closes, the dispatcher is gone, and so this process ends at
once. Whoever runs the sweep next resumes it.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path

from lrlab import track
from lrlab.errors import LrlabError
from lrlab.notes import notes_to
from lrlab.server.settings import Limits, read_settings
from lrlab.server.submission import (
    Table,
    check_data,
    check_limits,
    reads_table,
)
from lrlab.spec import SweepSpec
from lrlab.sweep import run_sweep
from lrlab.track import Store, SweepInfo
from lrlab.track.store import explained
from lrlab.track.writers.wire import DATA_FOLDER

EXECUTOR, MIRROR = "LRLAB_JOB_EXECUTOR", "LRLAB_JOB_MIRROR"
INTERRUPTED = 130


def run_job(
    run_id: str, limits: Limits, *, executor: str | None = None, mirror: str | None = None
) -> None:
    """Run a submitted sweep, or finish it; its table is put into the working folder.

    What the server checked when the sweep came is checked again: who may write to the run may
    have changed its files since, or made it without submitting it.

    Raises:
        UserError: If spec or data cannot be used.
        LrlabError: If the store fails.
    """
    store = track.connect()
    info = track.load_sweep(store, run_id)
    spec = track.load_sweep_spec(store, info)
    table = _fetch(store, info, spec) if reads_table(spec) else None
    check_data(spec, table)
    check_limits(spec, table, limits)
    run_sweep(spec, executor=executor, mirror=mirror, run_id=run_id, on_note=_say)


def _fetch(store: Store, info: SweepInfo, spec: SweepSpec) -> Table | None:
    """Put what was uploaded below the working folder; the table, if it is where the spec says."""
    with explained(store.uri):
        store.client.download_artifacts(info.run_id, DATA_FOLDER, str(Path.cwd()))
    wanted = str(spec.resolved()["data"]["path"])
    found = (path for path in Path(DATA_FOLDER).rglob("*") if path.is_file())
    return next((Table(p.name, p.read_bytes()) for p in found if str(p) == wanted), None)


def _say(note: str) -> None:
    print(f"Note: {note}.", flush=True)


def _end_with_dispatcher() -> None:
    while os.read(sys.stdin.fileno(), 1):  # not through a buffer, whose lock would outlive us
        pass
    os._exit(1)


def main(run_id: str) -> int:
    """Run a sweep as the environment says; returns the exit code."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    threading.Thread(target=_end_with_dispatcher, daemon=True).start()
    track.quiet()
    try:
        with notes_to(lambda line: print(line, flush=True)):
            run_job(
                run_id,
                read_settings(os.environ, ()).limits,
                executor=os.environ.get(EXECUTOR) or None,
                mirror=os.environ.get(MIRROR) or None,
            )
    except LrlabError as error:
        print(f"Error: {error}", file=sys.stderr, flush=True)
        return error.exit_code
    except KeyboardInterrupt:
        return INTERRUPTED
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
