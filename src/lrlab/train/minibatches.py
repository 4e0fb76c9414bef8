"""Mini-batches: which rows a step sees."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import torch
from torch import Tensor

from lrlab.data import Problem
from lrlab.seeds import derived_seed
from lrlab.spec import TrainSpec


def batches(problem: Problem, settings: TrainSpec, seed: int) -> Iterator[tuple[Tensor, Tensor]]:
    """One (x, y) a step of a problem's training rows; see `rows_of_batches`."""
    x, y = problem.x_train, problem.y_train
    for rows in rows_of_batches(len(y), settings, seed, x.device):
        yield (x, y) if rows is None else (x[rows], y[rows])


def batch_rows(n_rows: int, settings: TrainSpec) -> int:
    """Rows of a step's batch: `n_rows` itself for full-batch training."""
    return min(n_rows, settings.batch_size or n_rows)


def rows_of_batches(
    n_rows: int, settings: TrainSpec, seed: int, device: torch.device
) -> Iterator[Tensor | None]:
    """Row numbers of each step's batch: None for all, or those of a mini-batch, [b] int64.

    They are drawn on the CPU and sent to the device once a pass: a transfer a step would make
    the host wait for it. Mini-batches pass over shuffled rows in turn. The order depends on the
    seed alone, so runs of one seed see the same mini-batches. The last batch of a pass may be
    smaller.
    """
    size = batch_rows(n_rows, settings)
    if size == n_rows:
        yield from itertools.repeat(None, settings.steps)
        return
    stream = torch.Generator().manual_seed(derived_seed(seed, "batches"))
    passes = (
        torch.randperm(n_rows, generator=stream).to(device).split(size) for _ in itertools.count()
    )
    yield from itertools.islice(itertools.chain.from_iterable(passes), settings.steps)
