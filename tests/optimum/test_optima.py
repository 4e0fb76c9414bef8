"""Optima and curvature against scikit-learn, scipy and autograd."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from sklearn.linear_model import LogisticRegression

from lrlab.data import Problem, load_problem
from lrlab.data.preprocessing import unscaled
from lrlab.losses import LOSSES, Loss
from lrlab.optimum import Objective, Optimum, find_optima
from lrlab.spec import make_spec


def problem_of(data: dict[str, Any]) -> Problem:
    return load_problem(make_spec({"name": "x", "data": data, "train": {"dtype": "float64"}}))


NOISY = problem_of({"source": "blobs", "noise": 0.1})
CANCER = problem_of({"source": "sklearn", "dataset": "breast_cancer"})


def objective(loss: str, l2: float = 0.0) -> Objective:
    params = tuple((h.name, h.default) for h in LOSSES[loss].hyperparameters)
    return Objective(loss, params, l2)


def optimum_of(problem: Problem, wanted: Objective) -> Optimum:
    return find_optima(problem, [wanted])[0][wanted]


def function_of(problem: Problem, wanted: Objective) -> Any:
    """The objective by the registry's reference, as a function of weights and bias."""
    loss, params = LOSSES[wanted.loss], dict(wanted.loss_params)

    def value(w: torch.Tensor) -> torch.Tensor:
        z = problem.x_train @ w[:-1] + w[-1]
        return loss.criterion(z, problem.y_train, **params) + wanted.l2 / 2 * w[:-1] @ w[:-1]

    return value


def by_scipy(problem: Problem, wanted: Objective, start: np.ndarray) -> float:
    value = function_of(problem, wanted)

    def both(w: np.ndarray) -> tuple[float, np.ndarray]:
        leaf = torch.from_numpy(w).requires_grad_()
        loss = value(leaf)
        loss.backward()
        assert leaf.grad is not None
        return loss.item(), leaf.grad.numpy()

    return float(minimize(both, start, jac=True, method="BFGS", options={"gtol": 1e-7}).fun)


@pytest.mark.parametrize("problem", [NOISY, CANCER], ids=["blobs", "breast_cancer"])
@pytest.mark.parametrize("l2", [1e-4, 1e-2, 1.0])
def test_the_optimum_of_log_loss_is_that_of_scikit_learn(problem: Problem, l2: float) -> None:
    found = optimum_of(problem, objective("bce_logits", l2))
    n = len(problem.y_train)
    model = LogisticRegression(C=1 / (l2 * n), tol=1e-12, max_iter=10_000, solver="newton-cg")
    model.fit(problem.x_train.numpy(), problem.y_train.numpy())
    assert found.kind == "minimum"
    assert found.weight == pytest.approx(model.coef_[0], rel=1e-4, abs=1e-6)
    assert found.bias == pytest.approx(model.intercept_[0], rel=1e-4, abs=1e-6)


def test_what_is_found_along_a_path_is_what_is_found_alone() -> None:
    path = [objective("bce_logits", float(l2)) for l2 in np.geomspace(1e-6, 1, 20)]
    together, _ = find_optima(CANCER, path)
    for wanted in path[::5]:
        alone = optimum_of(CANCER, wanted)
        assert together[wanted].value == pytest.approx(alone.value, rel=1e-10)
        assert together[wanted].kind == alone.kind == "minimum"
        assert 0 <= together[wanted].gap <= 1e-9 * alone.value


def test_no_neighbor_serves_an_objective_better_than_its_best_known() -> None:
    path = [objective("mse", float(l2)) for l2 in np.geomspace(1e-6, 1, 20)]
    found, _ = find_optima(NOISY, path)
    for wanted, optimum in found.items():
        value = function_of(NOISY, wanted)
        for other in found.values():
            assert other.weight is not None
            there = torch.from_numpy(np.append(other.weight, other.bias))
            assert float(value(there)) >= optimum.value * (1 - 1e-8)


