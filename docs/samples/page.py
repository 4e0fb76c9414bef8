"""Sample numbers for the rest of a page, and for several sweeps compared."""

from __future__ import annotations

from typing import Any

import pandas as pd

from lrlab.data import Baseline
from lrlab.report.analysis.fact import Fact

KNOWN = Baseline(0.033, {"val_log_loss": 0.146, "val_accuracy": 0.967, "val_auc": 0.5})

SEARCHED = Fact("objectives_differ", {"searched": ("l2",)})


def _verdicts(
    sweeps: int, *, untested: int = 0, elsewhere: tuple[str, ...] = (), **said: str
) -> dict[str, Any]:
    rows = [
        (method, f"data{i}", "untested" if i < untested else verdict)
        for method, verdict in said.items()
        for i in range(sweeps)
    ]
    rows += [(method, "data0", "tied") for method in elsewhere]
    return {"table": pd.DataFrame(rows, columns=["optimizer", "sweep", "verdict"])}


def _profile(sgd: float, adam: float) -> pd.DataFrame:
    return pd.DataFrame({"sgd": [0.5, sgd], "adam": [0.5, adam]}, index=[1.0, 4.0])


PAGE: dict[str, list[dict[str, Any]]] = {
    "base_rate": [{"known": KNOWN, "objective": name} for name in ("val_log_loss", "val_auc")],
    "summary_note": [{"objective": "val_log_loss", "base_rate": ""}],
    "steps_allowed": [{"steps": steps} for steps in (1, 2, 1000)],
}
TITLES: dict[str, list[dict[str, Any]]] = {
    "top_title": [{"trials": trials} for trials in (1, 2, 20)],
}
ERRORS: dict[str, list[dict[str, Any]]] = {
    "different_objectives": [{"aims": {"one": "val_auc", "two": "val_log_loss"}}],
}
ACROSS: dict[str, list[dict[str, Any]]] = {
    "never_worse": [
        _verdicts(2, sgd="tied", adam="best", lion="worse") | {"by": "optimizer"},
        _verdicts(12, sgd="best", adam="worse", lion="worse") | {"by": "optimizer"},
        _verdicts(3, untested=1, sgd="worse", adam="worse") | {"by": "optimizer"},
        _verdicts(2, untested=1, sgd="best", adam="tied") | {"by": "optimizer"},
        _verdicts(2, elsewhere=("lion", "yogi"), sgd="best", adam="tied") | {"by": "optimizer"},
        *(
            _verdicts(2, sgd="best", adam="worse") | {"by": "optimizer", "scores": scores}
            for scores in ("raw", "recalibrated")
        ),
    ],
    "fastest": [
        {"profile": _profile(1, 1), "problems": 1, "tried": 1},
        {"profile": _profile(0.5, 1), "problems": 2, "tried": 3},
        {"profile": _profile(0.9, 0.8), "problems": 40, "tried": 42},
        {"profile": _profile(1, 1), "problems": 1, "tried": 2},
    ],
    "left_out": [
        {"parts": tuple((f"data{i}", "bce", SEARCHED) for i in range(n))}
        | {"losses": dict.fromkeys((f"data{i}" for i in range(n)), 1)}
        for n in (1, 2, 20)
    ]
    + [
        {"parts": (("one", "mse", why), ("two", "mse", Fact("no_optimum")))}
        | {"losses": {"one": 2, "two": 1}}
        for why in (Fact("one_optimizer", {"loss": "mse"}), Fact("no_optimum"))
    ],
    "robust": [
        {"loss": pd.Series({"sgd": 1.0, "adam": 1.31}), "width": pd.Series(dtype=float)},
        {
            "loss": pd.Series({"sgd": 1.02, "adam": 1.31}),
            "width": pd.Series({"sgd": 2.1, "adam": 0.4}),
        },
    ],
    "counts": [
        {"outcomes": {"converged": 1}, "sweeps": 1},
        {"outcomes": {"converged": 1, "diverged": 1}, "sweeps": 2},
        {"outcomes": {"converged": 1200, "slow": 12}, "sweeps": 10},
    ],
    "ratio_caption": [
        {"by": "loss", "objective": "val_log_loss", "scores": scores}
        for scores in ("", "raw", "recalibrated")
    ],
}
