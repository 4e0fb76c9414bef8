"""A fused group: many runs trained as one tensor program.

The weights of R runs stand one below the other, [R, d + 1] with the bias as last column, so that
one matrix product gives all logits and one more all gradients. Runs are ordered by loss, so that
each loss sees consecutive rows; each optimizer updates its rows by elementwise operations with one
hyperparameter a row. No operation mixes rows of different runs, so each is what it would be alone
(HFTA: Wang et al. 2021, arXiv:2102.02344, train many models as one in this way).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import CancelledError

import torch
from torch import Tensor

from lrlab.losses import LOSSES
from lrlab.optimizers import OPTIMIZERS
from lrlab.spec import TrainSpec
from lrlab.train.evaluate import stepped_metrics
from lrlab.train.fused.margins import Margins, Tile
from lrlab.train.fused.memory import keep_freed_memory
from lrlab.train.fused.record import Record
from lrlab.train.fused.rows import LossRows, OptimizerRows, stretches
from lrlab.train.minibatches import batch_rows, rows_of_batches
from lrlab.train.trajectory import Trajectory, at_rest, evaluation_steps
from lrlab.trial import Run, TrialConfig

# Margins at a time, what a core's cache holds. No power of two: rows of a tile of 1,024 columns
# fall into the same sets of the cache, and a product takes five times as long.
TILE = 250_000


class FusedGroup:
    """One fused training; rows are runs, ordered by loss."""

    def __init__(self, data: Margins, runs: Sequence[Run], settings: TrainSpec) -> None:
        self.data, self.problem, self.settings = data, data.problem, settings
        self.order = sorted(range(len(runs)), key=lambda i: runs[i].config.loss)
        self.runs = [runs[i] for i in self.order]
        self.known: Tensor | None = None  # losses of the next step, if they are known already
        self.full_batch = batch_rows(data.n_rows, settings) == data.n_rows
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
        due = {int(step): i for i, step in enumerate(self.record.evaluated)}
        seed = self.runs[0].seed
        batches = rows_of_batches(self.data.n_rows, self.settings, seed, self.device)
        for step, rows in enumerate(batches, start=1):
            if cancelled():
                raise CancelledError
            self._step(step, rows)
            if step in due:
                self._evaluate(step, due[step])
                if not len(self.alive):
                    break
        self.record.weights[self.alive] = self.weights
        given = dict(zip(self.order, self.record.trajectories(self.problem), strict=True))
        return [given[i] for i in range(len(self.order))]

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
        self.record.by_step[step - 1].index_copy_(0, self.alive, losses)
        self._update(step)

    def _losses_and_gradients(self, tiles: Iterable[Tile]) -> Tensor:
        """Objective [r] of one batch; its gradient [r, d + 1] is left in `self.gradients`."""
        n = 0
        for tile in tiles:
            margins = torch.mm(self.weights, tile.x.T)
            for rows in self.by_loss:
                rows.add(margins, tile.x, tile.y, first=n == 0)
            n += len(tile.x)
        self.gradients.div_(n)
        losses = self.sums / n
        if self.penalized:
            pull = self.l2 * self.weights
            losses.add_((pull * self.weights).sum(1), alpha=0.5)
            self.gradients.add_(pull)
        return losses

    def _update(self, step: int) -> None:
        """Every optimizer does its step, on rows brought into the order of optimizers."""
        torch.index_select(self.gradients, 0, self.to_optimizers, out=self.sorted_gradients)
        for rows, w, g in self.updates:
            rows.update(w, g, step)
        torch.index_select(self.sorted_weights, 0, self.to_losses, out=self.weights)

    def _look_at_start(self) -> None:
        """Note the objective on all rows at the initial weights."""
        self.record.start = self._losses_and_gradients(self.data.tiles(None, self.tile_rows))
        if self.full_batch:
            self.known = self.record.start

    # --- evaluation --------------------------------------------------------------------------

    def _evaluate(self, step: int, column: int) -> None:
        """Take the stepped metrics of the runs that are alive; let those go that are done."""
        metrics = self._stepped()
        finite = self._finite(step, column, metrics.values())
        for name, values in metrics.items():
            self.record.stepped[name][self.alive, column] = torch.where(finite, values, torch.nan)
        done = ~finite
        if self.settings.stop_converged:
            objectives = self.record.stepped["train_objective"][self.alive, : column + 1]
            start = self.record.start[self.alive]
            done |= at_rest(start, self.record.evaluated, objectives)
        if done.any():
            self.record.ended_at[self.alive[done]] = step
            self.record.diverged[self.alive[~finite]] = True
            self.known = None
            self._let_go(done)

    def _stepped(self) -> dict[str, Tensor]:
        """The stepped metrics of the runs that are alive, each [r]."""
        losses = self._losses_and_gradients(self.data.tiles(None, self.tile_rows))
        if self.full_batch:
            self.known = losses  # of the next step; its gradient is there already
        x, y = self.problem.x_val, self.problem.y_val
        z = torch.addmm(self.weights[:, -1:], self.weights[:, :-1], x.T)
        return stepped_metrics(z, y) | {"train_objective": losses.double()}

    def _finite(self, step: int, column: int, metrics: Iterable[Tensor]) -> Tensor:
        """Whether all losses since the evaluation before, and these metrics, are finite, [r]."""
        since = int(self.record.evaluated[column - 1]) if column else 0
        finite = self.record.losses[since:step, self.alive].isfinite().all(0)
        for values in metrics:
            finite &= values.isfinite()
        return finite

    # --- who is in the computation -----------------------------------------------------------

    def _start(self) -> None:
        """All runs at their initial weights, and nothing recorded of them."""
        self.alive = torch.arange(len(self.runs), device=self.device)  # row -> number in runs
        self.weights = self._initial_weights()
        steps = self.settings.steps
        self.record = Record.blank(self.weights, steps, evaluation_steps(steps))
        optimizers = dict.fromkeys(run.config.optimizer for run in self.runs)
        self.by_optimizer = {name: self._optimizer_rows(name) for name in optimizers}
        self._arrange()

    def _initial_weights(self) -> Tensor:
        by_seed = {}
        for seed in {run.seed for run in self.runs}:
            linear = self.problem.initial_model(seed).features
            by_seed[seed] = torch.cat([linear.weight.detach()[0], linear.bias.detach()])
        return torch.stack([by_seed[run.seed] for run in self.runs])

    def _optimizer_rows(self, name: str) -> OptimizerRows:
        entry = OPTIMIZERS[name]
        assert entry.rule is not None
        configs = [run.config for run in self.runs if run.config.optimizer == name]
        params = {"lr": self._column([config.lr for config in configs], torch.float64)}
        for h in entry.hyperparameters:
            values = [config.optimizer_params[h.name] for config in configs]
            params[h.name] = self._column(values, torch.float64)
        return OptimizerRows(entry.rule, params)

    def _let_go(self, gone: Tensor) -> None:
        """Take rows out of the computation, their weights noted."""
        stays = ~gone
        self.record.weights[self.alive[gone]] = self.weights[gone]
        in_order = stays[self.to_optimizers]
        for name, where in self.where_optimizers.items():
            self.by_optimizer[name].keep(in_order[where])
        self.weights, self.alive = self.weights[stays], self.alive[stays]
        self._arrange()

    def _arrange(self) -> None:
        """Lay out rows and buffers for the runs that are alive."""
        configs = [self.runs[i].config for i in self.alive.tolist()]
        self.tile_rows = max(1, TILE // max(1, len(configs)))
        self.sums = torch.empty(len(configs), dtype=self.dtype, device=self.device)
        self.gradients = torch.empty_like(self.weights)
        self._arrange_penalty(configs)
        self.by_loss = [
            self._loss_rows(name, configs[where], where)
            for name, where in stretches([config.loss for config in configs])
        ]
        self._arrange_optimizers(configs)

    def _arrange_penalty(self, configs: Sequence[TrialConfig]) -> None:
        self.penalized = any(config.l2 for config in configs)
        self.l2 = self._column([config.l2 for config in configs], self.dtype).repeat(
            1, self.weights.shape[1]
        )
        self.l2[:, -1] = 0  # the bias is not penalized

    def _loss_rows(self, name: str, configs: Sequence[TrialConfig], where: slice) -> LossRows:
        loss = LOSSES[name]
        params = {
            h.name: self._column([config.loss_params[h.name] for config in configs], self.dtype)
            for h in loss.hyperparameters
        }
        return LossRows(loss, params, self.sums[where], self.gradients[where], where)

    def _arrange_optimizers(self, configs: Sequence[TrialConfig]) -> None:
        order = sorted(range(len(configs)), key=lambda row: configs[row].optimizer)
        self.to_optimizers = torch.tensor(order, dtype=torch.int64, device=self.device)
        self.to_losses = self.to_optimizers.argsort()
        self.sorted_weights = self.weights[self.to_optimizers]
        self.sorted_gradients = torch.empty_like(self.weights)
        self.where_optimizers = dict(stretches([configs[row].optimizer for row in order]))
        self.updates = [
            (self.by_optimizer[name], self.sorted_weights[where], self.sorted_gradients[where])
            for name, where in self.where_optimizers.items()
        ]

    def _column(self, values: Sequence[float], dtype: torch.dtype) -> Tensor:
        return torch.tensor(values, dtype=dtype, device=self.device)[:, None]
