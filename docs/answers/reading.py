"""What is read from the store: runs with their convergence, and settings judged on other rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from lrlab import track
from lrlab.metrics import METRICS
from lrlab.optimizers import OPTIMIZERS
from lrlab.optimum import Optimum
from lrlab.optimum.optima import Solver
from lrlab.report.analysis.evaluation import Evaluation, Weights, evaluate, runs_to_judge
from lrlab.report.analysis.findings import Findings, find
from lrlab.report.analysis.judgement import Judgement
from lrlab.report.context import ReportContext
from lrlab.report.inputs import report_input
from lrlab.track.read import load_weights

from .studies import store_in

EXACT, BASE_RATE = "Newton (exact)", "base rate"
DECADES = 2  # of the prior: each optimizer's learning rates lie so far around its default
Baselines = Mapping[str, Sequence[Weights]]  # weights and bias of each replicate's model
NO_BASELINES: Baselines = {}
SAME = (1e-4, 10.0)  # the range that all have where a spec does not say


@dataclass(frozen=True)
class Sweep:
    """A finished sweep as it is read.

    Args:
        name: Its name.
        store: Where it is recorded.
        runs: Its runs frame.
        curves: Its curves frame.
        context: What is known of the problem.
    """

    name: str
    store: track.Store
    runs: pd.DataFrame
    curves: pd.DataFrame
    context: ReportContext

    def only(self, keep: np.ndarray) -> Sweep:
        """The same of some runs, [r] bool."""
        runs = self.runs[keep].reset_index(drop=True)
        curves = self.curves[self.curves["run_id"].isin(runs["run_id"])]
        per_step = self.context.per_step
        context = self.context
        if per_step is not None:
            context = replace(context, per_step=per_step[keep])
        return replace(self, runs=runs, curves=curves, context=context)

    def found(self) -> Findings:
        """Everything that the report says of them."""
        context = replace(self.context, weights=self._weights(self.context.objective))
        return find(self.runs, self.curves, context)

    def evaluated(self, metric: str, baselines: Baselines) -> Evaluation | None:
        """Each method's best setting by a metric, on rows that chose nothing, and baselines."""
        direction = METRICS[metric].direction
        return evaluate(
            self.runs,
            self.context.problem,
            self._weights(metric),
            baselines,
            objective=metric,
            direction=direction,
        )

    def judged(self, metric: str, baselines: Baselines = NO_BASELINES) -> Judgement | None:
        """What may be said of that."""
        found = self.evaluated(metric, baselines)
        if found is None:
            return None
        lower = METRICS[metric].direction == "minimize"
        name = metric.removeprefix("val_")
        return Judgement(found, name, lower, self.context.minimum_effect)

    def baselines(self) -> Baselines:
        """The base rate, and the exact optimum of the only objective by Newton's method."""
        problem, optima = self.context.problem, self.context.optima
        assert problem is not None
        assert optima is not None
        (objective,) = optima.of(0).found
        rates: list[Weights] = []
        exact: list[Weights] = []
        known: dict[int, Optimum] = {}
        for replicate in range(int(self.runs["replicate"].max()) + 1):
            own = problem.of(replicate)
            share = own.share_of_class_1
            rates.append((np.zeros(own.n_features), float(np.log(share / (1 - share)))))
            if id(own) not in known:
                ((_, known[id(own)]),) = Solver(own).solve([objective])
            optimum = known[id(own)]
            assert optimum.weight is not None
            exact.append((optimum.weight, optimum.bias))
        return {EXACT: exact, BASE_RATE: rates}

    def weights_of(self, run_ids: list[str]) -> Mapping[str, Weights]:
        """Weights and bias of runs, by run_id."""
        known = dict(self.context.weights)
        for run_id in set(run_ids) - set(known):
            known[run_id] = load_weights(self.store, run_id)
        return known

    def _weights(self, metric: str) -> Mapping[str, Weights]:
        direction = METRICS[metric].direction
        problem = self.context.problem
        needed = runs_to_judge(self.runs, problem, objective=metric, direction=direction)
        return self.weights_of(list(needed))


def read(folder: Path, name: str) -> Sweep:
    """A sweep of a folder's store."""
    store = track.connect(store_in(folder))
    runs, curves, context = report_input(store, track.find_sweep(store, name))
    return Sweep(name, store, runs, curves, context)


def in_prior(runs: pd.DataFrame) -> np.ndarray:
    """Whether a run's learning rate is within `DECADES` of its optimizer's default, [r]."""
    default = runs["optimizer"].map({each.name: each.default_lr for each in OPTIMIZERS})
    return np.asarray(np.abs(np.log10(runs["lr"] / default)) <= DECADES + 1e-6)


def in_same(runs: pd.DataFrame) -> np.ndarray:
    """Whether it is in the range that is the same for all, [r]."""
    low, high = SAME
    return np.asarray((runs["lr"] >= low * 0.999) & (runs["lr"] <= high * 1.001))
