"""The optimizers: a contract that every entry keeps, and update rules written out in NumPy."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch

from lrlab.optimizers import OPTIMIZERS, Optimizer
from lrlab.spec.space import LR

CURVATURE = np.array([3.0, 0.5, 1.0])
START = np.array([1.0, -2.0, 0.7])

every_optimizer = pytest.mark.parametrize("optimizer", list(OPTIMIZERS), ids=OPTIMIZERS.names())


def defaults(optimizer: Optimizer) -> dict[str, float]:
    return {h.name: h.default for h in optimizer.hyperparameters}


def descend(optimizer: Optimizer, lr: float, given: dict[str, float], steps: int) -> np.ndarray:
    """Weights before and after each step on sum(c w^2) / 2, [steps + 1, 3] float64."""
    w = torch.nn.Parameter(torch.from_numpy(START.copy()))
    c = torch.from_numpy(CURVATURE)
    torch_s = optimizer.build([w], lr=lr, **given)
    path = [w.detach().numpy().copy()]
    for _ in range(steps):
        torch_s.zero_grad()
        (0.5 * (c * w.square()).sum()).backward()
        torch_s.step()
        path.append(w.detach().numpy().copy())
    return np.array(path)


def quadratic(w: np.ndarray) -> np.ndarray:
    return 0.5 * (CURVATURE * w**2).sum(axis=-1)


def extremes(optimizer: Optimizer) -> Iterator[tuple[float, dict[str, float]]]:
    for value in (math.nextafter(0, 1), 1e-30, LR.high):
        yield value, defaults(optimizer)
    for h in optimizer.hyperparameters:
        low = math.nextafter(h.low, math.inf) if h.low_open else h.low
        high = math.nextafter(h.high, -math.inf) if h.high_open else h.high
        for value in (low, high):
            assert h.permits(value)
            yield optimizer.default_lr, {**defaults(optimizer), h.name: float(value)}


# --- the contract ----------------------------------------------------------------------------


@every_optimizer
def test_an_entry_builds_a_torch_optimizer_from_its_defaults(optimizer: Optimizer) -> None:
    w = torch.nn.Parameter(torch.zeros(2))
    built = optimizer.build([w], lr=optimizer.default_lr, **defaults(optimizer))
    assert isinstance(built, torch.optim.Optimizer)
    assert built.param_groups[0]["params"][0] is w
    assert built.defaults["lr"] == optimizer.default_lr


@every_optimizer
def test_its_learning_rate_to_start_from_is_permitted(optimizer: Optimizer) -> None:
    assert LR.permits(optimizer.default_lr)


@every_optimizer
def test_a_small_step_goes_downhill_and_twenty_go_further(optimizer: Optimizer) -> None:
    losses = quadratic(descend(optimizer, optimizer.default_lr / 10, defaults(optimizer), 20))
    assert losses[1] < losses[0]
    assert losses[20] < losses[1]


@pytest.mark.parametrize(
    ("optimizer", "name"),
    [(o, h.name) for o in OPTIMIZERS for h in o.hyperparameters],
    ids=[f"{o.name}.{h.name}" for o in OPTIMIZERS for h in o.hyperparameters],
)
def test_every_hyperparameter_reaches_torch(optimizer: Optimizer, name: str) -> None:
    w = torch.nn.Parameter(torch.zeros(2))
    built = optimizer.build([w], lr=0.5, **{**defaults(optimizer), name: 0.12345})
    held = [
        number
        for value in built.defaults.values()
        for number in (value if isinstance(value, tuple) else (value,))
    ]
    assert held.count(0.12345) == 1


@every_optimizer
def test_every_permitted_extreme_is_accepted_and_survives_a_step(optimizer: Optimizer) -> None:
    for lr, given in extremes(optimizer):
        assert descend(optimizer, lr, given, 2).shape == (3, 3)


@every_optimizer
def test_the_same_start_gives_the_same_path(optimizer: Optimizer) -> None:
    one, two = (descend(optimizer, 0.1, defaults(optimizer), 10) for _ in range(2))
    assert np.array_equal(one, two)


# --- update rules ----------------------------------------------------------------------------

Rule = Callable[..., Iterator[np.ndarray]]


def gradient(w: np.ndarray) -> np.ndarray:
    return CURVATURE * w


def sgd(w: np.ndarray, lr: float) -> Iterator[np.ndarray]:
    while True:
        w = w - lr * gradient(w)
        yield w


def momentum(w: np.ndarray, lr: float, beta: float) -> Iterator[np.ndarray]:
    v = np.zeros(3)
    while True:
        v = beta * v + gradient(w)
        w = w - lr * v
        yield w


def nesterov(w: np.ndarray, lr: float, beta: float) -> Iterator[np.ndarray]:
    v = np.zeros(3)
    while True:
        g = gradient(w)
        v = beta * v + g
        w = w - lr * (g + beta * v)
        yield w


def adagrad(w: np.ndarray, lr: float, lr_decay: float, eps: float) -> Iterator[np.ndarray]:
    total, step = np.zeros(3), 0
    while True:
        g = gradient(w)
        total = total + g**2
        w = w - lr / (1 + step * lr_decay) * g / (np.sqrt(total) + eps)
        step += 1
        yield w


def rmsprop(
    w: np.ndarray, lr: float, alpha: float, beta: float, eps: float
) -> Iterator[np.ndarray]:
    v, b = np.zeros(3), np.zeros(3)
    while True:
        g = gradient(w)
        v = alpha * v + (1 - alpha) * g**2
        b = beta * b + g / (np.sqrt(v) + eps)
        w = w - lr * b
        yield w


def adadelta(w: np.ndarray, lr: float, rho: float, eps: float) -> Iterator[np.ndarray]:
    v, d2 = np.zeros(3), np.zeros(3)
    while True:
        g = gradient(w)
        v = rho * v + (1 - rho) * g**2
        d = np.sqrt(d2 + eps) / np.sqrt(v + eps) * g
        d2 = rho * d2 + (1 - rho) * d**2
        w = w - lr * d
        yield w


def averages(
    w: list[np.ndarray], beta1: float, beta2: float
) -> Iterator[tuple[int, np.ndarray, np.ndarray, np.ndarray]]:
    """Step from 1, gradient at w[-1], and the running averages of g and g^2, uncorrected."""
    m, v, t = np.zeros(3), np.zeros(3), 0
    while True:
        g = gradient(w[-1])
        m, v, t = beta1 * m + (1 - beta1) * g, beta2 * v + (1 - beta2) * g**2, t + 1
        yield t, g, m, v


def adam(
    w: np.ndarray, lr: float, beta1: float, beta2: float, eps: float, weight_decay: float = 0
) -> Iterator[np.ndarray]:
    path = [w]
    for t, _, m, v in averages(path, beta1, beta2):
        decayed = path[-1] * (1 - lr * weight_decay)
        path.append(decayed - lr * (m / (1 - beta1**t)) / (np.sqrt(v / (1 - beta2**t)) + eps))
        yield path[-1]


def amsgrad(
    w: np.ndarray, lr: float, beta1: float, beta2: float, eps: float
) -> Iterator[np.ndarray]:
    path, largest = [w], np.zeros(3)
    for t, _, m, v in averages(path, beta1, beta2):
        largest = np.maximum(largest, v)
        step = (m / (1 - beta1**t)) / (np.sqrt(largest / (1 - beta2**t)) + eps)
        path.append(path[-1] - lr * step)
        yield path[-1]


def adamax(
    w: np.ndarray, lr: float, beta1: float, beta2: float, eps: float
) -> Iterator[np.ndarray]:
    path, u = [w], np.zeros(3)
    for t, g, m, _ in averages(path, beta1, beta2):
        u = np.maximum(beta2 * u, np.abs(g) + eps)
        path.append(path[-1] - lr * m / (1 - beta1**t) / u)
        yield path[-1]


def nadam(
    w: np.ndarray, lr: float, beta1: float, beta2: float, eps: float, momentum_decay: float
) -> Iterator[np.ndarray]:
    path, product = [w], 1.0
    for t, g, m, v in averages(path, beta1, beta2):
        now, later = (beta1 * (1 - 0.5 * 0.96 ** (s * momentum_decay)) for s in (t, t + 1))
        product *= now
        look_ahead = later * m / (1 - product * later) + (1 - now) * g / (1 - product)
        path.append(path[-1] - lr * look_ahead / (np.sqrt(v / (1 - beta2**t)) + eps))
        yield path[-1]


def radam(
    w: np.ndarray, lr: float, beta1: float, beta2: float, eps: float
) -> Iterator[np.ndarray]:
    path, limit = [w], 2 / (1 - beta2) - 1
    for t, _, m, v in averages(path, beta1, beta2):
        length = limit - 2 * t * beta2**t / (1 - beta2**t)
        step = m / (1 - beta1**t)
        if length > 5:
            above = (length - 4) * (length - 2) * limit
            below = (limit - 4) * (limit - 2) * length
            step = step * math.sqrt(above / below) * np.sqrt(1 - beta2**t) / (np.sqrt(v) + eps)
        path.append(path[-1] - lr * step)
        yield path[-1]


B = {"beta1": 0.8, "beta2": 0.95, "eps": 1e-3}
RULES: list[tuple[str, Rule, dict[str, Any]]] = [
    ("sgd", sgd, {}),
    ("momentum", momentum, {"beta": 0.9}),
    ("momentum", momentum, {"beta": 0.0}),
    ("nesterov", nesterov, {"beta": 0.9}),
    ("nesterov", nesterov, {"beta": 0.0}),
    ("adagrad", adagrad, {"lr_decay": 0.0, "eps": 1e-10}),
    ("adagrad", adagrad, {"lr_decay": 0.3, "eps": 0.1}),
    ("rmsprop", rmsprop, {"alpha": 0.9, "beta": 0.0, "eps": 1e-8}),
    ("rmsprop", rmsprop, {"alpha": 0.9, "beta": 0.5, "eps": 1e-2}),
    ("adadelta", adadelta, {"rho": 0.8, "eps": 1e-3}),
    ("adam", adam, {"beta1": 0.9, "beta2": 0.999, "eps": 1e-8}),
    ("adam", adam, B),
    ("adamw", adam, {**B, "weight_decay": 0.2}),
    ("nadam", nadam, {**B, "momentum_decay": 0.1}),
    ("radam", radam, B),
    ("amsgrad", amsgrad, B),
    ("adamax", adamax, B),
]


@pytest.mark.parametrize(
    ("name", "rule", "given"), RULES, ids=[f"{name}-{given}" for name, _, given in RULES]
)
def test_ten_steps_follow_the_update_rule(name: str, rule: Rule, given: dict[str, Any]) -> None:
    path = descend(OPTIMIZERS[name], 0.05, given, 10)
    steps = rule(START, 0.05, **given)
    expected = [START, *(next(steps) for _ in range(10))]
    np.testing.assert_allclose(
        path, expected, rtol=1e-7, atol=1e-12
    )  # torch keeps NAdam's product in float32


def test_every_entry_has_its_update_rule_here() -> None:
    assert {name for name, _, _ in RULES} == set(OPTIMIZERS.names())