def test_scipy_from_random_starts_comes_below_no_best_known_value_along_a_path() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 3))
    y = (x @ [1.0, -1.0, 0.5] > 0).astype(float)
    x[:10] *= 20  # far out, and labeled at random
    y[:10] = rng.random(10) < 0.5
    rows, labels = torch.from_numpy(x), torch.from_numpy(y)
    odd = replace(NOISY, x_train=rows, y_train=labels, x_val=rows, y_val=labels)
    odd = replace(odd, preprocessing=unscaled(["a", "b", "c"]))
    found, _ = find_optima(odd, [objective("mse", float(l2)) for l2 in np.geomspace(1e-6, 1, 12)])

    def both(w: np.ndarray, l2: float) -> tuple[float, np.ndarray]:
        p = 1 / (1 + np.exp(-np.clip(x @ w[:-1] + w[-1], -500, 500)))
        pull = 2 * (p - y) * p * (1 - p) / len(y)
        slope = np.append(pull @ x + l2 * w[:-1], pull.sum())
        return float(np.mean((p - y) ** 2) + l2 / 2 * w[:-1] @ w[:-1]), slope

    for wanted, optimum in found.items():
        starts = [size * rng.normal(size=4) for size in (0.1, 0.5, 1, 2, 5, 10)]
        ends = [minimize(both, start, args=(wanted.l2,), jac=True).fun for start in starts]
        assert min(ends) >= optimum.value * (1 - 1e-7)


def test_bce_and_its_stable_form_are_one_function() -> None:
    found, _ = find_optima(NOISY, [objective("bce", 0.1), objective("bce_logits", 0.1)])
    one, other = found.values()
    assert one.value == other.value


SMOOTH = [name for name in LOSSES.names() if name != "hinge"]


@pytest.mark.parametrize("loss", SMOOTH)
@pytest.mark.parametrize("problem", [NOISY, CANCER], ids=["blobs", "breast_cancer"])
def test_scipy_finds_nothing_lower_from_any_start(problem: Problem, loss: str) -> None:
    wanted = objective(loss, 1e-2)
    found = optimum_of(problem, wanted)
    rng = np.random.default_rng(1)
    starts = [rng.normal(size=problem.n_features + 1) for _ in range(3)]
    lowest = min(by_scipy(problem, wanted, start) for start in starts)
    assert lowest >= found.value - 1e-9
    assert found.value == pytest.approx(lowest, rel=1e-5)


@pytest.mark.parametrize("loss", LOSSES.names())
def test_the_value_is_that_of_the_reference_loss_at_the_weights(loss: str) -> None:
    wanted = objective(loss, 1e-3)
    found = optimum_of(NOISY, wanted)
    assert found.weight is not None
    w = torch.from_numpy(np.append(found.weight, found.bias))
    assert found.value == pytest.approx(float(function_of(NOISY, wanted)(w)), rel=1e-9)


@pytest.mark.parametrize("l2", [0.0, 1e-3, 0.1])
@pytest.mark.parametrize("problem", [NOISY, CANCER], ids=["blobs", "breast_cancer"])
def test_the_optimum_of_a_hinge_is_bounded_by_a_smooth_one(problem: Problem, l2: float) -> None:
    found = optimum_of(problem, objective("hinge", l2))
    assert found.kind == "minimum"
    eps = 1e-2  # of a quadratic corner, which lowers the hinge by eps / 2 at most
    x, sign = problem.x_train.numpy(), 2 * problem.y_train.numpy() - 1

    def smoothed(w: np.ndarray) -> tuple[float, np.ndarray]:
        short = 1 - sign * (x @ w[:-1] + w[-1])
        inside = (short > 0) & (short < eps)
        values = np.where(inside, short**2 / (2 * eps), np.maximum(short - eps / 2, 0))
        slopes = np.where(inside, short / eps, (short >= eps).astype(float)) * -sign / len(sign)
        gradient = np.append(slopes @ x + l2 * w[:-1], slopes.sum())
        return float(values.mean() + l2 / 2 * w[:-1] @ w[:-1]), gradient

    lower = minimize(
        smoothed, np.zeros(x.shape[1] + 1), jac=True, method="L-BFGS-B",
        options={"maxiter": 3000, "maxfun": 3000, "gtol": 1e-8, "ftol": 1e-13},
    ).fun  # fmt: skip
    assert lower - 1e-6 <= found.value <= lower + eps


