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
TREES, FEW_TREES = 32, 8  # of the forest for the shares, and of those of resampled trials
RESAMPLES, MOST_RESAMPLED = 12, 500  # and of how many trials at most: fewer only widen intervals
LEAST_TRIALS = 20  # below which importance cannot be told
Rows = Sequence[Mapping[str, str | float]]
Interval = list[float]  # a share with the ends of its interval
Compute = Callable[[Rows, Sequence[str], str], dict[str, Interval]]
SETTINGS = ("optimizer", "loss", "lr", "l2")


@dataclass(frozen=True)
class Importance:
    """How much each setting matters.

    Args:
        shares: By setting, summing to 1, largest first; empty if that cannot be told.
        low: The lowest that each is over resamples of the trials, in the same order.
        high: The highest.
        trials: How many trials with a value it rests on.
        drawn: Whether these are all drawn at random, so that the shares are those of the space;
            else a sampler that learns has looked more at good settings, which blurs them.
        method: `fANOVA` or `PED-ANOVA`.
        resamples: How many.
    """

    shares: pd.Series
    low: pd.Series
    high: pd.Series
    trials: int = 0
    drawn: bool = True
    method: str = "fANOVA"
    resamples: int = RESAMPLES

    @property
    def top(self) -> str | None:
        """The setting whose interval is above those of all others, if there is one."""
        first = str(self.shares.index[0])
        apart = bool((self.low[first] > self.high.drop(first)).all())
        return first if apart else None

    def frame(self) -> pd.DataFrame:
        """setting, importance, low, high."""
        columns = {"importance": self.shares, "low": self.low, "high": self.high}
        return pd.DataFrame(columns).rename_axis("setting").reset_index()

    @classmethod
    def none(cls) -> Importance:
        """Nothing can be told."""
        nothing = pd.Series(dtype=float)
        return cls(nothing, nothing, nothing)


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
    table = pd.DataFrame([found[name] for name in names], names, ["share", "low", "high"])
    table = table.sort_values("share", ascending=False)
    method = "fANOVA" if _is_small(trials) else "PED-ANOVA"
    return Importance(table["share"], table["low"], table["high"], len(trials), drawn, method)


def shares_of(rows: Rows, names: Sequence[str], direction: str) -> dict[str, Interval]:
    """Share of each setting, and the lowest and the highest of it over resamples of the trials.

    The trials are a sample: another would give other shares, by how much is told by samples drawn
    from these with replacement (Efron 1979).

    Args:
        rows: Of each trial its `value`, optimizer, loss and the named settings.
        names: Those that vary.
        direction: `minimize` or `maximize`.
    """
    table = pd.DataFrame(list(rows))
    distributions = {name: _distribution(table[name]) for name in names}
    trials = [
        optuna.trial.create_trial(
            value=float(row["value"]),
            params={name: row[name] for name in names},
            distributions=distributions,
        )
        for row in rows
    ]
    small = _is_small(table)
    found = [_shares(trials, direction, TREES if small else 0)]
    rng = np.random.default_rng(0)
    for _ in range(RESAMPLES):
        drawn = rng.integers(len(trials), size=min(len(trials), MOST_RESAMPLED))
        own = [trials[i] for i in drawn]
        if len({trial.value for trial in own}) > 1:
            found.append(_shares(own, direction, FEW_TREES if small else 0))
    each = {name: [shares[name] for shares in found] for name in names}
    return {name: [values[0], min(values), max(values)] for name, values in each.items()}


def _is_small(table: pd.DataFrame) -> bool:
    """Whether a forest is quick."""
    return len(table) * (table["optimizer"].nunique() + table["loss"].nunique()) <= FOREST


def _shares(
    trials: Sequence[optuna.trial.FrozenTrial], direction: str, trees: int
) -> dict[str, float]:
    """By fANOVA with so many trees; without any by PED-ANOVA."""
    importance = forests()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(direction=direction)
    study.add_trials(trials)
    evaluator = importance.PedAnovaImportanceEvaluator()
    if trees:
        evaluator = importance.FanovaImportanceEvaluator(seed=0, n_trees=trees)
    found = importance.get_param_importances(study, evaluator=evaluator)
    return {name: float(found[name]) for name in found}


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
