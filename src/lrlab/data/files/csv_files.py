"""CSV files: from text to a frame, or what to set so that it can be read."""

from __future__ import annotations

import io
import mmap
import re
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from lrlab.data.files.sniffing import (
    BROKEN,
    CsvOptions,
    excel_separator,
    find_encoding,
    first_bad_byte,
    open_binary,
    sniff,
)
from lrlab.errors import UserError
from lrlab.spec import CsvData, ParquetData
from lrlab.spec.sources import AUTO, BLANKS
from lrlab.wording import quoted

# What pandas takes for missing, and three signs that people write where a number is unknown.
_NUMERIC_MARKERS = {"-1.#IND", "-1.#QNAN", "1.#IND", "1.#QNAN", "NaN", "-NaN", "nan", "-nan"}
_WORDS = {"#N/A", "#N/A N/A", "#NA", "<NA>", "N/A", "NA", "NULL", "None", "n/a", "null"}
MARKERS = frozenset(_NUMERIC_MARKERS | _WORDS | {"?", "-", "."})
ROW_NAMES = "Unnamed: 0"  # as pandas calls a first column without a name
OTHERWISE_PACKED = (".zst", ".tar")  # which pandas unpacks, and `open_binary` does not
SEPARATOR_NAMES = {"\t": "tab", BLANKS: "blanks"}


def markers(data: CsvData | ParquetData) -> frozenset[str]:
    """What stands for a missing value: an empty field always, the rest as the spec says."""
    keep = data.na_values != () if data.keep_default_na is None else data.keep_default_na
    return frozenset({"", *(data.na_values or ()), *(MARKERS if keep else ())})


def read_csv(data: CsvData) -> pd.DataFrame:
    """A CSV file as pandas reads it, missing values missing, its columns those of the header.

    Raises:
        UserError: If the header and the rows do not go together, or the file is no text.
    """
    path = data.path
    options, names = _options(data)
    # pandas would rename the second of two equal columns.
    refuse_duplicates([name for name in names if name], str(path))
    _refuse_nul(data, names)
    frame, longer = _rows(data, options)
    if longer:
        frame = _with_row_names(data, options, names)
    if len(names) == 1:
        _refuse_single_column(data, options)
    return frame


def _header(data: CsvData, options: dict[str, Any]) -> list[str]:
    header = _pandas(data.path, header=None, nrows=1, dtype=str, na_filter=False, **options)
    return [str(name) for name in header.iloc[0]]


def raw_column(data: CsvData, name: str) -> pd.Series:
    """One column as the text that stands in the file."""
    options, names = _options(data)
    options["thousands"] = None
    _, longer = _rows(data, options, dtype=str, nrows=100)
    more = {"header": 0, "names": [ROW_NAMES, *names]} if longer else {}
    frame, _ = _rows(data, options, dtype=str, na_filter=False, usecols=[name], **more)
    return frame[name]


def refuse_duplicates(names: Sequence[str] | pd.Index, where: str) -> None:
    """Refuse two columns of one name.

    Raises:
        UserError: If there are.
    """
    twice = pd.Index(names)[pd.Index(names).duplicated()]
    if len(twice):
        raise UserError(f"{where}: column {quoted(twice[0])} appears twice; rename one of the two")


def _pandas(path: Path, **options: Any) -> pd.DataFrame:
    frame: pd.DataFrame = pd.read_csv(path, **options)
    return frame


def layout(data: CsvData) -> tuple[str, int]:
    """Separator and lines above the header; what the file itself says goes before the spec.

    Raises:
        OSError: If the file cannot be opened.
    """
    found = sniff(data.path) if data.separator == AUTO else CsvOptions(separator=data.separator)
    with open_binary(data.path) as file:
        head = file.read(64).decode(data.encoding, errors="replace")
    named = excel_separator(head)
    return (named, max(1, data.skiprows)) if named else (found.separator, data.skiprows)


def _options(data: CsvData) -> tuple[dict[str, Any], list[str]]:
    """What pandas is told, and the names in the header."""
    separator, skip = layout(data)
    # Separators of several bytes are for the other engine.
    fast = separator == BLANKS or len(separator.encode()) == 1
    options = {
        "sep": separator,
        "skiprows": skip,
        "encoding": data.encoding,
        "decimal": data.decimal if data.decimal.isascii() else ".",
        "thousands": data.thousands if (data.thousands or "").isascii() else None,
        "engine": "c" if fast else "python",
    }
    names = _header(data, options)
    # A blank after each separator of the header is part of no name and no value, and so are
    # single quotes around each of its names.
    if len(names) > 1 and all(name.startswith(" ") for name in names[1:]):
        options["skipinitialspace"] = True
    if all(re.fullmatch("'.+'", name.strip()) for name in names):
        options["quotechar"] = "'"
    odd = {"skipinitialspace", "quotechar"} & set(options)
    return options, _header(data, options) if odd else names


