"""Where a sweep stands while it runs."""

from __future__ import annotations

from dataclasses import dataclass, replace

from lrlab import search
from lrlab.track import Recorder, trial_result

Key = tuple[int, int]


@dataclass(frozen=True)
class Progress:
    """Where a sweep stands after a run.

    Args:
        done: Runs recorded, earlier ones included.
        total: Runs to record.
        resumed: Runs that an earlier process had recorded.
        trial: The trial that just ended.
        best: Objective of the best trial so far, the mean over its replicates; None before the
            first that has one.
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
    spec, run = recorder.spec, recorder.runs[key]
    keys = [(run.trial, replicate) for replicate in range(spec.search.replicates)]
    value = None
    if all(each in recorder.runs for each in keys):
        value = trial_result([recorder.runs[each] for each in keys], spec.objective).value
    return replace(
        before,
        done=before.done + 1,
        trial=run.trial,
        best=search.better(before.best, value, spec.metric.direction),
        diverged=before.diverged + (run.outcome == "diverged"),
    )
