"""A fused training: many runs as one tensor program.

The weights of R runs stand one below the other, [R, d + 1] with the bias as last column, so that
one matrix product gives all logits and one more all gradients. Runs are ordered by loss, so that
each loss sees a block of rows; each optimizer updates its runs by elementwise operations with one
hyperparameter a row. No operation mixes rows of different runs, so each is what it would be alone
(HFTA: Wang et al. 2021, arXiv:2102.02344, train many models as one in this way).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError
from dataclasses import dataclass, field
from itertools import groupby

import numpy as np
import torch
from torch import Tensor

from lrlab.clock import now_ms
from lrlab.losses import LOSSES, Loss
from lrlab.metrics import STEPPED
from lrlab.optimizers import OPTIMIZERS, Coefficients, State, UpdateRule
from lrlab.spec import TrainSpec
from lrlab.train import loop
from lrlab.train.evaluate import final_metrics, stepped_metrics
from lrlab.train.fused.margins import Margins, Tile
from lrlab.train.fused.memory import keep_freed_memory
from lrlab.train.trajectory import (
    Trajectory,
    at_rest,
    evaluation_steps,
    outcome_of,
    with_final,
)
from lrlab.trial import Run

# Margins at a time, what a core's cache holds. No power of two: rows of a tile of 1,024 columns
# fall into the same sets of the cache, and a product takes five times as long.
TILE = 250_000
CHUNK = 256  # steps whose coefficients are formed at a time


@dataclass
class _LossBlock:
    """Consecutive rows that train with one loss."""

    loss: Loss
    params: Mapping[str, Tensor]  # each [r, 1]

    def value_and_grad(self, m: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Loss of every example and its derivative by the margin, both [r, t]."""
        if self.loss.value_and_grad is not None:
            return self.loss.value_and_grad(m, y, **self.params)
        sign = 2 * y - 1
        with torch.inference_mode(False), torch.enable_grad():
            z = (m * sign).clone().requires_grad_()
            params = {name: value.clone() for name, value in self.params.items()}
            values = self.loss.per_example(z, y.clone().expand_as(z), **params)
            (grad,) = torch.autograd.grad(values.sum(), z)
        return values.detach(), grad * sign


@dataclass
class _OptimizerGroup:
    """The runs that one optimizer updates, and its state."""

    rule: UpdateRule
    params: Mapping[str, Tensor]  # lr and hyperparameters, each [r, 1] float64
    state: State = field(default_factory=dict)
    fixed: Coefficients = field(default_factory=dict)
    ahead: list[Coefficients] = field(default_factory=list)  # of the steps that come, reversed

    def update(self, w: Tensor, g: Tensor, step: int) -> None:
        """One step of the group's rows w [r, p], in place."""
        if not self.ahead:
            self._look_ahead(step, w.dtype)
        self.rule.update(w, g, self.state, **self.fixed, **self.ahead.pop())

    def _look_ahead(self, step: int, dtype: torch.dtype) -> None:
        device = self.params["lr"].device
        t = torch.arange(step, step + CHUNK, dtype=torch.float64, device=device)[:, None, None]
        found = self.rule.coefficients(t, **self.params)
        self.fixed = {name: c.to(dtype) for name, c in found.items() if c.dim() == 2}
        varying = {name: c.to(dtype).unbind() for name, c in found.items() if c.dim() == 3}
        self.ahead = [
            {name: values[i] for name, values in varying.items()} for i in reversed(range(CHUNK))
        ]


