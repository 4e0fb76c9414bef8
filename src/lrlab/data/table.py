"""Tables: a CSV or Parquet file, or a data set of scikit-learn, as a Problem."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from lrlab.catalogue import did_you_mean
from lrlab.data.preprocessing import split_and_encode
from lrlab.data.problem import Problem
from lrlab.errors import UserError
from lrlab.spec import CsvData, ParquetData, SklearnData

MANY_VALUES = 20  # fewer different values than this are never taken for identifiers


def load_csv(data: CsvData, seed: int, dtype: torch.dtype) -> Problem:
    """Read a CSV file with a header line.

    Raises:
        UserError: If the file or a column cannot be used; the message names it.
    """

    def read() -> pd.DataFrame:
        header = pd.read_csv(
            data.path, sep=data.separator, header=None, nrows=1, dtype=str, na_filter=False
        )
        # pandas would rename the second of two equal columns, and shift the columns by one
        # where rows have a field more than the header.
        _refuse_duplicates([name for name in header.iloc[0] if name], str(data.path))
        # Types are found from whole columns, not chunk by chunk: '1' and 1 are one class.
        whole = data.separator.isascii()  # other separators take the engine that always does so
        frame = pd.read_csv(data.path, sep=data.separator, low_memory=not whole)
        if not isinstance(frame.index, pd.RangeIndex):
            raise UserError(f"{data.path}: rows have more fields than the header line names")
        return frame

    return _from_file(data, read, seed, dtype)


def load_parquet(data: ParquetData, seed: int, dtype: torch.dtype) -> Problem:
    """Read a Parquet file.

    Raises:
        UserError: If the file or a column cannot be used; the message names it.
    """

    def read() -> pd.DataFrame:
        import pyarrow.parquet

        _refuse_duplicates(pyarrow.parquet.read_schema(data.path).names, str(data.path))
        # Each column on its own, and given up by Arrow as pandas takes it: one copy of the table.
        frame = pd.read_parquet(
            data.path,
            "pyarrow",
            memory_map=True,
            pre_buffer=False,
            to_pandas_kwargs={"split_blocks": True, "self_destruct": True},
        )
        frame.index = pd.RangeIndex(len(frame))
        return frame

    return _from_file(data, read, seed, dtype)


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
    y, classes = encode_target(target, positive, where)
    return split_and_encode(
        frame, y, classes, (list(frame.columns), []), data, seed, dtype, where, impute=False
    )


def _from_file(data: CsvData | ParquetData, read: Any, seed: int, dtype: torch.dtype) -> Problem:
    where = str(data.path)
    frame = _read(data.path, read)
    frame.columns = frame.columns.astype(str)
    _refuse_duplicates(frame.columns, where)
    numeric, categorical = _choose_columns(frame, data, where)
    used = [*numeric, *categorical, data.target]
    frame = frame.drop(columns=[column for column in frame.columns if column not in used])
    frame = _without_missing(frame, data, where)
    y, classes = encode_target(frame[data.target], data.positive, where)
    return split_and_encode(
        frame,
        y,
        classes,
        (numeric, categorical),
        data,
        seed,
        dtype,
        where,
        impute=data.missing == "impute",
    )


def _refuse_duplicates(names: Sequence[str] | pd.Index, where: str) -> None:
    twice = pd.Index(names)[pd.Index(names).duplicated()]
    if len(twice):
        raise UserError(f"{where}: column {twice[0]!r} stands twice; rename one")


def _read(path: Path, read: Callable[[], pd.DataFrame]) -> pd.DataFrame:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", pd.errors.ParserWarning)  # of pandas' choice of engine
            frame = read()
    except UserError:
        raise
    except FileNotFoundError:
        raise UserError(f"{path}: no such file (data.path)") from None
    except OSError as error:
        raise UserError(f"{path}: cannot read: {error.strerror or error} (data.path)") from error
    except Exception as error:  # parsers and decompressors raise errors of many kinds
        text = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise UserError(f"{path}: is not a table that can be read: {text}") from error
    if frame.empty:
        raise UserError(f"{path}: has no rows")
    return frame


def _choose_columns(
    frame: pd.DataFrame, data: CsvData | ParquetData, where: str
) -> tuple[list[str], list[str]]:
    """Numeric and categorical columns: as the spec says, else by what they hold."""
    columns = tuple(frame.columns)
    listed = {
        "target": (data.target,),
        "drop": data.drop,
        "numeric": data.numeric or (),
        "categorical": data.categorical or (),
    }
    for key, named in listed.items():
        for name in named:
            if name not in columns:
                raise UserError(
                    f"{where}: no column {name!r} (data.{key}){did_you_mean(name, columns)}"
                )
    features = [*listed["numeric"], *listed["categorical"]]
    chosen = set(features)
    if len(chosen) < len(features):
        twice = next(name for name in features if features.count(name) > 1)
        raise UserError(
            f"{where}: column {twice!r} is listed twice (data.numeric, data.categorical)"
        )
    for name in chosen & {data.target, *data.drop}:
        raise UserError(f"{where}: column {name!r} is a feature, but also the target or dropped")
    rest = [c for c in columns if c not in chosen and c not in (data.target, *data.drop)]
    kinds = {column: _kind(frame[column]) for column in rest}
    numeric, categorical = (
        [c for c in rest if kinds[c] == kind] if given is None else list(given)
        for kind, given in (("numeric", data.numeric), ("categorical", data.categorical))
    )
    for column in rest if data.numeric is None or data.categorical is None else ():
        if kinds[column] not in ("numeric", "categorical"):
            raise UserError(
                f"{where}: column {column!r} holds {kinds[column]}; list it under data.drop "
                "or convert it"
            )
        if kinds[column] == "categorical" and data.categorical is None:
            _refuse_identifier(frame[column], where)
    for column in numeric:
        frame[column] = _as_numbers(frame[column], where)
    if not numeric and not categorical:
        raise UserError(f"{where}: no column is left to learn from")
    return numeric, categorical


def _refuse_identifier(column: pd.Series, where: str) -> None:
    """Text that is different in almost every row is a name or number of the row, no feature."""
    different = column.astype("string").nunique()
    if different > MANY_VALUES and different > 0.9 * len(column):
        raise UserError(
            f"{where}: column {column.name!r} has {different:,} different values in "
            f"{len(column):,} rows, so it looks like an identifier; list it under data.drop (or "
            "under data.categorical, to use it all the same)"
        )


def _kind(column: pd.Series) -> str:
    if pd.api.types.is_bool_dtype(column) or pd.api.types.is_numeric_dtype(column):
        return "categorical" if pd.api.types.is_complex_dtype(column) else "numeric"
    if isinstance(column.dtype, pd.CategoricalDtype) or pd.api.types.is_string_dtype(column):
        return "categorical"
    if column.isna().all():
        return "numeric"
    if pd.api.types.is_object_dtype(column):
        return "categorical"
    return f"{column.dtype} values"


def _as_numbers(column: pd.Series, where: str) -> pd.Series:
    try:
        return column.astype("float64")
    except (ValueError, TypeError):
        numbers = pd.to_numeric(column, errors="coerce")
        row = int(np.flatnonzero(numbers.isna() & column.notna())[0])
        raise UserError(
            f"{where}: column {column.name!r} is not numeric: row {row + 1} holds "
            f"{str(column.iloc[row])[:40]!r}; list it under data.categorical or data.drop"
        ) from None


def _without_missing(frame: pd.DataFrame, data: CsvData | ParquetData, where: str) -> pd.DataFrame:
    missing = frame.isna().sum()
    if data.missing == "drop":
        frame = frame.dropna()
        if frame.empty:
            worst = str(missing.idxmax())
            raise UserError(
                f"{where}: no row is complete (column {worst!r} lacks {missing[worst]:,} values); "
                "drop that column (data.drop) or impute (data.missing: impute)"
            )
        return frame
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
    return frame


def encode_target(
    target: pd.Series, positive: Any, where: str
) -> tuple[np.ndarray, tuple[str, str]]:
    """Labels 0 and 1, [n] float64, and the names of class 0 and class 1.

    Class 1 is `positive` if given, against all the rest; else the larger of two values.

    Raises:
        UserError: If there are not two classes, or `positive` is none of them.
    """
    try:
        found = sorted(target.unique().tolist(), key=lambda value: (str(type(value)), value))
    except TypeError:  # lists, mappings: neither hashable nor ordered
        raise UserError(
            f"{where}: the target {target.name!r} holds values that are no classes, such as "
            f"{str(target.iloc[0])[:40]}; name another column as data.target"
        ) from None
    shown = ", ".join(str(value) for value in found[:6]) + (", ..." if len(found) > 6 else "")
    if len(found) < 2:
        raise UserError(f"{where}: the target {target.name!r} has one class ({shown}); need two")
    if positive is None and len(found) > 2:
        raise UserError(
            f"{where}: the target {target.name!r} has {len(found):,} classes ({shown}); name one "
            "as data.positive to set it against the rest"
        )
    if positive is None:
        positive = found[1]
    matches = [value for value in found if value == positive or str(value) == str(positive)]
    if not matches:
        hint = ""
        if isinstance(positive, bool):
            hint = "; write yes and no in quotes, as YAML takes them for true and false"
        raise UserError(
            f"{where}: the target {target.name!r} has no class {positive!r} (data.positive); "
            f"it has {shown}{hint}"
        )
    others = [str(value) for value in found if value != matches[0]]
    negative = others[0] if len(others) == 1 else "rest"
    return (target == matches[0]).to_numpy(np.float64), (negative, str(matches[0]))
