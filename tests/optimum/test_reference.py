"""Log loss's own minimizer against scikit-learn, and solvers against each other and scipy."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from sklearn.linear_model import LogisticRegression

from lrlab.data import Problem, load_problem
from lrlab.optimum import Objective, find_optima
from lrlab.optimum.reference import fit_log_loss, reference_solvers
from lrlab.spec import make_spec


def problem_of(data: dict[str, Any]) -> Problem:
    return load_problem(make_spec({"name": "x", "data": data, "train": {"dtype": "float64"}}))


NOISY = problem_of({"source": "blobs", "noise": 0.1})
CANCER = problem_of({"source": "sklearn", "dataset": "breast_cancer"})


def test_plain_log_loss_is_fitted_as_scikit_learn_fits_it() -> None:
    found = fit_log_loss(NOISY)
    model = LogisticRegression(C=np.inf, tol=1e-10).fit(
        NOISY.x_train.numpy(), NOISY.y_train.numpy()
    )
    assert (found.l2, found.why) == (0.0, "")
    assert found.weight == pytest.approx(model.coef_[0], rel=1e-4)
    assert found.bias == pytest.approx(model.intercept_[0], rel=1e-4)


def test_separable_rows_get_the_smallest_l2_that_leaves_a_minimizer_in_reach() -> None:
    found = fit_log_loss(CANCER)
    assert found.why == "the training rows are separable"
    assert 0 < found.l2 <= 1e-7
    assert found.weight is not None
    right = (CANCER.x_train.numpy() @ found.weight + found.bias > 0) == CANCER.y_train.numpy()
    assert right.all()


def test_rows_that_are_separable_in_part_say_so() -> None:
    x = torch.cat([NOISY.x_train, torch.zeros(len(NOISY.y_train), 1, dtype=torch.float64)], 1)
    x[int(NOISY.y_train.argmax()), 2] = 1
    found = fit_log_loss(replace(NOISY, x_train=x))
    assert found.why == "some training rows can be fitted perfectly"
    assert found.l2 > 0


def test_data_that_are_too_large_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lrlab.optimum.reference.LARGEST", 10)
    found = fit_log_loss(NOISY)
    assert (found.weight, found.why) == (None, "the data are too large")


@pytest.mark.parametrize("problem", [NOISY, CANCER], ids=["blobs", "breast_cancer"])
def test_second_order_needs_a_few_passes_where_gradient_descent_needs_many(
    problem: Problem,
) -> None:
    descent, quasi, newton = reference_solvers(problem, Objective("bce", (), 1e-3))
    assert all(run.arrived and 0 <= run.gap <= 1e-3 for run in (descent, quasi, newton))
    assert newton.iterations <= quasi.iterations < descent.iterations
    assert newton.passes >= newton.iterations + 1
    assert quasi.passes == quasi.evaluations > quasi.iterations
    assert descent.passes == descent.iterations + 1
    assert min(run.seconds for run in (descent, quasi, newton)) > 0


def test_what_they_need_is_what_a_loop_by_hand_and_scipy_need() -> None:
    wanted = Objective("bce_logits", (), 1e-2)
    descent, quasi, _ = reference_solvers(NOISY, wanted, seed=3)
    x, y = NOISY.x_train.numpy(), NOISY.y_train.numpy()
    rows, sign = np.column_stack([x, np.ones(len(x))]), 2 * y - 1
    ridge = np.append(np.full(x.shape[1], 1e-2), 0)

    def both(w: np.ndarray) -> tuple[float, np.ndarray]:
        margins = sign * (rows @ w)
        pull = -sign / (1 + np.exp(margins)) / len(y)
        return np.logaddexp(0, -margins).mean() + (
            ridge * w * w
        ).sum() / 2, pull @ rows + ridge * w

    model = NOISY.initial_model(3).features
    start = np.append(model.weight.detach().numpy(), model.bias.detach().numpy())
    optimum = find_optima(NOISY, [wanted])[0][wanted]
    target = optimum.value + 1e-3 * (both(start)[0] - optimum.value)
    w, steps = start, 0
    while both(w)[0] > target:
        w, steps = w - descent.lr * both(w)[1], steps + 1
    assert descent.iterations == steps
    assert descent.lr == pytest.approx(2 / (optimum.largest + optimum.smallest))
    evaluated: list[float] = []

    def counted(w: np.ndarray) -> tuple[float, np.ndarray]:
        evaluated.append(both(w)[0])
        return both(w)

    minimize(counted, start, jac=True, method="L-BFGS-B", options={"ftol": 1e-15, "gtol": 0.0})
    assert quasi.evaluations == 1 + int(np.flatnonzero(np.array(evaluated) <= target)[0])


def test_an_objective_without_minimizer_or_with_a_kink_has_no_reference() -> None:
    assert reference_solvers(CANCER, Objective("bce_logits")) == ()
    assert reference_solvers(NOISY, Objective("hinge", (), 0.1)) == ()
