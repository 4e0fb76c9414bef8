"""Several data sets in one file: a sweep for each."""

from __future__ import annotations

from pathlib import Path

import pytest

from lrlab.errors import SpecError
from lrlab.spec import load_spec, load_specs, make_spec
from lrlab.spec.space import domain_of_lr, names, values

SWEEPS = Path(__file__).parents[2] / "sweeps"

SUITE = """\
name: suite
problems:
  easy: {source: blobs}
  hard: {source: blobs, features: 3, condition: 100}
train: {steps: 7}
search: {trials: 2}
"""


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    path = tmp_path / "suite.yaml"
    path.write_text(SUITE)
    return path


def test_every_problem_is_a_sweep_of_its_own_in_one_experiment(suite: Path) -> None:
    easy, hard = load_specs(suite)
    assert (easy.name, hard.name) == ("suite-easy", "suite-hard")
    assert easy.experiment_name == hard.experiment_name == "suite"
    assert (easy.data.features, hard.data.features) == (2, 3)  # type: ignore[union-attr]
    assert easy.train.steps == hard.train.steps == 7


def test_a_problem_is_what_the_same_data_alone_would_be(suite: Path) -> None:
    alone = make_spec(
        {
            "name": "suite-easy",
            "experiment": "suite",
            "data": {"source": "blobs"},
            "train": {"steps": 7},
            "search": {"trials": 2},
        }
    )
    assert load_specs(suite)[0] == alone
    assert load_specs(suite)[0].digest() == alone.digest()


def test_overrides_hold_for_every_problem(suite: Path) -> None:
    assert [spec.train.steps for spec in load_specs(suite, ["train.steps=9"])] == [9, 9]


def test_a_file_with_one_data_section_is_one_sweep(tmp_path: Path) -> None:
    path = tmp_path / "one.yaml"
    path.write_text("name: one\n")
    assert load_specs(path) == (load_spec(path),)


def test_a_suite_is_not_one_sweep(suite: Path) -> None:
    with pytest.raises(SpecError, match="describes 2 sweeps"):
        load_spec(suite)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "name: x\nproblems:\n  a: {source: blobs, featurs: 3}\n",
            r"3: data.featurs: unknown key",
        ),
        ("name: x\ndata: {source: blobs}\nproblems: {a: {}}\n", r"3: problems: replaces `data`"),
        ("name: x\nproblems: []\n", r"2: problems: should name data sets"),
        ("name: x\nproblems: {}\n", r"2: problems: should name data sets"),
        ("problems: {a: {}}\n", r"name: is missing"),
        ("name: x\nproblems: {a: 3}\n", r"2: data: "),
    ],
)
def test_a_mistake_is_named_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    with pytest.raises(SpecError, match=message):
        load_specs(path)


def test_problems_in_a_nested_dict_are_refused_with_the_way_out() -> None:
    with pytest.raises(SpecError, match="load_specs"):
        make_spec({"name": "x", "problems": {"a": {}}})


def test_the_shipped_suites_try_every_optimizer_and_every_loss_on_the_same_tables() -> None:
    from lrlab.losses import LOSSES
    from lrlab.optimizers import OPTIMIZERS

    optimizers, losses = (load_specs(SWEEPS / f"{name}.yaml") for name in ("optimizers", "losses"))
    assert [spec.data for spec in optimizers] == [spec.data for spec in losses]
    for spec in optimizers:
        assert set(names(spec.search.space, "optimizer")) == set(OPTIMIZERS.names())
    for spec in losses:
        assert set(names(spec.search.space, "loss")) == set(LOSSES.names())


def test_the_shipped_suite_reaches_two_decades_to_both_sides_of_every_default() -> None:
    from lrlab.optimizers import OPTIMIZERS

    first, *_ = load_specs(SWEEPS / "optimizers.yaml")
    for optimizer in OPTIMIZERS:
        tried = [float(lr) for lr in values(domain_of_lr(first.search.space, optimizer.name)[1])]
        assert min(tried) <= optimizer.default_lr * 1.01e-2
        assert max(tried) >= optimizer.default_lr * 0.99e2
