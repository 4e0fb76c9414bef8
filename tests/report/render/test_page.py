"""The page and the files of a report."""

from __future__ import annotations

import dataclasses
import json
import math
import re
from html.parser import HTMLParser

import pandas as pd
import pytest

from lrlab.errors import UserError
from lrlab.report import build_report, write_report
from lrlab.report.context import safe_link
from lrlab.report.render.bundle import bundle
from lrlab.report.render.tables import frame_rows

NAN = math.nan
NO_CURVES = pd.DataFrame(columns=["run_id", "step", "metric", "value"])
VOID = {"meta", "img", "br", "link", "input", "hr"}
EVIL = """<script>alert("x")</script>'&amp;"""


class Page(HTMLParser):
    """Checks that tags nest, and gathers what the tests look at."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.rows: list[list[str]] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] not in ("script", "style"):
            self.text.append(data)
        if "td" in self.open or "th" in self.open:
            self.rows[-1][-1] += data.strip()

    @property
    def words(self) -> str:
        return " ".join(" ".join(self.text).split())

    @property
    def links(self) -> list[str]:
        """Addresses, without those of the page's own parts."""
        return [link for link in self.attributes("a", "href") if not (link or "").startswith("#")]

    def attributes(self, tag: str, name: str) -> list[str | None]:
        return [attrs[name] for found, attrs in self.tags if found == tag and name in attrs]


def test_the_page_answers_first_and_then_shows_table_figures_runs_spec_and_facts(sweep, report):
    runs, _ = sweep
    page = Page(report.html)
    sections = [attrs["id"] for tag, attrs in page.tags if tag == "section"]
    assert sections == [
        "answer", "summary", "figures", "optimizers", "held_out", "endings", "runs",
        "all-runs", "spec", "facts",
    ]  # fmt: skip
    first = report.summary.iloc[0]
    setting = f"{first['optimizer']} with loss {first['loss']}, lr {first['best_lr']:.3g}"
    assert f"Best setting: {setting}" in page.words
    assert f"Its log loss is {first['best']:#.4g} on the rows that chose it" in page.words
    lost = int((runs["outcome"] == "diverged").sum())
    assert f"60 runs: {60 - lost} converged" in page.words
    assert f"{lost} diverged" in page.words
    assert "at most 1,000 steps" in page.words


def test_every_figure_has_a_caption_and_an_alternative_text(report):
    page = Page(report.html)
    assert list(report.figures) == [
        "lr_sensitivity",
        "heat_map",
        "tunability",
        "convergence_val_log_loss",
        "convergence_train_objective",
        "importance",
        "parallel",
        "history",
    ]
    charts = [dict(attrs) for _, attrs in page.tags if dict(attrs).get("role") == "img"]
    assert [chart["aria-label"] for chart in charts] == [f.alt for f in report.figures.values()]
    assert all(len(chart["aria-label"] or "") > 40 for chart in charts)
    assert sum(tag == "figcaption" for tag, _ in page.tags) == 8


def test_nothing_on_the_page_is_loaded_from_elsewhere(report):
    page = Page(report.html)
    outside = ("link", "iframe", "object", "embed", "img")
    assert not [tag for tag, _ in page.tags if tag in outside]
    assert page.attributes("script", "src") == page.links == []
    scripts = bundle()
    assert "url(" not in report.html.replace(scripts, "")
    (policy,) = (p for p in page.attributes("meta", "content") if "default-src" in (p or ""))
    assert "default-src 'none'" in (policy or "")


