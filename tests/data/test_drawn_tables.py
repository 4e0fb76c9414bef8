"""Tables drawn at random from what people really write: never a traceback, never an explosion."""

from __future__ import annotations

import csv
import warnings
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lrlab.data import Problem, load_problem, read_table
from lrlab.errors import UserError
from lrlab.spec import CsvData, make_spec

N = 40
WORDS = ["red", "green", "blue", "NA", "None", " red", "yes", "no", "a,b", "ü"]
MARKERS = ["?", "-", ".", "NA", "", " ", " ? ", "n/a", "null", "-99", "unknown"]
SIGNS = ["+", "-", "±", "%", "$", "€", "(", "0", "\u22125", "\x1b", "\u2028", '"', "=1+1"]
Cell = Callable[[Random], Any]  # one value; Hypothesis draws the kinds, as drawing cells is slow


def number(rng: Random) -> float:
    return round(rng.uniform(-1e4, 1e4), 2)


def day(rng: Random) -> date:
    return date(1990, 1, 1) + timedelta(days=rng.randrange(20_000))


def any_text(rng: Random) -> str:
    return "".join(chr(rng.randrange(1, rng.choice([300, 0x3000]))) for _ in range(3))


def wide(rng: Random) -> float:
    return rng.choice([np.inf, -np.inf, np.nan, 1e308, 5e-324, 1e16, 0.1, -0.0])


CELLS: dict[str, Cell] = {
    "numbers": number,
    "whole numbers": lambda rng: rng.randrange(-50, 50),
    "long numbers": lambda rng: rng.randrange(10**25),
    "wide numbers": lambda rng: rng.choice([number(rng), wide(rng)]),
    "thousands": lambda rng: f"{int(100 * number(rng)):,}",
    "decimal commas": lambda rng: str(number(rng)).replace(".", ","),
    "percentages": lambda rng: f"{number(rng)}%",
    "money": lambda rng: f"${abs(number(rng)):,.2f}",
    "units": lambda rng: f"{number(rng)} kg",
    "brackets": lambda rng: f"({abs(number(rng))})",
    "dates": day,
    "European dates": lambda rng: f"{day(rng):%d.%m.%Y}",
    "times": lambda rng: f"{rng.randrange(24)}:{rng.randrange(60):02}",
    "words": lambda rng: rng.choice(WORDS),
    "truth": lambda rng: rng.choice(["True", "False", "TRUE", ""]),
    "text": any_text,
    "codes": lambda rng: f"{rng.randrange(16**4):04x}",
    "signs": lambda rng: rng.choice(SIGNS),
}
DISTURBED: dict[str, Cell | None] = {
    "as it is": None,
    "markers": lambda rng: rng.choice(MARKERS),
    "a word": lambda rng: "about 7",
    "words": lambda rng: rng.choice(WORDS),
}
ANY, SHAPES = st.sampled_from(sorted(CELLS)), ("counting", "unique")
NAMES = st.sampled_from(
    ["hours", "id", "Unnamed: 0", "", "a.1", "x y", "color=red", "\x1b[31m", "ü", "y ", "NA"]
)
CLASSES = [("no", "yes"), ("no", "yes"), ("0", "1"), ("None", "x"), ("-", "+"), ("a", "?")]


@st.composite
def columns(draw: st.DrawFn) -> list[str]:
    """One column of text: mostly of one kind, with some markers and words among it."""
    rng = Random(draw(st.integers(0, 2**32)))
    cell = CELLS[draw(st.sampled_from(["numbers", "whole numbers", "words"]) | ANY)]
    values = [str(cell(rng)) for _ in range(N)]
    shape = draw(st.sampled_from(["as it is", "markers"] * 2 + ["a word", "words", *SHAPES]))
    if shape == "counting":
        return [str(rng.randrange(3) * 500 + i) for i in range(N)]
    if shape == "unique":
        return [f"{value}{i}" for i, value in enumerate(values)]
    other, share = DISTURBED[shape], draw(st.sampled_from([0.03, 0.1, 0.5, 0.8]))
    return [str(other(rng)) if other and rng.random() < share else value for value in values]


