"""Gaps of a sweep: where they start, how exact they are, and where no optimum is known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from lrlab.optimum import Objective, Optimum
from lrlab.optimum.record import Optima
from lrlab.report import ReportContext
from lrlab.report.analysis.converged import convergence_frame, endings, gaps
from lrlab.report.analysis.findings import find
from lrlab.report.text.captions import gap_basis
from lrlab.report.text.verdict import in_words

Frames = tuple[pd.DataFrame, pd.DataFrame]


def known(left_out: tuple[Objective, ...]) -> Optima:
    found = {Objective("log_loss"): Optimum(0.1, "minimum", gap=1e-12)}
    return Optima(found, 1e-7, 100, 100, left_out, budget=20.0)


def test_runs_without_an_optimum_have_no_gap_and_the_verdict_counts_their_objectives(
    sweep: Frames, context_of: Callable[..., ReportContext]
) -> None:
    runs, curves = sweep
    start = curves[curves["metric"] == "train_objective"].assign(metric="train_loss")
    found = find(runs, pd.concat([curves, start]), context_of(optima=known((Objective("hinge"),))))
    gap = found.converged.set_index("run_id")["gap"].reindex(runs["run_id"])
    assert gap[(runs["loss"] == "hinge").to_numpy()].isna().all()
    assert gap[(runs["loss"] == "log_loss").to_numpy()].notna().any()
    said = [text for text in in_words(found.verdict).remarks if "exact optimum" in text]
    assert said == [
        "The exact optimum of 1 of 2 objectives is not known, because 20 s of computing were not "
        "enough; its runs have no gap."
    ]


def test_nothing_is_said_of_optima_that_are_all_known(
    sweep: Frames, context_of: Callable[..., ReportContext]
) -> None:
    found = find(*sweep, context_of(optima=known(())))
    assert not [text for text in in_words(found.verdict).remarks if "exact optimum" in text]


EVALUATED = np.array([1, 2, 4, 8, 16, 32, 64])
BEST = 0.5


def geometric(rates: list[float], batch: int, **columns: object) -> tuple[pd.DataFrame, ...]:
    """Runs whose objective after step k is 0.5 + 2 rate^k; the first mini-batch says 9."""
    steps = np.arange(65)
    every = BEST + 2 * np.array(rates)[:, None] ** steps
    run_ids = [f"r{i}" for i in range(len(rates))]
    runs = pd.DataFrame({"run_id": run_ids, "loss": "bce", "l2": 0.0, "outcome": "slow"})
    runs["replicate"] = range(len(rates))
    first = every[:, 0] if batch == 100 else np.full(len(rates), 9.0)
    rows = [(r, 1, "train_loss", f) for r, f in zip(run_ids, first, strict=True)]
    for r, curve in zip(run_ids, every, strict=True):
        rows += [(r, k, "train_objective", curve[k]) for k in EVALUATED]
    curves = pd.DataFrame(rows, columns=["run_id", "step", "metric", "value"])
    return runs.assign(**columns), curves, pd.DataFrame(every)


def optima(batch: int) -> Optima:
    return Optima({Objective("bce"): Optimum(BEST, "minimum", gap=1e-12)}, 0.0, 100, batch)


RATES = [0.9, 0.8, 0.5]


def exact(tolerance: float) -> list[float]:
    return [np.ceil(np.log(tolerance) / np.log(rate) - 1e-9) for rate in RATES]


def test_with_full_batches_every_step_counts() -> None:
    runs, curves, every = geometric(RATES, 100)
    known = optima(100)
    found = gaps(runs, curves, known, every.to_numpy())
    frame = convergence_frame(runs, found, known)
    assert found.exact
    assert not found.estimated_start
    for name, tolerance in (("1e-1", 1e-1), ("1e-2", 1e-2)):
        assert frame[f"steps_to_{name}"].tolist() == exact(tolerance)
        assert frame[f"passes_to_{name}"].tolist() == exact(tolerance)
    assert "least_steps_to_1e-1" not in frame
    assert gap_basis(found) == ""


def test_a_run_whose_steps_cannot_be_read_is_measured_by_its_evaluations() -> None:
    runs, curves, every = geometric(RATES, 100)
    every.loc[1] = np.nan
    found = gaps(runs, curves, optima(100), every.to_numpy())
    assert found.arrival.stays[[0, 2], 0].tolist() == [exact(1e-1)[0], exact(1e-1)[2]]
    assert found.arrival.least[1, 0] < exact(1e-1)[1] <= found.arrival.most[1, 0]


def test_mini_batch_runs_start_at_the_recorded_objective_and_say_between_which_steps() -> None:
    runs, curves, _ = geometric(RATES, 10, start_objective=BEST + 2)
    known = optima(10)
    found = gaps(runs, curves, known)
    frame = convergence_frame(runs, found, known)
    assert not found.estimated_start
    assert frame["gap"].tolist() == pytest.approx([rate**64 for rate in RATES], abs=1e-15)
    for name, tolerance in (("1e-1", 1e-1), ("1e-2", 1e-2)):
        least, most = frame[f"least_steps_to_{name}"], frame[f"most_steps_to_{name}"]
        assert ((least <= exact(tolerance)) & (exact(tolerance) <= most)).all()
        assert frame[f"passes_to_{name}"].tolist() == pytest.approx(frame[f"steps_to_{name}"] / 10)
    assert "known at 7 evaluations, each at about 2.00 times the step before" in gap_basis(found)


def test_mini_batch_runs_of_old_records_start_at_their_first_mini_batch_and_say_so() -> None:
    runs, curves, _ = geometric(RATES, 10, start_objective=np.nan)
    found = gaps(runs, curves, optima(10))
    assert found.estimated_start
    assert found.gap[:, 0] == pytest.approx([2 * rate / 8.5 for rate in RATES])
    assert "The gap at the start is estimated from the first mini-batch" in gap_basis(found)


def test_lines_that_end_at_what_single_precision_can_tell_are_said_to() -> None:
    runs, curves, every = geometric([0.99, 0.5, 0.5], 100)
    known = replace(optima(100), precision=float(np.finfo(np.float32).eps))
    found = gaps(runs, curves, known, every.to_numpy())
    start = every[0] - BEST  # the lowest gap is 8 units in the last place of f*, over the descent
    lowest = 8 * np.finfo(np.float32).eps * BEST / start
    level = found.level(["r1", "r2"])
    assert level == pytest.approx(float(lowest[1:].median()))
    assert found.level(["r0"]) is None
    assert gap_basis(found, level).endswith("at the optimum as far as single precision can tell.")


def test_a_run_that_diverged_has_not_come_anywhere_to_stay() -> None:
    runs, curves, every = geometric(RATES, 100)
    runs.loc[2, "outcome"] = "diverged"
    frame = convergence_frame(runs, gaps(runs, curves, optima(100), every.to_numpy()), optima(100))
    assert np.isnan(frame.loc[2, "steps_to_1e-1"])
    assert frame.loc[2, "first_steps_to_1e-1"] == exact(1e-1)[2]


def test_endings_count_every_run_once_within_its_outcome() -> None:
    frame = pd.DataFrame(
        {
            "how": ["slow", "converged", "slow", "diverged", "converged"],
            "detail": ["descending", "at the optimum", "at the optimum", "diverged", ""],
        }
    )
    assert endings(frame).to_numpy().tolist() == [
        ["converged", "at the optimum", 1],
        ["converged", "", 1],
        ["slow", "at the optimum", 1],
        ["slow", "descending", 1],
        ["diverged", "diverged", 1],
    ]
    assert endings(pd.DataFrame()).empty
