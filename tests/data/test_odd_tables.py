"""Odd tables, each of a kind that people really have: read right, or refused with what to do."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lrlab.data import Problem, load_problem, read_table
from lrlab.errors import UserError
from lrlab.spec import make_spec

N = 60
RNG = np.random.default_rng(12)
HOURS = [float(x) for x in RNG.gamma(4, 2, N).round(2)]
SLEEP = [float(x) for x in RNG.normal(7, 1, N).round(3)]
PASSED = [("no", "yes")[int(h + RNG.normal(0, 4) > 8)] for h in HOURS]
CLUB = [("chess", "rowing", "none")[i] for i in RNG.integers(0, 3, N)]
BASE: dict[str, list[Any]] = {"hours": HOURS, "sleep": SLEEP, "passed": PASSED}
Source = bytes | pa.Table


def text(columns: dict[str, list[Any]], separator: str = ",", decimal: str = ".") -> bytes:
    """A CSV file, written without pandas."""

    def cell(value: Any) -> str:
        if value is None:
            return ""
        shown = str(value).replace(".", decimal) if isinstance(value, float) else str(value)
        quote = any(sign in shown for sign in (separator, '"', "\n"))
        return '"' + shown.replace('"', '""') + '"' if quote else shown

    rows = [columns.keys(), *zip(*columns.values(), strict=True)]
    return "".join(separator.join(map(cell, row)) + "\n" for row in rows).encode()


def base(**more: list[Any]) -> dict[str, list[Any]]:
    return {**BASE, **more}


def put(values: list[Any], at: dict[int, Any]) -> list[Any]:
    return [at.get(i, value) for i, value in enumerate(values)]


def parquet(**more: Any) -> pa.Table:
    return pa.table({**BASE, **more})


@dataclass(frozen=True)
class Case:
    """A table and what is right for it.

    `error` is a pattern of the message, `numbers` the numeric columns with their values (None
    where missing), `categories` those of the categorical ones, `left_out` the names left out.
    """

    source: Source
    keys: dict[str, Any] = field(default_factory=dict)
    error: str = ""
    numbers: dict[str, list[Any]] = field(default_factory=dict)
    categories: dict[str, list[Any]] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()
    suffix: str = ""


def holed(at: dict[int, Any]) -> list[Any]:
    return [None if i in at else hours for i, hours in enumerate(HOURS)]


def marked(signs: dict[int, Any], **keys: Any) -> Case:
    return Case(
        text(base(hours=put(HOURS, signs))),
        {"missing": "impute", **keys},
        numbers={"hours": holed(signs), "sleep": SLEEP},
    )


THOUSANDS = [f"{int(1000 * h):,}" for h in HOURS]
INCOME = [float(int(1000 * h)) for h in HOURS]
SIGNED = put(CLUB, {3: "NA", 17: "NA"})
NONE_CLASS = ["None" if p == "no" else p for p in PASSED]
plain = text(BASE)
lines = plain.decode().splitlines()
STRANGE = "\x1b[31mred\x1b[0m"

CASES: dict[str, Case] = {
    # --- numbers written as text, and missing values
    "question marks": marked({3: "?", 9: "?"}),
    "dashes and dots": marked({3: "-", 9: "."}),
    "markers between blanks": marked({3: " ? ", 9: "  NA", 11: " "}),
    "the markers of pandas": marked(
        {1: "NA", 2: "n/a", 3: "NULL", 4: "#N/A", 5: "null", 6: "None"}
    ),
    "a number for missing": marked({3: -99, 9: "-99.0"}, na_values=[-99]),
    "a word for missing": marked({3: "unknown", 9: "unknown"}, na_values="unknown"),
    "a word among numbers": Case(
        text(base(hours=put(HOURS, {3: "about 7", 9: "ill", 11: "ill"}))),
        error=r"'hours' holds numbers in 57 of 60 rows and text in 3, such as 'ill', 'about 7'; "
        r'set data.na_values: \["ill", "about 7"\]',
    ),
    "that column as categories, if asked": Case(
        text(base(dose=put([str(i % 3) for i in range(N)], {3: "high"}))),
        {"categorical": ["dose"], "numeric": ["hours"]},
        categories={"dose": put([str(i % 3) for i in range(N)], {3: "high"})},
        left_out=("sleep",),
    ),
    "a few numbers among many words": Case(
        text(base(club=put(CLUB, {3: "7", 9: "8"}))),
        categories={"club": put(CLUB, {3: "7", 9: "8"})},
    ),
    "many different numbers among words": Case(
        text(base(h=put(HOURS, dict.fromkeys(range(35), "none")))),
        error="'h' holds numbers in 25 of 60",
    ),
    "thousands separators": Case(
        text(base(income=THOUSANDS)),
        error=r"'income' holds numbers with thousands.*thousands: \",\"",
    ),
    "thousands separators, named": Case(
        text(base(income=THOUSANDS)), {"thousands": ","}, numbers={"income": INCOME}
    ),
    "Swiss thousands": Case(
        text(base(income=[t.replace(",", "'") for t in THOUSANDS])),
        {"thousands": "'"},
        numbers={"income": INCOME},
    ),
    "thousands separated by a wide blank": Case(
        text(base(income=[t.replace(",", "\u00a0") for t in THOUSANDS])),
        {"thousands": "\u00a0"},
        numbers={"income": INCOME},
    ),
    "decimal commas": Case(
        text(BASE, ";", ","),
        {"separator": ";"},
        error=r"'hours' holds .*decimal commas.*decimal: \",\"",
    ),
    "decimal commas, named": Case(
        text(BASE, ";", ","),
        {"separator": ";", "decimal": ","},
        numbers={"hours": HOURS, "sleep": SLEEP},
    ),
    "decimal commas between commas": Case(
        text(BASE, ",", ","), {"decimal": ","}, numbers={"hours": HOURS, "sleep": SLEEP}
    ),
    "decimal commas and thousands points": Case(
        text(base(income=[f"{t.replace(',', '.')},5" for t in THOUSANDS]), ";", ","),
        {"separator": ";", "decimal": ",", "thousands": "."},
        numbers={"income": [i + 0.5 for i in INCOME]},
    ),
    "decimal commas, the separator wrong": Case(
        text(BASE, ";", ","), error=r"set data.separator: \";\", data.decimal: \",\""
    ),
    "percentages": Case(
        text(base(share=[f"{h}%" for h in HOURS])), error="'share' holds percentages such as '"
    ),
    "amounts of money": Case(
        text(base(fee=[f"${t}.50" for t in THOUSANDS])),
        error="'fee' holds amounts of money such as",
    ),
    "euros": Case(text(base(fee=[f"{h} €" for h in HOURS])), error="'fee' holds amounts of money"),
    "units": Case(
        text(base(mass=[f"{h} kg" for h in HOURS])),
        error="'mass' holds numbers with a unit such as",
    ),
    "numbered months": Case(
        text(base(month=[f"{m + 1}. {'JFMASOND'[m % 8]}" for m in range(12)] * 5)),
        categories={"month": [f"{m + 1}. {'JFMASOND'[m % 8]}" for m in range(12)] * 5},
    ),
    "two units": Case(
        text(base(mass=[f"{h} {('kg', 'lb')[i % 2]}" for i, h in enumerate(HOURS)])),
        error="'mass' holds numbers with a unit such as",
    ),
    "ages as categories": Case(
        text(base(age=["20-29", "30-39"] * 30)), categories={"age": ["20-29", "30-39"] * 30}
    ),
    "infinity": Case(
        text(base(sleep=put(SLEEP, {5: "inf"}))), error="'sleep' is infinite in row 6"
    ),
    # --- dates and other types
    "dates as text": Case(
        text(base(day=[str(date(2020, 1, 1) + timedelta(days=i)) for i in range(N)])),
        error="'day' holds dates such as '2020-01-01'; .* list it under data.drop",
    ),
    "American dates": Case(
        text(base(day=[f"{1 + i % 12}/{1 + i % 28}/2020" for i in range(N)])),
        error="'day' holds dates",
    ),
    "times as text": Case(
        text(base(at=[f"{i % 24}:30" for i in range(N)])), error="'at' holds times such as"
    ),
    "timestamps": Case(
        parquet(at=pd.date_range("2020", periods=N, freq="h")),
        error="'at' holds dates .datetime64.*drop",
    ),
    "date objects": Case(parquet(day=[date(2020, 1, 1)] * N), error="'day' holds dates; .*drop"),
    "time objects": Case(parquet(at=[time(8, 30)] * N), error="'at' holds times; .*drop"),
    "durations": Case(
        parquet(took=[timedelta(hours=i) for i in range(N)]), error="'took' holds durations"
    ),
    "lists": Case(parquet(tags=[["a", "b"]] * N), error="'tags' holds lists; .*data.drop"),
    "structs": Case(parquet(place=[{"x": 1}] * N), error="'place' holds structs"),
    "bytes": Case(parquet(raw=[b"ab"] * N), error="'raw' holds bytes; .*data.drop"),
    "several of them": Case(
        parquet(raw=[b"ab"] * N, tags=[["a"]] * N),
        error="'raw' holds bytes.*not usable either: tags",
    ),
    "all of them dropped": Case(
        parquet(raw=[b"ab"] * N, tags=[["a"]] * N),
        {"drop": ["raw", "tags"]},
        numbers={"hours": HOURS},
        left_out=("raw", "tags"),
    ),
    "periods": Case(
        pa.Table.from_pandas(pd.DataFrame({**BASE, "at": pd.period_range("2020", periods=N)})),
        error="'at' holds periods",
    ),
    "intervals": Case(
        pa.Table.from_pandas(
            pd.DataFrame({**BASE, "bin": pd.arrays.IntervalArray.from_breaks(range(N + 1))})
        ),
        error="'bin' holds intervals",
    ),
    "a dictionary of dates": Case(
        parquet(day=pa.array([date(2020, 1, 1 + i % 5) for i in range(N)]).dictionary_encode()),
        error="'day' holds dates",
    ),
    "UUIDs": Case(
        parquet(key=pa.array([bytes([i]) * 16 for i in range(N)], pa.uuid())),
        error="'key' holds bytes",
    ),
    "classes as bytes": Case(
        pa.table({"hours": HOURS, "passed": [p.encode() for p in PASSED]}),
        error="the target 'passed' holds bytes",
    ),
    "a minus that is no hyphen": Case(
        text(base(change=[f"\u2212{h}" if i % 2 else h for i, h in enumerate(HOURS)])),
        error="'change' holds numbers with a minus that is no hyphen such as",
    ),
    # --- types of Parquet that are numbers
    "decimals": Case(
        parquet(fee=pa.array([Decimal(str(h)) for h in HOURS], pa.decimal128(9, 2))),
        numbers={"fee": HOURS},
    ),
    "wide decimals": Case(
        parquet(fee=pa.array([Decimal(str(h)) for h in HOURS], pa.decimal256(50, 2))),
        numbers={"fee": HOURS},
    ),
    "a dictionary of numbers": Case(
        parquet(grade=pa.array([1.5, 2.0, 7.0] * 20).dictionary_encode()),
        numbers={"grade": [1.5, 2.0, 7.0] * 20},
    ),
    "a dictionary of words": Case(
        parquet(club=pa.array(CLUB).dictionary_encode()), categories={"club": CLUB}
    ),
    "whole numbers with missing ones": Case(
        parquet(age=pa.array(put([i % 9 for i in range(N)], {4: None}), pa.int64())),
        {"missing": "impute"},
        numbers={"age": put([i % 9 for i in range(N)], {4: None})},
    ),
    "short numbers": Case(
        parquet(a=pa.array([i % 9 for i in range(N)], pa.uint8())),
        numbers={"a": [i % 9 for i in range(N)]},
    ),
    "truth values": Case(
        parquet(ill=pa.array([i % 3 == 0 for i in range(N)])),
        numbers={"ill": [i % 3 == 0 for i in range(N)]},
    ),
    "truth values with missing ones": Case(
        parquet(ill=pa.array(put([i % 3 == 0 for i in range(N)], {4: None}))),
        {"missing": "impute"},
        numbers={"ill": put([i % 3 == 0 for i in range(N)], {4: None})},
    ),
    "truth values with missing ones as text": Case(
        text(base(ill=put([i % 3 == 0 for i in range(N)], {4: None}))),
        {"missing": "impute"},
        numbers={"ill": put([i % 3 == 0 for i in range(N)], {4: None})},
    ),
    "numbers as strings": Case(
        parquet(h=put([f" {h}" for h in HOURS], {3: "?", 4: None, 5: "NA"})),
        {"missing": "impute"},
        numbers={"h": put(HOURS, {3: None, 4: None, 5: None})},
    ),
    "numbers as strings, with a word": Case(
        parquet(h=put([str(h) for h in HOURS], {3: "ill"})),
        error="'h' holds numbers in 59 of 60 rows",
    ),
    "numbers as strings, with thousands": Case(
        parquet(h=THOUSANDS), {"thousands": ","}, numbers={"h": INCOME}
    ),
    "a number for missing, in Parquet": Case(
        parquet(a=put([i % 9 for i in range(N)], {4: -1})),
        {"missing": "impute", "na_values": [-1]},
        numbers={"a": put([i % 9 for i in range(N)], {4: None})},
    ),
    # --- how a file is written
    "Excel's first line": Case(
        b"sep=;\n" + text(BASE, ";"), numbers={"hours": HOURS, "sleep": SLEEP}
    ),
    "Excel's first line, skipped": Case(
        b"sep=;\r\n" + text(BASE, ";"), {"separator": ";", "skiprows": 1}, numbers={"hours": HOURS}
    ),
    "a title": Case(b"Marks of the year\n\n" + plain, error="set data.skiprows: 2"),
    "a title, skipped": Case(
        b"Marks of the year\n\n" + plain, {"skiprows": 2}, numbers={"hours": HOURS}
    ),
    "semicolons": Case(
        text(BASE, ";"), error=r"has a single column with the separator ','; .*\";\""
    ),
    "tabs": Case(text(BASE, "\t"), error=r"data.separator: \"\\t\""),
    "tabs, found": Case(
        text(BASE, "\t"), {"separator": "auto"}, numbers={"hours": HOURS, "sleep": SLEEP}
    ),
    "bars, found": Case(
        text(BASE, "|"), {"separator": "auto"}, numbers={"hours": HOURS, "sleep": SLEEP}
    ),
    "aligned columns": Case(
        "\n".join(" ".join(f"{cell:>9}" for cell in line.split(",")) for line in lines).encode(),
        {"separator": "\\s+"},
        numbers={"hours": HOURS, "sleep": SLEEP},
    ),
    "aligned columns, found": Case(
        "\n".join(" ".join(f"{cell:>9}" for cell in line.split(",")) for line in lines).encode(),
        {"separator": "auto"},
        numbers={"hours": HOURS, "sleep": SLEEP},
    ),
    "separators at each end": Case(
        b"".join(line.encode() + b",\n" for line in lines),
        numbers={"hours": HOURS, "sleep": SLEEP},
        left_out=("Unnamed: 3",),
    ),
    "separators at the end of rows only": Case(
        "\n".join([lines[0], *(f"{line}," for line in lines[1:])]).encode(),
        numbers={"hours": HOURS, "sleep": SLEEP},
    ),
    "R's row names": Case(
        "\n".join([lines[0], *(f'"{i + 1}",{line}' for i, line in enumerate(lines[1:]))]).encode(),
        numbers={"hours": HOURS, "sleep": SLEEP},
        left_out=("Unnamed: 0",),
    ),
    "a byte order mark": Case(b"\xef\xbb\xbf" + plain, numbers={"hours": HOURS}),
    "line ends of old Macs": Case(plain.replace(b"\n", b"\r"), numbers={"hours": HOURS}),
    "blank lines": Case(plain.replace(b"\n", b"\r\n\r\n"), numbers={"hours": HOURS}),
    "latin-1": Case(
        text(base(town=["Zürich", "Bern"] * 30)).decode().encode("latin-1"),
        error=r"byte 0xfc in line 2 \(offset \d+\) is not utf-8; set data.encoding: latin-1",
    ),
    "latin-1, named": Case(
        text(base(town=["Zürich", "Bern"] * 30)).decode().encode("latin-1"),
        {"encoding": "latin-1"},
        categories={"town": ["Zürich", "Bern"] * 30},
    ),
    "UTF-16": Case(plain.decode().encode("utf-16"), error="set data.encoding: utf-16"),
    "UTF-16, named": Case(
        plain.decode().encode("utf-16"), {"encoding": "utf-16"}, numbers={"hours": HOURS}
    ),
    "UTF-16 without a mark": Case(
        plain.decode().encode("utf-16-le"),
        error=r"NUL byte \(offset 1\).*data.encoding: utf-16-le",
    ),
    "a NUL byte": Case(plain[:90] + b"\0" + plain[90:], error=r"holds a NUL byte \(offset 90\)"),
    "a field too many": Case(plain + b"1,2,yes,4\n", error="Expected 3 fields in line 62, saw 4"),
    "an open quote": Case(plain + b'"1,2,yes\n', error="EOF inside string"),
    "quotes": Case(
        text(base(club=put(CLUB, {1: 'a "b", c\nd', 2: 'a "b", c\nd'}))),
        categories={"club": put(CLUB, {1: 'a "b", c\nd', 2: 'a "b", c\nd'})},
    ),
    "a blank after each separator": Case(
        "\n".join(
            ", ".join(f'"{cell}"' if cell in ("yes", "no") else cell for cell in line.split(","))
            for line in lines
        ).encode(),
        numbers={"hours": HOURS, "sleep": SLEEP},
        categories={"passed": PASSED},
    ),
    "single quotes": Case(
        "\n".join(
            " ".join(f"'{cell}'" if cell.isalpha() else cell for cell in line.split(","))
            for line in lines
        ).encode(),
        {"separator": "auto"},
        numbers={"hours": HOURS, "sleep": SLEEP},
        categories={"passed": PASSED},
    ),
    "classes that differ in blanks": Case(
        text(base(passed=put(PASSED, {3: f"{PASSED[3]} "}))), error="has 3 classes .*'(yes|no) '"
    ),
    "packed": Case(
        gzip.compress(text(BASE, ";")),
        {"separator": "auto"},
        numbers={"hours": HOURS},
        suffix=".csv.gz",
    ),
    "packed latin-1": Case(
        gzip.compress(text(base(town=["Zürich", "Bern"] * 30)).decode().encode("latin-1")),
        error="byte 0xfc in line 2 .* set data.encoding: latin-1",
        suffix=".csv.gz",
    ),
    "no header": Case(
        "\n".join(lines[1:]).encode(), error="no column 'passed' .data.target.; known: "
    ),
    # --- identifiers and disguises
    "an index": Case(
        text({"": list(range(N)), **BASE}), numbers={"hours": HOURS}, left_out=("Unnamed: 0",)
    ),
    "an index that was shuffled and cut": Case(
        text({"": [int(i) for i in RNG.permutation(9 * N)[:N]], **BASE}),
        numbers={"hours": HOURS},
        left_out=("Unnamed: 0",),
    ),
    "an index, named": Case(
        text({"": list(range(N)), **BASE}),
        {"numeric": ["Unnamed: 0", "hours"]},
        numbers={"Unnamed: 0": list(range(N)), "hours": HOURS},
        left_out=("sleep",),
    ),
    "an index written twice": Case(
        text({"Unnamed: 0": list(range(N)), **BASE, "": list(range(N))}),
        numbers={"hours": HOURS},
        left_out=("Unnamed: 0", "Unnamed: 4"),
    ),
    "the index of a frame": Case(
        pa.Table.from_pandas(
            pd.DataFrame(BASE, index=pd.Index([f"s{i}" for i in range(N)], name="who"))
        ),
        numbers={"hours": HOURS},
        left_out=("who",),
    ),
    "whole numbers that only rise": Case(
        text(base(visit=list(range(1000, 1000 + 7 * N, 7)))),
        numbers={"hours": HOURS},
        left_out=("visit",),
    ),
    "whole numbers named as an identifier": Case(
        text(base(patient_id=[int(x) for x in RNG.permutation(99_000)[:N]])),
        left_out=("patient_id",),
    ),
    "whole numbers that happen to be different": Case(
        text(base(seen_at=[1_730_000_000 + int(x) for x in RNG.permutation(2_000_000)[:N]])),
        numbers={"hours": HOURS, "sleep": SLEEP},
    ),
    "names": Case(text(base(who=[f"s{i:04}" for i in range(N)])), left_out=("who",)),
    "free text": Case(text(base(note=[f"note {i % 50}" for i in range(N)])), left_out=("note",)),
    # --- classes
    "a class called None": Case(
        text(base(passed=NONE_CLASS)),
        error="the target 'passed' has .* written None.*keep_default_na",
    ),
    "a class called None, kept": Case(
        text(base(passed=NONE_CLASS, club=SIGNED)),
        {"keep_default_na": False},
        categories={"club": SIGNED, "passed": NONE_CLASS},
    ),
    "a class called None, kept by no markers": Case(
        text(base(passed=NONE_CLASS, club=SIGNED)),
        {"na_values": []},
        categories={"club": SIGNED, "passed": NONE_CLASS},
    ),
    "a category called NA": Case(
        text(base(club=SIGNED)),
        error=r"'club' has 2 missing values \(2 written NA\) in rows 4, 18; set data.missing.*"
        "if 'NA' is a category of its own, set data.keep_default_na: false",
    ),
    "a category called NA, in Parquet": Case(
        parquet(club=SIGNED), {"keep_default_na": False}, categories={"club": SIGNED}
    ),
    "rows without a target": Case(
        text(base(passed=put(PASSED, {3: None, 50: None}))),
        error="the target 'passed' has 2 missing values in rows 4, 51; set data.missing_target",
    ),
    "one row of a class": Case(
        text(base(passed=["yes"] + ["no"] * (N - 1))),
        error=r"60 rows \(59 of class no, 1 of class yes\) cannot be split",
    ),
    "two columns of one name": Case(
        plain.replace(b"sleep", b"hours"), error="column 'hours' appears twice"
    ),
    "a name that colors a terminal": Case(
        text(base(**{STRANGE: [f"{h}%" for h in HOURS]})),
        error=r"column '\\x1b\[31mred\\x1b\[0m' holds",
    ),
    "very many missing values": Case(
        text(base(hours=[None] * 40 + HOURS[40:])),
        error="has 40 missing values in rows 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 and 30 more; set",
    ),
    "very many classes": Case(
        text(base(passed=[f"class {i}" for i in range(N)])), error="60 classes .* and 54 more"
    ),
}


def write(folder: Path, case: Case) -> tuple[Path, str]:
    if isinstance(case.source, bytes):
        path = folder / f"t{case.suffix or '.csv'}"
        path.write_bytes(case.source)
        return path, "csv"
    pq.write_table(case.source, folder / "t.parquet")
    return folder / "t.parquet", "parquet"


def spec_of(path: Path, source: str, keys: dict[str, Any]) -> Any:
    data = {"source": source, "path": str(path), "target": "passed", **keys}
    return make_spec({"name": "t", "data": data})


@pytest.mark.parametrize("name", CASES)
def test_a_table_is_read_right_or_refused_with_what_to_do(tmp_path: Path, name: str) -> None:
    case = CASES[name]
    path, source = write(tmp_path, case)
    spec = spec_of(path, source, case.keys)
    if case.error:
        with pytest.raises(UserError, match=case.error) as caught:
            load_problem(spec)
        message = str(caught.value)
        assert message.startswith(f"{path}: ")
        assert message.isprintable()
        assert len(message) < 600 + len(str(path))
        return
    problem = load_problem(spec)
    frame = read_table(spec.data)
    read_as = {reading.name: reading.read_as for reading in problem.reading}
    assert [reading.name for reading in problem.reading] == list(frame.columns)
    for column, values in case.numbers.items():
        assert read_as[column] == "numeric"
        expected = pd.Series([np.nan if v is None else float(v) for v in values])
        found = frame[column].astype("float64")
        np.testing.assert_allclose(found, expected, rtol=1e-15)
    for column, values in case.categories.items():
        assert read_as[column] in ("categorical", "target")
        assert frame[column].astype("str").tolist() == values
        reading = next(reading for reading in problem.reading if reading.name == column)
        assert reading.categories == len(set(values))
    assert {name for name, kind in read_as.items() if kind == "left out"} == set(case.left_out)
    check_why(problem)


def check_why(problem: Problem) -> None:
    """Whatever was left out says so, and so does what may be the answer."""
    for reading in problem.reading:
        assert bool(reading.why) or reading.read_as != "left out"
    json.dumps([reading.__dict__ for reading in problem.reading])


def test_there_are_at_least_forty_of_them() -> None:
    assert len(CASES) >= 40


def disguised(tmp_path: Path, **more: list[Any]) -> dict[str, str]:
    (tmp_path / "t.csv").write_bytes(text(base(**more)))
    problem = load_problem(spec_of(tmp_path / "t.csv", "csv", {"missing": "impute"}))
    return {reading.name: reading.why for reading in problem.reading}


@pytest.mark.parametrize(
    "column",
    [
        [float(p == "yes") + 0.01 * i for i, p in enumerate(PASSED)],
        [("failed", "made it")[p == "yes"] for p in PASSED],
        [("left", "right", "wrong")[(p == "yes") * (1 + i % 2)] for i, p in enumerate(PASSED)],
    ],
    ids=["a threshold", "other words", "finer words"],
)
def test_a_column_that_alone_tells_the_classes_apart_is_asked_about(
    tmp_path: Path, column: list[Any]
) -> None:
    told = disguised(tmp_path, mark=column)
    assert told["mark"] == "it alone separates the classes: does it give the answer away?"
    assert told["hours"] == told["sleep"] == ""


def test_a_column_that_is_missing_in_one_class_only_is_asked_about(tmp_path: Path) -> None:
    column = [None if p == "no" else h for p, h in zip(PASSED, HOURS, strict=True)]
    assert disguised(tmp_path, mark=column)["mark"].endswith("does that give the answer away?")


def test_one_wrong_row_is_no_disguise(tmp_path: Path) -> None:
    words = [("failed", "made it")[p == "yes"] for p in PASSED]
    words[0] = "made it" if words[0] == "failed" else "failed"
    assert disguised(tmp_path, mark=words)["mark"] == ""


def test_words_taken_for_missing_values_are_told(tmp_path: Path) -> None:
    told = disguised(tmp_path, club=SIGNED)["club"]
    assert told == "'NA' taken for missing (data.keep_default_na: false keeps it)"


READ_BY_PANDAS: dict[str, Callable[[pd.DataFrame], dict[str, Any]]] = {
    "default": lambda frame: {},
    "signs": lambda frame: {"sep": ";", "decimal": ",", "thousands": "."},
    "markers": lambda frame: {"na_values": ["-99", "x"], "keep_default_na": True},
}


@pytest.mark.parametrize("how", READ_BY_PANDAS)
def test_a_frame_is_what_pandas_reads_with_the_same_options(tmp_path: Path, how: str) -> None:
    rng = np.random.default_rng(5)
    frame = pd.DataFrame({"a": rng.normal(size=50) * 1e4, "b": rng.integers(-99, -90, 50)})
    frame["c"] = rng.choice(["x", "y", " z "], 50)
    options = READ_BY_PANDAS[how](frame)
    signs = {key: value for key, value in options.items() if key in ("sep", "decimal")}
    frame.to_csv(tmp_path / "t.csv", index=False, **signs)
    keys = {"separator" if key == "sep" else key: value for key, value in options.items()}
    found = read_table(spec_of(tmp_path / "t.csv", "csv", {"target": "c", **keys}).data)
    pd.testing.assert_frame_equal(found, pd.read_csv(tmp_path / "t.csv", **options))
