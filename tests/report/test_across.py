"""Several sweeps compared, where the truth is known and in either direction."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from lrlab.report import ReportContext
from lrlab.report.across import across_report
from lrlab.report.analysis import across
from lrlab.report.analysis.across import compare_sweeps, ratio_to_best
from lrlab.report.analysis.answer import Claim, JudgedOn, Tie, Verdict
from lrlab.report.text.across import left_out, never_worse
from lrlab.report.text.captions import tunability_caption

# sgd is best, and with a wide range of lr; adam is worse everywhere but at its best lr
ACCURACY = {"sgd": (0.9, 0.88, 0.86), "adam": (0.8, 0.3, 0.2), "adagrad": (0.5, 0.45, 0.4)}


def sweeps(
    runs_of: Callable[..., pd.DataFrame],
    context_of: Callable[..., ReportContext],
    objective: str,
    direction: str,
) -> dict[str, tuple[pd.DataFrame, pd.DataFrame, ReportContext]]:
    found = {}
    for name, shift in (("one", 0.0), ("two", 0.02)):
        rows = [
            (optimizer, "bce", lr, 1 - value - shift)
            for optimizer, values in ACCURACY.items()
            for lr, value in zip((0.1, 1.0, 10.0), values, strict=True)
        ]
        runs = runs_of(rows)  # val_accuracy is 1 - val_log_loss
        curves = pd.DataFrame(columns=["run_id", "step", "metric", "value"])
        context = context_of(objective=objective, direction=direction, sampler="grid")
        found[name] = (runs, curves, context)
    return found


@pytest.mark.parametrize(
    ("objective", "direction"),
    [("val_accuracy", "maximize"), ("val_auc", "maximize"), ("val_log_loss", "minimize")],
)
def test_advice_over_sweeps_points_the_right_way(
    runs_of: Callable[..., pd.DataFrame],
    context_of: Callable[..., ReportContext],
    objective: str,
    direction: str,
) -> None:
    inputs = sweeps(runs_of, context_of, objective, direction)
    for runs, _, _ in inputs.values():
        runs["val_auc"] = runs["val_accuracy"]
    made = across_report(inputs)
    text = " ".join(made.words.remarks)
    assert "With a single random trial, sgd loses least" in text
    assert ", and adagrad most (" in text
    table = made.tables["across_optimizers"]
    mean = table.groupby("optimizer")["ratio"].mean()
    assert mean.sort_values().index.tolist() == ["sgd", "adam", "adagrad"]
    assert (table["ratio"] >= 1).all()


@pytest.mark.parametrize(
    ("sampler", "random", "one", "width"),
    [("grid", None, True, True), ("random", None, False, False), ("tpe", 3, False, False)],
)
def test_one_trial_and_ranges_of_learning_rates_are_compared_only_where_the_sample_bears_it(
    runs_of: Callable[..., pd.DataFrame],
    context_of: Callable[..., ReportContext],
    sampler: str,
    random: int | None,
    one: bool,
    width: bool,
) -> None:
    inputs = {
        name: (runs, curves, replace(context, sampler=sampler, random_trials=random))
        for name, (runs, curves, context) in sweeps(
            runs_of, context_of, "val_log_loss", "minimize"
        ).items()
    }
    said = " ".join(across_report(inputs).words.remarks)
    assert ("With a single random trial" in said) == one  # 3 trials of each are too few
    assert ("widest range of good learning rates" in said) == width


def test_the_ratio_to_the_best_is_more_than_one_for_what_is_worse() -> None:
    values = pd.Series([0.5, 0.8])
    assert ratio_to_best(values, "minimize").tolist() == [1, 1.6]
    assert ratio_to_best(values, "maximize").tolist() == [1.6, 1]


def test_what_the_judging_rows_say_is_told_over_all_sweeps(
    runs_of: Callable[..., pd.DataFrame], context_of: Callable[..., ReportContext]
) -> None:
    inputs = sweeps(runs_of, context_of, "val_log_loss", "minimize")
    found = compare_sweeps(inputs)
    assert set(found.optimizers["verdict"]) == {"untested"}
    claim = Claim("optimizer", "sgd", "adagrad", "log_loss", 0.3, (0.2, 0.4), 0.95)
    tie = Tie("optimizer", ("sgd", "adam"), "log_loss")
    judged = {
        name: replace(each, verdict=replace(each.verdict, claims=(claim,), ties=(tie,)))
        for name, each in found.findings.items()
    }
    said = across._stack(judged, "optimizer", dict.fromkeys(judged, "minimize"))
    told = said.groupby("optimizer")["verdict"].agg(set)
    assert told.to_dict() == {"sgd": {"tied"}, "adam": {"tied"}, "adagrad": {"worse"}}
    assert never_worse(said, "optimizer") == (
        "Optimizers, on 2 data sets, each at its best setting there: adam and sgd are never shown "
        "to be worse than the best; adagrad is worse everywhere."
    )


def test_losses_are_compared_by_one_kind_of_scores_in_table_text_and_figure() -> None:
    raw = Tie("loss", ("bce",), "log_loss")
    again = Tie("loss", ("mse", "bce"), "log_loss", scores="recalibrated")
    claims = (Claim("loss", "bce", "mse", "log_loss", 0.1, (0.05, 0.2), 0.95),)
    verdict = Verdict(None, JudgedOn(9, "test", 1), 0.01, claims, (raw, again))
    estimates = pd.DataFrame(
        [
            ("loss", "bce", "raw", 0.3),
            ("loss", "mse", "raw", 0.4),
            ("loss", "bce", "recalibrated", 0.31),
            ("loss", "mse", "recalibrated", 0.30),
        ],
        columns=["about", "method", "scores", "value"],
    )
    judgement = SimpleNamespace(estimates_frame=lambda: estimates)
    found: Any = SimpleNamespace(verdict=verdict, judgement=judgement)
    names = pd.Series(["bce", "mse"])
    assert across._said(verdict, "loss", "raw") == {"bce": "best", "mse": "worse"}
    assert across._said(verdict, "loss", "recalibrated") == {"bce": "tied", "mse": "tied"}
    assert across._expected(found, "loss", names, "raw").tolist() == [0.3, 0.4]
    assert across._expected(found, "loss", names, "recalibrated").tolist() == [0.31, 0.30]
    proper: Any = SimpleNamespace(verdict=replace(verdict, ties=(raw,)))
    assert across._scores({"one": found, "two": found}) == "recalibrated"
    assert across._scores({"one": found, "two": proper}) == "raw"
    assert across._scores({"one": proper}) == ""


def test_bce_and_bce_logits_are_one_loss() -> None:
    table = pd.DataFrame(
        {"loss": ["bce_logits", "mse", "bce", "mse"], "sweep": ["one", "one", "two", "two"]}
    )
    assert across._one_name(table)["loss"].tolist() == ["bce/bce_logits", "mse"] * 2
    alone = table[table["sweep"] == "one"]
    assert across._one_name(alone)["loss"].tolist() == ["bce_logits", "mse"]


def test_only_problems_tried_on_one_objective_count_and_the_others_are_named(
    runs_of: Callable[..., pd.DataFrame],
) -> None:
    pairs = [(optimizer, loss) for loss in ("bce", "mse") for optimizer in ("sgd", "adam")]
    runs = pd.concat(
        runs_of([(*pair, 1.0, 0.3) for pair in pairs], replicate=r, trial=range(4))
        for r in range(3)
    )
    fixed = runs.assign(l2=0.0)
    searched = runs.assign(l2=runs["trial"] * 0.1)
    fastest = pd.DataFrame({"loss": ["bce", "mse"], "shared": [True, True]})
    apart = fastest.assign(shared=False)
    found: dict[str, Any] = {
        "fixed": SimpleNamespace(runs=fixed, fastest=fastest),
        "mixed": SimpleNamespace(runs=fixed.assign(l2=searched["l2"]), fastest=apart),
        "half": SimpleNamespace(runs=fixed, fastest=fastest.iloc[:1]),
    }
    assert {name: across._problems(each) for name, each in found.items()} == {
        "fixed": 6,
        "mixed": 0,
        "half": 3,
    }
    parts = tuple((name, *why) for name, each in found.items() for why in across._left_out(each))
    assert left_out(parts, dict.fromkeys(found, 2)) == (
        "Left out: mixed, because l2 was searched, so the runs minimize different objectives. "
        "Left out: mse of half, because the exact optimum is not known, so no gap to it can be "
        "computed."
    )


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
def test_the_caption_on_budgets_names_the_best_in_either_direction(direction: str) -> None:
    sign = 1 if direction == "minimize" else -1
    rows = [("a", 1, 0.2), ("a", 9, 0.2), ("b", 1, 0.5), ("b", 9, 0.1)]  # a does not improve
    table = pd.DataFrame(rows, columns=["optimizer", "trials", "value"])
    table["value"] = np.where(sign > 0, table["value"], 1 - table["value"])
    caption = tunability_caption(table, "val_auc", direction)
    assert caption.endswith("With 1 trial, a is best; with 9, b is.")
