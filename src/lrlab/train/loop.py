"""The reference engine: one run at a time, the tutorial's five steps, any torch.optim."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from lrlab.clock import now_ms
from lrlab.data import LogisticRegression, Problem
from lrlab.losses import LOSSES
from lrlab.optimizers import OPTIMIZERS
from lrlab.spec import TrainSpec
from lrlab.train.device import one_thread
from lrlab.train.evaluate import final_metrics, stepped_metrics
from lrlab.train.minibatches import batches
from lrlab.train.trajectory import (
    Trajectory,
    at_rest,
    evaluation_steps,
    outcome_of,
    with_final,
)
from lrlab.trial import Run, TrialConfig

Objective = Callable[[Tensor, Tensor], Tensor]


def train(
    problem: Problem,
    config: TrialConfig,
    settings: TrainSpec,
    seed: int,
    on_step: Callable[[int, float], None] | None = None,
) -> Trajectory:
    """Train one run.

    Args:
        problem: Data to train and evaluate on.
        config: Optimizer, loss and their numbers.
        settings: Steps, batch size; `settings.l2` is not read, `config.l2` is.
        seed: Seed of the initial weights and of the order of mini-batches.
        on_step: Called with step (from 1) and loss after each step, for progress.

    Returns:
        The trajectory; a run whose loss is no longer finite ends there as `diverged`.
    """
    model = problem.initial_model(seed)
    optimizer = OPTIMIZERS[config.optimizer].build(
        model.parameters(), lr=config.lr, **config.optimizer_params
    )
    objective = objective_of(config, model)
    recorder = _Recorder(problem, model, objective, settings)
    for step, (x, y) in enumerate(batches(problem, settings, seed), start=1):
        logits = model(x)  # forward
        loss = objective(logits, y)  # loss
        if not recorder.take_loss(step, loss.item()):
            break
        loss.backward()  # backward: adds to .grad of every leaf
        optimizer.step()  # step: moves the leaves
        optimizer.zero_grad()  # zero_grad: or the next backward would add to these
        if not recorder.evaluate(step):
            break
        if on_step is not None:
            on_step(step, recorder.train_loss[-1])
    return recorder.trajectory()


def objective_of(config: TrialConfig, model: LogisticRegression) -> Objective:
    """What a run minimizes, as a function of logits [b] and labels [b]: loss + l2 penalty."""
    loss, params = LOSSES[config.loss], config.loss_params
    weight = model.features.weight

    def objective(logits: Tensor, y: Tensor) -> Tensor:
        try:
            value = loss.criterion(logits, y, **params)
        except RuntimeError:  # BCELoss refuses a NaN, where other losses pass it on
            if not logits.isnan().any():
                raise
            value = logits.mean()
        return value + 0.5 * config.l2 * weight.square().sum() if config.l2 else value

    return objective


def train_batch(
    problem: Problem,
    runs: Sequence[Run],
    settings: TrainSpec,
    recorded: Collection[tuple[int, int]] = frozenset(),
    workers: object = None,
) -> Iterator[list[tuple[Run, Trajectory]]]:
    """Train the runs that are not recorded, one after another; yields each as it ends.

    Workers are left alone: this is the reference, and the plainest way to train.
    """
    for run in runs:
        if run.key in recorded:
            continue
        with one_thread():
            trajectory = train(problem.of(run.replicate), run.config, settings, run.seed)
        yield [(run, trajectory)]


class _Recorder:
    """Keeps what a run leaves behind, and notices when it leaves the finite range."""

    def __init__(
        self,
        problem: Problem,
        model: LogisticRegression,
        objective: Objective,
        settings: TrainSpec,
    ) -> None:
        self.problem, self.model, self.objective = problem, model, objective
        self.due = set(evaluation_steps(settings.steps).tolist())
        self.stop_converged = settings.stop_converged
        self.train_loss: list[float] = []
        self.evaluated: list[int] = []
        self.stepped: dict[str, list[float]] = {}
        self.diverged_at: int | None = None
        self.began = now_ms()
        with torch.no_grad():
            self.start = self._train_objective()

    def take_loss(self, step: int, loss: float) -> bool:
        """Note the loss of a step; False if it is not finite."""
        if not math.isfinite(loss):
            self.diverged_at = step
            return False
        self.train_loss.append(loss)
        return True

    @torch.no_grad()
    def evaluate(self, step: int) -> bool:
        """Take the stepped metrics if they are due; False if the run ends here."""
        if step not in self.due:
            return True
        z_val = self.model(self.problem.x_val)
        taken = stepped_metrics(z_val, self.problem.y_val)
        metrics = {name: value.item() for name, value in taken.items()}
        metrics["train_objective"] = self._train_objective()
        if not all(math.isfinite(value) for value in metrics.values()):
            self.diverged_at = step
            return False
        self.evaluated.append(step)
        for name, value in metrics.items():
            self.stepped.setdefault(name, []).append(value)
        return not (self.stop_converged and self._at_rest())

    def _at_rest(self) -> bool:
        start = torch.tensor([self.start], dtype=self.problem.x_train.dtype)
        objective = torch.tensor([self.stepped["train_objective"]], dtype=torch.float64)
        return bool(at_rest(start, np.array(self.evaluated), objective))

    def _train_objective(self) -> float:
        return self.objective(self.model(self.problem.x_train), self.problem.y_train).item()

    @torch.no_grad()
    def trajectory(self) -> Trajectory:
        """The whole run as a frozen value."""
        stepped = {name: np.array(values) for name, values in self.stepped.items()}
        evaluated = np.array(self.evaluated, dtype=np.int64)
        weight, bias = (part.double() for part in self.model.features.parameters())
        if self.diverged_at is None:
            final = self._final_metrics(torch.cat([weight, bias[:, None]], 1))
            with_final(stepped, final)
            outcome = outcome_of(self.start, evaluated, stepped["train_objective"])
        else:
            final, outcome = {}, "diverged"
        return Trajectory(
            train_loss=np.array(self.train_loss),
            evaluated=evaluated,
            stepped=stepped,
            final=final,
            outcome=outcome,
            weight=weight[0].cpu().numpy().copy(),
            bias=float(bias),
            start=self.start,
            diverged_at=self.diverged_at,
            began=self.began,
        )

    def _final_metrics(self, weights: Tensor) -> dict[str, float]:
        taken = final_metrics(weights, self.problem)
        metrics = {name: value.item() for name, value in taken.items()}
        metrics["train_objective"] = self.stepped["train_objective"][-1]
        metrics["train_loss"] = self.train_loss[-1]
        return {name: value for name, value in metrics.items() if math.isfinite(value)}
