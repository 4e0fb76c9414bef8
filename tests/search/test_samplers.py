"""Which trials of a sweep are a fair sample of its space."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from lrlab.search import SAMPLERS, ask, batches, new_study, random_trials
from lrlab.spec import make_spec


@pytest.mark.parametrize("sampler", list(SAMPLERS))
def test_the_first_batch_is_a_fair_sample_and_the_rest_is_if_the_sampler_does_not_learn(
    sampler: str,
) -> None:
    space = {
        "optimizer": ["sgd", "adam"],
        "loss": ["bce", "mse"],
        "lr": {"low": 1e-4, "high": 1.0, "log": True}
        if sampler != "grid"
        else [10.0**-k for k in range(5)],
    }
    search = {"sampler": sampler, "trials": 64, "batch": 48, "space": space}
    if sampler == "grid":
        del search["trials"]
    spec = make_spec({"name": "x", "search": search})
    learns = sampler in ("tpe", "cmaes", "gp")
    assert random_trials(spec) == (48 if learns else None)
    if sampler == "grid":
        return
    proposals = [each.config for each in ask(new_study(spec), spec, next(batches(spec)))]
    place = np.array([np.log10(config.lr) / 4 + 1 for config in proposals])
    assert len(proposals) == 48
    assert stats.kstest(place, "uniform").pvalue > 0.01
    assert 12 < sum(config.optimizer == "adam" for config in proposals) < 36
