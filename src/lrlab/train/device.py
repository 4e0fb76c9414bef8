"""What trains: CPU or GPU, and with how many threads."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from lrlab.errors import UserError
from lrlab.spec import TrainSpec


def device_of(settings: TrainSpec) -> torch.device:
    """Where to train: `auto` is a GPU if there is one.

    Raises:
        UserError: If CUDA is asked for and there is none.
    """
    available = torch.cuda.is_available()
    if settings.device == "cuda" and not available:
        raise UserError(
            "train.device is cuda, but torch finds no GPU here; write cpu or auto, or install a "
            "CUDA build of torch"
        )
    return torch.device("cuda" if available and settings.device != "cpu" else "cpu")


@contextmanager
def one_thread() -> Iterator[None]:
    """Keep torch to one thread: sums split over threads round by the number of cores."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
