"""A sweep from its first trial to its report."""

from __future__ import annotations

from lrlab.sweep.run import Progress, SweepResult, estimate_seconds, run_sweep

__all__ = ["Progress", "SweepResult", "estimate_seconds", "run_sweep"]
