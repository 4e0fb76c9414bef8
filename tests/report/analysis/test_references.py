"""Baselines, against scikit-learn's."""

from __future__ import annotations

import numpy as np
from sklearn.linear_model import LogisticRegression

from lrlab.data import Problem, load_problem
from lrlab.report.analysis.references import reference_models
from lrlab.spec import make_spec


def problem(**data: object) -> Problem:
    return load_problem(make_spec({"name": "p", "data": {"source": "blobs", **data}}))


def test_the_base_rate_is_the_share_of_class_1() -> None:
    rare = problem(sizes=[300, 100])
    [(weight, bias)] = reference_models(rare, 1)["base rate"]
    assert not weight.any()
    assert np.isclose(1 / (1 + np.exp(-bias)), 0.25)


def test_plain_bce_is_solved_as_scikit_learn_solves_it_without_a_penalty() -> None:
    noisy = problem(noise=0.1)
    found = reference_models(noisy, 3)["logistic regression without penalty, solved exactly"]
    assert len(found) == 3
    fit = LogisticRegression(C=np.inf, tol=1e-10).fit(noisy.x_train.double(), noisy.y_train)
    np.testing.assert_allclose(found[2][0], fit.coef_[0], rtol=1e-4)
    np.testing.assert_allclose(found[2][1], fit.intercept_[0], rtol=1e-4)


def test_on_separable_rows_it_has_the_penalty_that_scikit_learn_has_by_default() -> None:
    apart = problem(means=[9.0, -9.0])
    found = reference_models(apart, 1)
    assert list(found) == ["base rate", "logistic regression with l2 1/n, solved exactly"]
    fit = LogisticRegression(tol=1e-10).fit(apart.x_train.double(), apart.y_train)
    [(weight, bias)] = found["logistic regression with l2 1/n, solved exactly"]
    np.testing.assert_allclose(weight, fit.coef_[0], rtol=1e-4)
    np.testing.assert_allclose(bias, fit.intercept_[0], rtol=1e-3, atol=1e-6)
