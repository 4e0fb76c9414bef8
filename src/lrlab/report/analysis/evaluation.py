"""Chosen settings on rows that chose nothing: which runs are judged, and what each row says.

With test rows every setting is chosen by the validation rows and judged on the test rows. With
folds the rows of a fold are judged by settings that were chosen on the other folds, each with the
run that did not train on that fold. Without either nothing can be judged: the rows at hand have
chosen the settings.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from torch import Tensor

from lrlab.data import Problem
from lrlab.losses import is_proper
from lrlab.metrics import OF_PROBABILITIES
from lrlab.report.analysis.choice import NONE, cross_fitted, plain
from lrlab.report.analysis.row_values import ROW_VALUES, platt, row_values
from lrlab.search.results import mean

Weights = tuple[np.ndarray, float]  # [d] and the bias

MOST_VALUES = 2**26  # values of rows that are held at a time: 512 MB
BEST = "best"  # what a method is about that stands for the whole sweep


@dataclass(frozen=True)
class Method:
    """What is judged: an optimizer or a loss at its best setting, the best of all, or a baseline.

    Args:
        about: `best`, `optimizer`, `loss` or `baseline`.
        name: Of the optimizer, loss or baseline; empty for the best of all.
        trials: The trial that stands for it in each replicate, [R]; the same for all but with
            folds; empty for a baseline.
        trial: Its best trial by all rows that choose; -1 for a baseline.
    """

    about: str
    name: str
    trials: tuple[int, ...]
    trial: int


@dataclass(frozen=True)
class Evaluation:
    """What the judging rows say of the methods.

    Args:
        methods: k methods.
        values: The metric by row, [k, replicates or repeats, n rows].
        y: Labels of these rows, [n].
        shares_from: As `Problem.shares_from`.
        groups: Which rows belong together, [n]; None if each stands for itself.
        folds: How many folds judge in turn; 0 where test rows do.
        later: Whether the judging rows are later than those that were trained on.
        recalibrated: Values after Platt scaling of the best setting and of every loss, shaped as
            theirs in `values`; empty where every loss is proper or the metric does not see the
            difference.
    """

    methods: tuple[Method, ...]
    values: np.ndarray
    y: np.ndarray
    shares_from: int
    groups: np.ndarray | None
    folds: int
    later: bool
    recalibrated: np.ndarray


def judged_by(problem: Problem | None) -> str:
    """`test`, `folds`, or nothing where no row may judge."""
    if problem is None:
        return ""
    return "test" if len(problem.y_test) else "folds" if problem.folds else ""


def choose(
    runs: pd.DataFrame, problem: Problem, *, objective: str, direction: str
) -> tuple[Method, ...]:
    """The settings to be judged: of the whole sweep, of each optimizer, and of each loss.

    Trials of which a replicate is missing or diverged are chosen never; a method that has no other
    is left out.

    Args:
        runs: The runs frame.
        problem: Whose rows chose.
        objective: Name of a final metric.
        direction: `minimize` or `maximize`.
    """
    finished = runs.assign(value=runs[objective].where(runs["outcome"] != "diverged"))
    table = finished.pivot(index="trial", columns="replicate", values="value").sort_index()
    first = runs.drop_duplicates("trial").set_index("trial").loc[table.index]
    by_folds = judged_by(problem) == "folds"
    folds = folds_of_repeat(problem) if by_folds else table.shape[1]
    values = table.to_numpy(dtype=float).reshape(len(table), -1, folds)
    better_low, trials = direction == "minimize", table.index.to_numpy()
    sign, whole = 1 if better_low else -1, values.reshape(len(values), -1).tolist()
    losing = {trial: sign * mean(row) for trial, row in zip(trials.tolist(), whole, strict=True)}
    found: list[Method] = []
    for about in (BEST, "optimizer", "loss"):
        names = [""] * len(table) if about == BEST else first[about].astype(str).tolist()
        overall = plain(values, names, lower_is_better=better_low)
        each = np.repeat(overall.trials[:, None], table.shape[1], axis=1)
        if by_folds:
            fitted = cross_fitted(values, names, lower_is_better=better_low)
            each = fitted.trials.reshape(each.shape)
        own = [
            Method(about, name, tuple(map(int, trials[row])), int(trials[one]))
            for name, row, one in zip(overall.methods, each, overall.trials, strict=True)
            if one != NONE
        ]
        found += sorted(own, key=lambda method: (losing[method.trial], method.trial))
    return tuple(found)


def folds_of_repeat(problem: Problem) -> int:
    """How many of the problem's folds hold every row out once: those before one that repeats."""
    first = problem.folds[0].val_rows
    later = enumerate(problem.folds[1:], start=1)
    again = (i for i, fold in later if np.isin(fold.val_rows, first).any())
    return next(again, len(problem.folds))


