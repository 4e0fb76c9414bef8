"""The search space: its grid, its keys and what is wrong with it."""

from __future__ import annotations

import itertools
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from optuna.distributions import FloatDistribution
from pydantic import ValidationError

from lrlab.losses import LOSSES
from lrlab.optimizers import OPTIMIZERS
from lrlab.spec import Range, make_spec
from lrlab.spec.space import (
    active_keys,
    check_space,
    default_space,
    domain_of_lr,
    known_keys,
    size_of_grid,
    values,
)

LR = Range(low=1e-3, high=1, log=True, points=4)

SPACES: dict[str, dict[str, Any]] = {
    "nothing conditional": {"optimizer": ("sgd", "adam"), "loss": "bce", "lr": (0.1, 1.0)},
    "all fixed": {"optimizer": "sgd", "loss": "bce", "lr": 0.1},
    "conditional on the optimizer": {
        "optimizer": ("sgd", "momentum"),
        "loss": ("bce", "mse"),
        "lr": LR,
        "momentum.beta": (0.5, 0.9, 0.99),
    },
    "conditional on both": {
        "optimizer": ("momentum", "nesterov", "adam"),
        "loss": ("focal", "mse", "label_smoothing"),
        "lr": (0.1, 1.0),
        "l2": Range(low=0, high=1, step=0.5),
        "momentum.beta": (0.5, 0.9),
        "adam.beta1": (0.8, 0.9, 0.95),
        "adam.eps": 1e-8,
        "focal.gamma": Range(low=0, high=2, points=3),
        "label_smoothing.eps": 0.1,
    },
    "a learning rate of its own": {
        "optimizer": ("sgd", "adam"),
        "loss": "bce",
        "lr": (0.1, 1.0, 10.0),
        "adam.lr": (0.001, 0.01),
    },
}


def points_by_brute_force(space: dict[str, Any]) -> set[frozenset[tuple[str, Any]]]:
    """Every point of the full product, cut down to the keys that its trial has."""
    every = [values(domain) for domain in space.values()]
    found = set()
    for chosen in itertools.product(*every):
        point = dict(zip(space, chosen, strict=True))
        optimizer, loss = point["optimizer"], point["loss"]
        own_lr = f"{optimizer}.lr" in point
        found.add(
            frozenset(
                (key, value)
                for key, value in point.items()
                if key.partition(".")[0] in ("optimizer", "loss", "l2", optimizer, loss)
                or (key == "lr" and not own_lr)
            )
        )
    return found


@pytest.mark.parametrize("space", SPACES.values(), ids=SPACES.keys())
def test_the_grid_counts_a_conditional_key_only_where_it_exists(space: dict[str, Any]) -> None:
    assert size_of_grid(space) == len(points_by_brute_force(space))


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_the_size_of_any_grid_is_that_of_its_enumeration(data: st.DataObject) -> None:
    def domain(low: float) -> Any:
        numbers = st.lists(st.sampled_from([0.1, 0.2, 0.3, 0.4]), min_size=1, unique=True)
        ranges = st.builds(Range, low=st.just(low), high=st.just(0.9), points=st.integers(2, 4))
        return data.draw(st.one_of(numbers.map(tuple), ranges, st.just(0.5)))

    def some(names: list[str]) -> tuple[str, ...]:
        return tuple(data.draw(st.lists(st.sampled_from(names), min_size=1, unique=True)))

    space: dict[str, Any] = {
        "optimizer": some(["sgd", "momentum", "adam"]),
        "loss": some(["bce", "focal", "weighted_bce"]),
        "lr": domain(0.05),
    }
    for key in known_keys(space):
        if key != "lr" and data.draw(st.integers(0, 3)) == 0:
            space[key] = domain(0.05)
    assert [*check_space(space)] == []
    assert size_of_grid(space) == len(points_by_brute_force(space))


@pytest.mark.parametrize(
    "given",
    [
        {"low": 1e-4, "high": 10, "log": True},
        {"low": 1e-4, "high": 10, "log": True, "points": 2},
        {"low": 0, "high": 1},
        {"low": -3, "high": 0.7, "points": 7},
        {"low": 1e-30, "high": 1e30, "log": True, "points": 50},
        {"low": 0.1, "high": 0.3, "points": 100},
    ],
)
def test_a_grid_takes_both_ends_exactly_and_rises_between_them(given: dict[str, Any]) -> None:
    domain = Range(**given)
    grid = np.array(domain.grid())
    assert (grid[0], grid[-1]) == (domain.low, domain.high)
    assert len(grid) == domain.points == domain.count
    gaps = np.diff(np.log(grid) if domain.log else grid)
    assert (gaps > 0).all()
    np.testing.assert_allclose(gaps, gaps[0], rtol=1e-6)


