"""The fused engine: runs that share their data are trained as one tensor program."""

from __future__ import annotations

from lrlab.train.fused.engine import train_batch

__all__ = ["train_batch"]
