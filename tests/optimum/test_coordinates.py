"""Optima do not depend on how the user's columns are scaled, nor on where they lie."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.optimize import minimize

from lrlab.data import Problem, load_problem
from lrlab.data.preprocessing import unscaled
from lrlab.losses import LOSSES
from lrlab.optimum import Objective, find_optima
from lrlab.optimum.coordinates import Coordinates
from lrlab.spec import make_spec

BLOBS = load_problem(make_spec({"name": "x", "train": {"dtype": "float64"}}))
CHANGES = {
    "columns of 1e-6 to 1e6": lambda x: x * np.logspace(-6, 6, x.shape[1]),
    "columns at 1e6": lambda x: x + 1e6,
    "a constant column": lambda x: np.column_stack([x, np.full(len(x), 3.7)]),
}


def table() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 4))
    return x, (x @ rng.normal(size=4) + 2 * rng.logistic(size=300) > 0).astype(float)


def problem(x: np.ndarray, y: np.ndarray) -> Problem:
    rows, labels = torch.from_numpy(x), torch.from_numpy(y)
    names = unscaled([f"x{i}" for i in range(x.shape[1])])
    data = {"x_train": rows, "y_train": labels, "x_val": rows, "y_val": labels}
    return replace(BLOBS, **data, preprocessing=names)


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_without_l2_the_optimum_is_that_of_the_columns_as_they_were(change: object) -> None:
    """It used to be up to 23% too high, and was called a minimum."""
    x, y = table()
    wanted = [
        Objective(name, tuple((h.name, h.default) for h in LOSSES[name].hyperparameters))
        for name in LOSSES.names()
    ]
    plain, _ = find_optima(problem(x, y), wanted)
    found, _ = find_optima(problem(change(x), y), wanted)  # type: ignore[operator]
    for objective in wanted:
        assert found[objective].kind == plain[objective].kind
        assert found[objective].value == pytest.approx(plain[objective].value, rel=1e-8)


@pytest.mark.parametrize("loss", ["bce_logits", "squared_hinge", "hinge"])
def test_l2_is_that_of_the_weights_of_the_users_columns(loss: str) -> None:
    x, y = table()
    x = x * [1.0, 10.0, 0.1, 3.0] + [5.0, -20.0, 0.0, 1.0]
    wanted = Objective(loss, (), 0.05)
    found = find_optima(problem(x, y), [wanted])[0][wanted]
    assert found.weight is not None
    margins = (2 * y - 1) * (x @ found.weight + found.bias)
    mean = {
        "bce_logits": np.logaddexp(0, -margins),
        "squared_hinge": np.maximum(1 - margins, 0) ** 2,
        "hinge": np.maximum(1 - margins, 0),
    }[loss].mean()
    assert found.value == pytest.approx(mean + 0.025 * found.weight @ found.weight, rel=1e-9)

    def objective(w: np.ndarray) -> float:
        per_row = LOSSES[loss].per_example(
            torch.from_numpy(x @ w[:-1] + w[-1]), torch.from_numpy(y)
        )
        return float(per_row.mean()) + 0.025 * w[:-1] @ w[:-1]

    at = np.append(found.weight, found.bias)
    rng = np.random.default_rng(1)
    starts = [at + size * rng.normal(size=5) for size in (1e-3, 0.1, 1.0)]
    lowest = min(minimize(objective, start, method="Nelder-Mead").fun for start in starts)
    assert found.value <= lowest + 1e-9
    if found.largest > 0:
        w = torch.from_numpy(at)

        def smooth(w: torch.Tensor) -> torch.Tensor:
            z = torch.from_numpy(x) @ w[:-1] + w[-1]
            loss_of = LOSSES[loss].criterion(z, torch.from_numpy(y))
            return loss_of + 0.025 * w[:-1] @ w[:-1]

        eigenvalues = torch.linalg.eigvalsh(torch.autograd.functional.hessian(smooth, w))
        assert found.largest == pytest.approx(float(eigenvalues[-1]), rel=1e-6)
        assert found.smallest == pytest.approx(float(eigenvalues[0]), rel=1e-6)
        assert found.bound >= found.largest


def test_going_in_and_out_again_changes_nothing() -> None:
    x, _ = table()
    rows = torch.from_numpy(np.column_stack([3 * x - 7, np.ones(len(x))]))
    made = Coordinates.of(rows)
    w = torch.randn(2, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert torch.allclose(made.outward(made.inward(w)), w)
    assert torch.allclose(made.inside(rows) @ made.inward(w).T, rows @ w.T)
    assert torch.allclose(made.inside(rows)[:, :-1].mean(0), torch.zeros(4).double(), atol=1e-12)
    form = made.outward_form(made.inside(rows).T @ made.inside(rows))
    assert torch.allclose(form, rows.T @ rows)
