"""lrlab: sweep optimizer, learning rate and loss of a logistic regression.

The names below are loaded when they are first used, so that importing lrlab is cheap.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOMES = {
    "LOSSES": "lrlab.losses",
    "Loss": "lrlab.losses",
    "OPTIMIZERS": "lrlab.optimizers",
    "Optimizer": "lrlab.optimizers",
    "Hyperparameter": "lrlab.registry",
    "LrlabError": "lrlab.errors",
    "SpecError": "lrlab.errors",
    "UserError": "lrlab.errors",
    "SweepSpec": "lrlab.spec",
    "load_spec": "lrlab.spec",
    "load_specs": "lrlab.spec",
    "make_spec": "lrlab.spec",
    "LogisticRegression": "lrlab.data",
    "Problem": "lrlab.data",
    "load_problem": "lrlab.data",
    "TrialConfig": "lrlab.trial",
    "Trajectory": "lrlab.train",
    "load_curves": "lrlab.track",
    "load_runs": "lrlab.track",
    "load_study": "lrlab.track",
    "run_sweep": "lrlab.sweep",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'lrlab' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted((*globals(), *_HOMES))
