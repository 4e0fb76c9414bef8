"""The hinge's optimum against scikit-learn's SVC, scipy's linear programs, and its own proof."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import sparse
from scipy.optimize import linprog
from sklearn.svm import SVC

from lrlab.optimum import hinge

PATH = [1e-6, 1e-4, 1e-2, 1.0]


def table(kind: str, n: int = 120, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Standardized columns and labels of a small table."""
    rng = np.random.default_rng(seed)
    x = np.column_stack([rng.normal(size=(n, 3)), rng.random((n, 3)) < 0.3]).astype(float)
    y = (x @ [1.0, -0.5, 0, 1, 0, 0] + rng.logistic(size=n) > 0.3).astype(float)
    if kind == "imbalanced":
        y = np.where(rng.random(n) < 0.9, 0.0, y)
    elif kind == "dependent":  # two columns are one, and three sum to a constant
        group = rng.integers(0, 3, n)
        x = np.column_stack([x, 2 * x[:, 0], *(group == i for i in range(3))])
    elif kind == "separable":
        x[:, 0] += 10 * y
    return (x - x.mean(0)) / x.std(0), y


def with_bias(x: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.column_stack([x, np.ones(len(x))]))


def value(x: np.ndarray, y: np.ndarray, w: np.ndarray, bias: float, l2: float) -> float:
    margins = (2 * y - 1) * (x @ w + bias)
    return float(np.maximum(1 - margins, 0).mean() + l2 / 2 * w @ w)


KINDS = ["plain", "imbalanced", "dependent", "separable"]


@pytest.mark.parametrize("kind", KINDS)
def test_scikit_learns_svm_is_no_better_and_no_more_than_its_tolerance_worse(kind: str) -> None:
    x, y = table(kind)
    path = [1e-3, 1e-2, 1.0]
    end = hinge.solve(with_bias(x), torch.from_numpy(y), torch.tensor(path).double())
    w, found, gap = end.w, end.value, end.gap
    for i, l2 in enumerate(path):
        machine = SVC(kernel="linear", C=1 / (l2 * len(y)), tol=1e-6, max_iter=10**5).fit(x, y)
        weight = machine.coef_[0]
        theirs = min(value(x, y, weight, b, l2) for b in (2 * y - 1) - x @ weight)
        assert found[i] == pytest.approx(value(x, y, w[i, :-1].numpy(), float(w[i, -1]), l2))
        assert found[i] <= theirs + gap[i] + 1e-12
        assert theirs <= found[i] + 1e-4


@pytest.mark.parametrize("kind", KINDS)
def test_without_l2_it_is_the_linear_programs_value(kind: str) -> None:
    x, y = table(kind)
    margins = (2 * y - 1)[:, None] * np.column_stack([x, np.ones(len(x))])
    n, p = margins.shape
    program = linprog(
        np.r_[np.zeros(p), np.full(n, 1 / n)],
        A_ub=-sparse.hstack([margins, sparse.identity(n)]).tocsr(),
        b_ub=-np.ones(n),
        bounds=[(None, None)] * p + [(0, None)] * n,
    )
    end = hinge.solve(with_bias(x), torch.from_numpy(y), torch.zeros(1).double())
    assert float(end.value) == pytest.approx(program.fun, rel=1e-8, abs=1e-10)
    assert float(end.gap) <= 1e-8


def test_scikit_learns_multipliers_prove_that_nothing_is_lower() -> None:
    """By weak duality: no objective is below what they give."""
    x, y = table("plain")
    l2, n = 1e-2, len(y)
    machine = SVC(kernel="linear", C=1 / (l2 * n), tol=1e-8).fit(x, y)
    dual = np.zeros(n)
    dual[machine.support_] = np.abs(machine.dual_coef_[0]) * l2 * n
    least = dual.mean() - l2 / 2 * np.sum((((2 * y - 1) * dual) @ x / n / l2) ** 2)
    end = hinge.solve(with_bias(x), torch.from_numpy(y), torch.tensor([l2]).double())
    assert least <= float(end.value) + 1e-9
    assert float(end.value) == pytest.approx(least, rel=1e-6)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(3))