@pytest.mark.parametrize("loss", [name for name in SMOOTH if name != "mse"])
def test_the_curvature_is_that_of_autograds_hessian(loss: str) -> None:
    wanted = objective(loss, 1e-2)
    found = optimum_of(NOISY, wanted)
    assert found.weight is not None
    w = torch.from_numpy(np.append(found.weight, found.bias))
    reference = replace(wanted, loss={"bce": "bce_logits"}.get(loss, loss))
    hessian = torch.autograd.functional.hessian(function_of(NOISY, reference), w)
    eigenvalues = torch.linalg.eigvalsh(hessian)
    assert found.largest == pytest.approx(float(eigenvalues[-1]), rel=1e-6)
    assert found.smallest == pytest.approx(float(eigenvalues[0]), rel=1e-6)
    assert found.condition == pytest.approx(float(eigenvalues[-1] / eigenvalues[0]), rel=1e-5)


@pytest.mark.parametrize("loss", SMOOTH)
def test_no_hessian_anywhere_is_larger_than_the_bound(loss: str) -> None:
    wanted = objective(loss, 1e-2)
    found = optimum_of(NOISY, wanted)
    stream = torch.Generator().manual_seed(0)
    reference = replace(wanted, loss={"bce": "bce_logits"}.get(loss, loss))
    for scale in (0.01, 0.3, 3.0):
        w = scale * torch.randn(3, generator=stream, dtype=torch.float64)
        hessian = torch.autograd.functional.hessian(function_of(NOISY, reference), w)
        assert float(torch.linalg.eigvalsh(hessian)[-1]) <= found.bound * (1 + 1e-6)


def test_a_loss_with_a_kink_has_no_smoothness() -> None:
    found = optimum_of(NOISY, objective("hinge", 0.1))
    assert found.bound == math.inf
    assert math.isnan(found.stable_lr())
    assert math.isnan(found.safe_lr())


@pytest.mark.parametrize("loss", ["bce_logits", "squared_hinge", "label_smoothing"])
@pytest.mark.parametrize("beta", [0.0, 0.9])
def test_torch_stays_at_the_optimum_below_the_stable_lr_and_leaves_it_above(
    loss: str, beta: float
) -> None:
    wanted = objective(loss, 1e-2)
    found = optimum_of(NOISY, wanted)
    assert found.weight is not None
    value = function_of(NOISY, wanted)

    def ends(lr: float) -> float:
        w = torch.from_numpy(np.append(found.weight, found.bias) + 1e-4).requires_grad_()
        optimizer = torch.optim.SGD([w], lr=lr, momentum=beta)
        for _ in range(2000):
            optimizer.zero_grad()
            value(w).backward()
            optimizer.step()
        return float(value(w).detach()) - found.value

    start = 1e-7
    assert ends(0.97 * found.stable_lr(beta)) < start
    assert not ends(1.03 * found.stable_lr(beta)) < start


@pytest.mark.parametrize("loss", ["bce_logits", "squared_hinge", "mse"])
def test_a_safe_lr_is_gradient_descents_alone_where_the_loss_is_not_quadratic(loss: str) -> None:
    """No lr of the heavy ball is known that holds on every smooth and strongly convex function."""
    found = optimum_of(NOISY, objective(loss, 1e-2))
    assert found.safe_lr() == 2 / found.bound
    assert found.safe_lr() <= found.stable_lr()
    assert math.isnan(found.safe_lr(0.9))
    assert found.stable_lr(0.9) == pytest.approx(1.9 * found.stable_lr())


@pytest.mark.parametrize("loss", ["bce_logits", "squared_hinge", "focal"])
def test_below_the_safe_lr_gradient_descent_falls_at_every_step_from_any_start(loss: str) -> None:
    wanted = objective(loss, 1e-2)
    lr, value = 0.999 * optimum_of(NOISY, wanted).safe_lr(), function_of(NOISY, wanted)
    w = torch.tensor([30.0, -40.0, 5.0], dtype=torch.float64).requires_grad_()
    optimizer, before = torch.optim.SGD([w], lr=lr), math.inf
    for _ in range(100):
        optimizer.zero_grad()
        now = value(w)
        assert float(now.detach()) <= before
        before = float(now.detach())
        now.backward()
        optimizer.step()


