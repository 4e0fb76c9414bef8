"""Sources: from a CSV or Parquet file to a frame with typed columns."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd

from lrlab.errors import UserError
from lrlab.spec import CsvData, ParquetData


def read_table(data: CsvData | ParquetData) -> pd.DataFrame:
    """The whole file as it stands, read with the options of its source; row labels count from 0.

    Raises:
        UserError: If the file cannot be read as a table; the message names it.
    """
    read = _read_csv if isinstance(data, CsvData) else _read_parquet
    frame = _guarded(data.path, lambda: read(data))  # type: ignore[arg-type]
    frame.columns = frame.columns.astype(str)
    _refuse_duplicates(frame.columns, str(data.path))
    return frame


def _read_csv(data: CsvData) -> pd.DataFrame:
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


def _read_parquet(data: ParquetData) -> pd.DataFrame:
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


def _refuse_duplicates(names: Sequence[str] | pd.Index, where: str) -> None:
    twice = pd.Index(names)[pd.Index(names).duplicated()]
    if len(twice):
        raise UserError(f"{where}: column {twice[0]!r} stands twice; rename one")


def _guarded(path: Path, read: Callable[[], pd.DataFrame]) -> pd.DataFrame:
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
