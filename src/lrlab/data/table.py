"""Tables: a CSV or Parquet file, or a data set of scikit-learn, as a Problem."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import torch

from lrlab.data.columns import choose_columns, encode_target, how_read
from lrlab.data.encode import split_and_encode
from lrlab.data.problem import Problem
from lrlab.data.sources import index_names, read_table
from lrlab.errors import UserError
from lrlab.spec import CsvData, ParquetData, SklearnData


def load_table(data: CsvData | ParquetData, seed: int, dtype: torch.dtype) -> Problem:
    """Read a table from a file.

    Raises:
        UserError: If the file or a column cannot be used; the message names it.
    """
    where = str(data.path)
    frame = read_table(data)
    index = index_names(data)
    numeric, categorical = choose_columns(frame, data, where, index)
    reading = how_read(frame, (numeric, categorical), data, index)
    used = [*numeric, *categorical, data.target]
    frame = frame.drop(columns=[column for column in frame.columns if column not in used])
    frame, left_out = _without_missing(frame, data, where)
    y, labels = encode_target(frame[data.target], data.positive, where)
    problem = split_and_encode(
        frame,
        y,
        labels,
        (numeric, categorical),
        data,
        seed,
        dtype,
        where,
        impute=data.missing == "impute",
    )
    return replace(problem, reading=reading, rows_left_out=left_out)


def load_sklearn(data: SklearnData, seed: int, dtype: torch.dtype) -> Problem:
    """Load a classification data set that scikit-learn ships.

    Raises:
        UserError: If it has more than two classes and `positive` names none of them.
    """
    import sklearn.datasets

    bunch = getattr(sklearn.datasets, f"load_{data.dataset}")(as_frame=True)
    names = np.asarray(bunch.target_names)
    frame = bunch.data.copy()
    target = pd.Series(names[bunch.target.to_numpy()], name="target")
    # scikit-learn's order of the classes decides which one is 1.
    positive = str(names[1]) if data.positive is None and len(names) == 2 else data.positive
    where = f"sklearn {data.dataset}"
    y, labels = encode_target(target, positive, where)
    return split_and_encode(
        frame, y, labels, (list(frame.columns), []), data, seed, dtype, where, impute=False
    )


def _without_missing(
    frame: pd.DataFrame, data: CsvData | ParquetData, where: str
) -> tuple[pd.DataFrame, dict[str, int]]:
    """The rows to use, and how many were left out for want of a value in which column."""
    missing = frame.isna().sum()
    if data.missing == "drop":
        complete = frame.dropna()
        if complete.empty:
            worst = str(missing.idxmax())
            raise UserError(
                f"{where}: no row is complete (column {worst!r} lacks {missing[worst]:,} values); "
                "drop that column (data.drop) or impute (data.missing: impute)"
            )
        return complete, _costs(frame, missing, data.target)
    if missing[data.target]:
        raise UserError(
            f"{where}: the target {data.target!r} is missing in {missing[data.target]:,} rows; "
            "remove them or set data.missing: drop"
        )
    if data.missing == "error" and missing.any():
        column = str(missing.idxmax())
        raise UserError(
            f"{where}: column {column!r} has {missing[column]:,} missing values (NaN or empty); "
            "set data.missing to drop or impute, or list the column under data.drop"
        )
    return frame, {}


def _costs(frame: pd.DataFrame, missing: pd.Series, target: str) -> dict[str, int]:
    """Incomplete rows by the column that costs them: the target first, then the dearest one."""
    lacking = missing[missing > 0].sort_values(ascending=False, kind="stable")
    whole = np.ones(len(frame), bool)
    costs: dict[str, int] = {}
    for name in sorted(lacking.index, key=lambda name: name != target):
        lost = frame[name].isna().to_numpy() & whole
        whole &= ~lost
        if lost.any():
            costs[name] = int(lost.sum())
    return costs