class FusedGroup:
    """One fused training; rows are runs, ordered by loss."""

    def __init__(self, data: Margins, runs: Sequence[Run], settings: TrainSpec) -> None:
        self.data, self.problem, self.settings = data, data.problem, settings
        self.order = sorted(range(len(runs)), key=lambda i: runs[i].config.loss)
        self.runs = [runs[i] for i in self.order]
        self.evaluated = evaluation_steps(settings.steps)
        self.known: Tensor | None = None  # losses of the next step, if they are known already
        self.full_batch = loop.batch_rows(data.n_rows, settings) == data.n_rows
        self.device, self.dtype = self.problem.x_train.device, self.problem.x_train.dtype

    @torch.inference_mode()
    def run(self, cancelled: Callable[[], bool] = lambda: False) -> list[Trajectory]:
        """Train to the end; trajectories in the order in which the runs were given.

        Args:
            cancelled: Asked at every step.

        Raises:
            CancelledError: If it says so.
        """
        keep_freed_memory()
        self._start()
        self._look_at_start()
        due = {int(step): i for i, step in enumerate(self.evaluated)}
        batches = loop.rows_of_batches(
            self.data.n_rows, self.settings, self.runs[0].seed, self.device
        )
        for step, rows in enumerate(batches, start=1):
            if cancelled():
                raise CancelledError
            self._step(step, rows)
            if step in due:
                self._evaluate(step, due[step])
                if not len(self.alive):
                    break
        self.ended[self.alive] = self.weights
        return self._trajectories()

    # --- one step ----------------------------------------------------------------------------

    def _step(self, step: int, rows: Tensor | None) -> None:
        """Note the losses and update the weights; nothing here waits for the device.

        Args:
            step: From 1.
            rows: Row numbers of the mini-batch, on the device; None for all rows.
        """
        losses = self.known
        self.known = None
        if losses is None:
            losses = self._losses_and_gradients(self.data.tiles(rows, self.tile_rows))
        self.kept[step - 1].index_copy_(0, self.alive, losses)
        self._update(step)

    def _losses_and_gradients(self, tiles: Iterable[Tile]) -> Tensor:
        """Objective [r] of one batch; its gradient [r, d + 1] is left in `self.gradients`."""
        n = 0
        for tile in tiles:
            margins = torch.mm(self.weights, tile.x.T)
            for block, rows, sums, gradients in self.blocks:
                values, grad = block.value_and_grad(margins[rows], tile.y)
                if n == 0:
                    torch.sum(values, 1, out=sums)
                    torch.mm(grad, tile.x, out=gradients)
                else:
                    sums.add_(values.sum(1))
                    gradients.addmm_(grad, tile.x)
            n += len(tile.x)
        self.gradients.div_(n)
        losses = self.sums / n
        if self.penalised:
            pull = self.l2 * self.weights
            losses.add_((pull * self.weights).sum(1), alpha=0.5)
            self.gradients.add_(pull)
        return losses

    def _update(self, step: int) -> None:
        """Every optimizer does its step, on rows brought into the order of optimizers."""
        torch.index_select(self.gradients, 0, self.to_optimizers, out=self.sorted_gradients)
        for group, w, g in self.updates:
            group.update(w, g, step)
        torch.index_select(self.sorted_weights, 0, self.to_losses, out=self.weights)

    def _look_at_start(self) -> None:
        """Note the objective on all rows at the initial weights."""
        self.start = self._losses_and_gradients(self.data.tiles(None, self.tile_rows))
        if self.full_batch:
            self.known = self.start

    # --- evaluation --------------------------------------------------------------------------

    def _evaluate(self, step: int, column: int) -> None:
        """Take the stepped metrics of the runs that are alive; let those go that are done."""
        losses = self._losses_and_gradients(self.data.tiles(None, self.tile_rows))
        objective = losses.double()
        if self.full_batch:
            self.known = losses  # of the next step; its gradient is there already
        z_val = _logits(self.weights, self.problem.x_val)
        metrics = stepped_metrics(z_val, self.problem.y_val)
        metrics["train_objective"] = objective
        since = int(self.evaluated[column - 1]) if column else 0
        finite = self.losses[since:step, self.alive].isfinite().all(0)
        for values in metrics.values():
            finite &= values.isfinite()
        for name, values in metrics.items():
            self.stepped[name][self.alive, column] = torch.where(finite, values, torch.nan)
        done = ~finite
        if self.settings.stop_converged:
            objectives = self.stepped["train_objective"][self.alive, : column + 1]
            done |= at_rest(self.start[self.alive], self.evaluated, objectives)
        if done.any():
            self.ended_at[self.alive[done]] = step
            self.diverged[self.alive[~finite]] = True
            self.known = None
            self._let_go(done)

    # --- who is in the computation -----------------------------------------------------------

    def _start(self) -> None:
        self.began = now_ms()
        count, steps = len(self.runs), self.settings.steps
        self.alive = torch.arange(count, device=self.device)  # row -> index in self.runs
        self.weights = self._initial_weights()
        self.ended = torch.empty_like(self.weights)
        self.ended_at = torch.full((count,), steps, device=self.device)
        self.diverged = torch.zeros(count, dtype=torch.bool, device=self.device)
        self.losses = torch.full((steps, count), torch.nan, dtype=self.dtype, device=self.device)
        self.kept = self.losses.unbind()  # the same memory, step by step
        blank = torch.full((count, len(self.evaluated)), torch.nan, dtype=torch.float64)
        self.stepped = {name: blank.to(self.device, copy=True) for name in STEPPED}
        self.groups: dict[str, _OptimizerGroup] = {}
        for name in dict.fromkeys(run.config.optimizer for run in self.runs):
            entry = OPTIMIZERS[name]
            configs = [run.config for run in self.runs if run.config.optimizer == name]
            params = {"lr": self._column([config.lr for config in configs], torch.float64)}
            for h in entry.hyperparameters:
                values = [config.optimizer_params[h.name] for config in configs]
                params[h.name] = self._column(values, torch.float64)
            assert entry.rule is not None
            self.groups[name] = _OptimizerGroup(entry.rule, params)
        self._arrange()

    def _initial_weights(self) -> Tensor:
        by_seed = {}
        for seed in {run.seed for run in self.runs}:
            linear = self.problem.initial_model(seed).features
            by_seed[seed] = torch.cat([linear.weight.detach()[0], linear.bias.detach()])
        return torch.stack([by_seed[run.seed] for run in self.runs])

    def _let_go(self, gone: Tensor) -> None:
        """Take rows out of the computation, their weights noted."""
        keep = ~gone
        self.ended[self.alive[gone]] = self.weights[gone]
        stays = keep[self.to_optimizers]
        for name, rows in self.rows_of.items():
            group, kept = self.groups[name], stays[rows]
            group.state = {key: value[kept] for key, value in group.state.items()}
            group.params = {key: value[kept] for key, value in group.params.items()}
            group.ahead = []
        self.weights, self.alive = self.weights[keep], self.alive[keep]
        self._arrange()

    def _arrange(self) -> None:
        """Lay out blocks, groups and buffers for the runs that are alive."""
        configs = [self.runs[i].config for i in self.alive.tolist()]
        self.tile_rows = max(1, TILE // max(1, len(configs)))
        self.sums = torch.empty(len(configs), dtype=self.dtype, device=self.device)
        self.gradients = torch.empty_like(self.weights)
        self.penalised = any(config.l2 for config in configs)
        self.l2 = self._column([config.l2 for config in configs], self.dtype).repeat(
            1, self.weights.shape[1]
        )
        self.l2[:, -1] = 0  # the bias is not penalised
        self.blocks = []
        for name, rows in _stretches([config.loss for config in configs]):
            params = {
                h.name: self._column([c.loss_params[h.name] for c in configs[rows]], self.dtype)
                for h in LOSSES[name].hyperparameters
            }
            block = _LossBlock(LOSSES[name], params)
            self.blocks.append((block, rows, self.sums[rows], self.gradients[rows]))
        order = sorted(range(len(configs)), key=lambda row: configs[row].optimizer)
        self.to_optimizers = torch.tensor(order, dtype=torch.int64, device=self.device)
        self.to_losses = self.to_optimizers.argsort()
        self.sorted_weights = self.weights[self.to_optimizers]
        self.sorted_gradients = torch.empty_like(self.weights)
        self.rows_of = dict(_stretches([configs[row].optimizer for row in order]))
        self.updates = [
            (self.groups[name], self.sorted_weights[rows], self.sorted_gradients[rows])
            for name, rows in self.rows_of.items()
        ]

    def _column(self, values: Sequence[float], dtype: torch.dtype) -> Tensor:
        return torch.tensor(values, dtype=dtype, device=self.device)[:, None]

    # --- what is left behind -----------------------------------------------------------------

    def _trajectories(self) -> list[Trajectory]:
        finals = self._finals()
        weights = self.ended.double().cpu().numpy()
        losses = self.losses.T.double().cpu().contiguous().numpy()
        stepped = {name: values.cpu().numpy() for name, values in self.stepped.items()}
        ended = now_ms()
        diverged, ended_at = self.diverged.tolist(), self.ended_at.tolist()
        start = self.start.tolist()
        trajectories: dict[int, Trajectory] = {}
        for row, given in enumerate(self.order):
            own = losses[row, : ended_at[row]]
            diverged_at = None
            if diverged[row]:
                bad = np.flatnonzero(~np.isfinite(own))
                diverged_at = int(bad[0]) + 1 if len(bad) else ended_at[row]
                own = own[: bad[0]] if len(bad) else own
            taken = np.isfinite(stepped["train_objective"][row])
            evaluated = self.evaluated[taken]
            objective = stepped["train_objective"][row, taken]
            curves = {name: values[row, taken] for name, values in stepped.items()}
            outcome = "diverged"
            if diverged_at is None:
                outcome = outcome_of(start[row], evaluated, objective)
                with_final(curves, finals[row])
            trajectories[given] = Trajectory(
                train_loss=own,
                evaluated=evaluated,
                stepped=curves,
                final={} if diverged_at else finals[row],
                outcome=outcome,
                weight=weights[row, :-1],
                bias=float(weights[row, -1]),
                start=start[row],
                diverged_at=diverged_at,
                began=self.began,
                ended=ended,
            )
        return [trajectories[i] for i in range(len(self.order))]

    def _finals(self) -> list[dict[str, float]]:
        """Final metrics of every run; those that are not numbers are left out."""
        metrics = final_metrics(self.ended.double(), self.problem)
        last = (self.ended_at - 1)[None]
        metrics["train_loss"] = self.losses.gather(0, last)[0]
        column = torch.as_tensor(self.evaluated, device=self.device)
        column = torch.searchsorted(column, self.ended_at)[:, None]
        metrics["train_objective"] = self.stepped["train_objective"].gather(1, column)[:, 0]
        names = list(metrics)
        table = torch.stack([metrics[name].double() for name in names], 1).tolist()
        return [
            {name: value for name, value in zip(names, values, strict=True) if np.isfinite(value)}
            for values in table
        ]


def _logits(weights: Tensor, x: Tensor) -> Tensor:
    """Logits of rows x [m, d] under weights [r, d + 1], [r, m]."""
    return torch.addmm(weights[:, -1:], weights[:, :-1], x.T)


def _stretches(names: Sequence[str]) -> Iterator[tuple[str, slice]]:
    """Where each name stands in a list in which equal names stand together."""
    start = 0
    for name, members in groupby(names):
        stop = start + sum(1 for _ in members)
        yield name, slice(start, stop)
        start = stop
