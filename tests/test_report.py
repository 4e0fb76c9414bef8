"""The report end to end: sweeps through the command line, read back from the store."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from lrlab import track
from lrlab.errors import UserError
from lrlab.report import across_report, build_report, compare_sweeps
from lrlab.report.inputs import report_input
from lrlab.report.text.record import verdict_document, verdict_of
from lrlab.spec import make_spec
from lrlab.sweep import run_sweep

pytestmark = pytest.mark.usefixtures("unpainted")
GRID = np.round(np.geomspace(0.5, 16, 11), 6).tolist()  # of factor 1.41
SUITE: dict[str, Any] = {
    "name": "suite",
    "problems": {"easy": {"source": "blobs", "noise": 0.1}, "three": {"features": 3}},
    "train": {"steps": 150, "l2": 0.01},
    "search": {
        "sampler": "grid",
        "replicates": 6,
        "space": {"optimizer": ["sgd", "adam"], "loss": ["bce", "hinge"], "lr": [0.01, 1]},
    },
}


@pytest.fixture
def suite(workdir: Path, cli: Any) -> Path:
    (workdir / "suite.yaml").write_text(yaml.safe_dump(SUITE))
    done = cli("sweep", "suite.yaml", "--workers", "0")
    assert done.code == 0
    assert "All problems together: lrlab report suite-easy suite-three" in done.out
    return workdir


def test_a_suite_is_swept_and_reported_one_by_one_and_together(suite: Path, cli: Any) -> None:
    done = cli("report", "suite-easy", "-o", "one", "--format", "json", "--format", "parquet")
    assert done.code == 0
    assert "Best setting: " in done.out
    found = json.loads((suite / "one" / "report.json").read_text())
    verdict = verdict_of((suite / "one" / "verdict.json").read_text())
    assert found["verdict"] == verdict_document(verdict)
    assert {"runs", "optimizers", "losses", "objectives"} <= set(found["tables"])
    runs = pd.read_parquet(suite / "one" / "runs.parquet")
    assert len(runs) == len(found["tables"]["runs"]) == 2 * 2 * 2 * 6
    assert not list((suite / "one").glob("*.png"))

    done = cli("report", "suite-easy", "suite-three", "-o", "both", "--json")
    assert done.code == 0
    told = json.loads(done.out)
    assert told["sweep"] == ["suite-easy", "suite-three"]
    assert "Optimizers, on 2 data sets, each at its best setting there:" in " ".join(
        told["verdict"]["paragraphs"]
    )
    assert (suite / "both" / "report.html").is_file()
    across = pd.read_csv(suite / "both" / "across_optimizers.csv")
    assert set(across["verdict"]) <= {"best", "tied", "worse"}
    assert across.groupby("sweep")["ratio"].min().tolist() == [1, 1]

    assert cli("report", "suite-easy", "suite-easy").code == 2


def test_the_markdown_names_only_files_that_are_there(suite: Path, cli: Any) -> None:
    svg = cli("report", "suite-easy", "-o", "pictures", "--format", "svg")
    written = len(list(Path("pictures").iterdir()))
    assert f"Report: {written} files in file://" in svg.out
    assert svg.out.rstrip().endswith("/pictures")
    assert cli("report", "suite-easy", "-o", "md", "--format", "md").code == 0
    text = (suite / "md" / "report.md").read_text()
    names = [
        line.rpartition("](")[2].rstrip(")") for line in text.splitlines() if line[:2] == "!["
    ]
    assert len(names) > 5
    assert all((suite / "md" / name).is_file() for name in names)
    assert "| optimizer |" in text


def test_a_suite_in_json_is_one_document(workdir: Path, cli: Any) -> None:
    (workdir / "suite.yaml").write_text(yaml.safe_dump(SUITE))
    done = cli("sweep", "suite.yaml", "--dry-run", "--json")
    assert [plan["spec"]["name"] for plan in json.loads(done.out)] == ["suite-easy", "suite-three"]


def test_what_one_sweep_did_not_try_is_not_compared_across_sweeps(workdir: Path) -> None:
    store = track.connect(None)
    inputs = {}
    for name, optimizers in (("first", ["sgd", "adam"]), ("second", ["sgd", "momentum"])):
        space = {"optimizer": optimizers, "loss": "bce_logits", "lr": [0.1, 1]}
        search = {"sampler": "grid", "replicates": 6, "space": space}
        train = {"steps": 100, "l2": 0.1}
        run_sweep(make_spec({"name": name, "train": train, "search": search}))
        inputs[name] = report_input(store, track.find_sweep(store, name))
    found = compare_sweeps(inputs)
    assert list(found.costs.columns) == ["sgd"]
    report = across_report(inputs)
    across = " ".join((*report.words.paragraphs, report.words.remarks[0]))
    assert not report.words.paragraphs[0].startswith("Optimizers")
    assert "–" not in across
    other = replace(inputs["second"][2], objective="val_auc")
    inputs["second"] = (*inputs["second"][:2], other)
    with pytest.raises(UserError, match="different objectives"):
        across_report(inputs)


@pytest.mark.parametrize("loss", ["bce_logits", "squared_hinge"])
def test_gradient_descent_breaks_within_one_grid_step_of_two_over_l(
    workdir: Path, loss: str
) -> None:
    spec = {
        "name": "limit",
        "data": {"noise": 0.05},
        "train": {"steps": 3000, "l2": 0.01, "dtype": "float64"},
        "search": {"sampler": "grid", "space": {"optimizer": "sgd", "loss": loss, "lr": GRID}},
    }
    if loss == "squared_hinge":
        spec["search"]["space"]["lr"] = [lr / 10 for lr in GRID]  # type: ignore[index]
    run_sweep(make_spec(spec))
    store = track.connect(None)
    made = build_report(*report_input(store, track.find_sweep(store, "limit")))
    (row,) = made.tables["stable_lr"].to_dict("records")
    step = GRID[1] / GRID[0]
    assert row["largest_stable"] < row["smallest_unstable"]
    assert row["largest_stable"] / step <= row["limit"] <= row["smallest_unstable"] * step
    assert row["safe"] <= row["smallest_unstable"]


def test_data_that_are_gone_leave_the_optimum_that_the_sweep_recorded(
    workdir: Path, cli: Any
) -> None:
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.normal(size=(80, 2)), columns=["a", "b"])
    table["y"] = (table["a"] + rng.normal(size=80) > 0).astype(int)
    table.to_csv(workdir / "t.csv", index=False)
    spec = {
        "name": "gone",
        "data": {"source": "csv", "path": "t.csv", "target": "y"},
        "train": {"steps": 50, "l2": 0.1},
        "search": {"trials": 4, "sampler": "random"},
    }
    (workdir / "gone.yaml").write_text(yaml.safe_dump(spec))
    assert cli("sweep", "gone.yaml").code == 0
    assert cli("report", "gone", "-o", "before").code == 0
    (workdir / "t.csv").unlink()
    assert cli("report", "gone", "-o", "recorded").code == 0
    pages = [(workdir / f / "report.html").read_text() for f in ("before", "recorded")]
    assert pages[0] == pages[1]
    anew = [part for name in ("html", "csv", "json") for part in ("--format", name)]
    assert cli("report", "gone", "-o", "after", *anew).code == 0
    before, after = (pd.read_csv(workdir / f / "objectives.csv") for f in ("before", "after"))
    pd.testing.assert_frame_equal(before, after)
    pages = [(workdir / f / "report.html").read_text() for f in ("before", "after")]
    assert ['id="figure-calibration"' in page for page in pages] == [True, False]


def test_the_gap_of_every_run_is_measured_from_the_optimum_of_its_own_objective(
    workdir: Path,
) -> None:
    spec = {
        "name": "own",
        "data": {"noise": 0.1},
        "train": {"steps": 400, "dtype": "float64"},
        "search": {
            "trials": 12,
            "sampler": "random",
            "space": {
                "optimizer": "adam",
                "loss": ["bce_logits", "weighted_bce"],
                "lr": 0.1,
                "l2": {"low": 1e-3, "high": 1, "log": True},
                "weighted_bce.pos_weight": [0.5, 2],
            },
        },
    }
    run_sweep(make_spec(spec))
    store = track.connect(None)
    runs, curves, context = report_input(store, track.find_sweep(store, "own"))
    made = build_report(runs, curves, context)
    assert len(made.tables["objectives"]) == 12
    converged = made.tables["convergence"]
    assert (converged["how"] == "converged").all()
    assert (converged["detail"] == "at the optimum").all()
    assert (converged["gap"] < 1e-6).all()
    assert (converged["steps_to_1e-3"] < 400).all()
