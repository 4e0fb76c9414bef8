"""Gaps of a sweep of which some optima are not known."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd

from lrlab.optimum import Objective, Optimum
from lrlab.optimum.record import Optima
from lrlab.report import ReportContext
from lrlab.report.findings import find

Frames = tuple[pd.DataFrame, pd.DataFrame]


def known(left_out: tuple[Objective, ...]) -> Optima:
    found = {Objective("log_loss"): Optimum(0.1, "minimum", gap=1e-12)}
    return Optima(found, "none", 1e-7, 100, 100, left_out, budget=20.0)


def test_runs_without_an_optimum_have_no_gap_and_the_verdict_counts_their_objectives(
    sweep: Frames, context_of: Callable[..., ReportContext]
) -> None:
    runs, curves = sweep
    start = curves[curves["metric"] == "train_objective"].assign(metric="train_loss")
    found = find(runs, pd.concat([curves, start]), context_of(optima=known((Objective("hinge"),))))
    gap = found.converged.set_index("run_id")["gap"].reindex(runs["run_id"])
    assert gap[(runs["loss"] == "hinge").to_numpy()].isna().all()
    assert gap[(runs["loss"] == "log_loss").to_numpy()].notna().any()
    said = [text for text in found.verdict.remarks if "exact optimum" in text]
    assert said == [
        "The exact optimum of 1 of 2 objectives is not known, because 20 s of computing were not "
        "enough for all; their runs have no gap."
    ]


def test_nothing_is_said_of_optima_that_are_all_known(
    sweep: Frames, context_of: Callable[..., ReportContext]
) -> None:
    found = find(*sweep, context_of(optima=known(())))
    assert not [text for text in found.verdict.remarks if "exact optimum" in text]
