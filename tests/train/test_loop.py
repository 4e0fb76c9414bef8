"""The loop engine: the tutorial bit for bit, and a contract over optimizers and losses."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression as ScikitLogisticRegression
from torch import nn

from lrlab.data import Problem, load_problem
from lrlab.losses import LOSSES, Loss
from lrlab.metrics import METRICS, STEPPED
from lrlab.optimizers import OPTIMIZERS
from lrlab.spec import TrainSpec, make_spec
from lrlab.train import ENGINES, Trajectory, evaluation_steps
from lrlab.train.device import one_thread
from lrlab.train.loop import train
from lrlab.train.minibatches import batches
from lrlab.trial import Run, TrialConfig

PAIRS = [(optimizer, loss) for optimizer in OPTIMIZERS.names() for loss in LOSSES.names()]
every_pair = pytest.mark.parametrize(("optimizer", "loss"), PAIRS)


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    with one_thread():
        yield


def blobs(dtype: str = "float32", **data: Any) -> Problem:
    return load_problem(make_spec({"name": "t", "data": data, "train": {"dtype": dtype}}))


@pytest.fixture(scope="module")
def problem() -> Problem:
    return blobs()


@pytest.fixture(scope="module")
def small() -> dict[str, Problem]:
    sizes = {"sizes": [20, 20], "val_sizes": [20, 20]}
    return {dtype: blobs(dtype, **sizes) for dtype in ("float32", "float64")}


def run(
    problem: Problem,
    optimizer: str = "momentum",
    loss: str = "bce",
    lr: float = 0.01,
    *,
    l2: float = 0.0,
    seed: int = 1,
    hyperparameters: dict[str, float] | None = None,
    **settings: Any,
) -> Trajectory:
    config = TrialConfig.of(optimizer, loss, lr, l2, hyperparameters)
    return train(problem, config, TrainSpec(**settings), seed)


# --- the tutorial ----------------------------------------------------------------------------


def program(seed: int, steps: int) -> tuple[list[float], nn.Sequential]:
    """The tutorial's program, in plain torch; its losses and its model."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        n_data = torch.ones(100, 2)
        x0 = torch.normal(1.7 * n_data, 1) + 1
        x1 = torch.normal(-1.7 * n_data, 1) + 1
        train_x = torch.cat((x0, x1), 0)
        train_y = torch.cat((torch.zeros(100), torch.ones(100)), 0)
        model = nn.Sequential(nn.Linear(2, 1), nn.Sigmoid())
    criterion = nn.BCELoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    losses = []
    for _ in range(steps):
        out = model(train_x)
        loss = criterion(out.squeeze(), train_y)
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return losses, model


@pytest.mark.parametrize("seed", [1, 2])
def test_the_tutorial_is_reproduced_bit_for_bit(seed: int) -> None:
    losses, model = program(seed, 1000)
    spec = make_spec({"name": "t", "seed": seed})
    trajectory = train(
        load_problem(spec), TrialConfig.of("momentum", "bce", 0.01), spec.train, seed
    )
    assert trajectory.train_loss.tolist() == losses
    assert trajectory.weight.tolist() == model[0].weight[0].tolist()
    assert trajectory.bias == model[0].bias.item()


def test_the_tutorial_s_known_losses_come_out(problem: Problem) -> None:
    losses = run(problem).train_loss
    assert {step: losses[step - 1] for step in (1, 10, 100, 1000)} == {
        1: 0.9220798015594482,
        10: 0.3911783695220947,
        100: 0.10130823403596878,
        1000: 0.03443262726068497,
    }


# --- against plain torch ---------------------------------------------------------------------


@pytest.mark.parametrize("l2", [0.05, 2.0])
def test_l2_is_that_of_a_plain_torch_program(problem: Problem, l2: float) -> None:
    model = problem.initial_model(1).features
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    losses = []
    for _ in range(200):
        optimizer.zero_grad()
        logits = model(problem.x_train).squeeze(-1)
        loss = nn.functional.binary_cross_entropy_with_logits(logits, problem.y_train)
        loss = loss + l2 / 2 * model.weight.norm() ** 2  # the bias is free
        losses.append(loss.item())
        loss.backward()
        optimizer.step()
    trajectory = run(problem, "sgd", "bce_logits", 0.1, l2=l2, steps=200)
    np.testing.assert_allclose(trajectory.train_loss, losses, rtol=1e-5)
    assert trajectory.bias == pytest.approx(model.bias.item(), rel=1e-4)


