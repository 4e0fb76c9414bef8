"""Sniffing: how a file is written is found, and with it the table is read right."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lrlab.data.files.sources import CsvOptions, read_table, sniff
from lrlab.spec import CsvData

RNG = np.random.default_rng(3)
FRAME = pd.DataFrame(
    {
        "mass": RNG.normal(70, 10, 30).round(2),
        "town": RNG.choice(["Zürich", "Bern, Stadt", "Genève"], 30),
        "age": RNG.integers(18, 90, 30),
        "ill": RNG.choice(["yes", "no"], 30),
    }
)
TITLES = {"none": "", "a line": "Marks of the year\n", "lines": "Marks, of\n2020; 2021\n\n"}
WAYS = list(product([",", ";", "\t", "|"], [".", ","], ["utf-8", "latin-1", "utf-16"], TITLES))


@pytest.mark.parametrize(("separator", "decimal", "encoding", "title"), WAYS)
def test_a_file_is_read_with_what_was_found(
    tmp_path: Path, separator: str, decimal: str, encoding: str, title: str
) -> None:
    text = TITLES[title] + FRAME.to_csv(index=False, sep=separator, decimal=decimal)
    path = tmp_path / "t.csv"
    path.write_bytes(text.encode(encoding))
    found = sniff(path)
    assert found.separator == separator
    assert found.decimal == decimal
    assert found.encoding == encoding
    assert found.skiprows == TITLES[title].count("\n")
    data = CsvData(path=path, target="ill", **found.keys())
    pd.testing.assert_frame_equal(read_table(data), FRAME, check_dtype=False)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a,b\n1,2\n", {}),
        ("", {}),
        ("one column\n1\n2\n", {}),
        ("sep=;\na;b\n1;2\n", {"separator": ";"}),
        ("sep=\t\r\na\tb\r\n1,5\t2,5\r\n", {"separator": "\t", "decimal": ","}),
        ('a,b\n"1,250",2\n"3,000",4\n', {"thousands": ","}),
        ("a;b\n1.250,5;2\n3.000,0;4\n", {"separator": ";", "decimal": ",", "thousands": "."}),
        ("a;b\n1'250.5;2\n3'000.0;4\n", {"separator": ";", "thousands": "'"}),
        ("a  b\n 1  2\n10 20\n", {"separator": "\\s+"}),
        ('a,b\n"x;y;z",2\n"x;y;w",4\n', {}),
        ("a;b\nx,y,z;2\nx;4\n", {"separator": ";"}),
        ('"a","b"\n"1","2"\n', {}),
        ("a,b\n1,2\n" + "x" * 300_000, {}),
    ],
)
def test_only_what_differs_from_the_defaults_is_to_be_written_down(
    tmp_path: Path, text: str, expected: dict[str, object]
) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(text.encode())
    assert sniff(path).keys() == expected


@pytest.mark.parametrize("raw", [b"\x1f\x8b broken", b"PK\x03\x04 broken", bytes(range(256)) * 9])
@pytest.mark.parametrize("suffix", ["csv", "csv.gz", "csv.zip", "csv.xz", "csv.bz2"])
def test_what_is_no_text_gives_the_defaults_or_a_guess(
    tmp_path: Path, raw: bytes, suffix: str
) -> None:
    path = tmp_path / f"t.{suffix}"
    path.write_bytes(raw)
    assert isinstance(sniff(path), CsvOptions)


def test_windows_quotes_are_not_latin_1(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes("a,b\n“x”,1\n".encode("cp1252"))
    assert sniff(path).encoding == "cp1252"


def test_a_strange_byte_far_down_is_found(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(b"a,b\n" + b"1,2\n" * 400_000 + "ü,3\n".encode("latin-1"))
    assert sniff(path).encoding == "latin-1"
