"""The exact optimum of every objective of a sweep, and the curvature there."""

from __future__ import annotations

from lrlab.optimum.objectives import Objective, Optimum
from lrlab.optimum.optima import find_optima

__all__ = ["Objective", "Optimum", "find_optima"]
