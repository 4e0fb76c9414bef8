"""The objective after every step, read back from the histories."""

from __future__ import annotations

import numpy as np
import pytest

import lrlab
from lrlab.data import load_problem
from lrlab.spec import make_spec
from lrlab.track import connect, find_sweep, recorded_runs
from lrlab.track.every_step import objective_per_step
from support import tiny

SPEC = make_spec(tiny(search={"replicates": 2}))
STEPS = 40


@pytest.fixture(scope="module")
def read(finished):
    store = connect(finished.uri)
    info = find_sweep(store, finished.run_id)
    runs = recorded_runs(store, info)
    n_rows = len(load_problem(SPEC).y_train)
    return store, info, runs, n_rows, objective_per_step(store, info, runs, n_rows)


def descent(x: np.ndarray, y: np.ndarray, w: np.ndarray, lr: float) -> list[float]:
    """The squared hinge of gradient descent after 0, 1, ... steps, in numpy and float64."""
    signed, values = np.column_stack([x, np.ones(len(x))]) * (2 * y - 1)[:, None], []
    for _ in range(STEPS + 1):
        short = np.maximum(1 - signed @ w, 0)
        values.append(float(np.mean(short**2)))
        w = w + lr * 2 * signed.T @ short / len(y)
    return values


def test_it_is_gradient_descent_s_own_after_every_step_of_it(read) -> None:
    _, _, runs, _, found = read
    problem, compared = load_problem(SPEC), 0
    x, y = problem.x_train.double().numpy(), problem.y_train.double().numpy()
    for run, values in zip(runs, found, strict=True):
        lr, plain = float(run.params["lr"]), run.params["optimizer"] == "sgd"
        if not plain or run.params["loss"] != "squared_hinge" or lr > 1:
            continue
        model = problem.initial_model(int(run.params["seed"])).features
        start = np.append(model.weight.detach().numpy()[0], model.bias.detach().numpy())
        assert values == pytest.approx(descent(x, y, start, lr), rel=1e-5)
        compared += 1
    assert compared


def test_it_goes_through_the_evaluations_and_ends_with_the_last(read, finished) -> None:
    _, _, runs, _, found = read
    curves = lrlab.load_curves(finished.run_id, finished.uri, ["train_objective"])
    rows = {run.run_id: row for row, run in enumerate(runs)}
    for run_id, own in curves.groupby("run_id"):
        after = found[rows[run_id], own["step"]]
        assert after == pytest.approx(own["value"].to_numpy(), rel=1e-6)
    for run, values in zip(runs, found, strict=True):
        last = np.flatnonzero(~np.isnan(values))[-1]
        assert last == (run.steps if run.outcome != "diverged" else last)
        assert not np.isnan(values[: run.steps]).any()
    assert found.shape == (len(runs), STEPS + 1)


def test_a_damaged_file_of_curves_is_read_around(read, monkeypatch, finished) -> None:
    store, info, runs, n_rows, found = read
    monkeypatch.setattr("lrlab.track.every_step.batch_files", lambda *args: ["sweep.yaml"])
    again = objective_per_step(store, info, runs, n_rows)
    np.testing.assert_array_equal(again, found)


def test_there_is_none_of_mini_batches_and_none_that_does_not_fit(read, monkeypatch) -> None:
    store, info, runs, n_rows, found = read
    assert objective_per_step(store, info, runs, n_rows, most=found.size - 1) is None
    small = make_spec(tiny(train={"batch_size": n_rows - 1}))
    monkeypatch.setattr("lrlab.track.every_step.load_sweep_spec", lambda *args: small)
    assert objective_per_step(store, info, runs, n_rows) is None
    assert objective_per_step(store, info, runs, n_rows - 1) is not None
