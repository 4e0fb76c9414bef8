"""Sniffing: how a text file of a table seems to be written."""

from __future__ import annotations

import bz2
import csv
import gzip
import lzma
import re
import zipfile
import zlib
from codecs import IncrementalDecoder, getincrementaldecoder
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

from lrlab.spec.sources import BLANKS

HEAD = 1 << 18  # bytes at the beginning that are looked at; the encoding is of the whole file
MOST_LINES = 200
MOST_BYTES = 1 << 30  # of a packed file that are unpacked to see its encoding
CONSISTENT = 0.9  # share of the lines that have the same number of fields
SEPARATORS = (",", ";", "\t", "|", BLANKS)
BYTE_ORDER_MARKS = {b"\xef\xbb\xbf": "utf-8", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
OPENERS: dict[str, Callable[[Path], Any]] = {
    ".gz": gzip.open,
    ".bz2": bz2.open,
    ".xz": lzma.open,
    ".zip": lambda path: _first_member(zipfile.ZipFile(path)),
}
# What unpacking raises where a file is no such archive, is cut off, or has a password.
BROKEN = (
    OSError,
    EOFError,
    ValueError,
    RuntimeError,
    lzma.LZMAError,
    zipfile.BadZipFile,
    zlib.error,
)
_EXCEL = re.compile(r"\ufeff?\"?sep=(.)\"?[\r\n]", re.IGNORECASE)
_COMMA = re.compile(r"[+-]?\d+,\d+")
_POINT = re.compile(r"[+-]?\d+\.\d+")
_GROUPED = {
    sign: re.compile(rf"[+-]?\d{{1,3}}(?:{re.escape(sign)}\d{{3}})+(?:{re.escape(point)}\d+)?")
    for sign, point in ((",", "."), (".", ","), ("'", "."), (" ", ","))
}


@dataclass(frozen=True)
class CsvOptions:
    """How a file is written, by the names of the spec's keys (`data.separator` ...).

    `columns` is how many there seem to be; 1 where no separator gives more.
    """

    separator: str = ","
    encoding: str = "utf-8"
    decimal: str = "."
    thousands: str | None = None
    skiprows: int = 0
    columns: int = 1

    def keys(self) -> dict[str, Any]:
        """Those that a spec has to say: the ones that are not the defaults."""
        usual = asdict(CsvOptions())
        own = {key: value for key, value in asdict(self).items() if value != usual[key]}
        own.pop("columns", None)
        return own


def sniff(path: Path) -> CsvOptions:
    """How a file seems to be written; what cannot be told is as by default.

    The separator is the one that gives the first line and those below it the same number of
    fields, more than one; lines above are a title. Never raises on what a file holds.

    Raises:
        OSError: If it cannot be opened.
    """
    path.open("rb").close()
    try:
        encoding = find_encoding(path)
        with open_binary(path) as file:
            text = file.read(HEAD).decode(encoding, errors="replace").removeprefix("\ufeff")
    except BROKEN:
        return CsvOptions()
    lines = _lines(text)
    named = excel_separator(text)
    separator, skiprows, rows = _best(lines[1:] if named else lines, named)
    decimal, thousands = _signs(rows, separator)
    title = skiprows + bool(named) if skiprows else 0
    columns = max((len(row) for row in rows), default=1)
    return CsvOptions(separator, encoding, decimal, thousands, title, columns)


def excel_separator(text: str) -> str | None:
    """The separator that Excel's first line `sep=;` names; None if there is no such line."""
    found = _EXCEL.match(text)
    return found.group(1) if found else None


def open_binary(path: Path) -> IO[bytes]:
    """A file's bytes, unpacked by the suffix of its name.

    Raises:
        OSError: If it cannot be opened.
    """
    unpack = OPENERS.get(path.suffix.lower())
    opened: IO[bytes] = unpack(path) if unpack else path.open("rb")
    return opened


def _first_member(archive: zipfile.ZipFile) -> IO[bytes]:
    names = archive.namelist()
    if not names:
        raise zipfile.BadZipFile("no file inside")
    return archive.open(names[0])


def find_encoding(path: Path) -> str:
    """utf-8 if the whole file is; else what its bytes speak for.

    Raises:
        OSError: If it cannot be opened.
    """
    with open_binary(path) as file:
        head = file.read(HEAD)
        for mark, encoding in BYTE_ORDER_MARKS.items():
            if head.startswith(mark):
                return encoding
        pairs = max(1, len(head) // 2)
        for start, encoding in ((1, "utf-16-le"), (0, "utf-16-be")):
            if head[start::2].count(0) > 0.4 * pairs and head.count(0) < 0.6 * len(head):
                return encoding
        if first_bad_byte(path) is None:
            return "utf-8"
        windows = any(0x80 <= byte < 0xA0 for byte in head) and _decodes(head, "cp1252")
        return "cp1252" if windows else "latin-1"


def _decodes(raw: bytes, encoding: str) -> bool:
    try:
        raw.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def first_bad_byte(path: Path, encoding: str = "utf-8") -> tuple[int, int, int] | None:
    """Where a file is not in an encoding: line (from 1), offset and value of the byte.

    None if all of it is, or the first GiB of a packed file.

    Raises:
        OSError: If it cannot be opened.
    """
    decoder: IncrementalDecoder = getincrementaldecoder(encoding)()
    line, offset, last = 1, 0, b""
    with open_binary(path) as file:
        while offset < MOST_BYTES:
            raw = file.read(1 << 20)
            kept = len(decoder.getstate()[0])
            try:
                decoder.decode(raw, final=not raw)
            except UnicodeError as error:
                if not isinstance(error, UnicodeDecodeError):  # UTF-16 without its mark
                    return 1, 0, raw[0]
                at = offset - kept + error.start
                before = raw[: max(0, error.start - kept)]
                return line + _line_ends(last + before, before), at, error.object[error.start]
            if not raw:
                return None
            line += _line_ends(last + raw, raw)
            offset, last = offset + len(raw), raw[-1:]
    return None


def _line_ends(raw: bytes, own: bytes) -> int:
    """Line ends in `own`, which `raw` ends with; CR LF is one, even if `own` begins with LF."""
    pairs = raw.count(b"\r\n")
    return own.count(b"\n") + own.count(b"\r") - pairs


def _lines(text: str) -> list[str]:
    """The first lines; the last one may be cut, so it is left out if there are others."""
    lines = re.split(r"\r\n|\r|\n", text)
    return (lines[:-1] if len(lines) > 1 else lines)[:MOST_LINES]


def _best(lines: list[str], named: str | None) -> tuple[str, int, list[list[str]]]:
    """Separator, lines above the header and the rows below, of the most consistent reading."""
    best = (0.0, ",", 0, [line.split(",") for line in lines])
    for separator in (named,) if named else SEPARATORS:
        rows = [_fields(line, separator) for line in lines]
        counts = Counter(len(row) for row in rows if len(row) > 1)
        if not counts:
            continue
        width = counts.most_common(1)[0][0]
        first = next(i for i, row in enumerate(rows) if len(row) == width)
        if first and 1 < len(rows[first - 1]) == width - 1:
            first -= 1  # a header above rows that begin with a name of their own, as R writes them
        below = [row for row in rows[first:] if row]
        share = sum(len(row) == width for row in below[1:]) / max(1, len(below) - 1)
        # Any line above the header speaks against a separator: `a;b` above `1,5;2` for a comma.
        score = share / (1 + sum(bool(row) for row in rows[:first]))
        if share >= CONSISTENT and score > best[0]:
            best = (score, separator, first, below)
    _, separator, first, below = best
    return separator, first, below


def _fields(line: str, separator: str) -> list[str]:
    """Fields of a line; none of a blank one."""
    if not line.strip():
        return []
    if separator == BLANKS:
        return line.split()
    try:
        return next(csv.reader([line], delimiter=separator), [])
    except csv.Error:  # a field of more than 128 KiB, a NUL
        return line.split(separator)


def _signs(rows: list[list[str]], separator: str) -> tuple[str, str | None]:
    """Decimal sign and thousands separator, from the fields below the header."""
    cells = [cell.strip() for row in rows[1:] for cell in row if cell.strip()]
    grouped = {
        sign: sum(bool(shape.fullmatch(cell)) for cell in cells)
        for sign, shape in _GROUPED.items()
    }
    commas = sum(bool(_COMMA.fullmatch(cell)) for cell in cells)
    points = sum(bool(_POINT.fullmatch(cell)) for cell in cells)
    groups_with_comma = sum("," in cell for cell in cells if _GROUPED["."].fullmatch(cell))
    if commas > grouped[","] or groups_with_comma:  # 7,3 groups no thousands
        return ",", "." if grouped["."] else " " if grouped[" "] else None
    if grouped[","] and separator != ".":
        return ".", ","
    if grouped["'"]:
        return ".", "'"
    return ".", " " if grouped[" "] and not points and separator != BLANKS else None