def test_the_gap_closes_and_no_weights_are_better_than_it_allows(kind: str, seed: int) -> None:
    x, y = table(kind, seed=seed)
    end = hinge.solve(with_bias(x), torch.from_numpy(y), torch.tensor(PATH).double())
    w, found, gap = end.w, end.value, end.gap
    assert (gap >= -1e-15).all()
    assert (gap <= 1e-7 * found + 1e-12).all()
    rng = np.random.default_rng(seed)
    for i, l2 in enumerate(PATH):
        for size in (1e-4, 1e-2, 1.0):
            near = w[i].numpy() + size * rng.normal(size=(20, w.shape[1]))
            values = [value(x, y, each[:-1], each[-1], l2) for each in near]
            assert min(values) >= float(found[i] - gap[i])


def separable(n: int, kind: str) -> tuple[np.ndarray, np.ndarray]:
    """Many rows that a plane just separates: margins of 1 need weights of many thousands."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(n, 6)) if kind == "normal" else rng.standard_t(2, size=(n, 6))
    if kind == "nearly equal":
        x = np.column_stack([x, 1e3 * x[:, :2] + 1e-4 * rng.normal(size=(n, 2))])
    return x, (x @ rng.normal(size=x.shape[1]) > 0).astype(float)


@pytest.mark.parametrize("kind", ["normal", "heavy tails", "nearly equal"])
def test_separable_rows_are_solved_too_whatever_l2(kind: str) -> None:
    """The gap used to stand still at 0.01 to 1e9 after 80 iterations."""
    x, y = separable(8000, kind)
    l2 = torch.tensor([0.0, 1e-12, 1e-9, 1e-6, 1e-3]).double()
    end = hinge.solve(with_bias(x), torch.from_numpy(y), l2)
    assert (end.gap <= 1e-9 * end.value + 1e-12).all()
    assert float(end.value[0]) == 0
    assert (end.value.diff() > 0).all()
    assert ((end.iterations > 0) & (end.iterations <= 180)).all()


def test_columns_far_from_zero_change_nothing_but_the_bias() -> None:
    x, y = table("plain")
    l2 = torch.tensor(PATH).double()
    near, far = (hinge.solve(with_bias(each), torch.from_numpy(y), l2) for each in (x, x + 1e6))
    assert far.value.numpy() == pytest.approx(near.value.numpy(), rel=1e-8)
    assert (far.gap <= 1e-7 * far.value).all()


def test_what_is_not_solved_within_the_bound_says_by_its_gap_what_may_be_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    x, y = table("plain")
    l2 = torch.tensor(PATH).double()
    true = hinge.solve(with_bias(x), torch.from_numpy(y), l2)
    monkeypatch.setattr(hinge, "BEGINNINGS", ((1.0, 3),))
    early = hinge.solve(with_bias(x), torch.from_numpy(y), l2)
    assert (early.iterations == 3).all()
    assert (early.gap > 1e-3).all()
    assert (early.value - early.gap <= true.value).all()
    assert (true.value <= early.value).all()


def test_the_values_rise_along_the_path_of_l2() -> None:
    x, y = table("plain")
    l2 = torch.logspace(-8, 2, 30).double()
    found = hinge.solve(with_bias(x), torch.from_numpy(y), l2).value
    assert (found.diff() > 0).all()


@pytest.mark.parametrize("label", [0.0, 1.0])
def test_one_class_alone_has_an_optimum_of_zero(label: float) -> None:
    x, _ = table("plain")
    y = torch.full((len(x),), label).double()
    end = hinge.solve(with_bias(x), y, torch.tensor([0.0, 0.1]).double())
    assert end.value.numpy() == pytest.approx(0, abs=1e-8)
    assert np.isfinite(end.w.numpy()).all()


def test_a_search_may_be_ended_at_every_iteration() -> None:
    x, y = table("plain")
    calls = []

    def check() -> None:
        calls.append(1)
        if len(calls) == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        hinge.solve(with_bias(x), torch.from_numpy(y), torch.tensor(PATH).double(), check)
    assert len(calls) == 5
