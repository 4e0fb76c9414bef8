"""Columns of mean 0 and size 1, in which optima are looked for whatever the user's columns are.

A logit x w + b is ((x - center) / size) (size w) + (b + center w), so every objective has the same
values in these coordinates; only rounding differs. Without them a column of 1e-6 beside one of 1e6
is lost (its share in the Hessian is below the last digit), and so is one of 1e6 +- 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

CONSTANT = 1e-12  # of a column's largest value: what varies less is rounding


@dataclass(frozen=True)
class Coordinates:
    """An affine change of d columns, and so of weights with bias.

    Args:
        center: [d] float64.
        size: [d] float64, above 0.
    """

    center: Tensor
    size: Tensor

    @classmethod
    def of(cls, rows: Tensor) -> Coordinates:
        """Those of rows (x, 1), [n, d + 1]."""
        center = rows[:, :-1].mean(0)
        size = torch.sqrt((rows[:, :-1] - center).square().mean(0))
        varies = size > CONSTANT * rows[:, :-1].abs().amax(0)
        return cls(center, torch.where(varies, size, 1.0))

    def inside(self, rows: Tensor) -> Tensor:
        """Rows (x, 1) in these coordinates, [n, d + 1]."""
        ones = torch.ones_like(rows[:, -1:])
        return torch.cat([(rows[:, :-1] - self.center) / self.size, ones], 1)

    def inward(self, w: Tensor) -> Tensor:
        """Weights with bias of the user's columns in these coordinates, [R, d + 1]."""
        bias = w[:, -1:] + (w[:, :-1] * self.center).sum(1, keepdim=True)
        return torch.cat([w[:, :-1] * self.size, bias], 1)

    def outward(self, w: Tensor) -> Tensor:
        """Weights with bias of these coordinates for the user's columns, [R, d + 1]."""
        weight = w[:, :-1] / self.size
        return torch.cat([weight, w[:, -1:] - (weight * self.center).sum(1, keepdim=True)], 1)

    def outward_form(self, form: Tensor) -> Tensor:
        """A quadratic form, such as a Hessian, for the user's weights, [..., d + 1, d + 1]."""
        change = torch.diag(torch.cat([self.size, self.size.new_ones(1)]))
        change[-1, :-1] = self.center
        found: Tensor = change.T @ form @ change
        return found

    def ridge(self, l2: Tensor) -> Tensor:
        """Second derivative of (l2 / 2) ||w||^2 by weight and bias, [R, d + 1], for l2 [R]."""
        weights = l2[:, None] / self.size.square()
        return torch.cat([weights, torch.zeros_like(weights[:, :1])], 1)
