"""The fused engine, held to torch.optim itself: every optimizer, every loss, every step."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from concurrent.futures import CancelledError
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special
from sklearn import metrics

from lrlab.data import Problem, load_problem
from lrlab.losses import LOSSES, Loss
from lrlab.optimizers import OPTIMIZERS, Optimizer
from lrlab.spec import TrainSpec, make_spec
from lrlab.train import device, loop
from lrlab.train.fused import engine as fused
from lrlab.train.fused import group
from lrlab.train.fused.engine import fused_groups
from lrlab.train.fused.group import FusedGroup
from lrlab.train.fused.margins import Margins
from lrlab.train.minibatches import batches
from lrlab.train.trajectory import Trajectory
from lrlab.trial import Run, TrialConfig

STEPS = 1000
SOME = 300  # more than the steps whose coefficients are formed at a time
pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """Tiny tensors: more threads only wait for each other."""
    with device.one_thread():
        yield


# Small enough that a run does not reach the point where its loss is flat to the last bit:
# there the adaptive optimizers divide one rounding error by another.
LR = {
    "sgd": 0.05,
    "momentum": 0.01,
    "nesterov": 0.01,
    "adagrad": 0.05,
    "adadelta": 0.02,
    "rmsprop": 5e-5,
}
TOLERANCE = {"float64": 1e-10, "float32": 1e-4}
# The hinge's slope jumps at its kink: where rounding puts a row on the other side of it, a step
# of one of 21 rows is another. In float64 that does not happen here.
AT_A_KINK = {"hinge": {"float64": 1e-10, "float32": 1e-2}}


def problem(dtype: str, batch_size: int | None, steps: int = STEPS) -> tuple[Problem, TrainSpec]:
    data = {"sizes": [12, 9], "val_sizes": [5, 5], "noise": 0.2, "features": 3}
    train = {"steps": steps, "dtype": dtype, "batch_size": batch_size}
    spec = make_spec({"name": "t", "data": data, "train": train})
    return load_problem(spec), spec.train


def batch_of(engine: Any, *args: Any) -> list[tuple[Run, Trajectory]]:
    """All runs of a trial batch in order, whatever the parts in which the engine gives them."""
    found = {run.key: (run, t) for part in engine.train_batch(*args) for run, t in part}
    return [found[run.key] for run in args[1]]


def torchs_losses(data: Problem, how: TrainSpec, config: TrialConfig, seed: int) -> np.ndarray:
    """The same training with torch.optim, written out: loss of every step, [steps]."""
    model = data.initial_model(seed)
    optimizer = OPTIMIZERS[config.optimizer].build(
        model.parameters(), lr=config.lr, **config.optimizer_params
    )
    losses = []
    for x, y in batches(data, how, seed):
        optimizer.zero_grad()
        loss = LOSSES[config.loss].criterion(model(x), y, **config.loss_params)
        loss = loss + 0.5 * config.l2 * (model.features.weight**2).sum()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return np.array(losses)


def relative_error(mine: np.ndarray, torchs: np.ndarray) -> float:
    return float(np.max(np.abs(mine - torchs)) / np.max(np.abs(torchs)))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("batch_size", [None, 8], ids=["full-batch", "mini-batch"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS.names())
def test_a_batch_of_all_losses_follows_torch_optim_step_by_step(
    optimizer: str, batch_size: int | None, dtype: str
) -> None:
    whole = batch_size is None and dtype == "float64"
    data, how = problem(dtype, batch_size, steps=STEPS if whole else SOME)
    lr = LR.get(optimizer, 0.003)
    runs = [
        Run(i, 0, 1, TrialConfig.of(optimizer, loss, lr * (1 + i / 9), l2=0.01 * (i % 2)))
        for i, loss in enumerate(LOSSES.names())
    ]
    for run, trajectory in batch_of(fused, data, runs, how):
        expected = torchs_losses(data, how, run.config, run.seed)
        assert trajectory.steps == how.steps
        error = relative_error(trajectory.train_loss, expected)
        tolerance = AT_A_KINK.get(run.config.loss, TOLERANCE)[dtype]
        assert error < tolerance, f"{run.config.loss}: {error:.1e}"


@pytest.mark.parametrize("batch_size", [None, 8], ids=["full-batch", "mini-batch"])
@pytest.mark.parametrize("engine", [fused, loop])
def test_step_0_is_the_objective_on_all_rows_at_the_initial_weights(
    engine: Any, batch_size: int | None
) -> None:
    data, how = problem("float64", batch_size, steps=12)
    x, y = data.x_train.numpy(), data.y_train.numpy()
    runs = [
        Run(i, 0, 1 + i, TrialConfig.of("sgd", loss, lr, l2))
        for i, (loss, lr, l2) in enumerate(
            [("bce", 0.1, 0.0), ("hinge", 0.1, 0.5), ("bce", 1e30, 1e30)]
        )
    ]
    ended = batch_of(engine, data, runs, how)
    for run, trajectory in ended:
        linear = data.initial_model(run.seed).features
        w, b = linear.weight.detach().numpy()[0], linear.bias.item()
        mean = metrics.log_loss(y, special.expit(x @ w + b))
        if run.config.loss == "hinge":
            mean = metrics.hinge_loss(y, x @ w + b)
        assert trajectory.start == pytest.approx(mean + run.config.l2 / 2 * w @ w, rel=1e-12)
        if not batch_size:
            assert trajectory.start == trajectory.train_loss[0]
    assert [t.outcome == "diverged" for _, t in ended] == [False, False, True]


def hyperparameters(entry: Loss | Optimizer) -> st.SearchStrategy[dict[str, float]]:
    """Values of every hyperparameter, away from where arithmetic is ill-conditioned."""
    sensible: dict[str, tuple[float, float]] = {
        "eps": (0.01, 0.3) if isinstance(entry, Loss) else (1e-8, 1e-3),
        "beta": (0, 0.95), "beta1": (0, 0.95), "beta2": (0.9, 0.9999), "alpha": (0.9, 0.999),
        "rho": (0.8, 0.99), "lr_decay": (0, 0.1), "weight_decay": (0, 1),
        "momentum_decay": (0, 0.1), "gamma": (0, 5), "pos_weight": (0.1, 10),
    }  # fmt: skip
    return st.fixed_dictionaries(
        {
            f"{entry.name}.{h.name}": st.floats(*sensible.get(h.name, (h.low, h.high)))
            for h in entry.hyperparameters
        }
    )


@st.composite
def configs(draw: Any) -> TrialConfig:
    optimizer = draw(st.sampled_from(OPTIMIZERS.names()))
    loss = draw(st.sampled_from(LOSSES.names()))
    given_ = draw(hyperparameters(OPTIMIZERS[optimizer])) | draw(hyperparameters(LOSSES[loss]))
    lr = LR.get(optimizer, 0.003) * draw(st.floats(0.1, 2))
    return TrialConfig.of(optimizer, loss, lr, draw(st.floats(0, 0.1)), given_)


@settings(max_examples=25, deadline=None)
@given(drawn=st.lists(configs(), min_size=1, max_size=8), seeds=st.integers(1, 3))
def test_mixed_batches_with_drawn_hyperparameters_follow_torch_optim(
    drawn: list[TrialConfig], seeds: int
) -> None:
    data, how = problem("float64", None, 60)
    runs = [Run(i, 0, 1 + i % seeds, config) for i, config in enumerate(drawn)]
    for run, trajectory in batch_of(fused, data, runs, how):
        expected = torchs_losses(data, how, run.config, run.seed)
        assert relative_error(trajectory.train_loss, expected) < 1e-9, run.config


def some_runs(count: int = 12) -> list[Run]:
    names = OPTIMIZERS.names(), LOSSES.names()
    return [
        Run(i, 0, 1 + i % 2, TrialConfig.of(names[0][i % 12], names[1][i % 9], 1e-3))
        for i in range(count)
    ]


@pytest.mark.parametrize("batch_size", [None, 8])
def test_a_run_is_bit_for_bit_the_same_when_trained_twice(batch_size: int | None) -> None:
    data, how = problem("float32", batch_size, 50)
    first = list(batch_of(fused, data, some_runs(), how))
    second = list(batch_of(fused, data, some_runs(), how))
    for (_, a), (_, b) in zip(first, second, strict=True):
        assert np.array_equal(a.train_loss, b.train_loss)
        assert np.array_equal(a.weight, b.weight)
        assert a.final == b.final


@pytest.mark.parametrize("batch_size", [None, 8])
def test_trajectories_are_what_the_loop_leaves(batch_size: int | None) -> None:
    data, how = problem("float64", batch_size, 300)
    runs = some_runs(24)
    mine = list(batch_of(fused, data, runs, how))
    reference = list(batch_of(loop, data, runs, how))
    for (run, a), (same, b) in zip(mine, reference, strict=True):
        assert run is same
        assert a.outcome == b.outcome
        assert a.evaluated.tolist() == b.evaluated.tolist()
        for name, values in b.stepped.items():
            np.testing.assert_allclose(a.stepped[name], values, rtol=1e-8, atol=1e-12)
        assert a.final.keys() == b.final.keys()
        for name, value in b.final.items():
            assert a.final[name] == pytest.approx(value, rel=1e-8, abs=1e-10), name
        np.testing.assert_allclose(a.weight, b.weight, rtol=1e-7, atol=1e-12)


def test_diverged_runs_leave_without_touching_the_others() -> None:
    data, how = problem("float32", None, 200)
    calm = [Run(i, 0, 1, TrialConfig.of("momentum", "squared_hinge", 0.01)) for i in (0, 2, 4)]
    rates = {i: 10.0**i for i in (1, 3, 5, 20)}
    unstable = [
        Run(i, 0, 1, TrialConfig.of("sgd", "squared_hinge", lr)) for i, lr in rates.items()
    ]
    together = {run.trial: t for run, t in batch_of(fused, data, [*calm, *unstable], how)}
    reference = {run.trial: t for run, t in batch_of(loop, data, [*calm, *unstable], how)}
    assert {together[run.trial].outcome for run in unstable} == {"diverged"}
    for trial, expected in reference.items():
        mine = together[trial]
        assert mine.diverged_at == expected.diverged_at
        assert mine.steps == expected.steps
        assert np.isfinite(mine.train_loss).all()
        assert mine.evaluated.tolist() == expected.evaluated.tolist()
        assert (mine.final == {}) == (expected.final == {})


def test_a_users_own_loss_is_differentiated_by_autograd() -> None:
    LOSSES.register(
        Loss(
            "exponential",
            lambda z, y: torch.exp((1 - 2 * y) * z),
            formula="exp(-s z)",
            when="test",
            source="test",
        )
    )
    try:
        data, how = problem("float64", None, 100)
        runs = [Run(i, 0, 1, TrialConfig.of("adam", name, 0.01)) for i, name in
                enumerate(["exponential", "bce", "exponential"])]  # fmt: skip
        for run, trajectory in batch_of(fused, data, runs, how):
            expected = torchs_losses(data, how, run.config, 1)
            assert relative_error(trajectory.train_loss, expected) < 1e-12
    finally:
        LOSSES.unregister("exponential")


def test_an_optimizer_without_a_rule_falls_back_to_the_loop() -> None:
    OPTIMIZERS.register(
        Optimizer(
            "asgd",
            lambda params, lr: torch.optim.ASGD(params, lr=lr),
            formula="averaged",
            when="test",
            source="test",
            default_lr=0.01,
        )
    )
    try:
        data, how = problem("float64", None, 40)
        runs = [
            Run(i, 0, 1, TrialConfig.of(o, "bce", 0.01)) for i, o in enumerate(("asgd", "sgd"))
        ]
        done = dict(enumerate(t for _, t in batch_of(fused, data, runs, how)))
        for i, run in enumerate(runs):
            expected = torchs_losses(data, how, run.config, 1)
            assert relative_error(done[i].train_loss, expected) < 1e-12
    finally:
        OPTIMIZERS.unregister("asgd")


@pytest.mark.parametrize(("batch_size", "rows"), [(None, 200), (None, 10**6), (8, 200)])
def test_a_batch_is_divided_into_programs_by_the_spec_alone(
    batch_size: int | None, rows: int
) -> None:
    how = TrainSpec(batch_size=batch_size)
    runs = some_runs(700)
    divided = fused_groups(runs, [rows], how)
    assert sorted(run.trial for group in divided for run in group) == [*range(700)]
    assert max(len(group) for group in divided) == (16 if rows > 10**5 else 256)
    assert divided == fused_groups(runs, [rows], how)
    if batch_size:  # runs of one fused group share their mini-batches
        assert all(len({run.seed for run in group}) == 1 for group in divided)


def test_long_histories_make_small_groups() -> None:
    assert (
        max(len(g) for g in fused_groups(some_runs(300), [200], TrainSpec(steps=1_000_000))) == 33
    )


def test_programs_in_many_threads_give_the_bits_of_one(monkeypatch: pytest.MonkeyPatch) -> None:
    data, how = problem("float32", None, 50)
    monkeypatch.setattr(fused, "MOST_RUNS", 5)
    one = batch_of(fused, data, some_runs(30), how)
    monkeypatch.setattr(fused, "ROWS_TIMES_RUNS", 1)
    monkeypatch.setattr(fused, "LEAST_RUNS", 5)
    monkeypatch.setattr("os.cpu_count", lambda: 4)
    many = batch_of(fused, data, some_runs(30), how)
    for (_, a), (_, b) in zip(one, many, strict=True):
        assert np.array_equal(a.train_loss, b.train_loss)
        assert np.array_equal(a.weight, b.weight)


def test_a_group_stops_at_the_next_step_when_it_is_cancelled() -> None:
    data, how = problem("float32", None, 1000)
    asked = iter([False] * 3 + [True])
    with pytest.raises(CancelledError):
        FusedGroup(Margins(data), some_runs(4), how).run(lambda: next(asked))


def test_large_data_are_not_copied_and_give_the_same_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    for batch_size in (None, 8):
        data, how = problem("float32", batch_size, 50)
        copied = batch_of(fused, data, some_runs(), how)
        with monkeypatch.context() as patched:
            patched.setattr("lrlab.train.fused.margins.COPIED", 0)
            formed = batch_of(fused, data, some_runs(), how)
        for (_, a), (_, b) in zip(copied, formed, strict=True):
            assert np.array_equal(a.train_loss, b.train_loss)


@pytest.mark.parametrize("name", LOSSES.names())
def test_gradients_are_the_derivatives_of_the_loss(name: str) -> None:
    entry = LOSSES[name]
    m = torch.linspace(-30, 30, 241, dtype=torch.float64).repeat(2, 2)
    y = torch.cat([torch.zeros(241), torch.ones(241)]).double()
    z = ((2 * y - 1) * m).requires_grad_()
    params = {h.name: h.default for h in entry.hyperparameters}
    columns = {k: torch.full((2, 1), v, dtype=torch.float64) for k, v in params.items()}
    values = entry.per_example(z, y.expand_as(z), **params)
    [expected] = torch.autograd.grad(values.sum(), z)
    assert entry.value_and_grad is not None
    mine, grad = entry.value_and_grad(m, y, **columns)
    # torch's own bce_logits loses digits to cancellation where the loss is tiny.
    torch.testing.assert_close(mine, values.detach(), rtol=1e-12, atol=1e-14)
    torch.testing.assert_close(grad * (2 * y - 1), expected, rtol=1e-10, atol=1e-15)


def test_a_large_batch_on_many_rows_is_tiled_to_the_same_numbers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data, how = problem("float64", None, 30)
    whole = [t.train_loss for _, t in batch_of(fused, data, some_runs(), how)]
    monkeypatch.setattr(group, "TILE", 40)
    tiled = [t.train_loss for _, t in batch_of(fused, data, some_runs(), how)]
    for a, b in zip(whole, tiled, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12)


def test_a_metric_that_is_not_a_number_is_left_out() -> None:
    data, how = problem("float64", None, 3)
    one_class = dataclasses.replace(data, y_val=torch.ones_like(data.y_val))
    for engine in (fused, loop):
        [(_, trajectory)] = batch_of(engine, one_class, some_runs(1), how)
        assert "val_auc" not in trajectory.final
        assert "val_log_loss" in trajectory.final
