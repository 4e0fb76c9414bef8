"""Tables to predict on: read a part at a time, as the training table was read."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from lrlab.errors import UserError
from lrlab.model import predictor

ROWS = 65_536  # at a time
ROW_NAMES = "Unnamed: 0"  # a first column that the header does not name
Numbers = dict[str, Any]


def read_parts(path: Path, numbers: Numbers) -> Iterator[pd.DataFrame]:
    """The columns that a model takes, some rows at a time; row labels count from 0.

    Args:
        path: A Parquet file (`.parquet`), else a CSV file, written as the training table was.
        numbers: The model's.

    Raises:
        UserError: If the file cannot be read as a table, or lacks a column.
    """
    parts = _parquet_parts if path.suffix.lower() in (".parquet", ".pq") else _csv_parts
    try:
        yield from parts(path, numbers)
    except UserError:
        raise
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except OSError as error:
        raise UserError(f"{path}: cannot read: {error.strerror or error}") from error
    except (ValueError, LookupError, pa.ArrowException, EOFError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise UserError(f"{path}: is not a table that can be read: {reason}") from error


def _parquet_parts(path: Path, numbers: Numbers) -> Iterator[pd.DataFrame]:
    with pq.ParquetFile(path) as file:
        names = _needed(file.schema_arrow.names, numbers, path)
        start = 0
        for batch in file.iter_batches(ROWS, columns=names):
            frame = batch.to_pandas()
            frame.index = pd.RangeIndex(start, start + len(frame))
            start += len(frame)
            yield frame


def _csv_parts(path: Path, numbers: Numbers) -> Iterator[pd.DataFrame]:
    """Numbers as numbers, as fast as pandas reads them; from the first part on in which some are
    not, as text, which the model takes, too, or says what is wrong with it."""
    cells = numbers["cells"]
    options: dict[str, Any] = {
        "sep": cells.get("separator", ","),
        "skiprows": cells.get("skiprows", 0),
        "encoding": cells.get("encoding", "utf-8"),
        **_header(path, cells),
    }
    names = _needed(options.pop("found"), numbers, path)
    kinds = {column["name"]: column["kind"] for column in numbers["columns"]}
    typed = {name: "float64" if kinds[name] == "numeric" else "str" for name in names}
    signs = {key: cells[key] for key in ("decimal", "thousands") if cells.get(key)}
    markers = {"na_values": cells["missing_markers"], "keep_default_na": False}
    done = 0
    try:
        if all(sign.isascii() for sign in signs.values()):
            for frame in _read(path, usecols=names, dtype=typed, **options, **signs, **markers):
                yield frame
                done += 1
            return
    except (ValueError, TypeError):
        pass
    as_text = _read(path, usecols=names, dtype="str", na_filter=False, **options)
    for number, frame in enumerate(as_text):
        if number >= done:
            yield frame


def _read(path: Path, **options: Any) -> Iterator[pd.DataFrame]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", pd.errors.ParserWarning)  # of pandas' choice of engine
        with pd.read_csv(path, chunksize=ROWS, index_col=False, **options) as parts:
            yield from parts


def _header(path: Path, cells: Mapping[str, Any]) -> dict[str, Any]:
    """Names of the columns as `found`; as `names`, too, if rows have one field more than them."""
    how = {key: cells[key] for key in ("skiprows", "encoding") if key in cells}
    separator = cells.get("separator", ",")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        head = pd.read_csv(path, sep=separator, nrows=1, index_col=False, dtype="str", **how)
    names = [str(name) for name in head.columns]
    if any("Length of header" in str(warning.message) for warning in caught):
        names = [ROW_NAMES, *names]  # of the rows, as R writes them
        return {"found": names, "names": names, "header": 0}
    return {"found": names}


def _needed(found: list[str], numbers: Numbers, path: Path) -> list[str]:
    """The columns to read, in the order in which the model takes them."""
    lacking = predictor.lacking_columns(numbers, found)
    if lacking:
        raise UserError(f"{path}: {lacking}")
    return [column["name"] for column in numbers["columns"]]


def write_parts(parts: Iterable[pd.DataFrame], sink: IO[bytes]) -> int:
    """Write frames of the same columns as one CSV file, in order; returns the number of rows."""
    rows = 0
    options = pyarrow.csv.WriteOptions(include_header=False, quoting_style="needed")
    for part in parts:
        if rows == 0:
            part.head(0).to_csv(sink, index=False, mode="wb")
        truths = part.select_dtypes("bool").astype(str)  # Arrow writes `true`, pandas `True`
        table = pa.Table.from_pandas(part.assign(**truths), preserve_index=False)
        pyarrow.csv.write_csv(table, sink, write_options=options)
        rows += len(part)
    return rows