def _rows(data: CsvData, options: dict[str, Any], **more: Any) -> tuple[pd.DataFrame, bool]:
    """The rows below the header, and whether some have more fields than it.

    One field more that is always empty does not count: a separator at the end of each row.
    """
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        # Types are found from whole columns, not chunk by chunk: '1' and 1 are one class. The
        # other engine always does so.
        whole = {"low_memory": False} if options["engine"] == "c" else {}
        frame = _pandas(
            data.path,
            index_col=False,  # else pandas shifts the columns by one where rows are longer
            na_values=sorted(markers(data)),
            keep_default_na=False,
            **options,
            **whole,
            **more,
        )
    return frame, any("Length of header" in str(warning.message) for warning in caught)


def _with_row_names(data: CsvData, options: dict[str, Any], names: list[str]) -> pd.DataFrame:
    """Rows of one field more than the header: the first one names the row, as R writes it."""
    frame, longer = _rows(data, options, header=0, names=[ROW_NAMES, *names])
    first = frame[ROW_NAMES]
    if longer or ROW_NAMES in names or not first.is_unique or first.isna().any():
        raise UserError(
            f"{data.path}: rows have more fields than the header line names{other_reading(data)}"
        )
    return frame


def _refuse_nul(data: CsvData, names: Sequence[str]) -> None:
    """A NUL byte is no text: pandas keeps it in names and values, where nobody sees it."""
    at = _find_nul(data)
    if at is not None or any("\0" in name for name in names):
        other = find_encoding(data.path)
        place = "" if at is None else f" (offset {at:,})"
        advice = f"; set data.encoding: {other}" if other.startswith("utf-16") else ""
        raise UserError(
            f"{data.path}: is not a table that can be read: it holds a NUL byte{place}, so it is "
            f"no text in {data.encoding}{advice}"
        )


def _find_nul(data: CsvData) -> int | None:
    """Where a file that is not packed holds a NUL byte first."""
    wide = data.encoding.lower().startswith(("utf-16", "utf_16", "utf-32", "utf_32"))
    if wide or data.path.suffix.lower() in OTHERWISE_PACKED:
        return None
    with open_binary(data.path) as file:
        if not isinstance(file, io.BufferedReader) or not data.path.stat().st_size:
            return None
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            at = content.find(b"\0")
    return at if at >= 0 else None


def _refuse_single_column(data: CsvData, options: dict[str, Any]) -> None:
    advice = other_reading(data)
    if advice:
        name = SEPARATOR_NAMES.get(options["sep"], repr(options["sep"]))
        raise UserError(f"{data.path}: has a single column with the separator {name}{advice}")


def other_reading(data: CsvData) -> str:
    """The keys with which the file would be read, if it seems to be written in another way."""
    try:
        found = sniff(data.path)
    except (OSError, ValueError):  # gone, or no name of a file
        return ""
    asked = data.model_dump()
    other = {key: value for key, value in found.keys().items() if asked[key] != value}
    if found.columns > 1 and found.separator != data.separator:
        other = {"separator": found.separator} | other
    if data.separator == AUTO:
        other.pop("separator", None)
    if not other:
        return ""
    keys = ", ".join(f"data.{key}: {_yaml(value)}" for key, value in other.items())
    return f"; it seems to be written otherwise: set {keys}"


def _yaml(value: str | int) -> str:
    if isinstance(value, int) or value.replace("-", "").isalnum():
        return str(value)
    return {"\t": '"\\t"', BLANKS: f"'{BLANKS}'"}.get(value, f'"{value}"')


def bad_byte(data: CsvData | ParquetData, error: UnicodeError) -> str:
    """Which byte of a text file is not of its encoding, and which encoding it may be."""
    if not isinstance(data, CsvData):
        return f"holds text that is not UTF-8 ({error})"
    try:
        found = first_bad_byte(data.path, data.encoding)
        other = find_encoding(data.path)
    except BROKEN:  # an archive that is cut off behind the byte
        found, other = None, "latin-1"
    where = f"byte 0x{found[2]:02x} in line {found[0]:,} (offset {found[1]:,})" if found else "it"
    return (
        f"is not a table that can be read: {where} is not {data.encoding}; set data.encoding: "
        f"{other}, or whatever the file was written in"
    )
