"""Tables: the usable rows of a CSV or Parquet file, or of a data set of scikit-learn."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import partial

import numpy as np
import pandas as pd

from lrlab.data.columns.choice import Choice, choose_columns, how_read, with_notes
from lrlab.data.columns.roles import dividing_column
from lrlab.data.encode import Further, Usable
from lrlab.data.files.sources import how_cells_are_read, index_names, missing_signs, read_table
from lrlab.data.preprocessing import Label
from lrlab.data.rows.groups import dividing_numbers
from lrlab.data.rows.missing import refuse_missing, usable_rows
from lrlab.data.rows.splits import Labelled
from lrlab.data.rows.targets import as_classes, encode_as, encode_target
from lrlab.errors import UserError
from lrlab.spec import CsvData, ParquetData, SklearnData
from lrlab.wording import quoted, some


def usable_table(data: CsvData | ParquetData) -> Usable:
    """Read a table from a file.

    Raises:
        UserError: If the file or a column cannot be used; the message names it.
    """
    where = str(data.path)
    frame = read_table(data)
    choice = choose_columns(frame, data, where, index_names(data))
    reading = how_read(frame, choice, data.target)
    by = dividing_column(data)
    left_out = [c.name for c in reading if c.read_as == "left out" and c.name != by]
    frame = frame.drop(columns=left_out)
    if by is not None and data.missing != "drop":
        refuse_missing(frame[by], data, where)
    written = partial(missing_signs, data)
    notes = {name: _taken_for_missing(written(name)) for name in _with_missing_text(frame)}
    rows, costs = usable_rows(frame, data, written)
    target = rows[data.target]
    if frame[data.target].isna().any():
        target = as_classes(target)
    del frame  # large, where `rows` are not all of it
    y, labels = encode_target(target, data.positive, where)
    return Usable(
        frame=rows if by is None else rows.drop(columns=by),
        rows=Labelled(y, where, labels, **dividing_numbers(rows, data, where)),
        labels=labels,
        numeric=choice.numeric,
        categorical=choice.categorical,
        impute=data.missing == "impute",
        test=None if data.test is None else _test_rows(data, choice, labels),
        reading=with_notes(reading, rows, y, notes),
        rows_left_out=costs,
        cells=how_cells_are_read(data),
    )


def _test_rows(
    data: CsvData | ParquetData, choice: Choice, labels: tuple[Label, Label]
) -> Further:
    """The rows of the file that only judges, read as the table is.

    They need no column of groups; without one each stands for itself.

    Raises:
        UserError: If the file lacks a column or holds another class, or as for the table itself.
    """
    named = {"numeric": tuple(choice.numeric), "categorical": tuple(choice.categorical)}
    none = {"test": None, "groups": None, "split": None, "drop": ()}
    own = data.model_copy(update={"path": data.test, **named, **none})
    where = str(data.test)
    if os.path.realpath(where) == os.path.realpath(data.path):
        raise UserError(
            f"{where}: is the table itself (data.path), whose rows cannot judge what they trained "
            "(data.test); name a file of other rows, or set data.test_fraction"
        )
    try:
        frame = read_table(own)
    except UserError as error:
        raise UserError(str(error).replace("(data.path)", "(data.test)")) from error
    choose_columns(frame, own, where)
    whole = frame
    frame = frame[[*choice.numeric, *choice.categorical, data.target]]
    rows, _ = usable_rows(frame, own, partial(missing_signs, own))
    groups = None
    if data.groups in whole.columns:
        refuse_missing(whole[data.groups], data, where)
        groups = pd.factorize(whole[data.groups].loc[rows.index])[0]
    return Further(rows, encode_as(as_classes(rows[data.target]), labels, where), groups)


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


def sklearn_table(data: SklearnData) -> Usable:
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
    return Usable(frame, Labelled(y, where, labels), labels, list(frame.columns), [])
