"""Problem: the data of one sweep, ready to train on."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn import init

from lrlab.data.columns.choice import ColumnReading
from lrlab.data.module import LogisticRegression
from lrlab.data.preprocessing import Label, Preprocessing

TENSORS = ("x_train", "y_train", "x_val", "y_val", "x_test", "y_test")
DIGEST_LENGTH = 36  # hex digits; MLflow stores no more


def seeded(seed: int) -> torch.Generator:
    """A CPU random stream of its own, equal to torch's global one after `manual_seed(seed)`."""
    return torch.Generator().manual_seed(seed)


@dataclass(frozen=True)
class Problem:
    """Rows to train on, to choose by and to judge by, of a binary classification.

    With folds, replicate r trains on what is left without fold r, chooses and is judged on that
    fold; the problem itself is then that of fold 0.

    Args:
        x_train: Design matrix, [n, d], float32 or float64.
        y_train: Labels 0 and 1, [n], of the same dtype.
        x_val: Design matrix of the validation rows, which settings are chosen by, [m, d].
        y_val: Their labels, [m].
        preprocessing: How the matrix's d columns follow from those of the source.
        labels: What class 0 and class 1 are in the source.
        description: One line for people.
        stream: Random stream from which a model is initialized, given its seed.
        reading: How each column of the user's file was read, in the file's order; empty where the
            data come from no file.
        rows_left_out: Rows of the file that were left out, by the column whose missing value cost
            them; a row that lacks several is counted once, for the target, else for the column
            that lacks most. So their sum is the number of rows left out.
        cells: How the source's cells are read (`how_cells_are_read`); empty where they are
            numbers already.
        example: A few held-out rows as the source has them, to show what a model takes.
        x_test: Design matrix of the test rows, which only judge, [t, d]; t = 0 if there are none.
        y_test: Their labels, [t].
        val_rows: Which of the source's rows the validation rows are, [m] int64, counted from 0
            among those that are used; empty where there are no folds.
        folds: The problem of each replicate, by replicate and again from the first; empty where
            all replicates have this one.
        shares_from: How many rows the shares of the classes are known from: those of the source
            where rows are divided by class, else those that judge; 0 where the shares are part of
            how the data are made.
        val_groups: Which validation rows belong together (`data.groups`), [m]; empty if each
            stands for itself.
        test_groups: The same of the test rows, [t].
        ordered: Whether validation and test rows are later than the training rows (`data.split`).
        rows_used: How many rows of the source's table are used, in whichever part; 0 where the
            data come from none.
    """

    x_train: Tensor
    y_train: Tensor
    x_val: Tensor
    y_val: Tensor
    preprocessing: Preprocessing
    labels: tuple[Label, Label]
    description: str
    stream: Callable[[int], torch.Generator] = seeded
    reading: tuple[ColumnReading, ...] = ()
    rows_left_out: Mapping[str, int] = field(default_factory=dict)
    cells: Mapping[str, Any] = field(default_factory=dict)
    example: pd.DataFrame = field(default_factory=pd.DataFrame, repr=False)
    x_test: Tensor = field(default_factory=partial(torch.empty, 0, 0))
    y_test: Tensor = field(default_factory=partial(torch.empty, 0))
    val_rows: np.ndarray = field(default_factory=partial(np.empty, 0, np.int64), repr=False)
    folds: tuple[Problem, ...] = field(default=(), repr=False)
    shares_from: int = 0
    val_groups: np.ndarray = field(default_factory=partial(np.empty, 0, np.int64), repr=False)
    test_groups: np.ndarray = field(default_factory=partial(np.empty, 0, np.int64), repr=False)
    ordered: bool = False
    rows_used: int = 0

    def of(self, replicate: int) -> Problem:
        """The problem that a replicate of a trial trains on."""
        return self.folds[replicate % len(self.folds)] if self.folds else self

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Names of the d columns; no two are equal."""
        return self.preprocessing.feature_names

    @property
    def classes(self) -> tuple[str, str]:
        """Names of class 0 and class 1."""
        return str(self.labels[0]), str(self.labels[1])

    @property
    def n_features(self) -> int:
        """Number of columns, d."""
        return self.x_train.shape[1]

    @property
    def share_of_class_1(self) -> float:
        """Share of the training rows that are of class 1."""
        return float(self.y_train.double().mean())

    def digest(self) -> str:
        """SHA-256 of every number in the data and of the column names, shortened.

        MLflow's own digest reads only the first 10,000 rows.
        """
        sha = hashlib.sha256(repr((self.feature_names, self.classes)).encode())
        for problem in (self, *self.folds[1:]):
            for tensor in problem._numbers():
                sha.update(repr((tuple(tensor.shape), str(tensor.dtype))).encode())
                sha.update(np.ascontiguousarray(tensor.numpy()).data)
        return sha.hexdigest()[:DIGEST_LENGTH]

    def _numbers(self) -> list[Tensor]:
        """Everything that decides the numbers of a sweep, on the CPU."""
        names = TENSORS if len(self.y_test) else TENSORS[:4]  # the digest of older sweeps
        return [getattr(self, name).cpu() for name in names]

    def to(self, device: torch.device | str) -> Problem:
        """The same problem with its tensors on a device."""
        moved = {name: getattr(self, name).to(device) for name in TENSORS}
        return replace(self, **moved, folds=tuple(fold.to(device) for fold in self.folds))

    def initial_model(self, seed: int) -> LogisticRegression:
        """A freshly initialized model, drawn as `torch.nn.Linear` draws, from a stream of its own.

        The same seed gives the same weights for every trial, so that trials are compared from
        the same start. Torch's global random state is not touched: threads share it.
        """
        with torch.device("meta"):  # or torch draws weights of its own
            model = LogisticRegression(self.n_features)
        stream, linear = self.stream(seed), model.features
        # `to_empty` does the same, but imports sympy: most of a second before a sweep's first step
        linear.weight = nn.Parameter(torch.empty(1, self.n_features))
        linear.bias = nn.Parameter(torch.empty(1))
        init.kaiming_uniform_(linear.weight, a=math.sqrt(5), generator=stream)
        bound = 1 / math.sqrt(self.n_features)
        init.uniform_(linear.bias, -bound, bound, generator=stream)
        return model.to(self.x_train)