def runs_to_judge(
    runs: pd.DataFrame, problem: Problem | None, *, objective: str, direction: str
) -> tuple[str, ...]:
    """run_id of every run whose weights `evaluate` needs.

    Args:
        runs: The runs frame.
        problem: The data, if they are at hand.
        objective: Name of a final metric.
        direction: `minimize` or `maximize`.
    """
    if problem is None or not can_judge(problem, objective) or runs.empty:
        return ()
    methods = choose(runs, problem, objective=objective, direction=direction)
    return _needed(methods, _ids(runs), _recalibrates(runs, objective))


def can_judge(problem: Problem, objective: str) -> bool:
    """Whether there are rows that may judge, and the objective has a value for each of them."""
    return bool(judged_by(problem)) and objective in ROW_VALUES


def _needed(
    methods: Sequence[Method], ids: Mapping[tuple[int, int], str], recalibrates: bool
) -> tuple[str, ...]:
    needed: dict[str, None] = {}
    for method in methods:
        needed |= dict.fromkeys(ids[trial, r] for r, trial in enumerate(method.trials))
        if method.about in (BEST, "loss") and recalibrates:
            # with folds, Platt scaling learns from the scores on the other folds
            every = range(len(method.trials))
            needed |= dict.fromkeys(ids[t, r] for t in set(method.trials) for r in every)
    return tuple(needed)


def evaluate(
    runs: pd.DataFrame,
    problem: Problem | None,
    weights: Mapping[str, Weights],
    baselines: Mapping[str, Sequence[Weights]],
    *,
    objective: str,
    direction: str,
) -> Evaluation | None:
    """Judge the chosen settings, and baselines beside them.

    Args:
        runs: The runs frame.
        problem: The data, if they are at hand.
        weights: Of the runs that `runs_to_judge` names; methods of which some are missing are
            left out.
        baselines: Weights of each baseline, a model a replicate.
        objective: Name of a final metric.
        direction: `minimize` or `maximize`.

    Returns:
        None where nothing can be judged.
    """
    if problem is None or not can_judge(problem, objective) or runs.empty:
        return None
    ids, recalibrates = _ids(runs), _recalibrates(runs, objective)
    judge = _Judge(problem, objective, lambda t, r: weights[ids[t, r]])
    chosen = choose(runs, problem, objective=objective, direction=direction)
    missing = set(_needed(chosen, ids, recalibrates)) - set(weights)
    methods = [m for m in chosen if not missing & {ids[t, r] for r, t in enumerate(m.trials)}]
    if not methods or methods[0].about != BEST:
        return None
    losses = [m for m in methods if m.about in (BEST, "loss")]
    if missing or not recalibrates:
        losses = []
    columns = (len(methods) + len(baselines) + len(losses)) * len(methods[0].trials)
    kept = _kept(len(judge.y), columns)
    values = [judge.rows(method)[:, kept] for method in methods]
    values += [judge.rows_of(models)[:, kept] for models in baselines.values()]
    scaled = [judge.rows(method, recalibrated=True)[:, kept] for method in losses]
    return Evaluation(
        methods=(*methods, *(Method("baseline", name, (), NONE) for name in baselines)),
        values=np.stack(values),
        y=judge.y[kept],
        shares_from=problem.shares_from,
        groups=judge.groups[kept] if len(judge.groups) else None,
        folds=judge.k,
        later=problem.ordered,
        recalibrated=np.stack(scaled) if scaled else np.empty((0, *values[0].shape)),
    )


