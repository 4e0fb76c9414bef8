"""The tutorial's data: two Gaussian classes."""

from __future__ import annotations

import math
from functools import partial

import pandas as pd
import torch
from torch import Tensor

from lrlab.data.encode import EXAMPLE_ROWS
from lrlab.data.preprocessing import unscaled
from lrlab.data.problem import Problem, seeded
from lrlab.seeds import derived_seed
from lrlab.spec import BlobsData


def load_blobs(data: BlobsData, seed: int, dtype: torch.dtype) -> Problem:
    """Draw training data from the seed, validation and test data afresh from other streams.

    A model is initialized from the stream that drew the training data, right after them, as
    in the tutorial's program; the other data and label noise have streams of their own so that
    they do not disturb it, nor the test rows the others.
    """
    x_train, y_train = draw_blobs(data, data.sizes, seeded(seed))
    x_val, y_val = draw_blobs(data, data.val_sizes, _aside(seed, "held-out"))
    x_test, y_test = draw_blobs(data, data.test_sizes, _aside(seed, "test"))
    flips = _aside(seed, "noise")
    n, d = x_train.shape
    x_train, x_val, x_test = (x * _scales(data) for x in (x_train, x_val, x_test))
    test = f", {len(y_test):,} test" if len(y_test) else ""
    badly = f", condition {data.condition:g}" if data.condition > 1 else ""
    noise = f", {data.noise:.0%} of labels flipped" if data.noise else ""
    names = [f"x{i + 1}" for i in range(d)]
    return Problem(
        x_train=x_train.to(dtype),
        y_train=_flip(y_train, data.noise, flips).to(dtype),
        x_val=x_val.to(dtype),
        y_val=_flip(y_val, data.noise, flips).to(dtype),
        x_test=x_test.to(dtype),
        y_test=_flip(y_test, data.noise, _aside(seed, "test noise")).to(dtype),
        preprocessing=unscaled(names),
        labels=(0, 1),
        description=f"blobs: {n:,} rows x {d} columns, {len(y_val):,} validation{test}{noise}"
        f"{badly}",
        example=pd.DataFrame(x_val[:EXAMPLE_ROWS].double().numpy(), columns=names),
        stream=partial(_stream_after_data, data),
    )


def draw_blobs(
    data: BlobsData, sizes: tuple[int, int], stream: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Class 0, then class 1, from one stream.

    Returns:
        x of shape [sum(sizes), d] and y of shape [sum(sizes)], float32.
    """
    parts = [
        torch.normal(mean * torch.ones(size, data.features), data.spread, generator=stream)
        + data.shift
        for size, mean in zip(sizes, data.means, strict=True)
    ]
    return torch.cat(parts), torch.cat([torch.zeros(sizes[0]), torch.ones(sizes[1])])


def _scales(data: BlobsData) -> Tensor:
    """Factor of each column, [d], from 1 down to 1 / sqrt(condition)."""
    return torch.logspace(0, -0.5 * math.log10(data.condition), data.features)


def _stream_after_data(data: BlobsData, seed: int) -> torch.Generator:
    stream = seeded(seed)
    draw_blobs(data, data.sizes, stream)
    return stream


def _aside(seed: int, purpose: str) -> torch.Generator:
    """A stream unrelated to the main one of the same seed."""
    return seeded(derived_seed(seed, purpose))


def _flip(y: Tensor, share: float, stream: torch.Generator) -> Tensor:
    return torch.where(torch.rand(len(y), generator=stream) < share, 1 - y, y)
