"""What a loss looks like as a function of the logit, and how curved an objective is."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lrlab.lazy import on_use
from lrlab.losses import Loss

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = on_use("torch")

FAR = 20.0  # logits at which a loss shows whether it still falls
PROBES = 4001  # logits at which a loss is looked at
FLAT = 1e-6  # of the curvature, by which rounding may make a convex loss look concave
DEPENDENT = 1e-12  # of the largest eigenvalue, below which columns depend on each other
FLAT_EIGENVALUE = 1e-13  # of the largest, below which an eigenvalue is rounding


@dataclass(frozen=True)
class Shape:
    """What a loss looks like as a function of the margin.

    Args:
        convex: Whether it is.
        falls: Whether it falls forever, so that separable rows have no minimizer.
        steepest: Largest second derivative; inf for a kink.
        quadratic: Whether the second derivative is one number everywhere.
    """

    convex: bool
    falls: bool
    steepest: float
    quadratic: bool = False


def shape_of(loss: Loss, params: Mapping[str, float]) -> Shape:
    """Look at a loss on a fine grid of logits."""
    z = torch.linspace(-FAR, FAR, PROBES, dtype=torch.float64)[None]
    given = {name: torch.tensor([[v]], dtype=torch.float64) for name, v in params.items()}
    convex, falls, steepest, flattest = True, True, 0.0, math.inf
    for label in (0.0, 1.0):
        y = torch.full((PROBES,), label, dtype=torch.float64)
        _, first, second = by_logit(loss, z, y, given)
        change = first[0].diff() / (z[0, 1] - z[0, 0])
        curved = torch.maximum(second[0, 1:].abs(), second[0, :-1].abs())
        # a kink shows as a slope that jumps where the second derivative knows of nothing
        kinked = bool((change.abs() > 10 * curved + 1).any())
        steepest = max(steepest, math.inf if kinked else float(second.max()))
        flattest = min(flattest, float(second.min()))
        convex = convex and bool((change >= -FLAT * float(change.max())).all())
        falls = falls and bool((first[0, -1] < 0) if label else (first[0, 0] > 0))
    return Shape(convex, falls, steepest, flattest >= (1 - FLAT) * steepest > 0)


def by_logit(
    loss: Loss, z: Tensor, y: Tensor, params: Mapping[str, Tensor]
) -> tuple[Tensor, Tensor, Tensor]:
    """Values of a loss and its first two derivatives by the logit, by autograd.

    Args:
        loss: Any entry of the registry.
        z: Logits, [R, t].
        y: Labels, [t].
        params: Hyperparameters, each [R, 1].

    Returns:
        Three tensors [R, t].
    """
    z = z.detach().clone().requires_grad_()
    with torch.enable_grad():
        value = loss.per_example(z, y.expand_as(z), **params)
        (first,) = torch.autograd.grad(value.sum(), z, create_graph=True)
        second = torch.zeros_like(z)
        if first.requires_grad:
            (second,) = torch.autograd.grad(first.sum(), z, materialize_grads=True)
    return value.detach(), first.detach(), second.detach()


def extremes(hessian: Tensor) -> tuple[Tensor, Tensor]:
    """Smallest and largest eigenvalue of each Hessian [R, p, p]; 0 for a flat direction."""
    eigenvalues = torch.linalg.eigvalsh(hessian)
    smallest, largest = eigenvalues[:, 0], eigenvalues[:, -1]
    return torch.where(smallest > FLAT_EIGENVALUE * largest, smallest, 0.0), largest


def independent(rows: Tensor) -> Tensor:
    """Basis of the directions in which rows [n, p] differ by more than rounding, [p, q]."""
    values, vectors = torch.linalg.eigh(rows.T @ rows)
    basis: Tensor = vectors[:, values > DEPENDENT * values[-1]]
    return basis