def _kept(rows: int, columns: int) -> np.ndarray:
    """Which of the judging rows are used: all, or as many drawn at random as memory permits."""
    most = max(MOST_VALUES // columns, 1)
    if rows <= most:
        return np.arange(rows)
    return np.sort(np.random.default_rng(0).choice(rows, most, replace=False))


def _ids(runs: pd.DataFrame) -> dict[tuple[int, int], str]:
    keys = zip(runs["trial"], runs["replicate"], strict=True)
    return {(int(t), int(r)): str(i) for (t, r), i in zip(keys, runs["run_id"], strict=True)}


def _recalibrates(runs: pd.DataFrame, objective: str) -> bool:
    """Whether raw scores and recalibrated ones differ in what is judged."""
    proper = all(is_proper(name) for name in runs["loss"].unique())
    return objective in OF_PROBABILITIES and not proper


class _Judge:
    """The judging rows and what the models of runs say of them."""

    def __init__(
        self, problem: Problem, metric: str, weights: Callable[[int, int], Weights]
    ) -> None:
        self.problem, self.metric, self.weights = problem, metric, weights
        self.by_folds = judged_by(problem) == "folds"
        self.k = folds_of_repeat(problem) if self.by_folds else 0
        if self.by_folds:
            parts = [problem.of(r) for r in range(self.k)]
            rows = np.concatenate([part.val_rows for part in parts])
            y = np.concatenate([_numbers(part.y_val) for part in parts])
            groups = np.concatenate([part.val_groups for part in parts])
            order = np.argsort(rows)
            self.rows_in_order, self.y = rows[order], y[order]
            self.groups = groups[order] if len(groups) else groups
        else:
            self.y, self.groups = _numbers(problem.y_test), problem.test_groups

    def rows(self, method: Method, *, recalibrated: bool = False) -> np.ndarray:
        """The metric of every judging row, [replicates or repeats, n]."""
        models = [self.weights(trial, r) for r, trial in enumerate(method.trials)]
        scaled = None
        if recalibrated:
            scaled = [self._platt(trial, r) for r, trial in enumerate(method.trials)]
        return self.rows_of(models, scaled)

    def rows_of(
        self, models: Sequence[Weights], scaled: Sequence[tuple[float, float]] | None = None
    ) -> np.ndarray:
        """The same of a model a replicate, its scores times a slope plus an intercept."""
        part = "val" if self.by_folds else "test"
        scores = [self._logits(model, r, part) for r, model in enumerate(models)]
        if scaled is not None:
            scores = [a * z + b for (a, b), z in zip(scaled, scores, strict=True)]
        if not self.by_folds:
            return np.stack([row_values(self.metric, z, self.y) for z in scores])
        found = np.empty((len(models) // self.k, len(self.y)))
        for r, z in enumerate(scores):
            fold = self.problem.of(r)
            places = np.searchsorted(self.rows_in_order, fold.val_rows)
            found[r // self.k, places] = row_values(self.metric, z, _numbers(fold.y_val))
        return found

    def _logits(self, model: Weights, replicate: int, part: str) -> np.ndarray:
        weight, bias = model
        x: np.ndarray = getattr(self.problem.of(replicate), f"x_{part}").cpu().numpy()
        return np.asarray(x.astype(np.float64) @ weight + bias)

    def _platt(self, trial: int, r: int) -> tuple[float, float]:
        """Platt scaling learned from the validation rows: with folds, those of the other folds."""
        others = [r]
        if self.by_folds:
            first = r - r % self.k
            others = [other for other in range(first, first + self.k) if other != r]
        scores = [self._logits(self.weights(trial, other), other, "val") for other in others]
        y = np.concatenate([_numbers(self.problem.of(other).y_val) for other in others])
        slope, intercept = platt(np.concatenate(scores), y)
        return float(slope), float(intercept)


def _numbers(y: Tensor) -> np.ndarray:
    return np.asarray(y.cpu().numpy(), dtype=np.float64)
