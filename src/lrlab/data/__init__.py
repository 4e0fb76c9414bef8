"""The problem to learn: data and model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from lrlab.data.baseline import Baseline, baseline_of
from lrlab.data.blobs import load_blobs
from lrlab.data.columns import ColumnReading
from lrlab.data.module import LogisticRegression
from lrlab.data.problem import Problem
from lrlab.data.reading import TableReading
from lrlab.data.sources import read_table
from lrlab.data.table import load_sklearn, load_table
from lrlab.spec import SweepSpec

SOURCES: dict[str, Callable[[Any, int, torch.dtype], Problem]] = {
    "blobs": load_blobs,
    "csv": load_table,
    "parquet": load_table,
    "sklearn": load_sklearn,
}


def load_problem(spec: SweepSpec) -> Problem:
    """The data that a spec names.

    Raises:
        UserError: If the data cannot be used; the message names file and column.
    """
    dtype = getattr(torch, spec.train.dtype)
    return SOURCES[spec.data.source](spec.data, spec.data_seed, dtype)


__all__ = [
    "SOURCES",
    "Baseline",
    "ColumnReading",
    "LogisticRegression",
    "Problem",
    "TableReading",
    "baseline_of",
    "load_problem",
    "read_table",
]
