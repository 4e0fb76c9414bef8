"""A sweep from its first trial to its report."""

from __future__ import annotations

from lrlab.sweep.estimate import estimate_seconds
from lrlab.sweep.progress import Progress
from lrlab.sweep.result import SweepResult
from lrlab.sweep.run import run_sweep

__all__ = ["Progress", "SweepResult", "estimate_seconds", "run_sweep"]