@pytest.mark.parametrize("l2", [1.0, 0.01])
def test_long_training_reaches_scikit_learn_s_optimum(l2: float) -> None:
    problem = blobs("float64", sizes=[60, 40], means=[1, -1])
    x, y = problem.x_train.numpy(), problem.y_train.numpy()
    best = ScikitLogisticRegression(C=1 / (len(y) * l2), tol=1e-12, max_iter=10_000).fit(x, y)
    trajectory = run(
        problem,
        "nesterov",
        "bce_logits",
        0.3,
        l2=l2,
        steps=1000,
    )
    np.testing.assert_allclose(trajectory.weight, best.coef_[0], rtol=1e-6)
    assert trajectory.bias == pytest.approx(best.intercept_[0], rel=1e-6)
    assert trajectory.outcome == "converged"


def test_a_hyperparameter_of_the_loss_reaches_it(small: dict[str, Problem]) -> None:
    first = [
        run(small["float32"], loss="focal", steps=1, hyperparameters={"focal.gamma": g})
        for g in (0.0, 2.0)
    ]
    bce = run(small["float32"], loss="bce_logits", steps=1)
    assert first[0].train_loss[0] == pytest.approx(bce.train_loss[0], rel=1e-6)
    assert first[1].train_loss[0] < first[0].train_loss[0]


# --- mini-batches ----------------------------------------------------------------------------


def numbered(n: int) -> Problem:
    """A problem whose single column is the number of the row."""
    x = torch.arange(float(n))[:, None]
    base = blobs(sizes=[1, 1], features=1)
    return Problem(
        **{**vars(base), "x_train": x, "y_train": (torch.arange(n) % 2).float()},
    )


def rows_by_step(n: int, seed: int = 1, **settings: Any) -> list[list[int]]:
    drawn = batches(numbered(n), TrainSpec(**settings), seed)
    return [[int(row) for row in x[:, 0].tolist()] for x, _ in drawn]


@pytest.mark.parametrize(("n", "size"), [(10, 3), (10, 5), (7, 1), (100, 64)])
def test_each_pass_visits_every_row_once_and_its_last_batch_may_be_smaller(
    n: int, size: int
) -> None:
    per_pass = math.ceil(n / size)
    drawn = rows_by_step(n, steps=4 * per_pass, batch_size=size)
    last = n - (per_pass - 1) * size
    for start in range(0, len(drawn), per_pass):
        passed = drawn[start : start + per_pass]
        assert [len(rows) for rows in passed] == [size] * (per_pass - 1) + [last]
        assert sorted(row for rows in passed for row in rows) == list(range(n))
    assert drawn[:per_pass] != drawn[per_pass : 2 * per_pass]  # shuffled anew


def test_rows_keep_their_labels() -> None:
    for x, y in batches(numbered(10), TrainSpec(steps=9, batch_size=3), 1):
        assert torch.equal(x[:, 0] % 2, y)


def test_the_order_depends_on_the_seed_alone() -> None:
    one = rows_by_step(10, steps=8, batch_size=3)
    torch.rand(3)
    assert rows_by_step(10, steps=8, batch_size=3) == one
    assert rows_by_step(10, steps=5, batch_size=3) == one[:5]
    assert rows_by_step(10, steps=8, batch_size=3, seed=2) != one


@pytest.mark.parametrize("size", [None, 10, 11, 1000])
def test_a_batch_of_all_rows_is_all_rows_in_order(size: int | None) -> None:
    assert rows_by_step(10, steps=3, batch_size=size) == [list(range(10))] * 3


def test_mini_batches_train_as_a_plain_torch_program_does(problem: Problem) -> None:
    settings = TrainSpec(steps=50, batch_size=64)
    model = problem.initial_model(1).features
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    losses = []
    for x, y in batches(problem, settings, 1):
        optimizer.zero_grad()
        loss = nn.BCEWithLogitsLoss()(model(x).squeeze(-1), y)
        losses.append(loss.item())
        loss.backward()
        optimizer.step()
    trajectory = run(problem, "adam", "bce_logits", 0.05, steps=50, batch_size=64)
    assert trajectory.train_loss.tolist() == losses
    assert trajectory.final["train_loss"] == losses[-1]


# --- the contract ----------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@every_pair
def test_every_optimizer_trains_every_loss(
    optimizer: str, loss: str, dtype: str, small: dict[str, Problem]
) -> None:
    trajectory = run(
        small[dtype], optimizer, loss, OPTIMIZERS[optimizer].default_lr, steps=20, dtype=dtype
    )
    assert trajectory.steps == 20
    assert np.isfinite(trajectory.train_loss).all()
    assert trajectory.train_loss[-1] < trajectory.train_loss[0]
    assert trajectory.outcome in ("converged", "slow")
    assert trajectory.diverged_at is None
    assert set(trajectory.final) == set(METRICS)
    assert set(trajectory.stepped) == set(STEPPED)


