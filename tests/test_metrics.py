"""The metrics, against scikit-learn and plain loops."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy.special import expit
from sklearn import metrics

from lrlab import metrics as held_out
from lrlab.metrics import METRICS, STEPPED


def of_arrays(metric: Callable[..., torch.Tensor]) -> Callable[..., float]:
    """A metric of tensors as a function of NumPy arrays."""

    def call(z: np.ndarray, y: np.ndarray, *args: int) -> float:
        return float(metric(torch.from_numpy(z), torch.from_numpy(y), *args))

    return call


HELD_OUT = {name: of_arrays(metric) for name, metric in held_out.HELD_OUT.items()}
log_loss, accuracy, brier, auc, expected_calibration_error = (
    of_arrays(metric)
    for metric in (
        held_out.log_loss,
        held_out.accuracy,
        held_out.brier,
        held_out.auc,
        held_out.expected_calibration_error,
    )
)

HUGE = np.array([-1e308, -1e6, -800.0, -50.0, 0.0, 50.0, 800.0, 1e6, 1e308])


def sample(n: int, seed: int, spread: float = 2.0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    y = (rng.random(n) < 0.4).astype(float)
    return rng.normal(scale=spread, size=n) + y, y


SAMPLES = pytest.mark.parametrize(
    ("z", "y"), [sample(500, 1), sample(40, 2, 8.0), sample(7, 3)], ids=["500", "40", "7"]
)


@SAMPLES
def test_log_loss_is_scikit_learn_s(z: np.ndarray, y: np.ndarray) -> None:
    assert log_loss(z, y) == pytest.approx(metrics.log_loss(y, expit(z)), rel=1e-9)


@SAMPLES
def test_brier_is_scikit_learn_s(z: np.ndarray, y: np.ndarray) -> None:
    assert brier(z, y) == pytest.approx(metrics.brier_score_loss(y, expit(z)), rel=1e-12)


@SAMPLES
def test_accuracy_is_scikit_learn_s(z: np.ndarray, y: np.ndarray) -> None:
    assert accuracy(z, y) == metrics.accuracy_score(y, expit(z) >= 0.5)


@SAMPLES
def test_auc_is_the_share_of_pairs_in_the_right_order(z: np.ndarray, y: np.ndarray) -> None:
    pairs = [(a, b) for a in z[y == 1] for b in z[y == 0]]
    right = sum(1.0 if a > b else 0.5 if a == b else 0.0 for a, b in pairs)
    assert auc(z, y) == pytest.approx(right / len(pairs), rel=1e-12)
    assert auc(z, y) == pytest.approx(metrics.roc_auc_score(y, expit(z)), rel=1e-9)


def test_equal_logits_count_half_in_auc() -> None:
    assert auc(np.zeros(4), np.array([0.0, 1.0, 0.0, 1.0])) == 0.5


def ece_by_loop(z: np.ndarray, y: np.ndarray, bins: int) -> float:
    total = 0.0
    for b in range(bins):
        inside = [
            (p, label)
            for p, label in zip(expit(z), y, strict=True)
            if b / bins <= p < (b + 1) / bins or (b == bins - 1 and p == 1)
        ]
        if inside:
            confidence = sum(p for p, _ in inside) / len(inside)
            frequency = sum(label for _, label in inside) / len(inside)
            total += len(inside) / len(y) * abs(confidence - frequency)
    return total


@SAMPLES
@pytest.mark.parametrize("bins", [1, 4, 15])
def test_ece_is_the_mean_gap_over_bins(z: np.ndarray, y: np.ndarray, bins: int) -> None:
    expected = ece_by_loop(z, y, bins)
    assert expected_calibration_error(z, y, bins) == pytest.approx(expected, rel=1e-9)


def test_a_certain_and_right_model_is_calibrated() -> None:
    z, y = np.array([-1e3, 1e3, 1e3]), np.array([0.0, 1.0, 1.0])
    assert expected_calibration_error(z, y) == 0
    assert expected_calibration_error(-z, y) == 1


def test_a_logit_of_zero_counts_as_class_1() -> None:
    assert accuracy(np.zeros(4), np.array([0.0, 1.0, 1.0, 1.0])) == 0.75


def test_huge_logits_overflow_nothing() -> None:
    with warnings.catch_warnings(), np.errstate(all="raise", under="ignore"):
        warnings.simplefilter("error")
        for y in (np.zeros(9), np.ones(9), (HUGE > 0).astype(float)):
            for name, metric in HELD_OUT.items():
                value = metric(HUGE, y)
                one_class = len(set(y)) == 1
                assert math.isfinite(value) or (name == "val_auc" and one_class), name
    assert log_loss(np.array([1e6]), np.array([0.0])) == 1e6
    assert log_loss(np.array([1e6]), np.array([1.0])) == 0


def test_a_logit_that_is_not_a_number_gives_a_log_loss_that_is_none_without_a_warning() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert math.isnan(log_loss(np.array([0.0, math.nan]), np.array([0.0, 1.0])))
        assert log_loss(np.array([0.0, math.inf]), np.array([0.0, 0.0])) == math.inf


@pytest.mark.parametrize("label", [0.0, 1.0])
def test_auc_of_one_class_is_not_a_number(label: float) -> None:
    assert math.isnan(auc(np.array([1.0, 2.0]), np.full(2, label)))


def test_every_held_out_metric_is_in_the_registry_with_a_direction() -> None:
    assert set(HELD_OUT) <= set(METRICS)
    assert set(STEPPED) <= set(METRICS)
    for name, metric in METRICS.items():
        assert metric.name == name
        assert metric.meaning
        better = "maximize" if name.endswith(("accuracy", "auc")) else "minimize"
        assert metric.direction == better


@pytest.mark.parametrize("name", HELD_OUT)
def test_the_direction_of_a_metric_prefers_the_better_model(name: str) -> None:
    y = np.array([0.0, 1.0] * 50)
    good, bad = 3 * (2 * y - 1), -3 * (2 * y - 1)
    if METRICS[name].direction == "maximize":
        good, bad = bad, good
    assert HELD_OUT[name](good, y) < HELD_OUT[name](bad, y)


def test_many_runs_are_measured_as_each_alone() -> None:
    z = np.stack([sample(60, seed)[0] for seed in range(5)])
    y = sample(60, 0)[1]
    for name, metric in held_out.HELD_OUT.items():
        together = metric(torch.from_numpy(z), torch.from_numpy(y)).tolist()
        assert together == pytest.approx([HELD_OUT[name](row, y) for row in z], rel=1e-12)
