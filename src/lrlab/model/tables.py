"""Tables to predict on: read a part at a time, as the training table was read."""

from __future__ import annotations

import re
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
from lrlab.wording import quoted, some

ROWS = 65_536  # at a time
PARQUET = (".parquet", ".pq")
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
    parts = _parquet_parts if path.suffix.lower() in PARQUET else _csv_parts
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
        reason = reason.removeprefix("Error tokenizing data. C error: ")
        raise UserError(f"{path}: is not a table that can be read: {reason}") from error


def _parquet_parts(path: Path, numbers: Numbers) -> Iterator[pd.DataFrame]:
    with pq.ParquetFile(path) as file:
        names = _needed(file.schema_arrow.names, numbers, path)
        start = 0
        none = [file.schema_arrow.empty_table().select(names)]
        some = file.iter_batches(ROWS, columns=names) if file.metadata.num_rows else none
        for batch in some:
            frame = batch.to_pandas(ignore_metadata=True)  # an index is a column as others are
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
    found = options.pop("found")
    names = _needed(found, numbers, path)
    kinds = dict.fromkeys(found, "str")  # of all columns: else longer rows are cut without a word
    kinds |= {c["name"]: "float64" for c in numbers["columns"] if c["kind"] == "numeric"}
    signs = {key: cells[key] for key in ("decimal", "thousands") if cells.get(key)}
    markers = {"na_values": cells["missing_markers"], "keep_default_na": False}
    done = 0
    try:
        if all(sign.isascii() for sign in signs.values()):
            for frame in _read(path, dtype=kinds, **options, **signs, **markers):
                yield frame[names]
                done += 1
            return
    except (ValueError, TypeError):
        pass
    for number, frame in enumerate(_read(path, dtype="str", na_filter=False, **options)):
        if number >= done:
            yield frame[names]


def _read(path: Path, **options: Any) -> Iterator[pd.DataFrame]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with pd.read_csv(path, chunksize=ROWS, index_col=False, **options) as parts:
            for part in parts:
                if any("Length of header" in str(warning.message) for warning in caught):
                    raise ValueError("rows have more fields than the header line names")
                yield part


def _header(path: Path, cells: Mapping[str, Any]) -> dict[str, Any]:
    """Names of the columns as `found`, and options for pandas that the header line asks for.

    As in training: a blank after each separator of the header, and single quotes around each of
    its names, are part of no name and no value; a field more in each row than in the header names
    the rows, as R writes it.
    """
    how: dict[str, Any] = {key: cells[key] for key in ("skiprows", "encoding") if key in cells}
    how |= {"sep": cells.get("separator", ","), "dtype": "str", "index_col": False}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        plain: dict[str, Any] = {"header": None, "nrows": 1, "na_filter": False}
        names = [str(name) for name in pd.read_csv(path, **how, **plain).iloc[0]]
        odd: dict[str, Any] = {}
        if len(names) > 1 and all(name.startswith(" ") for name in names[1:]):
            odd["skipinitialspace"] = True
        if all(re.fullmatch("'.+'", name.strip()) for name in names):
            odd["quotechar"] = "'"
        if odd:
            names = [str(name) for name in pd.read_csv(path, **how, **odd, **plain).iloc[0]]
        _refuse_twice([name for name in names if name], path)
        head = pd.read_csv(path, nrows=1, **how, **odd)
    found = [str(name) for name in head.columns]
    if any("Length of header" in str(warning.message) for warning in caught):
        found = [ROW_NAMES, *found]
        odd |= {"names": found, "header": 0}
    return {"found": found, **odd}


def _refuse_twice(names: list[str], path: Path) -> None:
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise UserError(f"{path}: column {twice!r} appears twice; rename one of the two")


def _needed(found: list[str], numbers: Numbers, path: Path) -> list[str]:
    """The columns to read, in the order in which the model takes them."""
    lacking = predictor.lacking_columns(numbers, found)
    if lacking:
        raise UserError(f"{path}: {lacking}. {_as_read(found, numbers, path)}")
    names = [column["name"] for column in numbers["columns"]]
    _refuse_twice([name for name in found if name in set(names)], path)
    return names


def _as_read(found: list[str], numbers: Numbers, path: Path) -> str:
    """The columns that the file has as it was read, and how that was, if it is text."""
    has = f"has {some(map(quoted, found))}"
    if path.suffix.lower() in PARQUET:
        return f"It {has}"
    cells = numbers["cells"]
    how = f"separator {cells.get('separator', ',')!r}, encoding {cells.get('encoding', 'utf-8')}"
    return f"Read as the sweep's table ({how}) it {has}"


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