@every_pair
def test_an_absurd_learning_rate_ends_as_an_outcome_without_a_warning(
    optimizer: str, loss: str, small: dict[str, Problem]
) -> None:
    for lr in (1e10, 1e30):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            trajectory = run(small["float32"], optimizer, loss, lr, steps=20)
        check_outcome(trajectory, 20)


@pytest.mark.parametrize("l2", [1e-30, 1e30])
@pytest.mark.parametrize("loss", LOSSES.names())
def test_an_absurd_l2_ends_as_an_outcome(loss: str, l2: float, small: dict[str, Problem]) -> None:
    check_outcome(run(small["float32"], "sgd", loss, 1.0, l2=l2, steps=20), 20)


def check_outcome(trajectory: Trajectory, steps: int) -> None:
    assert np.isfinite(trajectory.train_loss).all()
    assert all(np.isfinite(values).all() for values in trajectory.stepped.values())
    assert all(len(values) == len(trajectory.evaluated) for values in trajectory.stepped.values())
    if trajectory.outcome == "diverged":
        assert trajectory.diverged_at is not None
        assert trajectory.diverged_at - 1 <= trajectory.steps <= trajectory.diverged_at
        assert trajectory.final == {}
    else:
        assert trajectory.diverged_at is None
        assert trajectory.steps == steps
        assert trajectory.final


# --- divergence and the rest -----------------------------------------------------------------


def test_a_loss_that_leaves_the_finite_range_ends_the_run_as_diverged(problem: Problem) -> None:
    trajectory = run(problem, "sgd", "squared_hinge", 1e10)
    assert trajectory.outcome == "diverged"
    assert trajectory.diverged_at is not None
    assert trajectory.diverged_at <= 10
    assert trajectory.steps < 10
    assert trajectory.final == {}
    check_outcome(trajectory, 1000)


def test_a_run_that_diverges_between_evaluations_keeps_what_came_before(
    problem: Problem,
) -> None:
    trajectory = run(problem, "sgd", "bce_logits", 2.2, l2=1.0)  # lr above 2 / l2
    assert trajectory.outcome == "diverged"
    assert trajectory.diverged_at == trajectory.steps + 1
    assert 20 < len(trajectory.evaluated) < len(evaluation_steps(1000))
    assert trajectory.evaluated[-1] <= trajectory.steps
    assert trajectory.train_loss[-1] > 1e30


