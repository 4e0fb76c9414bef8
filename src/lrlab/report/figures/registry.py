"""The figures of a report, in the order of the page."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from lrlab.report.analysis.findings import Findings
from lrlab.report.context import ReportContext
from lrlab.report.figures.figure import Figure
from lrlab.report.figures.lr_sensitivity import lr_sensitivity
from lrlab.report.figures.scene import Scene

FIGURES: tuple[Callable[[Scene], Iterator[Figure]], ...] = (lr_sensitivity,)


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
