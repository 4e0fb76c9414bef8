"""What of a run is read, and what makes it useless."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest

from lrlab.losses import LOSSES, Loss
from lrlab.notes import listed
from lrlab.registry import Hyperparameter
from lrlab.track.children import Child
from lrlab.track.recorded import sort_out

TAGS = {
    "lrlab.kind": "run",
    "lrlab.trial": "4",
    "lrlab.replicate": "0",
    "lrlab.outcome": "slow",
    "lrlab.steps": "30",
}
PARAMS = {
    "optimizer": "momentum",
    "loss": "bce",
    "lr": "0.1",
    "l2": "0.0",
    "seed": "1",
    "momentum.beta": "0.9",
}


def child(
    run_id: str = "a",
    status: str = "FINISHED",
    tags: Mapping[str, str] = TAGS,
    params: Mapping[str, str] = PARAMS,
) -> Child:
    return Child(run_id, status, "", tags, params, {"val_log_loss": 0.3})


def without(values: Mapping[str, str], name: str) -> dict[str, str]:
    return {key: value for key, value in values.items() if key != name}


@pytest.fixture
def own_loss() -> Iterator[Loss]:
    """A user's own loss with a hyperparameter, in the registry for this test."""
    loss = Loss(
        name="mine",
        formula="z^2",
        when="never",
        source="nobody",
        per_example=lambda z, y, power: z.abs().pow(power),
        hyperparameters=(Hyperparameter("power", 2.0, low=1.0, high=9.0),),
    )
    LOSSES.register(loss)
    yield loss
    LOSSES.unregister("mine")


def test_a_run_s_params_are_those_of_its_trial() -> None:
    more = {
        "reviewed_by": "anna",
        "momentum.note": "3",
        "adam.beta1": "0.5",
        "bce.": "1",
        "my.lr": "x",
    }
    [run] = sort_out([child(params=PARAMS | more)]).runs
    assert run.params == PARAMS
    assert run.config().optimizer_params["beta"] == 0.9


def test_hyperparameters_of_a_user_s_own_loss_are_read(own_loss: Loss) -> None:
    params = PARAMS | {"loss": "mine", "mine.power": "3.0", "mine.note": "3"}
    [run] = sort_out([child(params=params)]).runs
    assert run.config().loss_params == {"power": 3.0}


def test_a_loss_that_is_not_installed_here_does_not_hide_its_runs() -> None:
    params = PARAMS | {"loss": "theirs", "theirs.power": "3.0", "theirs.note": "x"}
    [run] = sort_out([child(params=params)]).runs
    assert run.params == without(params, "theirs.note")


@pytest.mark.parametrize(
    ("edit", "what"),
    [
        ({"tags": TAGS | {"lrlab.trial": "abc"}}, "lrlab.trial = 'abc'"),
        ({"tags": TAGS | {"lrlab.trial": "٣"}}, "lrlab.trial = '٣'"),
        ({"tags": TAGS | {"lrlab.trial": "4\n"}}, r"lrlab.trial = '4\n'"),
        ({"tags": without(TAGS, "lrlab.trial")}, "lrlab.trial is missing"),
        ({"tags": TAGS | {"lrlab.replicate": "2"}}, "lrlab.replicate = '2'"),
        ({"tags": TAGS | {"lrlab.outcome": "fine"}}, "lrlab.outcome = 'fine'"),
        ({"tags": TAGS | {"lrlab.outcome": "diverged"}}, "lrlab.outcome = 'diverged'"),
        ({"tags": TAGS | {"lrlab.diverged_at": "7"}}, "lrlab.outcome = 'slow'"),
        ({"tags": TAGS | {"lrlab.steps": "9" * 5000}}, f"lrlab.steps = '{'9' * 40}...'"),
        ({"params": PARAMS | {"lr": "fast"}}, "the param lr = 'fast'"),
        ({"params": PARAMS | {"l2": "nan"}}, "the param l2 = 'nan'"),
        ({"params": PARAMS | {"momentum.beta": "x"}}, "the param momentum.beta = 'x'"),
        ({"params": without(PARAMS, "seed")}, "the param seed is missing"),
        ({"status": "FAILED"}, "status FAILED"),
    ],
)
def test_what_is_not_as_lrlab_wrote_it_is_a_fault_that_says_so(
    edit: dict[str, object], what: str
) -> None:
    found = sort_out([child(**edit), child("b", tags=TAGS | {"lrlab.trial": "5"})], 2)
    assert [str(fault) for fault in found.faults] == [f"a ({what})"]
    assert [run.run_id for run in found.runs] == ["b"]


def test_a_run_that_was_recorded_twice_is_taken_once_and_one_that_was_cut_off_not() -> None:
    cut = child("c", "RUNNING", without(TAGS, "lrlab.outcome"), {})
    found = sort_out([child("a"), child("b"), cut])
    assert [run.run_id for run in found.runs] == ["a"]
    assert (found.repeated, found.unfinished, found.faults) == (["b"], ["c"], [])


def test_a_list_in_a_message_does_not_grow_with_the_data() -> None:
    assert listed(["a", "b"]) == "a, b"
    assert listed([str(n) for n in range(322)]) == "0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 312 more"
