"""The report of a sweep: tables, figures and one self-contained HTML page.

`build_report` makes it from two pandas frames, `runs` and `curves`, and `write_report` puts it
into a folder. matplotlib is imported only when figures are drawn.
"""

from lrlab.report.across import across_report, compare_sweeps
from lrlab.report.analysis.converged import convergence_frame
from lrlab.report.analysis.figure_data import (
    best_curves,
    convergence_band,
    heat_map,
    history,
    lr_medians,
    lr_sensitivity,
)
from lrlab.report.analysis.findings import Findings, find
from lrlab.report.analysis.tables import best_run, rank_trials, summary_table, threshold
from lrlab.report.build import FORMATS, build_report, write_report
from lrlab.report.context import Report, ReportContext

__all__ = [
    "FORMATS",
    "Findings",
    "Report",
    "ReportContext",
    "across_report",
    "best_curves",
    "best_run",
    "build_report",
    "compare_sweeps",
    "convergence_band",
    "convergence_frame",
    "find",
    "heat_map",
    "history",
    "lr_medians",
    "lr_sensitivity",
    "rank_trials",
    "summary_table",
    "threshold",
    "write_report",
]