def test_names_that_hold_markup_are_shown_and_not_run(runs_of, context_of):
    runs = runs_of([(EVIL, EVIL, 0.1, 0.2), ("sgd", EVIL, 0.1, 0.3)], run_id=[EVIL, "b"])
    runs["evil.<b>"] = 1.0
    context = context_of(
        title=EVIL,
        data=EVIL,
        spec_yaml=f"name: {EVIL}",
        facts={EVIL: EVIL},
        run_links={EVIL: f"http://localhost/{EVIL}", "b": "javascript:alert(1)"},
    )
    report = build_report(runs, NO_CURVES, context)
    assert "<script>alert" not in report.html
    assert "javascript:" not in report.html
    page = Page(report.html)
    assert [dict(attrs).get("type") for tag, attrs in page.tags if tag == "script"] == [
        None, "application/json", None, None,
    ]  # fmt: skip
    assert not any(tag == "b" for tag, _ in page.tags)
    assert page.words.count(EVIL) >= 6
    assert page.links == [f"http://localhost/{EVIL}"]


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("https://x/run", "https://x/run"),
        ("HTTP://x", "HTTP://x"),
        ("javascript:alert(1)", None),
        (" javascript:alert(1)", None),
        ("data:text/html,x", None),
        (None, None),
    ],
)
def test_only_addresses_of_web_pages_become_links(address, expected):
    assert safe_link(address) == expected


def test_runs_are_linked_where_they_have_an_address(runs_of, context_of):
    runs = runs_of([("sgd", "bce", 0.1, 0.2), ("sgd", "bce", 0.2, 0.3)])
    links = {"run0": "http://localhost:5000/run0", "run1": None}
    page = Page(build_report(runs, NO_CURVES, context_of(run_links=links)).html)
    assert page.links == ["http://localhost:5000/run0"]
    assert page.attributes("a", "rel") == ["noopener noreferrer"]


def test_the_best_twenty_runs_are_listed_in_order(sweep, report):
    runs, _ = sweep
    page = Page(report.html)
    start = next(i for i, row in enumerate(page.rows) if row[0] == "run")
    best = runs.sort_values("val_log_loss")["run_id"].head(20).tolist()
    assert [row[0] for row in page.rows[start + 1 :]] == best
    assert "replicate" not in page.rows[start]
    assert "momentum.beta\u00a00.9" in {row[-1] for row in page.rows[start + 1 :]}


def test_what_was_searched_stands_beside_the_learning_rate_in_every_table(runs_of, context_of):
    runs = runs_of(
        [("sgd", "bce", 0.1, 0.2), ("adam", "bce", 0.2, 0.3), ("adam", "bce", 0.3, 0.4)]
    )
    runs = runs.assign(l2=[0.5, 0.25, 0.125], **{"adam.beta1": [NAN, 0.9, 0.8], "adam.eps": 1e-8})
    report = build_report(runs, NO_CURVES, context_of())
    rows = Page(report.html).rows
    pair = next(row for row in rows if row[0] == "optimizer")
    assert pair[4:7] == ["best lr", "best l2", "hyperparameters"]
    assert [row[4:7] for row in rows[1:3]] == [
        ["0.1", "0.5", ""],
        ["0.2", "0.25", "adam.beta1\u00a00.9"],
    ]
    start = next(i for i, row in enumerate(rows) if row[0] == "run")
    assert rows[start][4:7] == ["lr", "l2", "hyperparameters"]
    assert rows[start + 2][4:7] == ["0.2", "0.25", "adam.beta1\u00a00.9"]
    assert report.summary["best_l2"].tolist() == [0.5, 0.25]
    shown = json.loads(re.search(r'id="data">(.*?)</script>', report.html)[1])["runs"]["shown"]
    names = [column["name"] for column in shown]
    assert names[names.index("lr") :][:3] == ["lr", "l2", "adam.beta1"]


def test_of_a_wide_table_paper_gets_the_columns_that_the_note_explains():
    frame = pd.DataFrame({f"column_{i}_of_the_table": [0.5] for i in range(12)})
    frame = frame.assign(stable_lr=0.1, expected_best_10=0.2)
    table = frame_rows("Wide", frame, "Text. stable lr: 2/L; expected best of k: of k trials.")
    printed = [column.title for column in table.columns if column.printed]
    assert printed[:3] == [f"column {i} of the table" for i in range(3)]
    assert printed[-2:] == ["stable lr", "expected best of 10"]


