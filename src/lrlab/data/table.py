"""Tables: a CSV or Parquet file, or a data set of scikit-learn, as a Problem."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
import torch

from lrlab.data.columns import choose_columns, how_read, with_notes
from lrlab.data.encode import split_and_encode
from lrlab.data.missing import usable_rows
from lrlab.data.problem import Problem
from lrlab.data.sources import how_cells_are_read, index_names, missing_signs, read_table
from lrlab.data.targets import as_classes, encode_target
from lrlab.spec import CsvData, ParquetData, SklearnData
from lrlab.wording import quoted, some


def load_table(data: CsvData | ParquetData, seed: int, dtype: torch.dtype) -> Problem:
    """Read a table from a file.

    Raises:
        UserError: If the file or a column cannot be used; the message names it.
    """
    where = str(data.path)
    frame = read_table(data)
    choice = choose_columns(frame, data, where, index_names(data))
    reading = how_read(frame, choice, data.target)
    left_out = [column.name for column in reading if column.read_as == "left out"]
    frame = frame.drop(columns=left_out)
    written = partial(missing_signs, data)
    notes = {name: _taken_for_missing(written(name)) for name in _with_missing_text(frame)}
    rows, costs = usable_rows(frame, data, written)
    target = rows[data.target]
    if frame[data.target].isna().any():
        target = as_classes(target)
    del frame  # large, where `rows` are not all of it
    y, labels = encode_target(target, data.positive, where)
    problem = split_and_encode(
        rows,
        y,
        labels,
        (choice.numeric, choice.categorical),
        data,
        seed,
        dtype,
        where,
        impute=data.missing == "impute",
    )
    return replace(
        problem,
        reading=with_notes(reading, rows, y, notes),
        rows_left_out=costs,
        cells=how_cells_are_read(data),
    )


def _with_missing_text(frame: pd.DataFrame) -> list[str]:
    return [
        str(name)
        for name in frame.columns
        if not pd.api.types.is_numeric_dtype(frame[name]) and frame[name].isna().any()
    ]


def _taken_for_missing(written: Mapping[str, int]) -> str:
    """What to say of words among categories or classes that were taken for missing values."""
    if not written:
        return ""
    signs = some(map(quoted, written), 3)
    return f"{signs} taken for missing (data.keep_default_na: false keeps it)"


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
