"""Tracking: sweeps and runs in MLflow, written and read back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lrlab.lazy import exports

if TYPE_CHECKING:
    from lrlab.track.every_step import objective_per_step as objective_per_step
    from lrlab.track.read import curves_frame as curves_frame
    from lrlab.track.read import load_curves as load_curves
    from lrlab.track.read import load_histories as load_histories
    from lrlab.track.read import load_runs as load_runs
    from lrlab.track.read import read_text as read_text
    from lrlab.track.read import recorded_runs as recorded_runs
    from lrlab.track.read import runs_frame as runs_frame
    from lrlab.track.recorded import RecordedRun as RecordedRun
    from lrlab.track.recorder import Recorder as Recorder
    from lrlab.track.store import Store as Store
    from lrlab.track.store import connect as connect
    from lrlab.track.store import quiet as quiet
    from lrlab.track.study import load_study as load_study
    from lrlab.track.study import trial_result as trial_result
    from lrlab.track.sweeps import SweepInfo as SweepInfo
    from lrlab.track.sweeps import find_sweep as find_sweep
    from lrlab.track.sweeps import find_sweeps as find_sweeps
    from lrlab.track.sweeps import list_sweeps as list_sweeps
    from lrlab.track.sweeps import load_sweep as load_sweep
    from lrlab.track.sweeps import load_sweep_spec as load_sweep_spec

__getattr__, __dir__ = exports(
    __name__,
    {
        "lrlab.track.every_step": ["objective_per_step"],
        "lrlab.track.read": [
            "curves_frame",
            "load_curves",
            "load_histories",
            "load_runs",
            "read_text",
            "recorded_runs",
            "runs_frame",
        ],
        "lrlab.track.recorded": ["RecordedRun"],
        "lrlab.track.recorder": ["Recorder"],
        "lrlab.track.store": ["Store", "connect", "quiet"],
        "lrlab.track.study": ["load_study", "trial_result"],
        "lrlab.track.sweeps": [
            "SweepInfo",
            "find_sweep",
            "find_sweeps",
            "list_sweeps",
            "load_sweep",
            "load_sweep_spec",
        ],
    },
)
