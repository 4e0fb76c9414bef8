"""Captions say what is drawn, and nothing that the sample does not bear."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest

from lrlab.report.analysis.figure_data import lr_medians, lr_sensitivity
from lrlab.report.analysis.methods import compare
from lrlab.report.figures.registry import make_figures
from lrlab.report.text.captions import calibration_caption, convergence_caption, lr_caption

AIM: Any = {"objective": "val_log_loss", "direction": "minimize"}
LRS = (0.01, 0.03, 0.1, 0.3, 1.0)
Rows = Callable[..., pd.DataFrame]


def sweep_over(runs_of: Rows, lrs: tuple[float, ...] = LRS) -> pd.DataFrame:
    """adam is good at every lr, sgd at one; a run of sgd diverged."""
    rows = [("adam", "bce", lr, 0.20 + 0.001 * i) for i, lr in enumerate(lrs)]
    rows += [("sgd", "bce", lr, 0.21 + 0.2 * i) for i, lr in enumerate(lrs)]
    return runs_of([*rows, ("sgd", "bce", 30.0, math.nan)])


def caption(runs: pd.DataFrame, *, fair: bool = True) -> str:
    points = lr_sensitivity(runs, **AIM)
    methods = compare(runs, "optimizer", **AIM).table if fair else None
    return lr_caption(points, lr_medians(points), "val_log_loss", methods=methods)


def test_who_has_the_widest_range_of_learning_rates_is_said_with_its_width(runs_of: Rows) -> None:
    said = caption(sweep_over(runs_of))
    assert "adam has the widest range of learning rates within 10% of its best (2.0" in said
    assert "Crosses are runs that diverged (1 of 11; lowest learning rate 30)." in said


def test_a_sampler_that_learns_or_few_learning_rates_bear_no_comparison(runs_of: Rows) -> None:
    assert "range" not in caption(sweep_over(runs_of), fair=False)
    assert "range" not in caption(sweep_over(runs_of, LRS[:4]))


@pytest.mark.parametrize(
    ("sampler", "random", "said"), [("random", None, True), ("tpe", 4, False)]
)
def test_the_figure_of_learning_rates_compares_optimizers_only_where_all_were_drawn_alike(
    runs_of: Rows, context_of: Callable[..., Any], sampler: str, random: int | None, said: bool
) -> None:
    from lrlab.report import find

    runs = sweep_over(runs_of)
    context = context_of(sampler=sampler, random_trials=random)
    curves = pd.DataFrame(columns=["run_id", "step", "metric", "value"])
    [figure] = [d for d in make_figures(find(runs, curves, context), context) if "lr" in d.name]
    assert ("the widest range" in figure.caption) == said


def test_intervals_that_miss_the_diagonal_are_counted_and_wide_ones_said_to_be_so() -> None:
    table = pd.DataFrame(
        {"predicted": [0.1, 0.9], "positives": [0.1, 0.5], "rows": [40, 40]}
    ).assign(low=[0.05, 0.4], high=[0.2, 0.6])
    assert calibration_caption(table).endswith("1 of 2 intervals misses it.")
    wide = table.assign(low=0.0, high=1.0)
    assert "No interval misses it. The intervals are wide" in calibration_caption(wide)


def test_pairs_that_are_the_first_to_reach_the_threshold_at_one_step_are_all_named() -> None:
    summary = pd.DataFrame(
        {"optimizer": ["sgd", "adam", "sgd"], "loss": ["bce", "bce", "mse"]}
    ).assign(steps_to_threshold=[3.0, 2.0, 2.0])
    said = convergence_caption(summary, summary, pd.DataFrame(), "val_log_loss", 0.4)
    assert " adam with bce and sgd with mse are the first to stay within 5% of the best" in said
    assert "from step 2 on." in said
