"""Where a sweep stands while it runs."""

from __future__ import annotations

from dataclasses import dataclass, replace

from lrlab.spec import SweepSpec
from lrlab.track import RecordedRun, Recorder

Key = tuple[int, int]


@dataclass(frozen=True)
class Progress:
    """Where a sweep stands after a run.

    Args:
        done: Runs recorded, earlier ones included.
        total: Runs to record.
        resumed: Runs that an earlier process had recorded.
        trial: The trial that just ended.
        best: Best objective so far; None before the first finite one.
        diverged: Runs that diverged so far.
        note: Why runs are not written in bulk; empty if they are.
    """

    done: int
    total: int
    resumed: int
    trial: int
    best: float | None
    diverged: int
    note: str = ""


def _objective(spec: SweepSpec, run: RecordedRun) -> float | None:
    return None if run.outcome == "diverged" else run.latest.get(spec.objective)


def better(spec: SweepSpec, best: float | None, value: float | None) -> float | None:
    if value is None or value != value:
        return best
    if best is None:
        return value
    return min(best, value) if spec.measure.direction == "minimize" else max(best, value)


def progress_of(recorder: Recorder, resumed: int) -> Progress:
    """Where a sweep stands when it is resumed."""
    total = max(recorder.spec.n_runs, len(recorder.runs))
    note = ""
    if recorder.writer_name == "client" and recorder.why_not_faster:
        note = f"runs are written one by one, because {recorder.why_not_faster}"
    progress = Progress(0, total, resumed, trial=0, best=None, diverged=0, note=note)
    for key in recorder.runs:
        progress = after(progress, recorder, key)
    return progress


def after(before: Progress, recorder: Recorder, key: Key) -> Progress:
    """Where it stands after one more run."""
    run = recorder.runs[key]
    return replace(
        before,
        done=before.done + 1,
        trial=run.trial,
        best=better(recorder.spec, before.best, _objective(recorder.spec, run)),
        diverged=before.diverged + (run.outcome == "diverged"),
    )