@settings(max_examples=200, deadline=None)
@given(
    low=st.integers(-50, 50),
    step=st.integers(1, 40),
    more=st.integers(0, 400),
    decimals=st.integers(0, 4),
)
def test_a_stepped_grid_is_what_exact_arithmetic_gives(
    low: int, step: int, more: int, decimals: int
) -> None:
    scale = 10**decimals
    high = low + step + more
    grid = Range(low=low / scale, high=high / scale, step=step / scale).grid()
    exact = [float(Fraction(low + i * step, scale)) for i in range((high - low) // step + 1)]
    assert list(grid) == exact
    assert max(grid) <= high / scale


@settings(max_examples=300, deadline=None)
@given(
    low=st.integers(-1000, 1000),
    step=st.integers(1, 400),
    count=st.integers(2, 2000),
    decimals=st.integers(0, 6),
    data=st.data(),
)
def test_a_step_that_is_off_by_rounding_is_made_exact_and_lies_in_optunas_distribution(
    low: int, step: int, count: int, decimals: int, data: st.DataObject
) -> None:
    scale = 10**decimals
    high = low + (count - 1) * step
    domain = Range(low=low / scale, high=high / scale, step=step / scale)
    searched = FloatDistribution(domain.low, domain.top, step=domain.step)
    i = data.draw(st.integers(0, count - 1))
    exact = float(Fraction(low + i * step, scale))
    for near in (domain.low + i * (step / scale), np.nextafter(exact, 1e9), exact):
        assert domain.exact(float(near)) == exact
    assert searched._contains(exact)
    between = float(Fraction(2 * (low + i * step) + step, 2 * scale))
    assert domain.exact(between) == between


@settings(max_examples=200, deadline=None)
@given(low=st.integers(-50, 50), step=st.integers(1, 40), count=st.integers(2, 60))
def test_evenly_spaced_points_are_what_a_person_would_write(
    low: int, step: int, count: int
) -> None:
    high = low + step * (count - 1)
    grid = Range(low=low / 10, high=high / 10, points=count).grid()
    assert list(grid) == [float(Fraction(low + i * step, 10)) for i in range(count)]


def test_decades_are_whole() -> None:
    grid = Range(low=1e-7, high=1e3, log=True, points=11).grid()
    assert list(grid) == [float(f"1e{k}") for k in range(-7, 4)]


def test_without_a_step_every_value_is_exact() -> None:
    assert Range(low=0, high=1).exact(0.1 + 0.2) == 0.1 + 0.2


def test_a_step_that_does_not_divide_the_range_ends_below_its_end() -> None:
    assert Range(low=0, high=1, step=0.3).grid() == (0.0, 0.3, 0.6, 0.9)
    assert Range(low=0, high=0.35, step=0.1).grid() == (0.0, 0.1, 0.2, 0.3)
    assert Range(low=0, high=0.3, step=0.1).grid() == (0.0, 0.1, 0.2, 0.3)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"low": 1, "high": 1}, "low = 1 should be below high = 1"),
        ({"low": 0, "high": 1, "log": True}, "a log range needs low above 0"),
        ({"low": 1, "high": 2, "log": True, "step": 1}, "log and step exclude each other"),
        ({"low": 1, "high": 2, "step": 1.5}, "step = 1.5 is wider than the range"),
        ({"low": 1, "high": 2, "step": 1e-9}, "gives more than 100,000 values"),
        ({"low": 1, "high": 2, "step": 5e-324}, "gives more than 100,000 values"),
        (
            {"low": 1e6, "high": 1e6 + 1, "step": 1e-4},
            "too fine for the range's numbers; use 0.04",
        ),
        ({"low": -1.7e308, "high": 1.7e308}, "too wide for floating point"),
        ({"low": 1, "high": float("nan")}, "finite number"),
        ({"low": 1, "high": float("inf")}, "finite number"),
        ({"low": 1, "high": 2, "points": 1}, "greater than or equal to 2"),
        ({"low": 1, "high": 2, "points": True}, "should be a number, not True"),
        ({"low": False, "high": 2}, "should be a number, not False"),
        ({"low": 1, "high": "2"}, "should be a number, not '2'"),
        ({"low": 1, "high": 2, "step": "1"}, "should be a number, not '1'"),
        ({"low": 1, "high": 2, "stop": 3}, "Extra inputs are not permitted"),
    ],
)
def test_an_impossible_range_is_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Range(**given)


