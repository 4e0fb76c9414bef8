"""The numbers behind the figures, and what is said about them."""

from __future__ import annotations

import math
import statistics

import numpy as np
import pandas as pd
import pytest

from lrlab.report import (
    best_curves,
    convergence_band,
    find,
    heat_map,
    history,
    lr_medians,
    lr_sensitivity,
    summary_table,
)
from lrlab.report.analysis.figure_data import is_grid
from lrlab.report.figures.heat_map import color_range
from lrlab.report.figures.heat_map import heat_map as heat_map_figure
from lrlab.report.figures.scene import Scene
from lrlab.report.text.captions import heat_map_caption, history_caption
from lrlab.report.text.formats import number, percent

NAN = math.nan
LOW = {"objective": "val_log_loss", "direction": "minimize"}
NO_CURVES = pd.DataFrame(columns=["run_id", "step", "metric", "value"])


def test_the_lr_points_are_the_runs_with_diverged_ones_marked(runs_of):
    runs = runs_of([("sgd", "bce", 0.1, 0.2), ("sgd", "bce", 9.0, NAN)])
    points = lr_sensitivity(runs, **LOW)
    assert list(points["diverged"]) == [False, True]
    assert points["value"].tolist() == [0.2, pytest.approx(NAN, nan_ok=True)]


def test_a_run_without_a_result_that_did_not_diverge_is_no_lr_point(runs_of):
    runs = runs_of([("sgd", "bce", 0.1, NAN)], outcome="slow")
    assert lr_sensitivity(runs, **LOW).empty


def test_few_learning_rates_that_come_back_are_a_grid_and_random_ones_are_not():
    assert is_grid(pd.Series([0.1, 1.0, 0.1, 1.0]))
    assert is_grid(pd.Series([0.1]))
    assert not is_grid(pd.Series([0.1, 0.2, 0.3]))
    assert not is_grid(pd.Series([], dtype=float))


def test_on_a_grid_the_lr_medians_are_at_its_values(runs_of):
    values = [(0.1, 0.2), (0.1, 0.4), (0.1, 0.9), (1.0, 0.5), (1.0, 0.7), (1.0, NAN)]
    runs = runs_of([("sgd", "bce", lr, value) for lr, value in values])
    medians = lr_medians(lr_sensitivity(runs, **LOW))
    assert medians[["lr", "value", "n_runs"]].to_numpy().tolist() == [
        [0.1, 0.4, 3],
        [1.0, pytest.approx(0.6), 2],
    ]


def test_off_a_grid_the_lr_medians_are_over_half_decades(runs_of):
    values = [(0.09, 0.2), (0.11, 0.4), (1.1, 0.5)]
    runs = runs_of([("sgd", "bce", lr, value) for lr, value in values])
    medians = lr_medians(lr_sensitivity(runs, **LOW))
    assert medians["lr"].tolist() == pytest.approx([math.sqrt(0.09 * 0.11), 1.1])
    assert medians["value"].tolist() == pytest.approx([0.3, 0.5])


def test_convergence_shows_the_best_trial_of_each_pair(runs_of, curves_of):
    runs = runs_of([("sgd", "bce", 0.1, 0.3), ("sgd", "bce", 0.2, 0.2), ("adam", "bce", 0.1, 0.4)])
    curves = curves_of({f"run{i}": [(10, 0.5), (1, 0.7)] for i in range(3)}, "val_log_loss")
    lines = best_curves(runs, curves, "val_log_loss", **LOW)
    assert set(lines["trial"]) == {1, 2}
    assert lines["step"].tolist() == [1, 10, 1, 10]


