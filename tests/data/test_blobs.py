"""The tutorial's data: bit for bit those of the plain program."""

from __future__ import annotations

import dataclasses
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from lrlab.data import Problem, load_problem
from lrlab.data.preprocessing import unscaled
from lrlab.spec import make_spec


def problem_of(seed: int = 1, dtype: str = "float32", **data: Any) -> Problem:
    return load_problem(
        make_spec({"name": "t", "seed": seed, "data": data, "train": {"dtype": dtype}})
    )


def program(seed: int) -> tuple[torch.Tensor, torch.Tensor, nn.Linear]:
    """What the tutorial's program draws: data, then the model from the same stream."""
    torch.manual_seed(seed)
    ones = torch.ones(100, 2)
    x0 = torch.normal(1.7 * ones, 1) + 1
    y0 = torch.zeros(100)
    x1 = torch.normal(-1.7 * ones, 1) + 1
    y1 = torch.ones(100)
    x = torch.cat((x0, x1), 0)
    y = torch.cat((y0, y1), 0)
    return x, y, nn.Linear(2, 1)


@pytest.mark.parametrize("seed", [0, 1, 2, 12345, 2**31 - 1])
def test_data_and_initial_weights_are_those_of_the_plain_program(seed: int) -> None:
    with torch.random.fork_rng(devices=[]):
        x, y, linear = program(seed)
    problem = problem_of(seed)
    model = problem.initial_model(seed)
    assert torch.equal(problem.x_train, x)
    assert torch.equal(problem.y_train, y)
    assert torch.equal(model.features.weight, linear.weight)
    assert torch.equal(model.features.bias, linear.bias)


def test_another_seed_of_the_weights_is_the_program_with_that_seed() -> None:
    """A replicate: the data of seed 1, the weights that the program has with seed 7."""
    with torch.random.fork_rng(devices=[]):
        _, _, linear = program(7)
    assert torch.equal(problem_of(1).initial_model(7).features.weight, linear.weight)


def test_torch_s_own_random_state_is_left_alone() -> None:
    before = torch.get_rng_state()
    problem_of(3, noise=0.2).initial_model(4)
    assert torch.equal(torch.get_rng_state(), before)


def test_the_data_do_not_depend_on_torch_s_own_random_state() -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(99)
        one = problem_of()
        torch.rand(5)
        two = problem_of()
    assert one.digest() == two.digest()
    assert torch.equal(one.initial_model(1).features.weight, two.initial_model(1).features.weight)


def test_float64_data_are_the_same_numbers() -> None:
    single, double = problem_of(), problem_of(dtype="float64")
    assert double.x_train.dtype == double.y_val.dtype == torch.float64
    assert torch.equal(double.x_train, single.x_train.double())
    weight = double.initial_model(1).features.weight
    assert weight.dtype == torch.float64
    assert torch.equal(weight, single.initial_model(1).features.weight.double())


def test_held_out_rows_are_drawn_afresh() -> None:
    problem = problem_of(sizes=[500, 500])
    rows = {tuple(row) for row in problem.x_train.tolist()}
    assert not any(tuple(row) in rows for row in problem.x_val.tolist())


def test_held_out_rows_do_not_depend_on_the_sizes_of_the_training_set() -> None:
    one, two = problem_of(sizes=[10, 20]), problem_of(sizes=[300, 40])
    assert torch.equal(one.x_val, two.x_val)
    assert torch.equal(one.y_val, two.y_val)


def test_the_classes_have_the_means_and_spread_that_the_spec_names() -> None:
    problem = problem_of(sizes=[20_000, 10_000], features=3, means=[2, -5], shift=0.5, spread=0.25)
    for label, size, mean in ((0, 20_000, 2.5), (1, 10_000, -4.5)):
        rows = problem.x_train[problem.y_train == label].numpy()
        assert rows.shape == (size, 3)
        np.testing.assert_allclose(rows.mean(axis=0), mean, atol=0.02)
        np.testing.assert_allclose(rows.std(axis=0), 0.25, atol=0.02)


