"""Where to train."""

from __future__ import annotations

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
