"""How much each setting of a sweep matters for its objective, by Optuna's evaluators.

`python -m` this answers one request for shares, as JSON: see `lrlab.sweep.forests`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
import optuna
import pandas as pd
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution

from lrlab.report.analysis.methods import drawn_at_random, trial_frame

FOREST = 1000  # trials times optimizers and losses, up to which fANOVA's forest is quick
LEAST_TRIALS = 20  # below which importance cannot be told
Rows = Sequence[Mapping[str, str | float]]
Compute = Callable[[Rows, Sequence[str], str], dict[str, float]]
SETTINGS = ("optimizer", "loss", "lr", "l2")


@dataclass(frozen=True)
class Importance:
    """How much each setting matters.

    Args:
        shares: By setting, summing to 1, largest first; empty if that cannot be told.
        trials: How many trials with a value it rests on.
        drawn: Whether these are all drawn at random, so that the shares are those of the space;
            else a sampler that learns has looked more at good settings, which blurs them.
    """

    shares: pd.Series
    trials: int = 0
    drawn: bool = True

    @classmethod
    def none(cls) -> Importance:
        """Nothing can be told."""
        return cls(pd.Series(dtype=float, name="importance"))


def importances(
    runs: pd.DataFrame,
    *,
    objective: str,
    direction: str,
    random: int | None = None,
    compute: Compute | None = None,
) -> Importance:
    """Importance of optimizer, loss, lr and l2, of those that vary.

    fANOVA (Hutter, Hoos & Leyton-Brown 2014) for a small sweep, PED-ANOVA (Watanabe et al. 2023,
    arXiv:2304.10255: what it takes to get into the best tenth) for a larger one. Settings that
    belong to one optimizer or loss only are left out, as the others have no value for them.

    Args:
        runs: The runs frame.
        objective: Name of a final metric.
        direction: `minimize` or `maximize`.
        random: The first trials that were drawn at random; None: all. They alone count, where
            there are 20 with a value; else all.
        compute: What computes the shares; `shares_of` if None.

    Returns:
        No shares if there are fewer than 20 trials with a value, or fewer than two settings vary.
    """
    trials = trial_frame(runs, objective=objective, direction=direction)
    if "l2" in runs:
        trials["l2"] = runs.groupby("trial")["l2"].first()
    trials = trials[trials["value"].notna()]
    fair = drawn_at_random(trials, random)
    drawn = len(fair) >= LEAST_TRIALS or len(fair) == len(trials)
    trials = fair if drawn else trials
    names = [
        n for n in ("optimizer", "loss", "lr", "l2") if n in trials and trials[n].nunique() > 1
    ]
    if len(trials) < LEAST_TRIALS or len(names) < 2 or trials["value"].nunique() < 2:
        return Importance.none()
    needed = dict.fromkeys(("value", "optimizer", "loss", *names))
    rows: Rows = trials[[*needed]].to_dict("records")  # type: ignore[assignment]
    found = (compute or shares_of)(rows, names, direction)
    shares = pd.Series({name: found[name] for name in names}, name="importance")
    return Importance(shares.sort_values(ascending=False), len(trials), drawn)


def shares_of(rows: Rows, names: Sequence[str], direction: str) -> dict[str, float]:
    """Share of each setting.

    Args:
        rows: Of each trial its `value`, optimizer, loss and the named settings.
        names: Those that vary.
        direction: `minimize` or `maximize`.
    """
    importance, trials = forests(), pd.DataFrame(list(rows))
    distributions = {name: _distribution(trials[name]) for name in names}
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(direction=direction)
    study.add_trials(
        [
            optuna.trial.create_trial(
                value=float(row["value"]),
                params={name: row[name] for name in names},
                distributions=distributions,
            )
            for row in rows
        ]
    )
    evaluator = importance.PedAnovaImportanceEvaluator()
    if len(trials) * (trials["optimizer"].nunique() + trials["loss"].nunique()) <= FOREST:
        evaluator = importance.FanovaImportanceEvaluator(seed=0)
    found = importance.get_param_importances(study, evaluator=evaluator)
    return {name: float(found[name]) for name in names}


def forests() -> Any:
    """`optuna.importance`, with scikit-learn's forests: most of a second to import."""
    return import_module("optuna.importance")


def _distribution(values: pd.Series) -> BaseDistribution:
    if pd.api.types.is_numeric_dtype(values):
        low, high = float(values.min()), float(values.max())
        return FloatDistribution(low, high, log=low > 0 and bool(np.log10(high / low) > 1))
    return CategoricalDistribution(tuple(sorted(values.unique())))


def main() -> None:
    """Import what it takes, then answer the request; without one, end."""
    forests()
    request = sys.stdin.read()
    if request:
        print(json.dumps(shares_of(*json.loads(request))))


if __name__ == "__main__":
    main()
