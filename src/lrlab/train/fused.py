"""The fused engine: all runs of a cohort as one tensor program.

The weights of R runs stand one below the other, [R, d + 1] with the bias as last column, so that
one matrix product gives all logits and one more all gradients. Runs are ordered by loss, so that
each loss sees a block of rows; each optimizer updates its runs by elementwise operations with one
hyperparameter a row. No operation mixes rows of different runs, so each is what it would be alone
(HFTA: Wang et al. 2021, arXiv:2102.02344, train many models as one in this way).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from lrlab.losses import LOSSES, Loss
from lrlab.optimizers import OPTIMIZERS
from lrlab.problem import Problem
from lrlab.spec import TrainSpec
from lrlab.train import loop
from lrlab.train.evaluate import final_measures, stepped_measures
from lrlab.train.trajectory import Trajectory, evaluation_steps, outcome_of
from lrlab.trial import Run
from lrlab.update_rules import State, UpdateRule

TILE = 2**17  # logits at a time: what a core's cache holds


def train_cohort(
    problem: Problem, runs: Sequence[Run], settings: TrainSpec
) -> Iterator[list[tuple[Run, Trajectory]]]:
    """Train a cohort; yields all of its runs at once, in the order given.

    Runs of an optimizer without an update rule are trained by the loop. With mini-batches, runs
    of one seed see the same batches and are one program; full batch, all runs are one.
    """
    done: dict[tuple[int, int], Trajectory] = {}
    groups: dict[int, list[Run]] = defaultdict(list)
    minibatch = settings.batch_size is not None and settings.batch_size < len(problem.y_train)
    for run in runs:
        if OPTIMIZERS[run.config.optimizer].rule is not None:
            groups[run.seed if minibatch else 0].append(run)
    with loop.one_thread():
        for group in groups.values():
            trained = _Program(problem, group, settings).run()
            done |= {run.key: t for run, t in zip(group, trained, strict=True)}
    rest = [run for run in runs if run.key not in done]
    for part in loop.train_cohort(problem, rest, settings):
        done |= {run.key: trajectory for run, trajectory in part}
    if runs:
        yield [(run, done[run.key]) for run in runs]


@dataclass
class _LossBlock:
    """Consecutive rows that train with one loss."""

    loss: Loss
    rows: slice
    params: Mapping[str, Tensor]  # each [r, 1]

    def values_and_slopes(self, z: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Loss of every example and its derivative by the logit, both [r, n]."""
        if self.loss.slope is not None:
            return self.loss.slope(z, y, **self.params)
        z = z.detach().requires_grad_()
        with torch.enable_grad():
            values = self.loss.per_example(z, y, **self.params)
            (slopes,) = torch.autograd.grad(values.sum(), z)
        return values.detach(), slopes


@dataclass
class _OptimizerGroup:
    """The rows that one optimizer updates, and its state."""

    rule: UpdateRule
    rows: Tensor  # [r] int64
    params: Mapping[str, Tensor]  # lr and hyperparameters, each [r, 1] float64
    state: State = field(default_factory=dict)

    def update(self, weights: Tensor, gradients: Tensor, step: int) -> None:
        """One step of every row, in place."""
        w = weights[self.rows]
        self.rule(w, gradients[self.rows], self.state, step, **self.params)
        weights[self.rows] = w