def test_another_error_in_a_loss_is_not_taken_for_divergence(problem: Problem) -> None:
    def broken(z: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        raise RuntimeError("a mistake in the loss")

    LOSSES.register(Loss("broken", broken, formula="?", when="never", source="here"))
    try:
        with pytest.raises(RuntimeError, match="a mistake in the loss"):
            run(problem, loss="broken", steps=1)
    finally:
        LOSSES.unregister("broken")


def test_a_registered_loss_trains_without_further_code(problem: Problem) -> None:
    def exponential(z: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return torch.exp(-(2 * y - 1) * z)

    LOSSES.register(Loss("exponential", exponential, formula="exp(-s z)", when="", source=""))
    try:
        trajectory = run(problem, "sgd", "exponential", 0.01, steps=50)
    finally:
        LOSSES.unregister("exponential")
    assert trajectory.train_loss[-1] < trajectory.train_loss[0]


def test_the_same_run_twice_is_the_same_run(problem: Problem) -> None:
    one, two = (run(problem, "adam", batch_size=16, steps=100) for _ in range(2))
    assert one.train_loss.tolist() == two.train_loss.tolist()
    assert one.final == two.final
    assert run(problem, "adam", batch_size=16, steps=100, seed=2).final != one.final


def test_each_step_is_reported(small: dict[str, Problem]) -> None:
    seen: list[tuple[int, float]] = []
    trajectory = train(
        small["float32"],
        TrialConfig.of("sgd", "bce", 0.1),
        TrainSpec(steps=7),
        1,
        on_step=lambda step, loss: seen.append((step, loss)),
    )
    assert seen == [*zip(range(1, 8), trajectory.train_loss.tolist(), strict=True)]


def test_the_final_metrics_are_those_of_the_final_weights(problem: Problem) -> None:
    trajectory = run(problem, "adam", "focal", 0.05, l2=0.1, steps=30)
    x, y = problem.x_val.double().numpy(), problem.y_val.numpy()
    z = x @ trajectory.weight + trajectory.bias
    assert trajectory.final["val_accuracy"] == ((z >= 0) == (y == 1)).mean()
    log_loss = np.log1p(np.exp(-(2 * y - 1) * z)).mean()
    assert trajectory.final["val_log_loss"] == pytest.approx(log_loss, rel=1e-5)
    assert trajectory.stepped["val_log_loss"][-1] == trajectory.final["val_log_loss"]
    p_t = 1 / (
        1
        + np.exp(
            -(2 * problem.y_train.numpy() - 1)
            * (problem.x_train.double().numpy() @ trajectory.weight + trajectory.bias)
        )
    )
    objective = (-((1 - p_t) ** 2) * np.log(p_t)).mean()
    objective += 0.05 * (trajectory.weight**2).sum()
    assert trajectory.final["train_objective"] == pytest.approx(objective, rel=1e-5)


# --- the engine ------------------------------------------------------------------------------


def batch_of() -> list[Run]:
    return [
        Run(trial, 0, seed, TrialConfig.of(optimizer, "bce", 0.1))
        for trial, (optimizer, seed) in enumerate([("adam", 1), ("sgd", 2), ("adagrad", 1)])
    ]


@pytest.mark.parametrize("engine", ENGINES)
def test_an_engine_yields_every_run_once_each_as_if_alone(
    engine: str, small: dict[str, Problem]
) -> None:
    settings = TrainSpec(steps=30)
    parts = ENGINES[engine](small["float32"], batch_of(), settings)
    ended = [pair for part in parts for pair in part]
    assert sorted(run.trial for run, _ in ended) == [run.trial for run in batch_of()]
    for each, trajectory in ended:
        alone = train(small["float32"], each.config, settings, each.seed)
        np.testing.assert_allclose(trajectory.train_loss, alone.train_loss, rtol=1e-5)
        assert trajectory.evaluated.tolist() == alone.evaluated.tolist()


@pytest.mark.parametrize("engine", ENGINES)
def test_an_engine_leaves_out_what_is_recorded_and_trains_the_rest_to_the_same_bits(
    engine: str, small: dict[str, Problem]
) -> None:
    settings = TrainSpec(steps=30)
    whole = [
        pair for part in ENGINES[engine](small["float32"], batch_of(), settings) for pair in part
    ]
    recorded = {(0, 0), (2, 0)}
    rest = ENGINES[engine](small["float32"], batch_of(), settings, recorded)
    [(run, trajectory)] = [pair for part in rest for pair in part]
    assert run.trial == 1
    [before] = [ended for same, ended in whole if same.key == run.key]
    assert np.array_equal(before.train_loss, trajectory.train_loss)
    assert np.array_equal(before.weight, trajectory.weight)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_run_at_rest_stops_if_the_spec_asks(engine: str, small: dict[str, Problem]) -> None:
    """Gradient descent on a strongly convex objective reaches the last bit, and stays there."""
    runs = [
        Run(0, 0, 1, TrialConfig.of("sgd", "bce_logits", 1.0, l2=0.5)),
        Run(1, 0, 1, TrialConfig.of("sgd", "bce_logits", 1e-6, l2=0.5)),  # hardly moves
    ]
    settings = TrainSpec(steps=3000, stop_converged=True)
    parts = ENGINES[engine](small["float32"], runs, settings)
    ended = {run.trial: trajectory for part in parts for run, trajectory in part}
    assert ended[0].outcome == "converged"
    assert ended[0].steps < 1000
    assert ended[0].evaluated[-1] == ended[0].steps
    assert ended[0].final["train_objective"] == ended[0].stepped["train_objective"][-1]
    assert ended[1].steps == 3000
    whole = train(small["float32"], runs[0].config, TrainSpec(steps=3000), 1)
    assert ended[0].final["train_objective"] == pytest.approx(
        whole.final["train_objective"], rel=1e-6
    )


@pytest.mark.parametrize("engine", ENGINES)
def test_an_engine_leaves_torch_s_threads_and_random_state_as_they_were(
    engine: str, small: dict[str, Problem]
) -> None:
    state = torch.get_rng_state()
    torch.set_num_threads(2)  # set back by the fixture
    for _ in ENGINES[engine](small["float32"], batch_of(), TrainSpec(steps=5, batch_size=8)):
        assert torch.get_num_threads() == 2  # between runs too: the caller may compute there
    assert torch.get_num_threads() == 2
    assert torch.equal(torch.get_rng_state(), state)


def test_one_thread_is_one_thread_and_is_undone_after_an_error() -> None:
    def fail() -> None:
        with one_thread():
            assert torch.get_num_threads() == 1
            raise KeyError

    torch.set_num_threads(2)
    with pytest.raises(KeyError):
        fail()
    assert torch.get_num_threads() == 2
