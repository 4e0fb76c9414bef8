"""The exact optimum of every objective of a sweep, and the curvature of its landscape.

An objective is a loss with its hyperparameters and an l2, on one training set. Knowing its
minimum, a curve can be read as the gap f(x_k) - f*, which is what convergence means.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from scipy import sparse
from scipy.optimize import linprog
from torch import Tensor

from lrlab.data.problem import Problem
from lrlab.losses import LOSSES, Loss
from lrlab.optimum.newton import Stack, by_logit, minimise
from lrlab.optimum.separability import LARGEST, Separation, separation

MOST_WORK = 1.2e9  # multiplications of one Newton iteration over all objectives of a loss
MOST_OBJECTIVES = 1000  # of a loss
STARTS = 6  # of an objective that is not convex
FAR = 20.0  # logits at which a loss shows whether it still falls
FLAT_EIGENVALUE = 1e-13  # of the largest, below which an eigenvalue is rounding
PROBES = 4001  # logits at which a loss is looked at
FLAT = 1e-6  # of the curvature, by which rounding may make a convex loss look concave
EXACT = 1e-7  # norm of the gradient, in units of its size at zero, of a minimum that is certain
STABLE = {"bce": "bce_logits"}  # the same function, whose derivatives keep their digits
HINGE_ROWS = 5000  # up to which the quadratic program of a hinge is solved


@dataclass(frozen=True)
class Objective:
    """What a run minimises: the mean of a loss plus (l2 / 2) ||w||^2.

    Args:
        loss: Name in the catalogue.
        loss_params: Its hyperparameters, sorted by name.
        l2: Weight of the penalty.
    """

    loss: str
    loss_params: tuple[tuple[str, float], ...] = ()
    l2: float = 0.0


@dataclass(frozen=True)
class Optimum:
    """The lowest value of an objective, and its curvature.

    Args:
        value: f*, the minimum or infimum.
        kind: `minimum`, checked by the gradient's norm or a program's own certificate;
            `infimum`: no weights reach it; `best known`: the lowest of several starts.
        gradient_norm: Norm of the gradient where the search ended; NaN where it was another kind
            of program.
        weight: Weights there, [d]; None for an infimum.
        bias: Bias there.
        bound: Smoothness L: largest eigenvalue that the Hessian has anywhere; inf for a kink.
        largest: Largest eigenvalue of the Hessian at the minimum; NaN without one.
        smallest: Smallest eigenvalue there, the local mu.
    """

    value: float
    kind: str
    gradient_norm: float = math.nan
    weight: np.ndarray | None = field(default=None, repr=False)
    bias: float = math.nan
    bound: float = math.nan
    largest: float = math.nan
    smallest: float = math.nan

    @property
    def condition(self) -> float:
        """Condition number of the Hessian at the minimum; inf for a flat direction."""
        if math.isnan(self.largest):
            return math.nan
        return self.largest / self.smallest if self.smallest > 0 else math.inf

    def stable_lr(self, beta: float = 0.0) -> float:
        """Largest lr at which gradient descent with momentum beta stays at the minimum.

        2 (1 + beta) / L, L the largest eigenvalue there (Polyak 1964; in torch's form
        v <- beta v + g). NaN without a minimum, or where a kink has no L.
        """
        return 2 * (1 + beta) / self.largest if self.largest > 0 else math.nan

    def safe_lr(self, beta: float = 0.0) -> float:
        """The lr below which gradient descent with momentum beta is stable wherever it is.

        2 (1 + beta) / L with the bound on L; NaN for a loss with a kink.
        """
        return 2 * (1 + beta) / self.bound if 0 < self.bound < math.inf else math.nan


@dataclass(frozen=True)
class _Shape:
    """What a loss looks like as a function of the margin."""

    convex: bool
    falls: bool  # ever on, so that separable rows have no minimiser
    steepest: float  # largest second derivative; inf for a kink


def find_optima(
    problem: Problem, objectives: Iterable[Objective]
) -> tuple[dict[Objective, Optimum], Separation]:
    """The optimum of each objective on a problem's training rows, in double precision.

    Objectives for which the data are too large are left out.

    Args:
        problem: The data, on any device.
        objectives: What to minimise.

    Returns:
        Optima by objective, and how far the classes are separable.
    """
    x = problem.x_train.detach().cpu().double()
    y = problem.y_train.detach().cpu().double()
    rows = torch.cat([x, torch.ones(len(x), 1, dtype=x.dtype)], 1)
    separated = separation(((2 * y - 1)[:, None] * rows).numpy())
    groups: dict[str, list[Objective]] = defaultdict(list)
    for objective in dict.fromkeys(objectives):
        groups[objective.loss].append(objective)
    found: dict[Objective, Optimum] = {}
    for name, members in groups.items():
        work = len(members) * rows.numel() * rows.shape[1]
        if work <= MOST_WORK and len(members) <= MOST_OBJECTIVES:
            found |= dict(zip(members, _solve(name, members, rows, y, separated), strict=True))
    return found, separated


def _solve(
    name: str, objectives: Sequence[Objective], rows: Tensor, y: Tensor, separated: Separation
) -> list[Optimum]:
    loss = LOSSES[STABLE.get(name, name)]
    shapes = [_shape(loss, objective) for objective in objectives]
    spread = float(torch.linalg.eigvalsh(rows.T @ rows / len(rows))[-1])
    optima: list[Optimum] = []
    easy: dict[bool, list[int]] = {True: [], False: []}
    for i, (objective, shape) in enumerate(zip(objectives, shapes, strict=True)):
        bound = shape.steepest * spread + objective.l2
        optima.append(Optimum(math.nan, "best known", bound=bound))
        apart = separated.kind in ("complete", "quasi") and objective.l2 == 0 and shape.falls
        if apart and (separated.kind == "complete" or shape.convex):
            optima[i] = replace(_unattained(loss, objective, rows, y, separated), bound=bound)
        elif math.isinf(shape.steepest):
            kinked = PROGRAMS.get(name, _descend)
            optima[i] = replace(kinked(loss, objective, rows, y), bound=bound)
        else:
            easy[shape.convex].append(i)
    for convex, members in easy.items():
        if members:
            stack = _stack(loss, [objectives[i] for i in members], rows, y)
            for i, optimum in zip(members, _newton(stack, convex), strict=True):
                optima[i] = replace(optimum, bound=optima[i].bound)
    return optima


def _stack(loss: Loss, objectives: Sequence[Objective], rows: Tensor, y: Tensor) -> Stack:
    params = {
        h.name: torch.tensor([[dict(o.loss_params)[h.name]] for o in objectives], dtype=y.dtype)
        for h in loss.hyperparameters
    }
    l2 = torch.tensor([o.l2 for o in objectives], dtype=y.dtype)
    return Stack(loss, params, l2, rows, y)


def _newton(stack: Stack, convex: bool) -> list[Optimum]:
    """From zero; where there may be several minima, from other starts too, and the lowest."""
    count, p = len(stack.l2), stack.rows.shape[1]
    zero = stack.rows.new_zeros(count, p)
    scale = stack.derivatives(zero)[1].norm(dim=1)
    w, value, slope = minimise(stack, zero)
    if not convex:
        stream = torch.Generator().manual_seed(0)
        size = stack.rows.square().mean(0).sqrt().clamp(min=1e-12)
        for _ in range(STARTS - 1):
            start = torch.randn(count, p, generator=stream, dtype=w.dtype) / size
            other, reached, norm = minimise(stack, start)
            better = reached < value
            w[better], value[better], slope[better] = other[better], reached[better], norm[better]
    hessian = stack.derivatives(w)[2]
    eigenvalues = torch.linalg.eigvalsh(hessian)
    certain = slope <= EXACT * torch.maximum(scale, eigenvalues[:, -1])
    return [
        Optimum(
            value=float(value[i]),
            kind="minimum" if convex and certain[i] else "best known",
            gradient_norm=float(slope[i]),
            weight=w[i, :-1].numpy(),
            bias=float(w[i, -1]),
            largest=float(eigenvalues[i, -1]),
            smallest=_or_zero(float(eigenvalues[i, 0]), float(eigenvalues[i, -1])),
        )
        for i in range(count)
    ]


def _or_zero(smallest: float, largest: float) -> float:
    """The smallest eigenvalue, or 0 where it is nothing but rounding: a flat direction."""
    return smallest if smallest > FLAT_EIGENVALUE * largest else 0.0


def _unattained(
    loss: Loss, objective: Objective, rows: Tensor, y: Tensor, separated: Separation
) -> Optimum:
    """Rows that can be separated add nothing in the limit; the others have a minimum."""
    inside = torch.from_numpy(separated.inside)
    value = 0.0
    if inside.any():
        rest = _stack(loss, [objective], rows[inside], y[inside])
        value = _newton(rest, True)[0].value * float(inside.double().mean())
    return Optimum(value, "infimum")


def _shape(loss: Loss, objective: Objective) -> _Shape:
    """Look at a loss on a fine grid of logits."""
    z = torch.linspace(-FAR, FAR, PROBES, dtype=torch.float64)[None]
    params = {k: torch.tensor([[v]], dtype=torch.float64) for k, v in objective.loss_params}
    convex, falls, steepest = True, True, 0.0
    for label in (0.0, 1.0):
        y = torch.full((PROBES,), label, dtype=torch.float64)
        _, first, second = by_logit(loss, z, y, params)
        change = first[0].diff() / (z[0, 1] - z[0, 0])
        curved = torch.maximum(second[0, 1:].abs(), second[0, :-1].abs())
        top = float(second.max())
        # a kink shows as a slope that jumps where the second derivative knows of nothing
        steepest = max(steepest, math.inf if (change.abs() > 10 * curved + 1).any() else top)
        convex = convex and bool((change >= -FLAT * float(change.max())).all())
        falls = falls and bool((first[0, -1] < 0) if label else (first[0, 0] > 0))
    return _Shape(convex, falls, steepest)


def _hinge(loss: Loss, objective: Objective, rows: Tensor, y: Tensor) -> Optimum:
    """A linear program without l2, a quadratic one with it."""
    margins = ((2 * y - 1)[:, None] * rows).numpy()
    if objective.l2 == 0 and margins.size <= LARGEST:
        return _hinge_without_l2(margins)
    if objective.l2 > 0 and len(margins) <= HINGE_ROWS:
        return _hinge_with_l2(objective.l2, rows.numpy(), y.numpy())
    return _descend(loss, objective, rows, y)


def _hinge_without_l2(margins: np.ndarray) -> Optimum:
    """Minimise mean u with u >= 1 - margins w, u >= 0."""
    n, p = margins.shape
    found = linprog(
        np.r_[np.zeros(p), np.full(n, 1 / n)],
        A_ub=-sparse.hstack([margins, sparse.identity(n)]).tocsr(),
        b_ub=-np.ones(n),
        bounds=[(None, None)] * p + [(0, None)] * n,
        method="highs",
    )
    if found.status != 0:
        return Optimum(math.nan, "best known")
    w = found.x[:p]
    value = float(np.maximum(1 - margins @ w, 0).mean())
    return Optimum(value, "minimum", weight=w[:-1], bias=float(w[-1]))


def _hinge_with_l2(l2: float, rows: np.ndarray, y: np.ndarray) -> Optimum:
    """A support vector machine: its dual value bounds the minimum from below.

    Cortes & Vapnik 1995, with C = 1 / (l2 n). scikit-learn's SVC (libsvm, in single precision
    inside) finds the rows on the margin; the optimality conditions then are linear equations.
    """
    from sklearn.svm import SVC

    n, x, sign = len(y), rows[:, :-1], 2 * y - 1
    most = 1 / (l2 * n)
    machine = SVC(kernel="linear", C=most, tol=1e-9, cache_size=500).fit(x, y)
    dual = np.zeros(n)  # of every row, between 0 and 1
    dual[machine.support_] = np.abs(machine.dual_coef_[0]) / most
    on_margin = (dual > 1e-6) & (dual < 1 - 1e-6)
    dual[~on_margin] = dual[~on_margin].round()
    signed = sign[:, None] * x
    free, count = signed[on_margin], int(on_margin.sum())
    system = np.zeros((count + 1, count + 1))
    system[:count, :count] = most * free @ free.T
    system[:count, count] = system[count, :count] = sign[on_margin]
    fixed = dual * ~on_margin
    right = np.r_[1 - most * free @ (signed.T @ fixed), -sign @ fixed]
    dual[on_margin] = np.linalg.lstsq(system, right, rcond=None)[0][:count].clip(0, 1)
    w = most * signed.T @ dual
    # With w given the best bias is one at which some margin is 1.
    biases = np.unique(sign - x @ w)
    bias = min(biases, key=lambda b: np.maximum(1 - sign * (x @ w + b), 0).sum())
    value = np.maximum(1 - sign * (x @ w + bias), 0).mean() + l2 / 2 * w @ w
    below = dual.mean() - l2 / 2 * w @ w
    balanced = abs(sign @ dual) <= EXACT  # else the dual is not feasible and bounds nothing
    certain = balanced and value - below <= EXACT * value
    kind = "minimum" if certain else "best known"
    return Optimum(float(value), kind, weight=w, bias=float(bias))


def _descend(loss: Loss, objective: Objective, rows: Tensor, y: Tensor) -> Optimum:
    """A loss with a kink, by scipy's L-BFGS-B from zero: no certificate."""
    from scipy.optimize import minimize

    stack = _stack(loss, [objective], rows, y)

    def value_and_gradient(w: np.ndarray) -> tuple[float, np.ndarray]:
        value, gradient, _ = stack.derivatives(torch.from_numpy(w)[None])
        return float(value), gradient[0].numpy()

    found = minimize(value_and_gradient, np.zeros(rows.shape[1]), jac=True, method="L-BFGS-B")
    w = found.x
    return Optimum(float(found.fun), "best known", weight=w[:-1], bias=float(w[-1]))


# Losses with a kink that have a program of their own, by name.
PROGRAMS = {"hinge": _hinge}