def test_the_line_of_a_trial_is_the_mean_of_its_runs_where_all_have_begun(runs_of, curves_of):
    rows = [("sgd", "bce", 0.1, v) for v in (0.1, 0.3, 0.5, 0.7)]
    runs = runs_of(rows, trial=[0, 0, 1, 1], replicate=[0, 1, 0, 1])
    points = {"run0": [(1, 0.9), (4, 0.1)], "run1": [(2, 0.5), (8, 0.3)], "run2": [(1, 0.6)]}
    curves = curves_of(points | {"run3": [(1, 0.8)]}, "val_log_loss")
    lines = best_curves(runs, curves, "val_log_loss", **LOW)
    assert lines["step"].tolist() == [2, 4, 8]
    assert lines["value"].tolist() == pytest.approx([0.7, 0.3, 0.2])
    (rest,) = convergence_band(runs, curves, "val_log_loss", **LOW).to_dict("records")
    assert (rest["n_runs"], rest["median"]) == (2, pytest.approx(0.7))


def test_a_best_run_that_is_missing_from_the_curves_has_no_line(runs_of, curves_of):
    runs = runs_of([("sgd", "bce", 0.1, 0.2), ("adam", "bce", 0.1, 0.4)])
    curves = curves_of({"run1": [(1, 0.7)], "unknown": [(1, 0.1)]}, "val_log_loss")
    assert set(best_curves(runs, curves, "val_log_loss", **LOW)["trial"]) == {1}
    assert best_curves(runs, NO_CURVES, "val_log_loss", **LOW).empty
    assert convergence_band(runs, NO_CURVES, "val_log_loss", **LOW).empty


def test_a_step_logged_twice_counts_with_its_later_value(runs_of, curves_of):
    runs = runs_of([("sgd", "bce", 0.1, 0.2)])
    curves = curves_of({"run0": [(1, 0.7), (1, 0.6)]}, "val_log_loss")
    assert best_curves(runs, curves, "val_log_loss", **LOW)["value"].tolist() == [0.6]


def test_the_band_is_of_the_other_runs_that_did_not_diverge(runs_of, curves_of):
    runs = runs_of([("sgd", "bce", 0.1, v) for v in (0.1, 0.2, 0.3, 0.4, NAN)])
    curves = curves_of({f"run{i}": [(1, 0.5 + 0.1 * i)] for i in range(5)}, "val_log_loss")
    (row,) = convergence_band(runs, curves, "val_log_loss", **LOW).to_dict("records")
    low, middle, high = statistics.quantiles([0.6, 0.7, 0.8], n=4, method="inclusive")
    assert (row["low"], row["median"], row["high"]) == pytest.approx((low, middle, high))
    assert row["n_runs"] == 3


def test_a_run_that_stopped_early_stays_in_the_band_with_its_last_value(runs_of, curves_of):
    runs = runs_of([("sgd", "bce", 0.1, v) for v in (0.1, 0.2, 0.3)])
    points = {"run0": [(1, 1.0)], "run1": [(1, 0.4)], "run2": [(1, 0.8), (9, 0.6)]}
    band = convergence_band(runs, curves_of(points, "val_log_loss"), "val_log_loss", **LOW)
    assert band["step"].tolist() == [1, 9]
    assert band["median"].tolist() == pytest.approx([0.6, 0.5])
    assert band["n_runs"].tolist() == [2, 2]


def test_the_heat_map_has_every_pair_and_tells_never_tried_from_without_result(runs_of):
    rows = [("sgd", "bce", 0.1, 0.3), ("adam", "hinge", 0.1, 0.2), ("adam", "bce", 9.0, NAN)]
    table = heat_map(summary_table(runs_of(rows), NO_CURVES, **LOW))
    found = {
        (r["optimizer"], r["loss"]): (r["best"], r["n_runs"]) for r in table.to_dict("records")
    }
    nothing = pytest.approx(NAN, nan_ok=True)
    assert found == {
        ("adam", "hinge"): (0.2, 1),
        ("adam", "bce"): (nothing, 1),
        ("sgd", "hinge"): (nothing, 0),
        ("sgd", "bce"): (0.3, 1),
    }
    assert list(table["optimizer"].unique()) == ["adam", "sgd"]


