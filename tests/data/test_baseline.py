"""The base rate against scikit-learn's DummyClassifier."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import torch
from sklearn import metrics
from sklearn.dummy import DummyClassifier
from sklearn.model_selection import PredefinedSplit, cross_val_score

from lrlab.data import Baseline, Problem, baseline_of, load_problem
from lrlab.data.preprocessing import unscaled
from lrlab.spec import make_spec


def problem_with(train: list[int], held_out: list[int]) -> Problem:
    y_train, y_val = (torch.tensor(y, dtype=torch.float32) for y in (train, held_out))
    return Problem(
        x_train=torch.zeros(len(y_train), 1),
        y_train=y_train,
        x_val=torch.zeros(len(y_val), 1),
        y_val=y_val,
        preprocessing=unscaled(["x"]),
        labels=("no", "yes"),
        description="made up",
    )


@pytest.mark.parametrize(
    ("train", "held_out"),
    [
        ([0] * 90 + [1] * 10, [0] * 25 + [1] * 3),
        ([0] * 3 + [1] * 40, [0] * 2 + [1] * 12),
        ([0] * 6 + [1] * 5, [0] * 2 + [1] * 9),  # held out, the other class is the commoner
    ],
)
def test_the_base_rate_is_what_scikit_learns_dummy_gets(train, held_out):
    dummy = DummyClassifier(strategy="prior").fit(np.zeros((len(train), 1)), train)

    def expected(y, score):
        x = np.zeros((len(y), 1))
        if score is metrics.accuracy_score:
            return score(y, dummy.predict(x))
        labels = {"labels": [0, 1]} if score is metrics.log_loss else {}
        return score(y, dummy.predict_proba(x)[:, 1], **labels)

    found = baseline_of(problem_with(train, held_out))
    assert found.share == pytest.approx(np.mean(train))
    assert found.metrics == pytest.approx(
        {
            "val_log_loss": expected(held_out, metrics.log_loss),
            "val_accuracy": expected(held_out, metrics.accuracy_score),
            "val_auc": expected(held_out, metrics.roc_auc_score),
            "val_brier": expected(held_out, metrics.brier_score_loss),
            "train_log_loss": expected(train, metrics.log_loss),
            "train_accuracy": expected(train, metrics.accuracy_score),
        }
    )


def test_a_log_loss_that_is_infinite_is_left_out():
    found = baseline_of(problem_with([0, 0, 0], [0, 1]))
    assert "val_log_loss" not in found.metrics
    assert found.metrics["train_log_loss"] == 0
    assert all(map(math.isfinite, found.metrics.values()))


def test_it_is_read_back_as_it_was_written():
    found = baseline_of(problem_with([0, 0, 0, 1], [0, 1]))
    assert Baseline.from_json(found.to_json()) == Baseline(
        0.25, pytest.approx(found.metrics, abs=1e-12)
    )


@pytest.mark.parametrize("text", ["", "[1]", "{}", '{"share_of_class_1": "a"}', "0.3"])
def test_anything_else_is_not_taken_for_one(text):
    with pytest.raises(ValueError, match=r"."):
        Baseline.from_json(text)


def test_the_record_is_plain_json():
    content = json.loads(baseline_of(problem_with([0, 1], [0, 1])).to_json())
    assert content["share_of_class_1"] == 0.5
    assert content["val_log_loss"] == pytest.approx(math.log(2))


def test_with_folds_it_is_the_mean_over_what_each_fold_learns_and_judges() -> None:
    """As scikit-learn's cross-validation of its dummy, which takes no notice of the columns."""
    data = {"source": "sklearn", "dataset": "iris", "positive": "setosa", "folds": 4}
    problem = load_problem(make_spec({"name": "t", "data": data}))
    y = np.concatenate([fold.y_val.numpy() for fold in problem.folds]).astype(int)
    folds = PredefinedSplit(np.repeat(range(4), [len(fold.y_val) for fold in problem.folds]))
    dummy, x = DummyClassifier(strategy="prior"), np.zeros((len(y), 1))
    expected = -cross_val_score(dummy, x, y, cv=folds, scoring="neg_log_loss").mean()
    assert baseline_of(problem).metrics["val_log_loss"] == pytest.approx(expected, rel=1e-9)
    assert baseline_of(problem).share == pytest.approx(1 / 3, abs=0.01)
