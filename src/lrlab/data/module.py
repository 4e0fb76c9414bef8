"""Logistic regression as the `torch.nn.Module` of the tutorial."""

from __future__ import annotations

import torch
from torch import nn


class LogisticRegression(nn.Module):
    """One linear layer whose output is the logit of class 1.

    The losses take logits, so the sigmoid is theirs (see `lrlab.losses`); `probability`
    applies it for whoever wants p(y = 1 | x).

    Args:
        n_features: Number of columns of the design matrix, d >= 1.
    """

    def __init__(self, n_features: int) -> None:
        super().__init__()
        self.features = nn.Linear(n_features, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits of class 1, shape [n], for a batch `x` of shape [n, d]."""
        logits: torch.Tensor = self.features(x)
        return logits.squeeze(-1)

    def probability(self, x: torch.Tensor) -> torch.Tensor:
        """p(y = 1 | x), shape [n], for a batch `x` of shape [n, d]."""
        return torch.sigmoid(self(x))
