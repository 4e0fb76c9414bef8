"""What solvers for the whole table need, and what a step of each optimizer costs."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd

from lrlab.data import Problem
from lrlab.optimizers import OPTIMIZERS
from lrlab.optimum.reference import SolverRun, reference_solvers
from lrlab.spec import TrainSpec
from lrlab.train import ENGINES
from lrlab.train.device import one_thread
from lrlab.train.loop import objective_of
from lrlab.trial import Run, TrialConfig

from .markdown import geometric_mean, short
from .optimizers import Read
from .reading import Sweep

STARTS = 3  # seeds, of which the passes are averaged and the seconds the lowest
FUSED = 256  # runs trained together
STEPS = (20, 120)  # the difference leaves out what a training costs once


def solve(sweep: Sweep) -> dict[str, list[SolverRun]]:
    """Gradient descent at 2 / (L + mu), L-BFGS and Newton on a sweep's objective, by method."""
    problem, optima = sweep.context.problem, sweep.context.optima
    assert problem is not None
    assert optima is not None
    (objective,) = optima.of(0).found
    found: dict[str, list[SolverRun]] = {}
    with one_thread():
        for seed in range(STARTS):
            for each in reference_solvers(
                problem.of(seed), objective, seed + 1, time.process_time
            ):
                found.setdefault(each.method, []).append(each)
    return found


def needed(
    solved: Mapping[str, Mapping[str, list[SolverRun]]],
    reads: Mapping[str, Read],
    cost: Mapping[str, float],
) -> pd.DataFrame:
    """Passes over the data and milliseconds to a gap of 1e-3, beside the fastest optimizer.

    Args:
        solved: What `solve` returns, by table.
        reads: Full-batch sweeps, by table.
        cost: Microseconds of a step in the loop, by optimizer, on the table `COSTED`.
    """
    rows = []
    for name, methods in solved.items():
        row: dict[str, str] = {"table": name}
        for method, runs in methods.items():
            passes = geometric_mean(np.array([run.passes for run in runs], dtype=float))
            least = 1e3 * min(run.seconds for run in runs)
            steps = ""
            if method == "Newton":
                steps = f" ({max(run.iterations for run in runs)} steps)"
            row[method] = f"{passes:,.0f}{steps}, {short(least)} ms"
        speed = reads[name].found.speed
        if speed is not None and speed.leader is not None:
            first = speed.table.iloc[0]
            count, spent = first["steps"], first["steps"] * cost[first["optimizer"]] / 1e3
            who = f"{first['optimizer']}: {count:.0f}, {short(spent)} ms"
            row["fastest optimizer, tuned"] = who
        rows.append(row)
    return pd.DataFrame(rows)


def costs(problem: Problem) -> pd.DataFrame:
    """Microseconds of a step of each optimizer: alone in the loop, and one of `FUSED` runs."""
    rows = []
    with one_thread():
        for optimizer in OPTIMIZERS:
            config = _config(optimizer.name)
            rows.append(
                {
                    "optimizer": optimizer.name,
                    "alone": _a_step(partial(_alone, problem, config)),
                    "fused": _a_step(partial(_fused, problem, config)) / FUSED,
                }
            )
    return pd.DataFrame(rows).sort_values("alone").reset_index(drop=True)


def of_small_steps(problem: Problem, rows: int = 64) -> dict[str, float]:
    """Microseconds of a step alone in the loop on some rows, by optimizer."""
    small = replace(problem, x_train=problem.x_train[:rows], y_train=problem.y_train[:rows])
    with one_thread():
        return {
            each.name: _a_step(partial(_alone, small, _config(each.name))) for each in OPTIMIZERS
        }


def alone(found: pd.DataFrame) -> dict[str, float]:
    """Of what `costs` returns, microseconds in the loop by optimizer."""
    return {
        str(name): float(cost)
        for name, cost in zip(found["optimizer"], found["alone"], strict=True)
    }


def shown(found: pd.DataFrame) -> pd.DataFrame:
    """The same as text."""
    text = found.assign(alone=found["alone"].map("{:.0f}".format))
    text["fused"] = found["fused"].map("{:.1f}".format)
    names = {"alone": "µs a step, alone in the loop", "fused": f"one of {FUSED} fused runs"}
    return text.rename(columns=names)


def _config(optimizer: str) -> TrialConfig:
    return TrialConfig.of(optimizer, "bce_logits", lr=0.01, l2=1e-3)


def _a_step(train: Callable[[int], None], times: int = 3) -> float:
    """Microseconds of the CPU that a step takes; the lowest of some measurements."""
    short, long = (min(_spent(train, n) for _ in range(times)) for n in STEPS)
    return 1e6 * (long - short) / (STEPS[1] - STEPS[0])


def _spent(train: Callable[[int], None], steps: int) -> float:
    began = time.process_time()
    train(steps)
    return time.process_time() - began


def _alone(problem: Problem, config: TrialConfig, steps: int) -> None:
    """The tutorial's five steps, nothing recorded."""
    model = problem.initial_model(1)
    params = config.optimizer_params
    optimizer = OPTIMIZERS[config.optimizer].build(model.parameters(), lr=config.lr, **params)
    objective = objective_of(config, model)
    for _ in range(steps):
        loss = objective(model(problem.x_train), problem.y_train)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()


def _fused(problem: Problem, config: TrialConfig, steps: int) -> None:
    runs = [Run(i, 0, 1, config) for i in range(FUSED)]
    for _ in ENGINES["fused"](problem, runs, TrainSpec(steps=steps, l2=1e-3), frozenset(), None):
        pass
