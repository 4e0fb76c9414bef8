"""A trial batch taken from the record: what counts as the same trial."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from lrlab import search
from lrlab.errors import LrlabError
from lrlab.spec import SweepSpec, make_spec
from lrlab.sweep.batches import propose
from lrlab.trial import TrialConfig


def half_recorded(sampler: str, lr: dict[str, Any], change: float) -> tuple[SweepSpec, Any]:
    """A sweep whose trials have one of two runs recorded, with lr off by a share `change`."""
    space = {"optimizer": "adam", "loss": "bce", "lr": lr, "adam.beta1": [0.8, 0.9]}
    found = {"sampler": sampler, "replicates": 2, "trials": 8, "batch": 8, "space": space}
    spec = make_spec({"name": "t", "search": found})
    (batch,) = search.batches(spec)
    proposals = search.ask(search.new_study(spec), spec, batch)

    def recorded(config: TrialConfig) -> Any:
        return SimpleNamespace(config=lambda: replace(config, lr=config.lr * (1 + change)))

    return spec, {(n, 0): recorded(each.config) for n, each in enumerate(proposals)}


SPACED = {"low": 0.1, "high": 0.8, "points": 8}
STEPPED = {"low": 0.1, "high": 0.8, "step": 0.1}


@pytest.mark.parametrize(
    ("sampler", "lr"), [("grid", SPACED), ("grid", STEPPED), ("random", STEPPED)]
)
def test_a_trial_recorded_with_other_last_digits_is_the_same_trial(
    sampler: str, lr: dict[str, Any]
) -> None:
    spec, results = half_recorded(sampler, lr, 2e-16)
    (batch,) = search.batches(spec)
    trials = propose(search.new_study(spec), spec, batch, results)
    assert all(len(trial.runs) == 2 for trial in trials)


@pytest.mark.parametrize("sampler", ["grid", "random"])
def test_one_that_differs_by_more_cannot_be_continued(sampler: str) -> None:
    spec, results = half_recorded(sampler, SPACED, 1e-9)
    (batch,) = search.batches(spec)
    with pytest.raises(LrlabError, match="cannot be continued as it began"):
        propose(search.new_study(spec), spec, batch, results)
