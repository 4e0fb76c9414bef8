"""Training on a GPU, as far as it can be told without one.

Torch's fake tensors have a device and a shape, and no numbers. Operations on them fail if their
operands are on different devices, or if the host asks for a number: what would make a step wait
for the GPU.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields, is_dataclass, replace
from typing import Any

import pytest
import torch
from torch import Tensor
from torch._subclasses.fake_tensor import (
    DataDependentOutputException,
    FakeTensorDeviceMismatchError,
    FakeTensorMode,
)
from torch.overrides import TorchFunctionMode

from lrlab.data import load_problem
from lrlab.losses import LOSSES, Loss
from lrlab.optimizers import OPTIMIZERS
from lrlab.spec import make_spec
from lrlab.train.evaluate import stepped_metrics
from lrlab.train.fused.group import FusedGroup
from lrlab.train.fused.margins import Margins
from lrlab.trial import Run, TrialConfig


class _Indexing(TorchFunctionMode):
    """A CPU build of torch cannot index even fake tensors of a GPU by `[]`; other calls can."""

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None):
        if function is not Tensor.__getitem__:
            return function(*args, **(kwargs or {}))
        tensor, index = args
        if isinstance(index, Tensor):
            return tensor.index_select(0, index)
        if isinstance(index, slice):
            start, stop, _ = index.indices(tensor.shape[0])
            return tensor.narrow(0, start, stop - start)
        assert index[0] == slice(None)
        assert set(index[1:]) == {None}
        return tensor.view(-1, *(1 for _ in index[1:]))


def moved(thing: Any) -> Any:
    """The same with every tensor in it as a fake one on a GPU."""
    if isinstance(thing, Tensor):
        return torch.empty_strided(thing.shape, thing.stride(), dtype=thing.dtype, device="cuda")
    if isinstance(thing, dict):
        return {key: moved(value) for key, value in thing.items()}
    if isinstance(thing, list | tuple):
        return type(thing)(moved(value) for value in thing)
    if is_dataclass(thing) and not isinstance(thing, type | Run | Loss):
        own = {f.name: moved(getattr(thing, f.name)) for f in fields(thing) if f.init}
        return replace(thing, **own)
    return thing


@contextmanager
def on_a_gpu(runs: list[Run], batch_size: int | None) -> Iterator[FusedGroup]:
    """A group that has begun, with all that it holds on a fake GPU."""
    data = {"sizes": [12, 9], "val_sizes": [5, 5], "features": 3}
    train = {"steps": 50, "batch_size": batch_size}
    spec = make_spec({"name": "t", "data": data, "train": train})
    group = FusedGroup(Margins(load_problem(spec)), runs, spec.train)
    group._start()
    with FakeTensorMode(), _Indexing(), torch.inference_mode():
        for owner in (group, group.data):
            vars(owner).update(
                {key: moved(value) for key, value in vars(owner).items() if key != "data"}
            )
        group.device = torch.device("cuda")
        yield group


RUNS = [
    Run(i, 0, 1, TrialConfig.of(optimizer, loss, 0.01, l2=0.01 * (i % 2)))
    for i, (optimizer, loss) in enumerate(
        (o, x) for o in OPTIMIZERS.names() for x in LOSSES.names()
    )
]


@pytest.mark.parametrize("batch_size", [None, 8], ids=["full-batch", "mini-batch"])
def test_steps_of_every_optimizer_and_loss_never_wait_for_the_gpu(batch_size: int | None) -> None:
    with on_a_gpu(RUNS, batch_size) as group:
        rows = torch.arange(8, device="cuda") if batch_size else None
        for step in (1, 2, 3):
            group._step(step, rows)
        assert group.weights.device.type == "cuda"
        assert group.weights.shape == (len(RUNS), 4)


def test_metrics_of_an_evaluation_are_taken_on_the_gpu() -> None:
    with on_a_gpu(RUNS, None) as group:
        z = torch.empty(len(RUNS), len(group.problem.y_val), device="cuda")
        for name, values in stepped_metrics(z, group.problem.y_val).items():
            assert values.device.type == "cuda", name
            assert values.shape == (len(RUNS),), name


def test_a_step_that_asks_for_a_number_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    def peeping(m: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        return m * m.max().item(), m

    with on_a_gpu(RUNS[:1], None) as group:
        monkeypatch.setattr(
            group.by_loss[0], "loss", replace(LOSSES["bce"], value_and_grad=peeping)
        )
        with pytest.raises(DataDependentOutputException):
            group._step(1, None)


def test_rows_that_are_left_on_the_cpu_are_noticed() -> None:
    with on_a_gpu(RUNS, 8) as group, pytest.raises(FakeTensorDeviceMismatchError):
        group._step(1, torch.arange(8))
