"""The report of a sweep: tables, figures and one self-contained HTML page.

`build_report` makes it from two pandas frames, `runs` and `curves`, and `write_report` puts it
into a folder. Nothing draws until a figure is asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lrlab.lazy import exports

if TYPE_CHECKING:
    from lrlab.report.across import across_report as across_report
    from lrlab.report.analysis.across import compare_sweeps as compare_sweeps
    from lrlab.report.analysis.converged import convergence_frame as convergence_frame
    from lrlab.report.analysis.figure_data import best_curves as best_curves
    from lrlab.report.analysis.figure_data import convergence_band as convergence_band
    from lrlab.report.analysis.figure_data import heat_map as heat_map
    from lrlab.report.analysis.figure_data import history as history
    from lrlab.report.analysis.figure_data import lr_medians as lr_medians
    from lrlab.report.analysis.figure_data import lr_sensitivity as lr_sensitivity
    from lrlab.report.analysis.findings import Findings as Findings
    from lrlab.report.analysis.findings import find as find
    from lrlab.report.analysis.summary import summary_table as summary_table
    from lrlab.report.analysis.summary import threshold as threshold
    from lrlab.report.analysis.tables import best_run as best_run
    from lrlab.report.analysis.tables import rank_trials as rank_trials
    from lrlab.report.build import FORMATS as FORMATS
    from lrlab.report.build import build_report as build_report
    from lrlab.report.build import write_report as write_report
    from lrlab.report.context import Report as Report
    from lrlab.report.context import ReportContext as ReportContext

__getattr__, __dir__ = exports(
    __name__,
    {
        "lrlab.report.across": ["across_report"],
        "lrlab.report.analysis.across": ["compare_sweeps"],
        "lrlab.report.analysis.converged": ["convergence_frame"],
        "lrlab.report.analysis.figure_data": [
            *("best_curves", "convergence_band", "heat_map"),
            *("history", "lr_medians", "lr_sensitivity"),
        ],
        "lrlab.report.analysis.findings": ["Findings", "find"],
        "lrlab.report.analysis.summary": ["summary_table", "threshold"],
        "lrlab.report.analysis.tables": ["best_run", "rank_trials"],
        "lrlab.report.build": ["FORMATS", "build_report", "write_report"],
        "lrlab.report.context": ["Report", "ReportContext"],
    },
)