class _Program:
    """One fused training: rows are runs, ordered by loss."""

    def __init__(self, problem: Problem, runs: Sequence[Run], settings: TrainSpec) -> None:
        self.problem, self.settings = problem, settings
        self.x = _with_ones(problem.x_train)
        self.x_val = _with_ones(problem.x_val)
        self.order = sorted(range(len(runs)), key=lambda i: runs[i].config.loss)
        self.runs = [runs[i] for i in self.order]
        self.alive = torch.arange(len(runs))  # row -> index in self.runs
        self.weights = _initial_weights(problem, self.runs)
        self.ended = self.weights.clone()
        self.groups = self._optimizer_groups()
        self.losses = torch.full((settings.steps, len(runs)), torch.nan, dtype=torch.float64)
        self.stepped: dict[str, Tensor] = {}
        self.evaluated = evaluation_steps(settings.steps)
        self.diverged_at: dict[int, int] = {}
        self._arrange()

    @torch.no_grad()
    def run(self) -> list[Trajectory]:
        """Train to the end; trajectories in the order in which the runs were given."""
        due = {int(step): i for i, step in enumerate(self.evaluated)}
        batches = loop.batches_of(self.x, self.problem.y_train, self.settings, self.runs[0].seed)
        for step, (x, y) in enumerate(batches, start=1):
            losses, gradients = self._losses_and_gradients(x, y)
            self.losses[step - 1, self.alive] = losses.double()
            for group in self.groups:
                group.update(self.weights, gradients, step)
            if step in due:
                self._evaluate(step, due[step])
                if not len(self.alive):
                    break
        self.ended[self.alive] = self.weights
        return self._trajectories()

    def _losses_and_gradients(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Objective [r] and its gradient [r, d + 1] on rows x [b, d + 1], y [b]."""
        sums = torch.zeros(len(self.weights), dtype=x.dtype)
        gradients = torch.zeros_like(self.weights)
        tile = max(1, TILE // len(self.weights))
        for start in range(0, len(y), tile):
            x_tile, y_tile = x[start : start + tile], y[start : start + tile]
            z = self.weights @ x_tile.T
            slopes = torch.empty_like(z)
            for block in self.blocks:
                values, slopes[block.rows] = block.values_and_slopes(z[block.rows], y_tile)
                sums[block.rows] += values.sum(1)
            gradients.addmm_(slopes, x_tile)
        gradients /= len(y)
        losses = sums / len(y)
        if self.penalised:
            w = self.weights[:, :-1]
            losses += (0.5 * self.l2 * w.square().sum(1, keepdim=True))[:, 0]
            gradients[:, :-1] += self.l2 * w
        return losses, gradients

    def _evaluate(self, step: int, column: int) -> None:
        """Take the stepped measures of the rows that are alive; let diverged ones go."""
        objective, _ = self._losses_and_gradients(self.x, self.problem.y_train)
        z_val = (self.weights @ self.x_val.T).double()
        measures = stepped_measures(z_val, self.problem.y_val)
        measures["train_objective"] = objective.double()
        finite = torch.stack([m.isfinite() for m in measures.values()]).all(0)
        finite &= self.losses[:step, self.alive].isfinite().all(0)
        for name, values in measures.items():
            if name not in self.stepped:
                shape = (len(self.runs), len(self.evaluated))
                self.stepped[name] = torch.full(shape, torch.nan, dtype=torch.float64)
            self.stepped[name][self.alive[finite], column] = values[finite]
        if not finite.all():
            self._let_go(~finite, step)

    def _let_go(self, gone: Tensor, step: int) -> None:
        """Note where runs diverged and take them out of the computation."""
        for row in gone.nonzero()[:, 0].tolist():
            run = int(self.alive[row])
            bad = (~self.losses[:step, run].isfinite()).nonzero()
            self.diverged_at[run] = int(bad[0, 0]) + 1 if len(bad) else step
        keep = ~gone
        self.ended[self.alive[gone]] = self.weights[gone]
        for group in self.groups:
            kept = keep[group.rows]
            group.state = {name: value[kept] for name, value in group.state.items()}
            group.params = {name: value[kept] for name, value in group.params.items()}
            group.rows = (keep.cumsum(0) - 1)[group.rows[kept]]
        self.groups = [group for group in self.groups if len(group.rows)]
        self.weights, self.alive = self.weights[keep], self.alive[keep]
        self._arrange()

    def _arrange(self) -> None:
        """Blocks of rows by loss, and the l2 column, for the runs that are alive."""
        configs = [self.runs[i].config for i in self.alive.tolist()]
        self.l2 = _column([config.l2 for config in configs], self.x.dtype)
        self.penalised = any(config.l2 for config in configs)
        self.blocks = []
        names = [config.loss for config in configs]
        for name in dict.fromkeys(names):
            rows = slice(names.index(name), names.index(name) + names.count(name))
            params = {
                h.name: _column([c.loss_params[h.name] for c in configs[rows]], self.x.dtype)
                for h in LOSSES[name].hyperparameters
            }
            self.blocks.append(_LossBlock(LOSSES[name], rows, params))

    def _optimizer_groups(self) -> list[_OptimizerGroup]:
        rows: dict[str, list[int]] = defaultdict(list)
        for row, run in enumerate(self.runs):
            rows[run.config.optimizer].append(row)
        groups = []
        for name, members in rows.items():
            entry = OPTIMIZERS[name]
            configs = [self.runs[row].config for row in members]
            params = {"lr": _column([config.lr for config in configs], torch.float64)}
            for h in entry.hyperparameters:
                values = [config.optimizer_params[h.name] for config in configs]
                params[h.name] = _column(values, torch.float64)
            assert entry.rule is not None
            groups.append(_OptimizerGroup(entry.rule, torch.tensor(members), params))
        return groups

    def _trajectories(self) -> list[Trajectory]:
        weights = self.ended.double().numpy()
        finals = self._finals()
        trajectories = {}
        for row, given in enumerate(self.order):
            trajectories[given] = self._trajectory(row, weights[row], finals.get(row))
        return [trajectories[i] for i in range(len(self.order))]

    def _finals(self) -> dict[int, dict[str, float]]:
        """Final measures of the runs that stayed finite."""
        if not len(self.alive):
            return {}
        z_train = (self.weights @ self.x.T).double()
        z_val = (self.weights @ self.x_val.T).double()
        measures = final_measures(z_train, z_val, self.problem.y_train, self.problem.y_val)
        measures["train_objective"] = self.stepped["train_objective"][self.alive, -1]
        measures["train_loss"] = self.losses[-1, self.alive]
        names = list(measures)
        table = torch.stack([measures[name] for name in names], 1).tolist()
        return {
            row: {n: v for n, v in zip(names, values, strict=True) if np.isfinite(v)}
            for row, values in zip(self.alive.tolist(), table, strict=True)
        }

    def _trajectory(
        self, row: int, weights: np.ndarray, final: dict[str, float] | None
    ) -> Trajectory:
        diverged_at = self.diverged_at.get(row)
        losses = self.losses[:, row].numpy()
        if diverged_at is not None:
            bad = np.flatnonzero(~np.isfinite(losses))
            losses = losses[: bad[0]] if len(bad) else losses
        taken = self.stepped["train_objective"][row].isfinite().numpy()
        evaluated = self.evaluated[taken]
        stepped = {name: values[row].numpy()[taken] for name, values in self.stepped.items()}
        outcome = "diverged"
        if diverged_at is None:
            outcome = outcome_of(losses[0], evaluated, stepped["train_objective"])
        return Trajectory(
            train_loss=losses,
            evaluated=evaluated,
            stepped=stepped,
            final=final or {},
            outcome=outcome,
            weight=weights[:-1],
            bias=float(weights[-1]),
            diverged_at=diverged_at,
        )


def _with_ones(x: Tensor) -> Tensor:
    return torch.cat([x, torch.ones(len(x), 1, dtype=x.dtype)], 1)


def _column(values: Sequence[float], dtype: torch.dtype) -> Tensor:
    return torch.tensor(values, dtype=dtype)[:, None]


def _initial_weights(problem: Problem, runs: Sequence[Run]) -> Tensor:
    by_seed = {}
    for seed in {run.seed for run in runs}:
        linear = problem.initial_model(seed).features
        by_seed[seed] = torch.cat([linear.weight.detach()[0], linear.bias.detach()])
    return torch.stack([by_seed[run.seed] for run in runs])
