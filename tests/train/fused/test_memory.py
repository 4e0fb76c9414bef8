"""Memory of a training step: kept by the process from step to step."""

from __future__ import annotations

import platform
import resource

import pytest

from lrlab.data import load_problem
from lrlab.spec import TrainSpec, make_spec
from lrlab.train.fused.group import FusedGroup
from lrlab.train.fused.margins import Margins
from lrlab.trial import Run, TrialConfig


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="tunes glibc's malloc")
def test_steps_use_memory_again_instead_of_getting_it_from_the_system() -> None:
    data, steps = Margins(load_problem(make_spec({"name": "t"}))), 400
    runs = [Run(i, 0, 1, TrialConfig.of("sgd", "bce", 0.01)) for i in range(256)]

    def page_faults() -> int:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        FusedGroup(data, runs, TrainSpec(steps=steps)).run()
        return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

    page_faults()
    assert page_faults() < 10 * steps  # were it given back, a step would cost about a hundred
