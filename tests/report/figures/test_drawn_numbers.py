"""The numbers that a figure draws are those of its frame, and these are right."""

from __future__ import annotations

import json
import math

import numpy as np
import pandas as pd
import pytest

from lrlab.report import find
from lrlab.report.analysis.statistics import performance_profile
from lrlab.report.figures.axes import Axis
from lrlab.report.figures.profile import long_profile
from lrlab.report.figures.records import lines, records, thinned
from lrlab.report.figures.registry import make_figures
from vega import as_json, marks_of


@pytest.fixture(scope="module")
def made(sweep, context_of):
    """The figures of a made-up sweep with an outlier."""
    runs = sweep[0].copy()
    runs.loc[0, "val_log_loss"] = 1e6
    context = context_of()
    found = find(runs, sweep[1], context)
    return runs, {figure.name: figure for figure in make_figures(found, context)}


def points(figure, name: str, along: list[str]) -> pd.DataFrame:
    """A named line data set of a figure, one row a point."""
    rows = as_json(figure.specification())["datasets"][name]
    return pd.DataFrame(rows).explode(along, ignore_index=True)


def test_medians_along_the_learning_rate_are_those_of_pandas(made):
    runs, figures = made
    drawn = pd.DataFrame(as_json(figures["lr_sensitivity"].specification())["datasets"]["medians"])
    held = runs[runs["outcome"] != "diverged"]
    half_decade = (np.log10(held["lr"]) * 2).round()
    expected = held.groupby([held["loss"], held["optimizer"], half_decade])[
        "val_log_loss"
    ].median()
    assert drawn["value"].to_numpy() == pytest.approx(expected.to_numpy(), rel=1e-5)


def test_a_run_is_drawn_at_its_learning_rate_and_objective(made):
    runs, figures = made
    figure = figures["history"]
    spec = figure.complete()
    objective, place = (spec["layer"][0]["encoding"][channel] for channel in "yx")
    drawn = next(m["items"] for m in marks_of(spec) if m["marktype"] == "symbol")
    low, high = np.log(objective["scale"]["domain"])
    first, last = place["scale"]["domain"]
    seen = runs[(runs["outcome"] != "diverged") & (runs["val_log_loss"] < 1e5)]
    x = (seen["trial"] - first) / (last - first) * spec["width"]
    y = (1 - (np.log(seen["val_log_loss"]) - low) / (high - low)) * spec["height"]
    assert [item["x"] for item in drawn] == pytest.approx(x.tolist(), abs=0.01)
    assert [item["y"] for item in drawn] == pytest.approx(y.tolist(), abs=0.01)


def test_curves_are_those_of_the_best_trial_of_each_pair(made, sweep):
    runs, figures = made
    drawn = points(figures["convergence_val_log_loss"], "curves", ["step", "value"])
    best = runs.loc[runs.groupby(["loss", "optimizer"])["val_log_loss"].idxmin(), "run_id"]
    curves = sweep[1][(sweep[1]["metric"] == "val_log_loss") & sweep[1]["run_id"].isin(best)]
    curves = curves.assign(trial=curves["run_id"].map(runs.set_index("run_id")["trial"]))
    columns = ["trial", "step"]
    expected = curves.sort_values(columns)["value"].to_numpy()
    found = drawn.astype({"value": float, "step": int}).sort_values(columns)["value"].to_numpy()
    assert found == pytest.approx(expected, rel=1e-5)


def test_the_heat_map_has_the_lowest_objective_of_each_pair(made):
    runs, figures = made
    cells = pd.DataFrame(as_json(figures["heat_map"].specification())["datasets"]["cells"])
    expected = runs.groupby(["optimizer", "loss"])["val_log_loss"].min()
    found = cells.set_index(["optimizer", "loss"])["best"].reindex(expected.index)
    assert found.to_numpy() == pytest.approx(expected.to_numpy(), rel=1e-5)


def test_the_best_so_far_is_the_running_minimum(made):
    runs, figures = made
    drawn = pd.DataFrame(as_json(figures["history"].specification())["datasets"]["best"])
    expected = runs.set_index("trial")["val_log_loss"].cummin().ffill()
    assert drawn["best_so_far"].tolist() == pytest.approx(
        expected.loc[drawn["trial"]].tolist(), rel=1e-5
    )
    assert set(drawn["best_so_far"].round(5)) == set(expected.round(5))


