"""Sample numbers for captions."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd

from lrlab.report.analysis.figure_data import lr_medians

NAN = math.nan
OBJECTIVE = "val_log_loss"


def _points(lrs: int, diverged: int) -> pd.DataFrame:
    rows = [
        ("bce", optimizer, 10.0 ** (i - 3), 0.2 + 0.01 * i, False)
        for optimizer in ("adam", "sgd")
        for i in range(lrs)
    ]
    rows += [("bce", "sgd", 30.0 + i, NAN, True) for i in range(diverged)]
    return pd.DataFrame(rows, columns=["loss", "optimizer", "lr", "value", "diverged"])


def _lr(lrs: int, diverged: int, *, fair: bool) -> dict[str, Any]:
    points = _points(lrs, diverged)
    columns = {"optimizer": ["adam", "sgd"], "loss": "bce", "lr_width": [2.1, 0.4]}
    methods = pd.DataFrame(columns) if fair else None
    return {"points": points, "medians": lr_medians(points), "objective": OBJECTIVE} | {
        "methods": methods
    }


def _limits(*cases: tuple[float, float]) -> pd.DataFrame:
    """Largest stable and smallest unstable learning rate of each case."""
    rows = [("bce", "sgd", 0.0, 1.9, 2.31, stable, unstable) for stable, unstable in cases]
    columns = ["loss", "optimizer", "beta", "safe", "limit"]
    return pd.DataFrame(rows, columns=[*columns, "largest_stable", "smallest_unstable"])


def _summary(*steps: float) -> pd.DataFrame:
    rows = [(f"method{i}", "bce", step) for i, step in enumerate(steps)]
    return pd.DataFrame(rows, columns=["optimizer", "loss", "steps_to_threshold"])


def _curves(*losses: str) -> pd.DataFrame:
    return pd.DataFrame({"loss": losses, "run_id": [f"r{i}" for i in range(len(losses))]})


def _convergence(lines: pd.DataFrame, *steps: float, limit: float | None) -> dict[str, Any]:
    band = pd.DataFrame({"step": [1]} if limit else {})
    given = {"lines": lines, "summary": _summary(*steps), "band": band}
    return {**given, "metric": OBJECTIVE, "limit": limit}


def _heat(*best: float) -> dict[str, Any]:
    pairs = [("sgd", "bce"), ("adam", "bce"), ("sgd", "mse"), ("adam", "mse")][: len(best)]
    table = pd.DataFrame(pairs, columns=["optimizer", "loss"])
    return {"table": table.assign(best=best, n_runs=3), "objective": OBJECTIVE}


def _history(*values: float) -> dict[str, Any]:
    best = pd.Series(values).cummin()
    table = pd.DataFrame({"trial": range(len(values)), "best_so_far": best})
    return {"table": table, "objective": OBJECTIVE}


def _fastest(*rows: tuple[str, float, bool]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["loss", "steps", "shared"])
    searched = [
        "" if shared else "l2,mse.delta" if steps > 2 else "l2" for _, steps, shared in rows
    ]
    return frame.assign(optimizer="adam", gap=1e-4, searched=searched)


def _budgets(**ends: tuple[float, float]) -> dict[str, Any]:
    rows = [
        (name, k, v) for name, pair in ends.items() for k, v in zip((1, 100), pair, strict=True)
    ]
    table = pd.DataFrame(rows, columns=["optimizer", "trials", "value"])
    return {"table": table, "objective": OBJECTIVE, "direction": "minimize"}


def _profile(problems: int, **trials: int) -> dict[str, Any]:
    table = pd.DataFrame({"sgd": [0.5, 1.0], "adam": [0.5, 0.8]}, index=[1.0, 100.0])
    return {"table": table, "problems": problems, "trials": pd.Series(trials, dtype=int)}


def _importance(
    trials: int, *, drawn: bool, learns: bool, top: str | None = "lr"
) -> dict[str, Any]:
    parts = {"low": pd.Series({"lr": 0.55}), "high": pd.Series({"lr": 0.72}), "top": top}
    named = {"method": "fANOVA", "resamples": 12}
    found = SimpleNamespace(trials=trials, drawn=drawn, **parts, **named)
    return {"importance": found, "objective": OBJECTIVE, "sampler": "tpe", "learns": learns}


def _bins(*predicted: float, width: float = 0.1, rows: int = 300) -> dict[str, Any]:
    table = pd.DataFrame({"predicted": predicted, "positives": 0.5, "rows": rows})
    return {"table": table.assign(low=0.5 - width / 2, high=0.5 + width / 2)}


BOTH = _curves("bce", "mse")
CAPTIONS: dict[str, list[dict[str, Any]]] = {
    "lr_caption": [
        _lr(1, 0, fair=False),
        _lr(4, 1, fair=True),
        _lr(5, 2, fair=True),
    ],
    "stability_caption": [
        {"limits": _limits((2.0, NAN))},
        {"limits": _limits((NAN, 3.0))},
        {"limits": _limits((1.0, 1.5), (3.0, 4.0))},
        {"limits": _limits((2.0, 3.0), (3.0, 4.0), (2.0, 3.0))},
        {"limits": _limits((2.0, 3.0), (2.0, 4.0))},
    ],
    "convergence_caption": [
        _convergence(_curves("bce"), 20.0, limit=None),
        _convergence(BOTH, NAN, limit=None),
        _convergence(BOTH, 20.0, NAN, limit=0.234),
        _convergence(BOTH, 20.0, NAN, NAN, limit=0.234),
        _convergence(BOTH, 20.0, 20.0, 31.0, limit=0.234),
        _convergence(BOTH, NAN, limit=0.234) | {"means": True},
    ],
    "heat_map_caption": [
        _heat(0.2),
        _heat(0.2, NAN),
        _heat(0.2, 0.25, 0.3, NAN),
        _heat(0.2, 0.25, 0.3, 0.4) | {"few": {("adam", "bce"), ("adam", "mse")}},
        _heat(NAN),
    ],
    "history_caption": [
        _history(0.3),
        _history(0.4, 0.2, 0.3, 0.3),
        _history(*[0.4] * 7, 0.2),
        _history(NAN, NAN, NAN, 0.2),
        _history(NAN),
    ],
    "beyond_caption": [
        {"below": below, "above": above} for below, above in ((1, 0), (0, 1), (2, 2), (40, 1200))
    ]
    + [
        {"below": 0, "above": above, "linear": linear, "what": "curve"}
        for above, linear in ((0, 0), (0, 1), (0, 3), (1, 2), (4, 0), (2, 2))
    ],
    "sample_caption": [
        {"drawn": drawn, "total": total} for drawn, total in ((1, 1), (1, 2), (2, 2), (400, 1240))
    ],
    "gap_caption": [
        {"fastest": _fastest(("bce", 40.0, True)), "seeds": 1},
        {"fastest": _fastest(("bce", NAN, True)), "seeds": 2},
        {"fastest": _fastest(("bce", 40.0, True), ("mse", 2.0, False)), "seeds": 10},
        {"fastest": _fastest(("mse", 2.0, False)), "seeds": 10},
        {"fastest": _fastest(("mse", 4.0, False)), "seeds": 10},
    ],
    "gap_basis": [
        {"gaps": SimpleNamespace(exact=False, steps=2.0 ** np.arange(7), estimated_start=start)}
        for start in (False, True)
    ]
    + [
        {"gaps": SimpleNamespace(exact=True, estimated_start=False, precision=p), "level": 8 * p}
        for p in (1.2e-7, 2.2e-16)
    ],
    "tunability_caption": [
        _budgets(sgd=(0.3, 0.2), adam=(0.4, 0.1)),
        _budgets(sgd=(0.3, 0.1), adam=(0.4, 0.2)),
    ],
    "tunability_basis": [
        {"comparison": SimpleNamespace(drawn=drawn), "trials": trials, "sampler": "tpe"}
        for drawn, trials in ((1, 2), (2, 100), (20, 100), (2, 1), (1, 1))
    ],
    "profile_caption": [
        _profile(1, sgd=10),
        _profile(2, sgd=1, adam=12),
        _profile(40, sgd=10, adam=150),
    ],
    "importance_caption": [
        _importance(1, drawn=True, learns=False),
        _importance(60, drawn=True, learns=True),
        _importance(60, drawn=False, learns=True),
        _importance(60, drawn=False, learns=True, top=None),
    ],
    "boundary_caption": [
        {"wrong": wrong, "rows": rows}
        for wrong, rows in ((0, 1), (1, 1), (1, 2), (2, 2), (0, 40), (12, 40))
    ]
    + [{"wrong": 310, "rows": 9000, "drawn": 2000, "fold": True}],
    "calibration_caption": [
        _bins(0.5),
        _bins(0.1, 0.5),
        _bins(0.1, 0.5, 0.9, 0.95, width=0.4, rows=10),
        _bins(0.1, 0.5) | {"source": "folds"},
        _bins(0.1, 0.5) | {"source": "fold"},
    ],
    "parallel_caption": [
        {"extreme": 0.2231, "objective": OBJECTIVE, "folds": folds, "gaps": folds}
        | {"highest": not folds}
        for folds in (False, True)
    ],
}
