"""What holds for every figure: a valid specification, drawn without a warning, told in words."""

from __future__ import annotations

import subprocess
import sys

import vl_convert

from lrlab.report.figures.records import records
from lrlab.report.figures.style import COLORS, config
from vega import as_json, views


def test_every_figure_is_valid_vega_lite(figures, vega_lite):
    for figure in figures.values():
        vega_lite.validate(as_json(figure.specification()))
        vega_lite.validate(as_json(figure.complete("dark")))


def test_the_validator_finds_what_is_wrong(figures, vega_lite):
    wrong = as_json(figures["lr_sensitivity"].specification()) | {"width": {"no": "width"}}
    assert not vega_lite.is_valid(wrong)


def test_every_figure_is_drawn_without_a_warning(figures, capfd):
    for figure in figures.values():
        svg = vl_convert.vegalite_to_svg(
            figure.complete(), allowed_base_urls=[], show_warnings=True
        )
        assert svg.startswith("<svg")
        assert capfd.readouterr().err == "", figure.name


def test_every_figure_has_numbers_and_words(figures):
    for name, figure in figures.items():
        assert figure.name == name
        assert not figure.frame.empty
        for text in (figure.caption, figure.alt):
            assert text.endswith(".")
            assert "  " not in text
            assert "nan" not in text.split()
        assert not figure.title.endswith(".")
        assert figure.follows in ("", "run", "method", "optimizer")


def test_a_method_has_one_color_and_one_place_in_all_figures(figures, scene):
    looks = set()
    for figure in figures.values():
        for view in views(figure.specification()):
            color = view.get("encoding", {}).get("color", {})
            if color.get("field") == "optimizer":
                looks.add((*color["scale"]["domain"], *color["scale"]["range"]))
    assert len(looks) == 1
    (look,) = looks
    names = list(scene.found.summary["optimizer"].unique())
    assert list(look[: len(names)]) == names
    assert dict(zip(sorted(names), COLORS, strict=False)) == dict(
        zip(names, look[len(names) :], strict=True)
    )


def test_runs_are_shared_and_complete(figures, scene):
    runs = scene.found.runs
    for figure in figures.values():
        for name, frame in figure.datasets.items():
            assert name == "runs"
            rows = records(frame)
            assert [row["id"] for row in rows] == runs["run_id"].tolist()
            assert [row["run"] for row in rows] == list(range(len(runs)))


def test_colors_of_ink_and_paper_come_from_the_theme_alone(figures):
    for figure in figures.values():
        spec = figure.specification()
        assert "config" not in spec
        assert "background" not in spec
    assert config("light")["background"] != config("dark")["background"]


def test_nothing_of_altair_is_imported_before_a_chart_is_asked_for():
    code = (
        "import sys, lrlab.report, lrlab.report.figures.registry;"
        "sys.exit(bool({'altair', 'vl_convert', 'matplotlib'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_small_multiples_have_the_same_order_of_losses_in_every_figure(figures, scene):
    for figure in figures.values():
        titles = [view["title"] for view in figure.spec.get("concat", [])]
        assert titles == [loss for loss in scene.losses if loss in titles]
