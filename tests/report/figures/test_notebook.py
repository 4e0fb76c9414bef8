"""A figure in a notebook, and as a file."""

from __future__ import annotations

import altair
import pytest

from lrlab.report import build_report, find
from lrlab.report.figures.pictures import render_png, render_svg
from lrlab.report.figures.registry import make_figures


def test_a_figure_of_more_runs_than_altair_allows_shows_itself(sweep_of, context_of):
    runs, curves = sweep_of(5100, points=3)
    context = context_of()
    found = find(runs, curves, context)
    figure = next(each for each in make_figures(found, context) if each.name == "history")
    before = (altair.data_transformers.active, altair.theme.active, altair.renderers.active)
    shown = figure._repr_mimebundle_()
    bundle = shown[0] if isinstance(shown, tuple) else shown
    assert any("vega" in kind or "html" in kind for kind in bundle)
    assert before == (
        altair.data_transformers.active,
        altair.theme.active,
        altair.renderers.active,
    )
    spec = figure.chart.properties(title="mine").to_dict()
    assert spec["title"] == "mine"
    assert len(spec["datasets"]["runs"]) == len(figure.frame) == 5100
    assert spec["config"]["background"] == "#ffffff"


def test_a_name_that_no_figure_or_table_has_is_told_with_those_that_are_there(report):
    with pytest.raises(KeyError, match="there is no 'heatmap'; did you mean 'heat_map'"):
        report.figures["heatmap"]
    with pytest.raises(KeyError, match=r"there is no 'zzz'; known: .*summary"):
        report.tables["zzz"]
    assert report.figures.get("heatmap") is None


def test_a_run_is_a_link_to_its_page_and_never_a_script(report, context_of, sweep):
    links = {run: f"http://host/#/runs/{run}" for run in sweep[0]["run_id"]}
    links["run1"] = "javascript:alert(1)"
    figure = build_report(*sweep, context_of(run_links=links)).figures["history"]
    svg = render_svg(figure).decode()
    assert 'href="http://host/#/runs/run0"' in svg
    assert "javascript:" not in svg
    assert "href=" not in render_svg(report.figures["history"]).decode()


def test_pictures_are_sharp_and_in_either_theme(report):
    figure = report.figures["importance"]
    light, dark = (render_png(figure, theme) for theme in ("light", "dark"))
    assert light != dark
    width = int.from_bytes(light[16:20], "big")
    assert width > 2 * 600
    assert render_png(figure) == light
    assert b'fill="#15181c"' in render_svg(figure, "dark")
