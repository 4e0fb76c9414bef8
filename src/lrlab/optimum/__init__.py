"""The exact optimum of every objective of a sweep, and the curvature there."""

from __future__ import annotations

from lrlab.optimum.optima import Objective, Optimum, find_optima

__all__ = ["Objective", "Optimum", "find_optima"]
