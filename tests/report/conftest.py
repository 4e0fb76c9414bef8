"""Small made-up sweeps for the tests of the report."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from lrlab.report import Report, ReportContext, build_report

Frames = tuple[pd.DataFrame, pd.DataFrame]


def runs_of(rows: list[tuple[str, str, float, float]], **columns: Any) -> pd.DataFrame:
    """Runs from (optimizer, loss, lr, val_log_loss); a NaN objective means diverged."""
    frame = pd.DataFrame(rows, columns=["optimizer", "loss", "lr", "val_log_loss"])
    count = len(frame)
    frame["run_id"] = [f"run{i}" for i in range(count)]
    frame["trial"] = range(count)
    frame["replicate"] = 0
    frame["seed"] = 0
    frame["l2"] = 0.0
    frame["outcome"] = np.where(frame["val_log_loss"].isna(), "diverged", "converged")
    frame["steps"] = 100
    frame["val_accuracy"] = 1 - frame["val_log_loss"]
    return frame.assign(**columns)


def curves_of(points: dict[str, list[tuple[int, float]]], metric: str) -> pd.DataFrame:
    """Curves of one metric from (step, value) by run_id."""
    rows = [(run, step, metric, value) for run, line in points.items() for step, value in line]
    return pd.DataFrame(rows, columns=["run_id", "step", "metric", "value"])


def sweep_of(
    count: int = 60,
    optimizers: tuple[str, ...] = ("sgd", "adam", "momentum"),
    losses: tuple[str, ...] = ("log_loss", "hinge"),
    points: int = 12,
    seed: int = 0,
) -> Frames:
    """A random sweep with a valley over lr, diverged runs and curves that decay."""
    rng = np.random.default_rng(seed)
    exponent = rng.uniform(-3, 1.5, count)
    final = 0.2 + 0.05 * (exponent + 1) ** 2 + 0.01 * rng.random(count)
    lost = exponent > 1.2
    rows = zip(
        rng.choice(optimizers, count),
        rng.choice(losses, count),
        10**exponent,
        np.where(lost, np.nan, final),
        strict=True,
    )
    runs = runs_of([(str(a), str(b), float(c), float(d)) for a, b, c, d in rows])
    runs["momentum.beta"] = np.where(runs["optimizer"] == "momentum", 0.9, np.nan)
    runs["train_objective"] = runs["val_log_loss"] * 0.9
    steps = np.unique(np.geomspace(1, 1000, points).astype(int))
    decay = np.exp(-steps / 50)
    parts = []
    for metric, start in (("val_log_loss", 0.69), ("train_objective", 0.6), ("val_accuracy", 0.5)):
        end = np.where(lost, 2 * start, final if metric != "val_accuracy" else 1 - final)
        values = end[:, None] + (start - end)[:, None] * decay[None, :]
        parts.append(
            pd.DataFrame(
                {
                    "run_id": np.repeat(runs["run_id"].to_numpy(), len(steps)),
                    "step": np.tile(steps, count),
                    "metric": metric,
                    "value": values.ravel(),
                }
            )
        )
    return runs, pd.concat(parts, ignore_index=True)


def context_of(**changes: Any) -> ReportContext:
    """The context of a plain sweep, with changes."""
    given: dict[str, Any] = {
        "title": "a sweep",
        "objective": "val_log_loss",
        "direction": "minimize",
        "steps": 1000,
        "data": "breast cancer, 569 rows",
        "spec_yaml": "name: a sweep\n",
        "facts": {"state": "finished"},
    }
    return ReportContext(**{**given, **changes})


@pytest.fixture(name="runs_of")
def _runs_of() -> Callable[..., pd.DataFrame]:
    return runs_of


@pytest.fixture(name="curves_of")
def _curves_of() -> Callable[..., pd.DataFrame]:
    return curves_of


@pytest.fixture(name="sweep_of")
def _sweep_of() -> Callable[..., Frames]:
    return sweep_of


@pytest.fixture(name="context_of", scope="session")
def _context_of() -> Callable[..., ReportContext]:
    return context_of


@pytest.fixture(scope="session")
def sweep() -> Frames:
    """A random sweep of 60 runs, not to be changed."""
    return sweep_of()


@pytest.fixture(scope="session")
def report(sweep: Frames) -> Report:
    """Its report."""
    return build_report(*sweep, context_of())


@pytest.fixture(scope="session")
def high_report(sweep: Frames) -> Report:
    """Its report with validation accuracy as the objective."""
    return build_report(*sweep, context_of(objective="val_accuracy", direction="maximize"))