@st.composite
def files(draw: st.DrawFn) -> bytes:
    """The bytes of a CSV file, written in one of many ways, some of them wrong."""
    names = draw(st.lists(NAMES, min_size=1, max_size=4, unique=True))
    table, classes = {name: draw(columns()) for name in names}, draw(st.sampled_from(CLASSES))
    odd = draw(st.sampled_from([classes[0], classes[0], "", "other"]))
    table["y"] = [odd, *(classes[i % 2] for i in range(1, N))]
    separator = draw(st.sampled_from(",,,;\t|"))
    lines = pd.DataFrame(table).to_csv(index=draw(st.booleans()), sep=separator).split("\n")
    wrong = draw(st.sampled_from([""] * 5 + ["title", "excel", "ends", "short", "long", "blank"]))
    if wrong == "ends":
        lines = [line + separator if line else line for line in lines]
    elif wrong == "short":
        lines[N // 2] = lines[N // 2][: N // 4]
    elif wrong == "long":
        lines[N // 2] += separator + "9"
    elif wrong:
        lines.insert(0, {"title": "A title", "excel": f"sep={separator}", "blank": ""}[wrong])
    raw = draw(st.sampled_from(["\n", "\n", "\r\n", "\r"])).join(lines)
    encoding = draw(st.sampled_from(["utf-8"] * 4 + ["utf-8-sig", "latin-1", "cp1252", "utf-16"]))
    end = draw(st.sampled_from([b""] * 6 + [b"\0", b"\xff", b'"']))
    return raw.encode(encoding, "replace") + end


def sometimes(cell: Cell) -> Cell:
    return lambda rng: None if rng.random() < 0.1 else cell(rng)


ARROW: dict[str, tuple[pa.DataType, Cell]] = {
    "double": (pa.float64(), sometimes(lambda rng: rng.choice([number(rng)] * 50 + [wide(rng)]))),
    "half": (pa.float16(), lambda rng: np.float16(rng.uniform(-9, 9))),
    "byte": (pa.int8(), sometimes(lambda rng: rng.randrange(-128, 128))),
    "long": (pa.uint64(), sometimes(lambda rng: rng.randrange(2**64))),
    "truth": (pa.bool_(), sometimes(lambda rng: rng.random() < 0.5)),
    "words": (pa.string(), sometimes(lambda rng: rng.choice(WORDS))),
    "texts": (pa.large_string(), lambda rng: rng.choice([str(number(rng)), rng.choice(MARKERS)])),
    "view": (pa.string_view(), lambda rng: str(number(rng))),
    "bytes": (pa.binary(), lambda rng: rng.randbytes(3)),
    "date": (pa.date32(), sometimes(day)),
    "nothing": (pa.null(), lambda rng: None),
    "decimal": (pa.decimal128(38, 2), sometimes(lambda rng: Decimal(str(number(rng))))),
    "list": (pa.list_(pa.int8()), sometimes(lambda rng: [rng.randrange(9)] * rng.randrange(3))),
    "struct": (pa.struct({"a": pa.int8()}), lambda rng: {"a": rng.randrange(9)}),
    "time": (pa.time64("us"), lambda rng: time(rng.randrange(24))),
    "timestamp": (pa.timestamp("us"), lambda rng: datetime(2020, 1, 1 + rng.randrange(9))),
    "duration": (pa.duration("us"), lambda rng: timedelta(rng.randrange(99))),
    "map": (pa.map_(pa.string(), pa.int8()), lambda rng: [("a", rng.randrange(9))]),
}
USABLE = ("double", "half", "byte", "truth", "words", "texts", "view", "decimal")


@st.composite
def arrow_tables(draw: st.DrawFn) -> pa.Table:
    names = draw(st.lists(NAMES, min_size=1, max_size=4, unique=True))
    arrays = {}
    for name in names:
        kind = draw(st.sampled_from([*ARROW, *USABLE, *USABLE]))
        (dtype, cell), rng = ARROW[kind], Random(draw(st.integers(0, 2**32)))
        array = pa.array([cell(rng) for _ in range(N)], dtype)
        if kind in ("double", "byte", "words") and draw(st.booleans()):
            array = array.dictionary_encode()
        arrays[name] = array
    classes = [["no", "yes"], [0, 1], [True, False], [0.5, None], [b"a", b"b"]]
    arrays["y"] = pa.array(draw(st.sampled_from(classes)) * (N // 2))
    return pa.table(arrays)


HOW = st.fixed_dictionaries(
    {"constant": st.just("drop")},
    optional={
        "missing": st.sampled_from(["error", "drop", "impute", "impute"]),
        "missing_target": st.just("drop"),
        "na_values": st.sampled_from([[], [-99], ["unknown", "about 7"]]),
        "keep_default_na": st.booleans(),
        "thousands": st.sampled_from([",", "'", " "]),
        "decimal": st.just(","),
        "positive": st.sampled_from(["yes", "x", 1]),
    },
)
HOW_CSV = st.fixed_dictionaries(
    {},
    optional={
        "separator": st.sampled_from(["auto", ";", "\t", "\\s+"]),
        "encoding": st.sampled_from(["latin-1", "utf-16", "ascii"]),
        "skiprows": st.sampled_from([1, 3]),
        "categorical": st.just(["hours"]),
        "numeric": st.just(["hours"]),
    },
)
QUICK = settings(
    max_examples=80,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def looks_like_a_number(value: str) -> bool:
    try:
        float(value.strip())
    except ValueError:
        return False
    return True


def check(path: Path, source: str, keys: dict[str, Any]) -> Problem | None:
    """The problem, if one came out; fails on a traceback, a warning or an explosion."""
    data = {"source": source, "path": str(path), "target": "y", **keys}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            spec = make_spec({"name": "t", "data": data})
            problem = load_problem(spec)
        except UserError as error:
            message = str(error)
        else:
            message = ""
    assert message.isprintable()
    assert len(message) < 1000
    if message:
        return None
    named = data.get("categorical", ())
    for column in problem.preprocessing.columns:
        categories = getattr(column, "categories", None)
        if categories is None or column.name in named:
            continue
        assert len(categories) <= N / 2
        assert sum(map(looks_like_a_number, categories)) <= N / 4
    return problem


def as_float(cell: str) -> float:
    """A cell of a column of numbers, read without pandas."""
    cell = cell.strip()
    if cell in ("", "?", "-", ".", "NA", "None", "n/a", "null", "nan"):
        return np.nan
    return float(cell.lower() == "true") if cell.lower() in ("true", "false") else float(cell)


def check_values(path: Path) -> int:
    """Holds the numbers read to Python's own; returns how many columns were compared."""
    data = CsvData(path=path, target="y")
    try:
        frame = read_table(data)
    except UserError:
        return 0
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = [row for row in csv.reader(file) if row]
    if [name or f"Unnamed: {i}" for i, name in enumerate(rows[0])] != list(frame.columns):
        return 0
    numeric = [i for i, name in enumerate(frame) if pd.api.types.is_numeric_dtype(frame[name])]
    for i in numeric:
        expected = [as_float(row[i] if i < len(row) else "") for row in rows[1:]]
        found = frame.iloc[:, i].to_numpy(np.float64, na_value=np.nan)
        np.testing.assert_allclose(found, expected, rtol=1e-14)
    return len(numeric)


@QUICK
@given(raw=files(), how=HOW, how_csv=HOW_CSV | st.just({}))
def test_any_csv_file_becomes_a_problem_or_a_message(
    tmp_path: Path, raw: bytes, how: dict[str, Any], how_csv: dict[str, Any]
) -> None:
    (tmp_path / "t.csv").write_bytes(raw)
    check(tmp_path / "t.csv", "csv", how | how_csv)


@QUICK
@given(table=arrow_tables(), how=HOW)
def test_any_parquet_file_becomes_a_problem_or_a_message(
    tmp_path: Path, table: pa.Table, how: dict[str, Any]
) -> None:
    pq.write_table(table, tmp_path / "t.parquet")
    check(tmp_path / "t.parquet", "parquet", how)


@pytest.mark.parametrize("drawn", [files(), arrow_tables()], ids=["csv", "parquet"])
def test_many_of_them_become_problems(tmp_path: Path, drawn: Any) -> None:
    """Else the tests above would never come past the first check."""
    found = []
    compared = []

    @settings(QUICK, max_examples=40, database=None, derandomize=True)
    @given(table=drawn)
    def collect(table: Any) -> None:
        keys = {"missing": "impute", "missing_target": "drop", "constant": "drop"}
        if isinstance(table, bytes):
            (tmp_path / "t.csv").write_bytes(table)
            found.append(check(tmp_path / "t.csv", "csv", keys))
            compared.append(check_values(tmp_path / "t.csv"))
        else:
            pq.write_table(table, tmp_path / "t.parquet")
            found.append(check(tmp_path / "t.parquet", "parquet", keys))

    collect()
    assert sum(problem is not None for problem in found) >= 4
    assert not compared or sum(compared) > 10