def test_columns_carry_what_they_sort_by_and_say_how_they_are_sorted(report, high_report):
    page = Page(report.html)
    assert page.attributes("th", "aria-sort") == ["ascending", "ascending"]
    keys = page.attributes("td", "data-key")
    assert float(keys[0] or "") == report.summary["best"].iloc[0]
    page = Page(high_report.html)
    assert page.attributes("th", "aria-sort") == ["descending", "descending"]


def test_maximizing_names_the_highest_and_shows_its_curve(sweep, high_report):
    highest = sweep[0]["val_accuracy"].max()
    assert f"Its accuracy is {highest:#.4g} on the rows" in Page(high_report.html).words
    assert "convergence_val_accuracy" in high_report.figures
    assert high_report.summary["best"].iloc[0] == sweep[0]["val_accuracy"].max()


@pytest.mark.parametrize("runs", [pd.DataFrame(), pd.DataFrame(columns=["run_id", "lr"])])
def test_a_sweep_without_runs_still_has_a_page(runs, context_of):
    report = build_report(runs, pd.DataFrame(), context_of())
    page = Page(report.html)
    assert "There are no runs yet." in page.words
    assert "name: a sweep" in page.words
    assert report.figures == {}
    assert not [tag for tag, _ in page.tags if tag == "table"]


def test_if_all_runs_diverged_the_page_says_so_and_what_to_try(runs_of, context_of):
    runs = runs_of([("sgd", "bce", 5.0, NAN), ("adam", "bce", 9.0, NAN)])
    report = build_report(runs, NO_CURVES, context_of())
    words = Page(report.html).words
    assert "Both runs diverged, even at the lowest learning rate, 5; try lower ones." in words
    assert "2 runs: 2 diverged (100%)." in words
    assert list(report.figures) == ["lr_sensitivity"]


def test_if_no_run_has_a_finite_objective_the_page_names_no_best(runs_of, context_of):
    runs = runs_of([("sgd", "bce", 0.1, NAN)], outcome="slow")
    report = build_report(runs, NO_CURVES, context_of())
    assert "No trial has a finite val_log_loss" in Page(report.html).words
    assert report.figures == {}


def test_a_single_run_is_reported_without_comparisons(sweep_of, context_of):
    runs, curves = sweep_of(1)
    report = build_report(runs, curves, context_of())
    words = Page(report.html).words
    assert "A single run cannot be compared with anything." in words
    assert "next best" not in words
    assert "heat_map" not in report.figures


@pytest.mark.parametrize(
    ("optimizers", "losses"),
    [
        (("sgd",), ("bce", "hinge")),
        (("sgd", "adam"), ("bce",)),
        (tuple(f"o{i}" for i in range(12)), tuple(f"l{i}" for i in range(9))),
    ],
)
def test_a_report_can_be_made_of_any_number_of_optimizers_and_losses(
    sweep_of, context_of, optimizers, losses
):
    runs, curves = sweep_of(200, optimizers, losses, 6)
    report = build_report(runs, curves, context_of())
    assert set(report.summary["optimizer"]) == set(optimizers)
    assert len(report.figures) == 8


def test_a_sweep_of_one_learning_rate_makes_no_claim_about_it(runs_of, context_of):
    runs = runs_of([("sgd", "bce", 0.1, 0.2), ("adam", "bce", 0.1, 0.3)] * 2)
    words = Page(build_report(runs, NO_CURVES, context_of()).html).words
    assert "depends least" not in words
    assert "end of the range tried" not in words


@pytest.mark.parametrize(("lr", "end"), [(10.0, "high"), (0.01, "low"), (0.3, None)])
def test_a_best_learning_rate_at_the_end_of_the_range_is_pointed_out(runs_of, context_of, lr, end):
    rows = [("sgd", "bce", x, 0.2 if x == lr else 0.3) for x in (0.01, 0.3, 10.0)]
    words = Page(build_report(runs_of(rows), NO_CURVES, context_of()).html).words
    if end is None:
        assert "end of the range tried" not in words
    else:
        assert f"at the {end} end of the range tried (0.01 to 10)" in words


