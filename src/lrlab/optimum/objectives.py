"""What a run minimizes, and what is known of its lowest value."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from lrlab.trial import TrialConfig


@dataclass(frozen=True)
class Objective:
    """What a run minimizes: the mean of a loss plus (l2 / 2) ||w||^2.

    Args:
        loss: Name in the registry.
        loss_params: Its hyperparameters, sorted by name.
        l2: Weight of the penalty.
    """

    loss: str
    loss_params: tuple[tuple[str, float], ...] = ()
    l2: float = 0.0

    @classmethod
    def of(cls, config: TrialConfig) -> Objective:
        """The objective of a trial."""
        return cls(config.loss, tuple(sorted(config.loss_params.items())), config.l2)


@dataclass(frozen=True)
class Optimum:
    """The lowest value of an objective, and its curvature.

    Args:
        value: f*, the minimum or infimum.
        kind: `minimum`, certain by its gap or the gradient's norm; `infimum`: no weights reach it;
            `best known`: the lowest of several starts.
        gap: What the minimum may at most be below `value`: the duality gap of a hinge; of a smooth
            convex loss ||g||^2 / (2 l2) by strong convexity, without l2 half the Newton decrement,
            an estimate; NaN where nothing bounds it.
        gradient_norm: Norm of the gradient where the search ended; NaN where it was another kind
            of program.
        weight: Weights there, [d]; None for an infimum.
        bias: Bias there.
        bound: Smoothness L: largest eigenvalue that the Hessian has anywhere; inf for a kink.
        largest: Largest eigenvalue of the Hessian at the minimum; NaN without one.
        smallest: Smallest eigenvalue there, the local mu.
        iterations: Of the method that found it, over all its starts; 0 where there are none, or
            an early record does not say.
        quadratic: Whether the Hessian is the same everywhere.
    """

    value: float
    kind: str
    gap: float = math.nan
    gradient_norm: float = math.nan
    weight: np.ndarray | None = field(default=None, repr=False)
    bias: float = math.nan
    bound: float = math.nan
    largest: float = math.nan
    smallest: float = math.nan
    iterations: int = 0
    quadratic: bool = False

    @property
    def condition(self) -> float:
        """Condition number of the Hessian at the minimum; inf for a flat direction."""
        if math.isnan(self.largest):
            return math.nan
        return self.largest / self.smallest if self.smallest > 0 else math.inf

    def stable_lr(self, beta: float = 0.0) -> float:
        """Largest lr at which gradient descent with momentum beta can rest at the minimum.

        2 (1 + beta) / L, L the largest eigenvalue there (Polyak 1964; in torch's form
        v <- beta v + g). It says nothing of a start far away. NaN without a minimum, or where a
        kink has no L.
        """
        return 2 * (1 + beta) / self.largest if self.largest > 0 else math.nan

    def safe_lr(self, beta: float = 0.0) -> float:
        """The lr below which gradient descent with momentum beta is stable from any start.

        Without momentum 2 / L with the bound on L, by the descent lemma (Nesterov 2018, 1.2.3).
        With it 2 (1 + beta) / L on quadratics only: on other functions, even smooth and strongly
        convex ones, the heavy ball may cycle forever at such an lr, also where it is tuned for
        them (Lessard, Recht & Packard 2016; Goujaud, Taylor & Dieuleveut 2023,
        arXiv:2307.11291). NaN where theory gives none: there, and for a loss with a kink.
        """
        if not 0 < self.bound < math.inf or (beta > 0 and not self.quadratic):
            return math.nan
        return 2 * (1 + beta) / self.bound