@pytest.mark.parametrize(
    ("direction", "expected"),
    [("minimize", [NAN, 0.5, 0.5, 0.5, 0.2]), ("maximize", [NAN, 0.5, 0.8, 0.8, 0.8])],
)
def test_the_history_keeps_the_best_so_far_over_runs_without_result(runs_of, direction, expected):
    runs = runs_of([("sgd", "bce", 0.1, v) for v in (NAN, 0.5, 0.8, NAN, 0.2)])
    shuffled = runs.sample(frac=1, random_state=0)
    table = history(shuffled, objective="val_log_loss", direction=direction)
    assert table["trial"].tolist() == [0, 1, 2, 3, 4]
    assert table["best_so_far"].tolist() == pytest.approx(expected, nan_ok=True)


def test_the_heat_map_caption_compares_the_choice_of_optimizer_with_that_of_loss(runs_of):
    rows = [("sgd", "bce", 0.1, 0.2), ("adam", "bce", 0.1, 0.25), ("sgd", "hinge", 0.1, 0.3)]
    table = heat_map(summary_table(runs_of(rows), NO_CURVES, **LOW))
    text = heat_map_caption(table, "val_log_loss")
    assert "With bce, the best trials of optimizers differ by up to 0.050." in text
    assert "With sgd, the best trials of losses differ by up to 0.10." in text


def test_the_heat_map_caption_does_not_compare_the_best_of_few_trials(runs_of, context_of):
    rows = [("sgd", "bce", 0.1, 0.2 + 0.001 * i) for i in range(10)]
    rows += [("adam", "bce", 0.1, 0.23 + 0.001 * i) for i in range(12)]
    runs = runs_of([*rows, ("rmsprop", "bce", 0.1, 0.9), ("rmsprop", "bce", 0.1, 0.95)])
    for sampler, said in (("tpe", True), ("grid", False)):
        context = context_of(sampler=sampler)
        [figure] = heat_map_figure(Scene(find(runs, NO_CURVES, context), context))
        without = "0.030 (without rmsprop, of fewer than 10 trials)."
        assert (
            f"the best trials of optimizers differ by up to {without}" in figure.caption
        ) == said


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
def test_colors_of_a_heat_map_span_at_least_a_tenth_of_the_best(direction):
    near = np.array([1.0, 1.009, 1.004])
    worst, best = color_range(near, direction)
    assert abs(worst - best) == pytest.approx(0.1 * (1.0 if direction == "minimize" else 1.009))
    assert best == (1.0 if direction == "minimize" else 1.009)
    worst, best = color_range(np.array([1.0, 1.2, 1.4]), direction)
    assert {worst, best} == {1.0, 1.4}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (
            [0.4, 0.2, 0.3, 0.3],
            "Trial 1 (of 0 to 3) has the best val_log_loss, 0.2000. The last trial did not",
        ),
        ([0.4, 0.3, 0.3, 0.2], "0.2000. The last trial improved it by 0.10."),
        ([0.4] * 7 + [0.2], "The last quarter, 2 trials, improved it by 0.20."),
        ([NAN, NAN, NAN, 0.2], "The last trial gave the first result."),
        ([NAN, NAN], "No trial has a finite val_log_loss."),
    ],
)
def test_the_history_caption_says_when_the_best_was_found(runs_of, values, expected):
    runs = runs_of([("sgd", "bce", 0.1, value) for value in values])
    assert expected in history_caption(history(runs, **LOW), "val_log_loss")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.2, "0.2000"),
        (0.99999, "1.000"),
        (9999.7, "10000"),
        (12345.6, "12346"),
        (0, "0"),
        (-0.5, "−0.5000"),
        (0.000012345, "1.234e−5"),
        (2e7, "2.000e7"),
        (NAN, "–"),
        (math.inf, "∞"),
    ],
)
def test_numbers_have_four_significant_digits(value, expected):
    assert number(value) == expected


def test_a_share_is_never_rounded_to_nothing_or_to_all():
    shares = [percent(x).replace("\u00a0", " ") for x in (0, 0.001, 0.25, 0.999, 1)]
    assert shares == ["0%", "<1%", "25%", ">99%", "100%"]
