"""The numbers behind the figures, the figures, and what is said about them."""

from __future__ import annotations

import io
import math
import statistics
import subprocess
import sys

import pandas as pd
import pytest
from PIL import Image

from lrlab.report import (
    best_curves,
    convergence_band,
    heat_map,
    history,
    lr_medians,
    lr_sensitivity,
    summary_table,
)
from lrlab.report.analysis.figure_data import is_grid
from lrlab.report.figures.drawn import (
    draw_convergence,
    draw_history,
    draw_lr_sensitivity,
    render,
)
from lrlab.report.figures.heat_map_figure import draw_heat_map
from lrlab.report.figures.matplotlib_style import styles
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


def test_convergence_shows_the_best_run_of_each_pair(runs_of, curves_of):
    runs = runs_of([("sgd", "bce", 0.1, 0.3), ("sgd", "bce", 0.2, 0.2), ("adam", "bce", 0.1, 0.4)])
    curves = curves_of({f"run{i}": [(10, 0.5), (1, 0.7)] for i in range(3)}, "val_log_loss")
    lines = best_curves(runs, curves, "val_log_loss", **LOW)
    assert set(lines["run_id"]) == {"run1", "run2"}
    assert lines["step"].tolist() == [1, 10, 1, 10]


def test_a_best_run_that_is_missing_from_the_curves_has_no_line(runs_of, curves_of):
    runs = runs_of([("sgd", "bce", 0.1, 0.2), ("adam", "bce", 0.1, 0.4)])
    curves = curves_of({"run1": [(1, 0.7)], "unknown": [(1, 0.1)]}, "val_log_loss")
    assert set(best_curves(runs, curves, "val_log_loss", **LOW)["run_id"]) == {"run1"}
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


def test_an_optimizer_keeps_its_colour_whatever_the_order_of_merit():
    assert styles(["sgd", "adam"])["sgd"] == styles(["adam", "sgd"])["sgd"]
    assert list(styles(["sgd", "adam", "sgd"])) == ["sgd", "adam"]


def test_twelve_optimizers_are_told_apart_by_colour_and_by_marker():
    looks = styles(f"optimizer_{i}" for i in range(12)).values()
    assert len({look["color"] for look in looks}) == 12
    assert len({look["marker"] for look in looks}) == 12


def test_diverged_runs_are_crosses_at_the_top_or_at_the_bottom_if_more_is_better(runs_of):
    runs = runs_of([("sgd", "bce", 0.1, 0.2), ("sgd", "bce", 9.0, NAN)])
    points = lr_sensitivity(runs, **LOW)
    for direction, expected in (("minimize", 0.96), ("maximize", 0.04)):
        figure = draw_lr_sensitivity(
            points, lr_medians(points), styles(["sgd"]), objective="x", direction=direction
        )
        crosses = figure.axes[0].collections[-1]
        assert crosses.get_offsets().tolist() == [[9.0, expected]]


def test_the_axes_reach_to_diverged_runs_too(runs_of):
    rows = [("sgd", "bce", 0.001, NAN), ("sgd", "bce", 0.1, 0.2), ("sgd", "hinge", 90.0, NAN)]
    runs = runs_of(rows, trial=[4, 5, 99])
    points = lr_sensitivity(runs, **LOW)
    figure = draw_lr_sensitivity(points, lr_medians(points), styles(["sgd"]), **LOW)
    for ax in figure.axes:
        low, high = ax.get_xlim()
        assert low < 0.001 < 90 < high
    low, high = draw_history(history(runs, **LOW), styles(["sgd"]), **LOW).axes[0].get_xlim()
    assert low < 4 < 99 < high


def test_small_multiples_grow_in_height_and_keep_their_legend_outside(sweep_of):
    optimizers = tuple(f"optimizer_{i}" for i in range(12))
    losses = tuple(f"loss_{i}" for i in range(9))
    runs, _ = sweep_of(300, optimizers, losses)
    points = lr_sensitivity(runs, **LOW)
    figure = draw_lr_sensitivity(points, lr_medians(points), styles(optimizers), **LOW)
    assert len(figure.axes) == 9
    render(figure, "png")
    lowest = min(ax.get_tightbbox().y0 for ax in figure.axes)
    assert figure.legends[0].get_window_extent().y1 <= lowest
    each = [ax.get_window_extent().height / figure.dpi for ax in figure.axes]
    assert min(each) > 1.5


def test_values_of_zero_have_a_place_on_a_logarithmic_axis(runs_of, curves_of):
    runs = runs_of([("sgd", "bce", 0.0, 0.0), ("sgd", "bce", 0.1, 0.5)])
    points = lr_sensitivity(runs, **LOW)
    look = styles(["sgd"])
    figure = draw_lr_sensitivity(points, lr_medians(points), look, **LOW)
    assert figure.axes[0].get_xscale() == figure.axes[0].get_yscale() == "symlog"
    curves = curves_of({"run0": [(0, 0.7), (1, 0.1), (10, 0.0)]}, "val_log_loss")
    lines = best_curves(runs, curves, "val_log_loss", **LOW)
    band = convergence_band(runs, curves, "val_log_loss", **LOW)
    figure = draw_convergence(lines, band, look, metric="m", direction="minimize", shared=True)
    assert figure.axes[0].get_ylim()[0] < 0 < 0.7 < figure.axes[0].get_ylim()[1]
    render(figure, "png")


def test_names_are_shown_as_they_are_and_not_as_formulas(runs_of):
    rows = [("$x$", "_a", 0.1, 0.2), ("sgd", r"$\\frac$", 0.1, 0.3), ("_b", "a" * 99, 0.1, 0.3)]
    runs = runs_of(rows)
    points = lr_sensitivity(runs, **LOW)
    look = styles(points["optimizer"])
    figure = draw_lr_sensitivity(points, lr_medians(points), look, **LOW)
    assert len(figure.legends[0].get_texts()) == 3
    render(figure, "png")
    table = heat_map(summary_table(runs, NO_CURVES, **LOW))
    render(draw_heat_map(table, direction="minimize"), "png")


def test_a_figure_is_rendered_at_twice_the_size_of_the_page_and_always_alike(runs_of):
    points = lr_sensitivity(runs_of([("sgd", "bce", 0.1, 0.2)]), **LOW)
    figure = draw_lr_sensitivity(points, lr_medians(points), styles(["sgd"]), **LOW)
    with Image.open(io.BytesIO(render(figure, "png"))) as picture:
        assert picture.size[0] == 1920
    assert render(figure, "svg") == render(figure, "svg")


def test_importing_the_report_does_not_import_matplotlib():
    code = "import sys, lrlab.report; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_heat_map_caption_compares_the_choice_of_optimizer_with_that_of_loss(runs_of):
    rows = [("sgd", "bce", 0.1, 0.2), ("adam", "bce", 0.1, 0.25), ("sgd", "hinge", 0.1, 0.3)]
    table = heat_map(summary_table(runs_of(rows), NO_CURVES, **LOW))
    text = heat_map_caption(table, "val_log_loss")
    assert "With bce, the choice of optimizer changes it by up to 0.050." in text
    assert "With sgd, the choice of loss changes it by up to 0.10." in text


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
