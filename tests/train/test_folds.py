"""Replicates that train on folds, each on its own rows and columns."""

from __future__ import annotations

import pickle
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from lrlab.data import Problem, load_problem
from lrlab.losses import LOSSES
from lrlab.optimizers import OPTIMIZERS
from lrlab.spec import TrainSpec, make_spec
from lrlab.train import loop
from lrlab.train.fused import engine as fused
from lrlab.train.fused.engine import fused_groups, most_groups, rows_of_folds
from lrlab.train.fused.margins import Folds
from lrlab.train.minibatches import batches
from lrlab.train.trajectory import Trajectory
from lrlab.train.workers import processes as workers
from lrlab.train.workers.dask import remote
from lrlab.trial import Run, TrialConfig

FOLDS, STEPS = 3, 25
modes = pytest.mark.parametrize("batch_size", [None, 8], ids=["full-batch", "mini-batch"])


def folded(dtype: str = "float64") -> Problem:
    """A problem of three folds, of which one has a column less and one a row more than others."""
    data = {"sizes": [17, 12], "val_sizes": [4, 4], "noise": 0.2, "features": 3}
    spec = make_spec({"name": "t", "data": data, "train": {"dtype": dtype}})
    whole = load_problem(spec)
    fold_of = torch.arange(len(whole.y_train)) % FOLDS
    folds = []
    for fold in range(FOLDS):
        own, columns = fold_of != fold, slice(1 if fold == 1 else 0, None)
        part = replace(
            whole,
            x_train=whole.x_train[own, columns] * (1 + fold),
            y_train=whole.y_train[own],
            x_val=whole.x_train[~own, columns] * (1 + fold),
            y_val=whole.y_train[~own],
        )
        folds.append(part)
    return replace(folds[0], folds=tuple(folds))


def some_runs(trials: int = 8, replicates: int = 2 * FOLDS) -> list[Run]:
    losses, optimizers = ["bce", "squared_hinge"], ["sgd", "adam", "momentum"]
    configs = [
        TrialConfig.of(optimizers[i % 3], losses[i % 2], 0.02 * (1 + i / 9), l2=0.01 * (i % 2))
        for i in range(trials)
    ]
    return [
        Run(i, r, 1 + r, config) for i, config in enumerate(configs) for r in range(replicates)
    ]


def trained(engine: Any, *args: Any) -> dict[tuple[int, int], Trajectory]:
    return {run.key: t for part in engine.train_batch(*args) for run, t in part}


def same_bits(one: dict[Any, Trajectory], two: dict[Any, Trajectory]) -> bool:
    return one.keys() == two.keys() and all(
        np.array_equal(one[key].train_loss, two[key].train_loss)
        and np.array_equal(one[key].weight, two[key].weight)
        and one[key].final == two[key].final
        for key in one
    )


@modes
@pytest.mark.parametrize("engine", [fused, loop])
def test_each_replicate_follows_torch_optim_on_the_rows_of_its_own_fold(
    engine: Any, batch_size: int | None
) -> None:
    problem, how = folded(), TrainSpec(steps=STEPS, dtype="float64", batch_size=batch_size)
    runs = some_runs(3)
    ended = trained(engine, problem, runs, how)
    for run in runs:
        own, config = problem.folds[run.replicate % FOLDS], run.config
        model = own.initial_model(run.seed)
        optimizer = OPTIMIZERS[config.optimizer].build(
            model.parameters(), lr=config.lr, **config.optimizer_params
        )
        for step, (x, y) in enumerate(batches(own, how, run.seed)):
            optimizer.zero_grad()
            loss = LOSSES[config.loss].criterion(model(x), y, **config.loss_params)
            loss = loss + 0.5 * config.l2 * (model.features.weight**2).sum()
            loss.backward()
            optimizer.step()
            assert ended[run.key].train_loss[step] == pytest.approx(loss.item(), rel=1e-9)
        weight = model.features.weight.detach().numpy()[0]
        assert ended[run.key].weight == pytest.approx(weight, rel=1e-9)
        with torch.no_grad():
            z = model(own.x_val)
        accuracy = float(((z >= 0) == (own.y_val > 0.5)).double().mean())
        assert ended[run.key].final["val_accuracy"] == pytest.approx(accuracy)


@modes
def test_programs_are_of_one_fold_and_depend_on_the_spec_and_the_sizes_alone(
    batch_size: int | None,
) -> None:
    how, runs = TrainSpec(batch_size=batch_size), some_runs(100)
    n_rows = rows_of_folds(folded())
    assert n_rows == [19, 19, 20]
    divided = fused_groups(runs, n_rows, how)
    assert sorted(run.key for group in divided for run in group) == [run.key for run in runs]
    assert all(len({run.replicate % FOLDS for run in group}) == 1 for group in divided)
    assert all(not batch_size or len({run.seed for run in group}) == 1 for group in divided)
    assert len(divided) == most_groups(100, 2 * FOLDS, n_rows, how) == (6 if batch_size else 3)
    assert fused_groups(runs, n_rows, how) == divided


class Process:
    """Does in this process what a worker process does, which gets problem and runs as bytes."""

    ready = True

    def __init__(self, problem: Problem, settings: TrainSpec) -> None:
        self.sent = pickle.dumps((problem, settings))

    def map(self, groups: Sequence[Sequence[Run]]) -> Iterator[list[Trajectory]]:
        problem, settings = pickle.loads(self.sent)
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(workers, "_held", (Folds(problem), settings))
            yield from (workers._run(list(group)) for group in groups)

    def close(self) -> None:
        pass


class DaskWorker(Process):
    """The same for a worker of a cluster."""

    def map(self, groups: Sequence[Sequence[Run]]) -> Iterator[list[Trajectory]]:
        data = array("B", self.sent)
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(remote, "_unwanted", lambda: lambda: False)
            for group in groups:
                answer = remote.train_group(remote.versions(), data, pickle.dumps(group))
                assert isinstance(answer, bytes)
                yield pickle.loads(answer)


@modes
def test_the_bits_depend_neither_on_processes_nor_on_interruptions_nor_on_copies(
    batch_size: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    problem, how = folded("float32"), TrainSpec(steps=STEPS, batch_size=batch_size)
    runs = some_runs()
    expected = trained(fused, problem, runs, how)
    for other in (Process(problem, how), DaskWorker(problem, how)):
        assert same_bits(trained(fused, problem, runs, how, frozenset(), other), expected)
    recorded = {key for key in expected if key[1] in (0, 3, 4)}  # a fold, and of one a half
    rest = trained(fused, problem, runs, how, recorded)
    assert same_bits(rest, {key: t for key, t in expected.items() if key not in recorded})
    monkeypatch.setattr("lrlab.train.fused.margins.COPIED", 0)
    assert same_bits(trained(fused, problem, runs, how), expected)
    monkeypatch.setattr(fused, "ROWS_TIMES_RUNS", 1)  # in threads, in as large groups
    monkeypatch.setattr(fused, "LEAST_RUNS", fused.MOST_RUNS)
    assert same_bits(trained(fused, problem, runs, how), expected)


def test_a_fold_is_as_it_would_be_alone() -> None:
    problem, how = folded("float32"), TrainSpec(steps=STEPS)
    together = trained(fused, problem, some_runs(), how)
    for fold, own in enumerate(problem.folds):
        runs = [run for run in some_runs() if run.replicate % FOLDS == fold]
        alone = trained(fused, own, runs, how)
        assert same_bits(alone, {run.key: together[run.key] for run in runs})
