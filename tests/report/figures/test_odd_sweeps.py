"""Figures of sweeps that are hard to draw: nothing fails, and nothing warns."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
import vl_convert

from lrlab.report import find
from lrlab.report.figures.axes import Axis
from lrlab.report.figures.profile import profile_spec
from lrlab.report.figures.registry import make_figures
from lrlab.report.figures.style import Methods
from vega import as_json, marks_of

NAN = math.nan
EVIL = '</script><b>"o\'k" [x].y\\z'
NO_CURVES = pd.DataFrame(columns=["run_id", "step", "metric", "value"])


@pytest.fixture
def drawn(context_of, vega_lite, capfd):
    """Makes all figures of some runs, each valid and drawn without a warning."""

    def draw(runs, curves=NO_CURVES, **changes):
        context = context_of(**changes)
        made = make_figures(find(runs, curves, context), context)
        found = {figure.name: figure for figure in made}
        for name, figure in found.items():
            vega_lite.validate(as_json(figure.specification()))
            for variant in figure.variants.values():
                vega_lite.validate(as_json({**variant, "datasets": figure.spec["datasets"]}))
            svg = vl_convert.vegalite_to_svg(
                figure.complete(), allowed_base_urls=[], show_warnings=True
            )
            assert capfd.readouterr().err == "", name
            assert "NaN" not in svg
            assert "undefined" not in svg
        return found

    return draw


def test_a_single_run(runs_of, drawn):
    assert set(drawn(runs_of([("sgd", "bce", 0.1, 0.2)]))) == {"lr_sensitivity"}


def test_runs_that_all_diverged_are_crosses(runs_of, drawn):
    figures = drawn(runs_of([("sgd", "bce", 5.0, NAN), ("adam", "hinge", 9.0, NAN)]))
    assert set(figures) == {"lr_sensitivity"}
    assert figures["lr_sensitivity"].frame["diverged"].all()


def test_names_with_quotes_and_markup_are_shown_as_they_are(runs_of, curves_of, drawn):
    rows = [(EVIL, EVIL, 0.1, 0.2), ("sgd", EVIL, 0.2, 0.3), (EVIL, "b.c[0]", 0.3, 0.4)] * 4
    runs = runs_of([(a, b, lr * (1 + i), v + i / 50) for i, (a, b, lr, v) in enumerate(rows)])
    runs["x.y[0]'\"\\"] = [0.5, NAN, 0.7] * 4
    runs["trial"] = [100 * i for i in range(12)]
    points = {run: [(1, 0.7), (10, 0.5)] for run in runs["run_id"]}
    figures = drawn(runs, curves_of(points, "val_log_loss"))
    assert "x.y[0]'\"\\" in figures["parallel"].frame
    (line, *_) = (m for m in marks_of(figures["parallel"].complete()) if m["marktype"] == "line")
    assert all(math.isfinite(item["y"]) for item in line["items"])


def test_forty_optimizers_and_two_learning_rates_and_values_below_zero(runs_of, drawn):
    optimizers = [f"optimizer_{i:02d}" for i in range(40)]
    rows = [(name, "bce", lr, -1.5 + i / 20) for i, name in enumerate(optimizers) for lr in (1, 2)]
    figures = drawn(runs_of(rows), sampler="grid")
    y = figures["lr_sensitivity"].spec["layer"][0]["encoding"]["y"]
    assert y["scale"]["type"] == "linear"
    assert y["scale"]["domain"][0] < -1.5
    assert not figures["lr_sensitivity"].variants
    color, shape = (figures["history"].spec["layer"][0]["encoding"][c] for c in ("color", "shape"))
    looks = zip(color["scale"]["range"], map(str, shape["scale"]["range"]), strict=True)
    assert len(set(looks)) == 40


def test_zeros_have_a_place_on_logarithmic_axes(runs_of, curves_of, drawn):
    rows = [("sgd", "bce", 0.05, 0.0), ("sgd", "bce", 0.1, 0.5), ("adam", "bce", 0.2, 0.1)]
    curves = curves_of({"run0": [(0, 0.7), (1, 0.1), (10, 0.0)]}, "val_log_loss")
    figures = drawn(runs_of(rows, l2=[0.0, 0.1, 1e-6]), curves)
    for name in ("lr_sensitivity", "history"):
        points = next(m for m in marks_of(figures[name].complete()) if m["marktype"] == "symbol")
        assert len(points["items"]) == 3
        assert max(item["y"] for item in points["items"]) <= 300


def test_values_without_a_number_are_left_out(runs_of, drawn):
    rows = [("sgd", "bce", 0.1, NAN), ("sgd", "bce", 0.2, 0.3), ("adam", "bce", 0.3, math.inf)]
    runs = runs_of(rows, outcome=["slow", "slow", "slow"])
    figures = drawn(runs)
    assert figures["lr_sensitivity"].frame["lr"].tolist() == [0.2]


def test_an_outlier_does_not_flatten_the_rest_and_is_counted(runs_of, drawn):
    values = [*np.linspace(0.2, 0.4, 40), 1e9]
    runs = runs_of([("sgd", "bce", 0.1 + i / 100, value) for i, value in enumerate(values)])
    figures = drawn(runs.assign(l2=np.arange(41.0)))
    for name in ("lr_sensitivity", "history", "parallel"):
        assert " 1 run lies beyond the axis" in figures[name].caption, name
    points = next(m for m in marks_of(figures["history"].complete()) if m["marktype"] == "symbol")
    heights = [item["y"] for item in points["items"]]
    assert len(heights) == 40
    assert max(heights) - min(heights) > 200


@pytest.mark.parametrize(("direction", "expected"), [("minimize", "top"), ("maximize", "bottom")])
def test_diverged_runs_stand_in_a_strip_along_the_worse_edge(
    runs_of, context_of, direction, expected
):
    rows = [("sgd", "bce", 0.1, 0.2), ("sgd", "bce", 0.2, 0.4), ("sgd", "bce", 9.0, NAN)]
    context = context_of(direction=direction)
    figures = make_figures(find(runs_of(rows), NO_CURVES, context), context)
    figure = next(each for each in figures if each.name == "lr_sensitivity")
    symbols = [m for m in marks_of(figure.complete()) if m["marktype"] == "symbol"]
    crosses = next(m for m in symbols if m["items"][0].get("shape", "").startswith("M-1,-1L1"))
    (cross,) = crosses["items"]
    others = [item["y"] for item in symbols[0]["items"]]
    assert len(others) == 2
    if expected == "top":
        assert cross["y"] < min(others) - 10
    else:
        assert cross["y"] > max(others) + 10


def test_runs_without_a_setting_stand_beside_its_axis(sweep, context_of):
    runs = sweep[0].assign(**{"momentum.beta": np.linspace(0.5, 0.9, len(sweep[0]))})
    runs.loc[runs["optimizer"] != "momentum", "momentum.beta"] = NAN
    context = context_of()
    figures = make_figures(find(runs, sweep[1], context), context)
    figure = next(each for each in figures if each.name == "parallel")
    axes = [axis["field"] for axis in figure.spec["usermeta"]["axes"]]
    beta = axes.index("momentum.beta")
    lines = [m["items"] for m in marks_of(figure.complete()) if m["marktype"] == "line"]
    assert len(lines) == runs["val_log_loss"].notna().sum()
    heights = {round(line[beta]["y"]) for line in lines}
    texts = [i for m in marks_of(figure.complete()) if m["marktype"] == "text" for i in m["items"]]
    none = round(next(item["y"] for item in texts if item["text"] == "none"))
    without = runs["val_log_loss"].notna() & (runs["optimizer"] != "momentum")
    assert sum(round(line[beta]["y"]) == none for line in lines) == without.sum()
    assert none == max(heights)
    assert none - max(heights - {none}) > 20


def test_a_curve_that_peaks_far_away_is_cut_at_the_edge_with_a_sign(runs_of, curves_of, drawn):
    runs = runs_of([(f"o{i}", "bce", 0.1, 0.2 + i / 100) for i in range(9)])
    steps = [1, 2, 4, 8, 16, 32]
    falling = [(step, 0.7 / step + 0.1) for step in steps]
    points = dict.fromkeys(runs["run_id"], falling)
    points["run3"] = [(1, 0.7), (2, 1e12), *falling[2:]]
    figure = drawn(runs, curves_of(points, "val_log_loss"))["convergence_val_log_loss"]
    assert " 1 curve lies beyond the axis (arrows at its edge)." in figure.caption
    (arrow,) = (
        v for v in figure.spec["layer"] if v["mark"].get("shape", "").startswith("M-1,0.5")
    )
    assert arrow["data"]["values"] == [{"loss": "bce", "optimizer": "o3", "step": 2, "up": True}]


def test_a_curve_that_begins_beyond_the_axis_is_clipped_with_its_sign_where_it_comes_into_view(
    runs_of, curves_of, drawn
):
    runs = runs_of([(f"o{i}", "bce", 0.1, 0.2 + i / 100) for i in range(9)])
    steps = [1, 2, 4, 8, 16, 32]
    falling = [(step, 0.7 / step + 0.1) for step in steps]
    points = dict.fromkeys(runs["run_id"], falling)
    points["run3"] = [(1, 900.0), (2, 800.0), (4, 700.0), (8, 0.3), (16, 0.2), (32, 0.15)]
    figure = drawn(runs, curves_of(points, "val_log_loss"))["convergence_val_log_loss"]
    (arrow,) = (
        v for v in figure.spec["layer"] if v["mark"].get("shape", "").startswith("M-1,0.5")
    )
    assert arrow["data"]["values"] == [{"loss": "bce", "optimizer": "o3", "step": 4, "up": True}]
    line = next(v for v in figure.spec["layer"] if v.get("name") == "curve_0")
    assert line["mark"]["clip"]
    curves = [m["items"] for m in marks_of(figure.complete()) if m["marktype"] == "line"]
    (far,) = (
        c for c in curves if c and c[0]["y"] < -100
    )  # far above the view, not along its edge
    assert all(point["y"] < -100 for point in far[:3])
    assert all(point["y"] > 0 for point in far[3:])


def test_twelve_methods_differ_without_their_color():
    methods = Methods.of([f"o{i:02}" for i in range(12)])
    for look in (methods.dash(), methods.shape()):
        assert len({str(each) for each in look["scale"]["range"]}) == 12


def test_a_logarithmic_axis_that_outliers_shorten_has_marks_enough_to_be_read():
    for low, high in ((0.45, 0.86), (0.6, 1.9), (0.42, 1.7), (1e-6, 1.0), (0.02, 0.09)):
        marks = Axis("log", low, high, low, high).marks()
        assert len(marks) >= 4
        assert all(low <= mark <= high for mark in marks)


def test_the_legend_of_the_profile_lists_the_optimizers_that_have_a_line():
    methods = Methods.of(["sgd", "adam", "rmsprop"])
    frame = pd.DataFrame({"optimizer": ["adam", "sgd"], "ratio": [1.0, 2.0], "share": [0.5, 1.0]})
    spec = profile_spec(methods, frame)
    for look in ("color", "strokeDash"):
        assert spec["layer"][0]["encoding"][look]["legend"]["values"] == ["sgd", "adam"]
