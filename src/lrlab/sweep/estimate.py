"""How long a sweep will train here."""

from __future__ import annotations

import time

from lrlab import search
from lrlab.data import Problem
from lrlab.search.samplers import drawn
from lrlab.spec import SweepSpec
from lrlab.sweep.batches import runs_of
from lrlab.train import ENGINES, device_of

PROBE_STEPS = (10, 200)
PROBE_RUNS = 64
PROBE_SECONDS = 1.0  # beyond which the short probe is enough


def estimate_seconds(spec: SweepSpec, problem: Problem) -> float:
    """Seconds of training that a sweep needs here, from timed starts of its first runs.

    The loop trains run by run, so it is timed on one; the fused engine on a group, with folds
    one of the first fold.
    """
    problem = problem.to(device_of(spec.train))
    first = next(search.batches(spec))
    configs = drawn(spec, first)
    runs = [run for i, config in enumerate(configs) for run in runs_of(spec, i, config)]
    together = [run for run in runs if problem.of(run.replicate) is problem.of(0)]
    sample = together[: 1 if spec.train.engine == "loop" else PROBE_RUNS]

    def seconds_of(steps: int) -> float:
        settings = spec.train.model_copy(update={"steps": min(steps, spec.train.steps)})
        start = time.perf_counter()
        list(ENGINES[spec.train.engine](problem, sample, settings))
        return time.perf_counter() - start

    seconds_of(1)  # the first training also loads code
    short, long = PROBE_STEPS
    spent = seconds_of(short)
    per_step = spent / min(short, spec.train.steps)
    if spent < PROBE_SECONDS and spec.train.steps > short:
        per_step = max(seconds_of(long) - spent, 0.0) / (min(long, spec.train.steps) - short)
    return (spent + per_step * max(spec.train.steps - short, 0)) * spec.n_runs / len(sample)
