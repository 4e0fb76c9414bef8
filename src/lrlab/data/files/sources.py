"""Sources: from a CSV or Parquet file to a frame with typed columns."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeVar

import pandas as pd

from lrlab.data.files.csv_files import (
    bad_byte,
    layout,
    markers,
    other_reading,
    raw_column,
    read_csv,
    refuse_duplicates,
)
from lrlab.data.files.sniffing import CsvOptions, sniff
from lrlab.data.files.text import as_typed
from lrlab.errors import UserError
from lrlab.spec import CsvData, ParquetData

T = TypeVar("T")


def read_table(data: CsvData | ParquetData) -> pd.DataFrame:
    """The whole file as it stands, read with the options of its source; row labels count from 0.

    Missing values are NaN, whatever marks them; a column of numbers is of a numeric type, however
    they are written (text, decimals, codes); all other columns are as pandas reads them.

    Raises:
        UserError: If the file cannot be read as a table; the message names it.
    """
    if isinstance(data, CsvData):
        frame = _guarded(data, lambda: read_csv(data))
    else:
        frame = _guarded(data, lambda: _read_parquet(data))
    if frame.empty:
        raise UserError(f"{data.path}: has no rows")
    frame.columns = frame.columns.astype(str)
    refuse_duplicates(frame.columns, str(data.path))
    known, numbers = markers(data), _marked_numbers(data)
    for name in frame.columns:
        typed = as_typed(frame[name], known, data.decimal, data.thousands)
        if numbers and pd.api.types.is_numeric_dtype(typed):
            typed = typed.mask(typed.isin(numbers))
        if typed is not frame[name]:
            frame[name] = typed
    return frame


def how_cells_are_read(data: CsvData | ParquetData) -> dict[str, Any]:
    """What a later table needs to be read alike, as plain values.

    The keys are the spec's, with what was found in the file where it says `auto`, and
    `missing_markers`: every text that stands for a missing value.

    Raises:
        OSError: If the file is gone.
    """
    found: dict[str, Any] = {"source": data.source}
    if isinstance(data, CsvData):
        separator, skiprows = layout(data)
        found |= {"separator": separator, "skiprows": skiprows}
        found["encoding"] = data.encoding
    numbers = [str(number) for number in _marked_numbers(data)]
    found |= {"decimal": data.decimal, "thousands": data.thousands, "missing_numbers": numbers}
    return found | {"missing_markers": sorted(markers(data))}


def index_names(data: CsvData | ParquetData) -> tuple[str, ...]:
    """Columns that pandas wrote for the index of a frame; it names them in a Parquet file only."""
    if isinstance(data, CsvData):
        return ()
    import pyarrow.parquet

    schema = _guarded(data, lambda: pyarrow.parquet.read_schema(data.path))
    index = (schema.pandas_metadata or {}).get("index_columns", [])
    return tuple(name for name in index if isinstance(name, str))


def missing_signs(data: CsvData | ParquetData, name: str) -> dict[str, int]:
    """How the missing values of a column are written, and how often; empty fields do not count."""
    if isinstance(data, CsvData):
        column = _guarded(data, lambda: raw_column(data, name))
    else:
        column = _guarded(data, lambda: _read_parquet(data, [name])[name])
    if not pd.api.types.is_string_dtype(column):
        return {}
    counts = column.dropna().str.strip().value_counts()
    known = markers(data) - {""}
    return {str(sign): int(count) for sign, count in counts.items() if sign in known}


def _marked_numbers(data: CsvData | ParquetData) -> list[float]:
    """Numbers that stand for a missing value."""
    found = []
    for marker in data.na_values or ():
        try:
            found.append(float(marker))
        except ValueError:
            continue
    return [number for number in found if not math.isnan(number)]


def _read_parquet(data: ParquetData, columns: list[str] | None = None) -> pd.DataFrame:
    import pyarrow.parquet

    refuse_duplicates(pyarrow.parquet.read_schema(data.path).names, str(data.path))
    table = pyarrow.parquet.read_table(
        data.path, columns=columns, memory_map=True, pre_buffer=False
    )
    for i, field in enumerate(table.schema):
        plain = _plain_type(field.type)
        if plain != field.type:
            table = table.set_column(i, field.name, _storage(table.column(i)).cast(plain))
    # Each column on its own, and given up by Arrow as pandas takes it: one copy of the table.
    frame: pd.DataFrame = table.to_pandas(
        ignore_metadata=True, split_blocks=True, self_destruct=True
    )
    return frame


def _storage(column: Any) -> Any:
    """A column of an extension type as what it is kept as; others as they are."""
    if not hasattr(column.type, "storage_type"):
        return column
    import pyarrow

    chunks = [chunk.storage for chunk in column.chunks]
    return pyarrow.chunked_array(chunks, column.type.storage_type)


def _plain_type(kind: Any) -> Any:
    """The type in which pandas has the values as such: numbers as numbers, codes decoded."""
    import pyarrow.types as types
    from pyarrow import float64, string

    if getattr(kind, "extension_name", "").startswith("arrow."):  # UUIDs, JSON, short truth values
        return _plain_type(kind.storage_type)
    if types.is_dictionary(kind):
        return _plain_type(kind.value_type)
    if types.is_decimal(kind):
        return float64()
    return string() if types.is_string_view(kind) or types.is_large_string(kind) else kind


def _guarded(data: CsvData | ParquetData, read: Callable[[], T]) -> T:
    """What `read` gives; whatever readers and decompressors raise becomes a message."""
    path = data.path
    try:
        return read()
    except UserError:
        raise
    except UnicodeError as error:
        raise UserError(f"{path}: {bad_byte(data, error)}") from None
    except FileNotFoundError:
        raise UserError(f"{path}: no such file (data.path)") from None
    except OSError as error:
        raise UserError(f"{path}: cannot read: {error.strerror or error} (data.path)") from error
    except Exception as error:  # parsers and decompressors raise errors of many kinds
        text = (str(error).strip() or type(error).__name__).splitlines()[0]
        text = text.removeprefix("Error tokenizing data. C error: ")
        advice = other_reading(data) if isinstance(data, CsvData) else ""
        raise UserError(f"{path}: is not a table that can be read: {text}{advice}") from error


__all__ = ["CsvOptions", "index_names", "markers", "missing_signs", "read_table", "sniff"]