def test_gaps_are_medians_and_quartiles_over_the_seeds_of_the_fastest_trial(figures, scene):
    found = scene.found
    drawn = points(figures["gaps"], "gaps", ["step", "low", "median", "high"])
    rows = {run_id: i for i, run_id in enumerate(found.gaps.run_ids)}
    for (loss, optimizer), own in drawn.groupby(["loss", "optimizer"]):
        fastest = found.fastest
        (trial,) = fastest.index[(fastest[["loss", "optimizer"]] == (loss, optimizer)).all(axis=1)]
        seeds = found.runs.loc[found.runs["trial"] == trial, "run_id"]
        curves = found.gaps.gap[[rows[run_id] for run_id in seeds]]
        at = np.searchsorted(found.gaps.steps, own["step"].astype(float))
        for name, share in (("low", 25), ("median", 50), ("high", 75)):
            expected = np.percentile(curves[:, at], share, axis=0).clip(1e-16)
            assert own[name].astype(float).to_numpy() == pytest.approx(expected, rel=1e-5)


def test_a_profile_has_one_point_an_optimizer_and_factor():
    costs = pd.DataFrame({"sgd": [10.0, 40.0, math.nan], "adam": [20.0, 20.0, 5.0]})
    frame = long_profile(performance_profile(costs, np.array([1.0, 2.0])))
    expected = [("adam", 1, 2 / 3), ("adam", 2, 1), ("sgd", 1, 1 / 3), ("sgd", 2, 2 / 3)]
    assert list(frame.itertuples(index=False, name=None)) == expected


def test_places_on_an_axis_are_those_that_vega_computes(made):
    _, figures = made
    spec = figures["parallel"].complete()
    axes = spec["usermeta"]["axes"]
    order = figures["parallel"].datasets["runs"]["id"].str[-8:].tolist()
    frame = figures["parallel"].frame.sort_values("run", key=lambda c: c.map(order.index))
    drawn = [m["items"] for m in marks_of(spec) if m["marktype"] == "line"]
    low, high = spec["layer"][0]["encoding"]["y"]["scale"]["domain"]
    for i, axis in enumerate(axes):
        values = frame[axis["field"]]
        if "names" in axis:
            places = values.map(axis["names"].index).to_numpy() + 0.5
            places = places / len(axis["names"])
        else:
            straight = np.log10 if axis["kind"] == "log" else np.asarray
            ends = straight(np.array([axis["low"], axis["high"]]))
            held = straight(values.clip(axis["low"], axis["high"]).to_numpy())
            places = (held - ends[0]) / (ends[1] - ends[0])
        expected = (1 - (places - low) / (high - low)) * spec["height"]
        assert [line[i]["y"] for line in drawn] == pytest.approx(expected.tolist(), abs=0.01)


def test_records_have_six_digits_and_nothing_that_json_lacks():
    frame = pd.DataFrame({"a": [1 / 3, math.nan, -math.inf, 1e-300, 0.0], "b": [1, 2, 3, 4, 5]})
    found = records(frame)
    assert [row["a"] for row in found] == [0.333333, None, None, 1e-300, 0.0]
    assert json.dumps(found, allow_nan=False)


def test_a_line_of_many_points_is_thinned_evenly_on_a_logarithmic_axis_with_both_ends():
    frame = pd.DataFrame({"line": ["a"] * 100_000 + ["b"] * 3, "step": [*range(100_000), 0, 1, 2]})
    thin = thinned(frame, ["line"])
    steps = thin.loc[thin["line"] == "a", "step"].to_numpy()
    assert len(steps) <= 120
    assert (steps[0], steps[-1]) == (0, 99_999)
    assert (np.diff(np.log(steps[40:] + 1)) < 0.12).all()
    assert (thin["line"] == "b").sum() == 3
    assert [len(line["step"]) for line in lines(thin, ["line"], ["step"])] == [len(steps), 3]


@pytest.mark.parametrize(
    ("values", "log", "kind"),
    [
        ([0.1, 10.0], True, "log"),
        ([0.1, 0.2], True, "linear"),
        ([0.0, 0.1, 10.0], True, "symlog"),
        ([-1.0, 10.0], True, "linear"),
        ([0.1, 10.0], False, "linear"),
        ([5.0], True, "linear"),
        ([math.nan, math.inf], True, "linear"),
    ],
)
def test_an_axis_is_logarithmic_where_the_values_allow_it(values, log, kind):
    axis = Axis.of(values, log=log)
    assert axis.kind == kind
    assert axis.low < axis.high
    finite = [value for value in values if math.isfinite(value)]
    assert all(axis.low <= value <= axis.high for value in finite)
    assert all(axis.low <= mark <= axis.high for mark in axis.marks())


@pytest.mark.parametrize("log", [False, True])
def test_the_strip_for_runs_that_diverged_is_a_share_of_the_axis(log):
    axis = Axis.of([0.1, 10.0, 100.0], log=log)
    straight = np.log10 if log else np.asarray
    for up in (True, False):
        wide = axis.with_strip(0.1, up=up)
        first, low, high, last = straight(np.array([wide.first, wide.low, wide.high, wide.last]))
        free = (last - high) if up else (low - first)
        assert free / (last - first) == pytest.approx(0.1)
