"""Tracking: sweeps and runs in MLflow, written and read back."""

from lrlab.track.every_step import objective_per_step
from lrlab.track.open_sweep import open_sweep
from lrlab.track.read import (
    curves_frame,
    load_curves,
    load_histories,
    load_runs,
    read_text,
    recorded_runs,
    runs_frame,
)
from lrlab.track.recorded import RecordedRun
from lrlab.track.recorder import Recorder
from lrlab.track.store import Store, connect, quiet
from lrlab.track.study import load_study, trial_result
from lrlab.track.sweeps import (
    SweepInfo,
    find_sweep,
    find_sweeps,
    list_sweeps,
    load_sweep,
    load_sweep_spec,
)

__all__ = [
    "RecordedRun",
    "Recorder",
    "Store",
    "SweepInfo",
    "connect",
    "curves_frame",
    "find_sweep",
    "find_sweeps",
    "list_sweeps",
    "load_curves",
    "load_histories",
    "load_runs",
    "load_study",
    "load_sweep",
    "load_sweep_spec",
    "objective_per_step",
    "open_sweep",
    "quiet",
    "read_text",
    "recorded_runs",
    "runs_frame",
    "trial_result",
]