@pytest.mark.parametrize("noise", [0.1, 0.4])
def test_noise_flips_about_its_share_of_labels_of_both_classes_and_leaves_the_rows_alone(
    noise: float,
) -> None:
    sizes = {"sizes": [5000, 5000], "val_sizes": [5000, 5000]}
    clean, noisy = problem_of(**sizes), problem_of(**sizes, noise=noise)
    assert torch.equal(clean.x_train, noisy.x_train)
    assert torch.equal(clean.x_val, noisy.x_val)
    for before, after in ((clean.y_train, noisy.y_train), (clean.y_val, noisy.y_val)):
        for label in (0, 1):
            flipped = (after != before)[before == label].float().mean().item()
            assert flipped == pytest.approx(noise, abs=0.03)
        assert set(after.tolist()) == {0.0, 1.0}


def test_the_seed_of_the_data_is_the_sweep_s_unless_it_has_its_own() -> None:
    own = load_problem(make_spec({"name": "t", "seed": 1, "data": {"seed": 5}}))
    assert own.digest() == problem_of(5).digest()
    assert own.digest() != problem_of(1).digest()


def test_the_names_and_the_description_say_what_it_is() -> None:
    problem = problem_of(features=3, noise=0.25)
    assert problem.feature_names == ("x1", "x2", "x3")
    assert problem.classes == ("0", "1")
    assert problem.n_features == 3
    assert problem.description == (
        "blobs: 200 rows x 3 columns, 1,000 validation, 10,000 test, 25% of labels flipped"
    )


@pytest.mark.parametrize("part", ["x_train", "y_train", "x_val", "y_val"])
def test_the_digest_changes_with_one_value_deep_in_the_data(part: str) -> None:
    """MLflow's own digest reads only the first 10,000 rows."""
    problem = problem_of(sizes=[20_000, 20_000], val_sizes=[20_000, 20_000])
    tensor = getattr(problem, part).clone()
    tensor[37_123] += 1e-3
    assert dataclasses.replace(problem, **{part: tensor}).digest() != problem.digest()


def test_the_digest_changes_with_names_shape_and_dtype_and_with_nothing_else() -> None:
    problem = problem_of()
    same = dataclasses.replace(problem, description="other", x_train=problem.x_train.clone())
    assert same.digest() == problem.digest()
    assert len(problem.digest()) == 36
    for change in (
        {"preprocessing": unscaled(["a", "b"])},
        {"labels": ("a", "b")},
        {"x_train": problem.x_train.reshape(100, 4)},
        {"x_train": problem.x_train.double()},
    ):
        assert dataclasses.replace(problem, **change).digest() != problem.digest()


@pytest.mark.parametrize(
    "data",
    [
        {"means": [1e6, -1e6], "shift": 1e6, "spread": 1e6},
        {"spread": 1e-30},
        {"sizes": [1, 1], "val_sizes": [1, 1], "features": 1},
        {"noise": 0.4999},
    ],
)
def test_the_extremes_that_a_spec_permits_give_finite_data(data: dict[str, Any]) -> None:
    problem = problem_of(**data)
    assert torch.isfinite(problem.x_train).all()
    assert torch.isfinite(problem.x_val).all()


def test_initial_weights_are_the_same_from_many_threads_at_a_time() -> None:
    """Torch's global random state is shared by threads, so it must not be what they draw from."""
    problem = load_problem(make_spec({"name": "t"}))
    alone = {seed: problem.initial_model(seed).features.weight for seed in range(8)}
    before = torch.get_rng_state()
    with ThreadPoolExecutor(8) as pool:
        drawn = list(pool.map(problem.initial_model, [*range(8)] * 50))
    for i, model in enumerate(drawn):
        assert torch.equal(model.features.weight, alone[i % 8])
    assert torch.equal(torch.get_rng_state(), before)


def test_condition_scales_the_columns_down_to_its_root() -> None:
    plain, scaled = (
        load_problem(make_spec({"name": "x", "data": {"features": 3, "condition": c}}))
        for c in (1, 1e4)
    )
    assert torch.allclose(scaled.x_train, plain.x_train * torch.tensor([1, 0.1, 0.01]))
    assert torch.allclose(scaled.x_val, plain.x_val * torch.tensor([1, 0.1, 0.01]))
    assert torch.equal(scaled.y_train, plain.y_train)
    first, second = (p.initial_model(3).features.weight for p in (plain, scaled))
    assert torch.equal(first, second)
