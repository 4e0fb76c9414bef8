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
    """Standardised columns and labels of a small table."""
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
    w, found, gap = hinge.solve(with_bias(x), torch.from_numpy(y), torch.tensor(path).double())
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
    _, found, gap = hinge.solve(with_bias(x), torch.from_numpy(y), torch.zeros(1).double())
    assert float(found) == pytest.approx(program.fun, rel=1e-8, abs=1e-10)
    assert float(gap) <= 1e-8


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(3))
def test_the_gap_closes_and_no_weights_are_better_than_it_allows(kind: str, seed: int) -> None:
    x, y = table(kind, seed=seed)
    w, found, gap = hinge.solve(with_bias(x), torch.from_numpy(y), torch.tensor(PATH).double())
    assert (gap >= -1e-15).all()
    assert (gap <= 1e-7 * found + 1e-12).all()
    rng = np.random.default_rng(seed)
    for i, l2 in enumerate(PATH):
        for size in (1e-4, 1e-2, 1.0):
            near = w[i].numpy() + size * rng.normal(size=(20, w.shape[1]))
            values = [value(x, y, each[:-1], each[-1], l2) for each in near]
            assert min(values) >= float(found[i] - gap[i])


def test_the_values_rise_along_the_path_of_l2() -> None:
    x, y = table("plain")
    l2 = torch.logspace(-8, 2, 30).double()
    _, found, _ = hinge.solve(with_bias(x), torch.from_numpy(y), l2)
    assert (found.diff() > 0).all()


@pytest.mark.parametrize("label", [0.0, 1.0])
def test_one_class_alone_has_an_optimum_of_zero(label: float) -> None:
    x, _ = table("plain")
    y = torch.full((len(x),), label).double()
    w, found, _ = hinge.solve(with_bias(x), y, torch.tensor([0.0, 0.1]).double())
    assert found.numpy() == pytest.approx(0, abs=1e-8)
    assert np.isfinite(w.numpy()).all()


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
