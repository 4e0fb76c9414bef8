"""The exact optimum of every objective of a sweep, and the curvature there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lrlab.lazy import exports

if TYPE_CHECKING:
    from lrlab.optimum.objectives import Objective as Objective
    from lrlab.optimum.objectives import Optimum as Optimum
    from lrlab.optimum.optima import find_optima as find_optima

__getattr__, __dir__ = exports(
    __name__,
    {
        "lrlab.optimum.objectives": ["Objective", "Optimum"],
        "lrlab.optimum.optima": ["find_optima"],
    },
)