@pytest.mark.parametrize(
    ("change", "path", "message"),
    [
        ({"lr": ()}, ("lr",), "is an empty list; name at least one value"),
        ({"loss": ()}, ("loss",), "is an empty list; name at least one value"),
        ({"lr": (1.0, 2.0, 1.0)}, ("lr",), "names a value twice"),
        ({"optimizer": ("sgd", "sgd")}, ("optimizer",), "names a value twice"),
        (
            {"loss": Range(low=1, high=2)},
            ("loss",),
            "should be a list of names, such as [bce, bce_logits, mse]",
        ),
        (
            {"optimizer": ("sgd", "adamm")},
            ("optimizer",),
            "unknown optimizer 'adamm'; did you mean 'adam'? (`lrlab optimizers` lists them)",
        ),
        (
            {"loss": "hing"},
            ("loss",),
            "unknown loss 'hing'; did you mean 'hinge'? (`lrlab losses` lists them)",
        ),
        ({"lrr": 1.0}, ("lrr",), "unknown key; did you mean 'lr'?"),
        (
            {"momentum.betta": 0.5},
            ("momentum.betta",),
            "unknown key; did you mean 'momentum.beta'?",
        ),
        (
            {"optimizer": "sgd", "momentum.beta": 0.5},
            ("momentum.beta",),
            "'momentum' is not in search.space.optimizer; add it there or drop this key",
        ),
        (
            {"focal.gamma": 1.0},
            ("focal.gamma",),
            "'focal' is not in search.space.loss; add it there or drop this key",
        ),
        (
            {"lr": "fast"},
            ("lr",),
            "should be a number, a list of numbers or a range, not 'fast'",
        ),
        (
            {"lr": (0.1, "fast")},
            ("lr",),
            "should be a number, a list of numbers or a range, not 'fast'",
        ),
        ({"lr": 0.0}, ("lr",), "0 is outside the permitted (0, 1e+30]"),
        ({"l2": -1.0}, ("l2",), "-1 is outside the permitted [0, 1e+30]"),
        (
            {"momentum.beta": Range(low=0.5, high=1)},
            ("momentum.beta",),
            "1 is outside the permitted [0, 1)",
        ),
    ],
)
def test_what_is_wrong_with_a_space_is_said_with_the_key(
    change: dict[str, Any], path: tuple[str, ...], message: str
) -> None:
    assert [*check_space({**default_space(), **change})] == [(path, message)]


def test_an_empty_space_is_refused_and_the_default_one_is_not() -> None:
    assert [path for path, _ in check_space({})] == [()]
    assert [*check_space(default_space())] == []


def test_every_permitted_key_of_every_entry_may_be_searched() -> None:
    space: dict[str, Any] = {
        "optimizer": OPTIMIZERS.names(),
        "loss": LOSSES.names(),
        "lr": 0.1,
        "l2": 0.0,
    }
    keys = {f"{o.name}.{h.name}": h.default for o in OPTIMIZERS for h in o.hyperparameters}
    keys |= {f"{o.name}.{h.name}": h.default for o in LOSSES for h in o.hyperparameters}
    keys |= {f"{o.name}.lr": 0.1 for o in OPTIMIZERS}
    assert set(known_keys(space)) == {"lr", "l2", *keys}
    assert [*check_space({**space, **keys})] == []


def test_a_trial_has_the_keys_of_its_own_optimizer_and_loss_only_lr_first() -> None:
    space = SPACES["conditional on both"]
    assert [*active_keys(space, "adam", "focal")] == [
        "lr",
        "l2",
        "adam.beta1",
        "adam.eps",
        "focal.gamma",
    ]
    assert [*active_keys(space, "nesterov", "mse")] == ["lr", "l2"]


def test_an_optimizer_s_own_learning_rate_takes_the_place_of_the_shared_one() -> None:
    space = SPACES["a learning rate of its own"]
    assert domain_of_lr(space, "adam") == ("adam.lr", (0.001, 0.01))
    assert domain_of_lr(space, "sgd") == ("lr", (0.1, 1.0, 10.0))


@pytest.mark.parametrize(("trials", "expected"), [(None, 6), (4, 4), (100, 6)])
def test_a_grid_sweep_has_no_more_trials_than_points(trials: int | None, expected: int) -> None:
    search: dict[str, Any] = {
        "sampler": "grid",
        "space": {"optimizer": ["sgd", "adam"], "loss": "bce", "lr": [0.1, 1, 10]},
    }
    if trials is not None:
        search["trials"] = trials
    assert make_spec({"name": "t", "search": search}).n_trials == expected
