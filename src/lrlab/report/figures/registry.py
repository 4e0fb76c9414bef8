"""The figures of a report, in the order of the page."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from lrlab.report.analysis.findings import Findings
from lrlab.report.context import ReportContext
from lrlab.report.figures.boundary import boundary
from lrlab.report.figures.calibration import calibration
from lrlab.report.figures.convergence import convergence
from lrlab.report.figures.figure import Figure
from lrlab.report.figures.gaps import gaps
from lrlab.report.figures.heat_map import heat_map
from lrlab.report.figures.history import history
from lrlab.report.figures.importance import importance
from lrlab.report.figures.lr_sensitivity import lr_sensitivity
from lrlab.report.figures.parallel import parallel
from lrlab.report.figures.profile import profile
from lrlab.report.figures.scene import Scene
from lrlab.report.figures.tunability import tunability

FIGURES: tuple[Callable[[Scene], Iterator[Figure]], ...] = (
    gaps,
    lr_sensitivity,
    heat_map,
    tunability,
    profile,
    convergence,
    boundary,
    calibration,
    importance,
    parallel,
    history,
)


def make_figures(found: Findings, context: ReportContext) -> list[Figure]:
    """All figures that a sweep has data for; one that has none is left out.

    Args:
        found: The sweep's numbers.
        context: Its objective and data.
    """
    if found.runs.empty:
        return []
    scene = Scene(found, context)
    return [figure for make in FIGURES for figure in make(scene)]
