"""The section `data` of a spec: where rows come from, and how a table is read."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    model_validator,
)

from lrlab.registry import did_you_mean
from lrlab.spec.division import MOST_FOLDS, complete_division, division_problems
from lrlab.spec.space import (
    Int,
    Number,
)

MAX_NUMBERS = 1_000_000_000  # of a made-up problem: 4 GB in float32
TEST_ROWS, TEST_NUMBERS = 5000, 5_000_000  # a class: of a made-up problem, unless it is wide
AUTO, BLANKS = "auto", r"\s+"  # separators of a table that are no single character


def _one_line(text: str) -> str:
    if not text.strip() or not text.isprintable():
        raise ValueError("should be one line of printable text")
    return text


def _sign(text: str) -> str:
    if len(text) != 1 or text.isalnum() or text in '+-"\n\r':
        raise ValueError("should be one character, such as ',' or '.'")
    return text


def _separator(text: str) -> str:
    text = {"\\t": "\t", "tab": "\t"}.get(text, text)
    if len(text) != 1 and text not in (AUTO, BLANKS):
        raise ValueError(f"should be one character, {AUTO}, or {BLANKS} (runs of blanks)")
    return text


def _text_encoding(name: str) -> str:
    try:
        "a,b\n".encode(name).decode(name)
    except (LookupError, UnicodeError, ValueError):
        known = ("utf-8", "latin-1", "cp1252", "utf-16")
        raise ValueError(f"unknown encoding {name!r}{did_you_mean(name, known)}") from None
    return name


def _folds(count: int) -> int:
    if count and not 2 <= count <= MOST_FOLDS:
        raise ValueError(f"should be 2 to {MOST_FOLDS}, or 0 for none; got {count:,}")
    return count


def _test_sizes(fields: dict[str, Any]) -> tuple[int, int]:
    """Test rows of each class: many, as they cost little, but fewer of very wide ones."""
    rows = max(100, min(TEST_ROWS, TEST_NUMBERS // fields.get("features", 2)))
    return rows, rows


def _markers(value: Any) -> Any:
    """One marker or several, each as it stands in a file; a number as people write it."""
    markers = value if isinstance(value, list | tuple) else [value]
    for marker in markers:
        if isinstance(marker, bool) or not isinstance(marker, str | int | float):
            raise ValueError(f"should be texts or numbers, not {marker!r}; write it in quotes")
        if isinstance(marker, int) and abs(marker) >= 2**64:
            raise ValueError("holds a number of more than 19 digits; write it in quotes")
    return [str(marker).removesuffix(".0") for marker in markers]


Count = Annotated[Int, Field(ge=1, le=10_000_000)]
Seed = Annotated[Int, Field(ge=0, lt=2**31)]
Center = Annotated[Number, Field(ge=-1e6, le=1e6)]
Fraction = Annotated[Number, Field(gt=0, lt=1)]
Share = Annotated[Number, Field(ge=0, lt=1)]
Some = Annotated[Int, Field(ge=0, le=10_000_000)]
Line = Annotated[str, Field(max_length=200), AfterValidator(_one_line)]
Cell = (
    str
    | Annotated[int, Field(ge=-(2**63), lt=2**64)]
    | Annotated[float, Field(allow_inf_nan=False)]
    | bool
)
Missing = Literal["error", "drop", "impute"]
MissingTarget = Literal["error", "drop"]
Constant = Literal["error", "drop"]
Sign = Annotated[str, AfterValidator(_sign)]
FoldCount = Annotated[Int, AfterValidator(_folds)]
Markers = Annotated[
    tuple[Annotated[str, Field(max_length=200)], ...],
    BeforeValidator(_markers),
    Field(max_length=1000),
]


class Section(BaseModel):
    """A part of the spec: frozen, and no key that it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())


