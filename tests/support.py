"""What tests share that is no fixture."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

TINY = {
    "name": "tiny",
    "train": {"steps": 40},
    "search": {
        "trials": 8,
        "batch": 4,
        "space": {
            "optimizer": ["sgd", "momentum"],
            "loss": ["bce", "squared_hinge"],
            "lr": {"low": 1e-2, "high": 1e4, "log": True},
            "momentum.beta": {"low": 0.5, "high": 0.9},
        },
    },
}


@dataclass(frozen=True)
class Outcome:
    """What a command left behind."""

    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Finished:
    """A finished sweep in a store of its own."""

    uri: str
    run_id: str
    folder: Path


def tiny(**changes: Any) -> dict[str, Any]:
    """The tiny spec with some sections changed; `search` and `train` are merged."""
    spec: dict[str, Any] = {**TINY, **changes}
    for section in ("search", "train"):
        spec[section] = TINY[section] | changes.get(section, {})  # type: ignore[operator]
    return spec