@pytest.mark.parametrize("beta", [0.0, 0.5, 0.9])
def test_on_a_quadratic_the_safe_lr_with_momentum_is_where_torch_begins_to_diverge(
    beta: float,
) -> None:
    LOSSES.register(
        Loss("square", lambda z, y: (z - 2 * y + 1) ** 2, formula="", when="", source="")
    )
    try:
        wanted = objective("square", 0.0)
        found, value = optimum_of(NOISY, wanted), function_of(NOISY, wanted)

        def ends(lr: float) -> float:
            w = torch.tensor([30.0, -40.0, 5.0], dtype=torch.float64).requires_grad_()
            optimizer = torch.optim.SGD([w], lr=lr, momentum=beta)
            for _ in range(1500):
                optimizer.zero_grad()
                value(w).backward()
                optimizer.step()
            return float(value(w).detach()) - found.value

        assert found.quadratic
        assert found.safe_lr(beta) == pytest.approx(found.stable_lr(beta))
        assert ends(0.98 * found.safe_lr(beta)) < 1e-3
        assert not ends(1.02 * found.safe_lr(beta)) < 1e3
    finally:
        LOSSES.unregister("square")


# --- separability ------------------------------------------------------------------------------


def line(points: list[float], labels: list[int]) -> Problem:
    """A problem with one column."""
    x = torch.tensor(points, dtype=torch.float64)[:, None]
    y = torch.tensor(labels, dtype=torch.float64)
    return replace(NOISY, x_train=x, y_train=y, x_val=x, y_val=y, preprocessing=unscaled(["x"]))


@pytest.mark.parametrize("loss", ["bce", "bce_logits", "weighted_bce", "focal", "mse"])
def test_separable_data_have_an_infimum_of_zero_and_no_minimizer(loss: str) -> None:
    found = optimum_of(CANCER, objective(loss))
    assert (found.kind, found.value, found.weight) == ("infimum", 0.0, None)
    assert math.isnan(found.stable_lr())


def test_l2_gives_separable_data_a_minimum() -> None:
    assert optimum_of(CANCER, objective("bce_logits", 1e-4)).kind == "minimum"


def test_label_smoothing_has_a_minimum_even_on_separable_data() -> None:
    assert optimum_of(CANCER, objective("label_smoothing")).kind == "minimum"


@pytest.mark.parametrize("loss", ["hinge", "squared_hinge", "modified_huber"])
def test_hinges_reach_zero_on_separable_data(loss: str) -> None:
    found = optimum_of(CANCER, objective(loss))
    assert found.kind == "minimum"
    assert found.value == pytest.approx(0, abs=1e-9)


def test_of_quasi_separable_data_only_the_rows_on_the_plane_are_left() -> None:
    found = optimum_of(line([-2, 0, 0, 2], [0, 0, 1, 1]), objective("bce_logits"))
    assert found.kind == "infimum"
    assert found.value == pytest.approx(math.log(2) / 2)


def test_a_loss_that_is_not_convex_has_a_best_known_value() -> None:
    assert optimum_of(NOISY, objective("mse", 1e-3)).kind == "best known"
    assert optimum_of(NOISY, objective("focal", 1e-3)).kind == "best known"


@pytest.mark.parametrize(
    ("name", "per_example", "kind"),
    [
        ("twice", lambda z, y: 2 * torch.nn.functional.softplus((1 - 2 * y) * z), "minimum"),
        ("kinked", lambda z, y: (1 - (2 * y - 1) * z).abs(), "best known"),
    ],
)
def test_a_loss_of_ones_own_has_an_optimum_too(name: str, per_example: Any, kind: str) -> None:
    LOSSES.register(Loss(name, per_example, formula="", when="", source=""))
    try:
        found = optimum_of(NOISY, objective(name, 1e-2))
    finally:
        LOSSES.unregister(name)
    assert found.kind == kind
    if name == "twice":
        half = optimum_of(NOISY, objective("bce_logits", 5e-3))
        assert found.value == pytest.approx(2 * half.value, rel=1e-9)
    else:
        assert found.value < float(per_example(torch.zeros(1), torch.ones(1)))