class BlobsData(Section):
    """Two Gaussian classes, drawn as the tutorial draws them.

    `condition` scales the columns, geometrically from 1 down to 1 / sqrt(condition), so that the
    directions of the loss differ in curvature by about that factor.
    """

    source: Literal["blobs"] = "blobs"
    sizes: tuple[Count, Count] = (100, 100)
    features: Annotated[Count, Field(le=100_000)] = 2
    means: tuple[Center, Center] = (1.7, -1.7)
    shift: Center = 1.0
    spread: Annotated[Number, Field(gt=0, le=1e6)] = 1.0
    noise: Annotated[Number, Field(ge=0, lt=0.5)] = 0.0
    condition: Annotated[Number, Field(ge=1, le=1e12)] = 1.0
    val_sizes: tuple[Count, Count] = (500, 500)
    test_sizes: tuple[Some, Some] = Field(default_factory=_test_sizes)
    seed: Seed | None = None

    @model_validator(mode="after")
    def _check(self) -> BlobsData:
        if 0 in self.test_sizes and any(self.test_sizes):
            raise ValueError("test_sizes should have rows of both classes, or [0, 0] for none")
        rows = sum(self.sizes) + sum(self.val_sizes) + sum(self.test_sizes)
        if rows * self.features > MAX_NUMBERS:
            raise ValueError(
                f"{rows:,} rows of {self.features:,} features are too much data; at most "
                f"{MAX_NUMBERS:,} numbers"
            )
        return self


class SplitData(Section):
    """Rows in the order of a column: the latest are test rows, those before them validation."""

    by: str


class DividedData(Section):
    """What all tables share: rows that are divided into parts, or into folds."""

    @model_validator(mode="before")
    @classmethod
    def _complete(cls, given: Any) -> Any:
        return complete_division(given)

    @model_validator(mode="after")
    def _check_division(self) -> Self:
        for problem in division_problems(self):
            raise ValueError(problem)
        return self


class TableData(DividedData):
    """What csv and parquet share: a table with a target column.

    How text becomes numbers and missing values has the names that pandas gives it, and the same
    meaning, but that an empty field is always missing and that `?`, `-` and `.` standing alone
    are, too; `na_values: []` is `keep_default_na: false`.
    """

    path: Path
    target: str
    positive: Cell | None = None
    numeric: tuple[str, ...] | None = None
    categorical: tuple[str, ...] | None = None
    drop: tuple[str, ...] = ()
    missing: Missing = "error"
    missing_target: MissingTarget = "error"
    na_values: Markers | None = None
    keep_default_na: bool | None = None
    decimal: Sign = "."
    thousands: Sign | None = None
    constant: Constant = "error"
    val_fraction: Fraction | None = None
    test_fraction: Share | None = None
    folds: FoldCount | None = None
    groups: str | None = None
    split: SplitData | None = None
    test: Path | None = None
    seed: Seed | None = None

    @model_validator(mode="after")
    def _check(self) -> TableData:
        if self.decimal == self.thousands:
            raise ValueError(f"decimal and thousands are both {self.decimal!r}; they must differ")
        return self


class CsvData(TableData):
    """A text file of separated values with a header line.

    `separator` is one character, or `auto` (found in the file), or `\\s+` (runs of blanks).
    """

    source: Literal["csv"] = "csv"
    separator: Annotated[str, AfterValidator(_separator)] = ","
    encoding: Annotated[str, AfterValidator(_text_encoding)] = "utf-8"
    skiprows: Annotated[Int, Field(ge=0, le=10_000)] = 0


class ParquetData(TableData):
    """A Parquet file."""

    source: Literal["parquet"] = "parquet"


class SklearnData(DividedData):
    """A classification data set that scikit-learn ships inside its package."""

    source: Literal["sklearn"] = "sklearn"
    dataset: Literal["breast_cancer", "digits", "iris", "wine"]
    positive: Cell | None = None
    constant: Constant = "drop"
    val_fraction: Fraction | None = None
    test_fraction: Share | None = None
    folds: FoldCount | None = None
    seed: Seed | None = None


Data = Annotated[BlobsData | CsvData | ParquetData | SklearnData, Field(discriminator="source")]
