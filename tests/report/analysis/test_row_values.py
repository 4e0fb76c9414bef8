"""What each row adds to a metric, against scikit-learn and brute force."""

import numpy as np
import pytest
from scipy import special
from sklearn import metrics
from sklearn.linear_model import LogisticRegression

from lrlab.report.analysis.row_values import ROW_VALUES, platt, row_values

RNG = np.random.default_rng(0)
Y = (RNG.random(60) < 0.4).astype(float)
Z = RNG.normal(size=(3, 60)) + 1.5 * Y
Z[0, :20] = np.round(Z[0, :20])  # some scores are tied


def test_their_mean_is_the_metric() -> None:
    truth = {
        "val_log_loss": lambda z: metrics.log_loss(Y, special.expit(z)),
        "val_brier": lambda z: metrics.brier_score_loss(Y, special.expit(z)),
        "val_accuracy": lambda z: metrics.accuracy_score(Y, z >= 0),
        "val_auc": lambda z: metrics.roc_auc_score(Y, z),
    }
    assert set(truth) == set(ROW_VALUES)
    for name, value in truth.items():
        assert row_values(name, Z, Y).mean(axis=1) == pytest.approx([value(z) for z in Z])


def test_the_spread_of_the_area_is_delongs() -> None:
    positives, negatives = Z[0, Y == 1], Z[0, Y == 0]
    won = (positives[:, None] > negatives) + 0.5 * (positives[:, None] == negatives)
    delong = won.mean(1).var() / len(positives) + won.mean(0).var() / len(negatives)
    values = row_values("val_auc", Z, Y)
    assert values[0].var() / len(Y) == pytest.approx(delong)


def test_areas_are_taken_within_folds() -> None:
    folds = np.arange(60) % 3
    shifted = Z[0] + 100 * folds  # another model's scores are on another scale
    expected = np.mean([metrics.roc_auc_score(Y[folds == f], Z[0, folds == f]) for f in range(3)])
    assert row_values("val_auc", shifted, Y, folds).mean() == pytest.approx(expected)


def test_one_class_has_no_area() -> None:
    assert np.isnan(row_values("val_auc", Z, np.ones(60))).all()


def test_an_extreme_logit_has_a_finite_loss() -> None:
    assert row_values(
        "val_log_loss", np.array([800.0, -800.0]), np.array([0.0, 0.0])
    ).tolist() == [
        800.0,
        0.0,
    ]


def test_platts_line_is_the_maximum_likelihood_fit_to_smoothed_labels() -> None:
    slope, intercept = platt(Z, Y)
    ones = int(Y.sum())
    high, low = (ones + 1) / (ones + 2), 1 / (60 - ones + 2)
    target = np.where(Y == 1, high, low)
    for z, a, b in zip(Z, slope, intercept, strict=True):
        fit = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000).fit(
            np.r_[z, z][:, None], np.r_[Y, 1 - Y], sample_weight=np.r_[_of(Y, target)]
        )
        assert [a, b] == pytest.approx([fit.coef_[0, 0], fit.intercept_[0]], rel=1e-4)


def _of(y: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Weights of a row as its own class, then as the other."""
    own = np.where(y == 1, target, 1 - target)
    return np.r_[own, 1 - own]


@pytest.mark.parametrize("scale", [1e-8, 1.0, 1e5])
def test_platts_line_does_not_depend_on_the_scores_scale(scale: float) -> None:
    slope, intercept = platt(Z, Y)
    scaled, same = platt(Z * scale, Y)
    assert scaled * scale == pytest.approx(slope)
    assert same == pytest.approx(intercept)


def test_separable_and_constant_scores_have_a_line_too() -> None:
    slope, intercept = platt(np.stack([2 * Y - 1, np.full(60, 3.0)]), Y)
    ones = int(Y.sum())
    p = special.expit(np.array([slope[0] + intercept[0], intercept[0] - slope[0]]))
    assert p == pytest.approx([(ones + 1) / (ones + 2), 1 / (60 - ones + 2)])
    assert slope[1] == 0
    assert np.isfinite(intercept).all()