def test_a_sweep_of_several_seeds_lists_its_trials_with_their_means(runs_of, context_of):
    rows = [("sgd", "bce", 0.1, 0.2), ("sgd", "bce", 0.1, 0.24)]
    rows += [("adam", "bce", 0.1, 0.22), ("adam", "bce", 0.1, 0.26)]
    runs = runs_of(rows, trial=[0, 0, 1, 1], replicate=[0, 1, 0, 1])
    page = Page(build_report(runs, NO_CURVES, context_of()).html)
    listed = [row for row in page.rows if "run0" in row or "run2" in row]
    assert ["0.2200" in row for row in listed] == [True, False]
    assert ["0.2400" in row for row in listed] == [False, True]


def test_without_rows_that_judge_the_page_compares_nothing(runs_of, context_of):
    runs = runs_of([("sgd", "bce", 0.1, 0.2), ("adam", "bce", 0.1, 0.3)])
    words = Page(build_report(runs, NO_CURVES, context_of()).html).words
    assert "The best setting, optimizers and losses are not judged: the data are missing" in words
    assert "worse" not in words.split("Optimizer by loss")[0].replace("expect a worse one", "")


def test_a_report_without_curves_has_the_other_figures(sweep, context_of):
    runs, _ = sweep
    report = build_report(runs, NO_CURVES, context_of())
    assert list(report.figures) == [
        "lr_sensitivity", "heat_map", "tunability", "importance", "parallel", "history",
    ]  # fmt: skip


def test_an_objective_that_the_runs_lack_is_an_error(sweep_of, context_of):
    with pytest.raises(UserError, match="no column 'speed'"):
        build_report(*sweep_of(), context_of(objective="speed"))


def test_a_report_of_three_hundred_runs_stays_below_two_megabytes(sweep_of, context_of):
    optimizers = ("sgd", "adam", "momentum", "rmsprop", "adagrad")
    runs, curves = sweep_of(300, optimizers, ("bce", "hinge", "focal", "squared"), 60)
    assert len(build_report(runs, curves, context_of()).html) < 2_000_000


def test_the_same_frames_give_the_same_report(sweep_of, context_of):
    runs, curves = sweep_of(20)
    first, second = (build_report(runs, curves, context_of()) for _ in range(2))
    assert first.html == second.html


def test_a_report_cannot_be_changed(report):
    with pytest.raises(dataclasses.FrozenInstanceError):
        report.html = ""


def test_writing_puts_page_tables_and_figures_into_a_new_folder(sweep, report, tmp_path):
    runs, _ = sweep
    folder = tmp_path / "deep" / "report"
    paths = write_report(report, folder)
    tables = [f"{name}.csv" for name in report.tables]
    assert [path.name for path in paths[: len(tables) + 1]] == ["report.html", *tables]
    assert tables[:2] == ["runs.csv", "summary.csv"]
    assert [path.name for path in paths[len(tables) + 1 :]] == ["verdict.json"]
    assert set(folder.iterdir()) == set(paths)
    assert (folder / "report.html").read_text(encoding="utf-8") == report.html
    pd.testing.assert_frame_equal(pd.read_csv(folder / "summary.csv"), report.summary)
    pd.testing.assert_frame_equal(pd.read_csv(folder / "runs.csv"), runs, check_dtype=False)


def test_figures_are_files_only_when_asked_for(report, tmp_path):
    few = dataclasses.replace(report, figures={"history": report.figures["history"]})
    paths = write_report(few, tmp_path, ("png", "svg"))
    assert [path.name for path in paths] == ["history.png", "history.svg", "verdict.json"]
    assert paths[0].read_bytes().startswith(b"\x89PNG")
    assert paths[1].read_text(encoding="utf-8").startswith("<svg")


def test_writing_twice_replaces_the_files(report, tmp_path):
    first = {path.name: path.read_bytes() for path in write_report(report, tmp_path)}
    second = {path.name: path.read_bytes() for path in write_report(report, tmp_path)}
    assert first == second
