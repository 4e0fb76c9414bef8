"""Optima that are not certain: those that were not solved, and those that a run beat."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from lrlab.optimum import Objective
from lrlab.optimum.doubts import Beaten, beaten, unsolved
from lrlab.optimum.record import Optima
from lrlab.report.analysis.converged import Gaps, objectives
from lrlab.report.analysis.fact import Fact

COLUMNS = ["loss", "hyperparameters", "l2", "fold", "best_known", "reached", "by"]


def beaten_by_runs(
    runs: pd.DataFrame, measured: Gaps, optima: Optima | None
) -> tuple[Beaten, ...]:
    """The best known optima that runs of the sweep came below.

    Args:
        runs: The runs frame.
        measured: What `converged.gaps` returns for it.
        optima: What is known.
    """
    if optima is None or not len(measured.steps):
        return ()
    folds = runs["replicate"].to_numpy() % max(1, len(optima.folds))
    reached: dict[tuple[int, Objective], float] = {}
    lowest = np.min(measured.values, axis=1, initial=np.inf, where=~np.isnan(measured.values))
    for fold, objective, low in zip(folds, objectives(runs), lowest, strict=True):
        key = int(fold), objective
        reached[key] = min(reached.get(key, np.inf), float(low))
    return beaten(optima, reached)


def beaten_table(found: Sequence[Beaten]) -> pd.DataFrame:
    """One row for each: the objective, fold, best_known, reached, by."""
    rows = [
        (
            each.objective.loss,
            ", ".join(f"{k} {v:g}" for k, v in each.objective.loss_params),
            each.objective.l2,
            each.fold,
            each.value,
            each.reached,
            each.by,
        )
        for each in found
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def doubts(optima: Optima | None, found: Sequence[Beaten]) -> list[Fact]:
    """What there is to say of optima that are not certain."""
    said = []
    left = unsolved(optima) if optima is not None else ()
    if left:
        given = {
            "count": len(left),
            "iterations": max(each.iterations for each in left),
            "objective": _name(left[0].objective),
            "gap": left[0].gap,
            "value": left[0].value,
        }
        said.append(Fact("unsolved", given))
    if found:
        given = {
            "count": len(found),
            "objective": _name(found[0].objective),
            "by": found[0].by,
            "reached": found[0].reached,
            "best_known": found[0].value,
        }
        said.append(Fact("beaten", given))
    return said


def _name(objective: Objective) -> str:
    own = "".join(f", {name} {value:g}" for name, value in objective.loss_params)
    return f"{objective.loss} with l2 {objective.l2:g}{own}"
