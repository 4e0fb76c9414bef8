"""The base rate stands beside every best value."""

from __future__ import annotations

import json

import pandas as pd
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.metrics import log_loss

from lrlab.data import Baseline, load_problem
from lrlab.report import build_report, write_report
from lrlab.report.analysis.limits import no_better
from lrlab.report.text.base_rate import base_rate
from lrlab.spec import make_spec
from support import tiny

KNOWN = Baseline(0.033, {"val_log_loss": 0.146, "val_accuracy": 0.967, "val_auc": 0.5})
SENTENCE = (
    "Base rate (predicting the training rows' fraction of positives, 3.3%, for every row): "
    "val_log_loss 0.1460, val_accuracy 0.9670."
)


@pytest.fixture(scope="module")
def expected() -> float:
    """The log loss of the tiny sweep's base rate, by scikit-learn."""
    problem = load_problem(make_spec(tiny()))
    dummy = DummyClassifier(strategy="prior").fit(problem.x_train, problem.y_train)
    return log_loss(problem.y_val, dummy.predict_proba(problem.x_val))


def test_the_sentence_names_the_objective_first_and_is_empty_where_it_means_nothing():
    assert base_rate(KNOWN, "val_log_loss") == SENTENCE
    assert base_rate(KNOWN, "val_auc").endswith(
        "row): val_auc 0.5000, val_log_loss 0.1460, val_accuracy 0.9670."
    )
    assert base_rate(KNOWN, "train_objective") == ""
    assert base_rate(None, "val_log_loss") == ""


def test_page_text_and_tables_have_it(sweep, context_of, tmp_path):
    report = build_report(*sweep, context_of(baseline=KNOWN))
    assert "For comparison, on the same rows: base rate 0.1460." in report.words.text
    assert "For comparison, on the same rows: base rate 0.1460." in report.markdown
    assert "val_log_loss 0.1460" in report.html  # below the table
    write_report(report, tmp_path, ["json"])
    tables = json.loads((tmp_path / "report.json").read_text())["tables"]
    assert {"metric": "val_log_loss", "value": 0.146} in tables["base_rate"]


def test_a_sweep_that_did_not_record_it_says_nothing_of_it(report):
    assert "base rate" not in (report.html + report.markdown).lower()
    assert "base_rate" not in report.tables


@pytest.mark.parametrize(
    ("values", "objective", "told"),
    [
        ([0.2, 0.146], "val_log_loss", True),
        ([0.2, 0.145], "val_log_loss", False),
        ([0.9, 0.967], "val_accuracy", True),
        ([0.9, 0.968], "val_accuracy", False),
        ([0.9, float("nan")], "val_accuracy", True),
    ],
)
def test_it_is_said_where_no_run_is_better(values, objective, told):
    runs = pd.DataFrame({objective: values, "outcome": "converged"})
    remark = no_better(runs, KNOWN, objective, objective == "val_log_loss")
    assert (remark is not None) == told


def test_the_commands_show_it(cli, finished, expected):
    shown = cli("show", "tiny", "--tracking-uri", finished.uri)
    lines = shown.out.splitlines()
    header = next(line for line in lines if line.startswith("trial"))
    row = next(line for line in lines if "base rate" in line)
    # "base rate" is two words in the column of the optimizer.
    assert row.split()[header.split().index("val_log_loss") + 1] == f"{expected:.4g}"
    assert f"base rate {expected:.4f}" in " ".join(shown.out.split())
    document = json.loads(cli("show", "tiny", "--json", "--tracking-uri", finished.uri).out)
    assert document["base_rate"]["val_log_loss"] == pytest.approx(expected)
    listed = json.loads(cli("ls", "--json", "--tracking-uri", finished.uri).out)
    assert listed[0]["base_rate"] == pytest.approx(expected)
