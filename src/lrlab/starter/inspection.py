"""A look at a table before a spec is written for it, and the keys that it needs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lrlab.data import load_divided
from lrlab.data.columns.choice import Look, look
from lrlab.data.files.sources import index_names, missing_signs, read_table, sniff
from lrlab.data.preprocessing import MAX_CATEGORIES, category_text
from lrlab.data.rows.targets import as_classes
from lrlab.errors import UserError
from lrlab.registry import did_you_mean
from lrlab.spec import CsvData, ParquetData, SweepSpec
from lrlab.starter.division import Key, division_keys, likely_divisions
from lrlab.wording import printable, quoted, some

SOURCES = {".parquet": "parquet", ".pq": "parquet"}
SOURCES |= dict.fromkeys((".csv", ".tsv", ".tab", ".txt", ".data", ".dat"), "csv")
PACKED = (".gz", ".bz2", ".xz", ".zip", ".zst")
MOST_CLASSES = 20  # more different values than this are no classes
WRITTEN = {  # how a file is written, in words
    "separator": "between fields",
    "encoding": "of the file's text",
    "decimal": "before decimals",
    "thousands": "between thousands",
    "skiprows": "lines above the header",
}
Table = CsvData | ParquetData


@dataclass(frozen=True)
class Inspection:
    """What a spec has to say of a table.

    Args:
        source: `csv` or `parquet`.
        keys: Beyond path and target, in the order in which they are written.
        notes: What was seen that needs no key: sentences without their full stop.
        division: How its rows are divided by default.
        likely: Other ways to divide them, which its columns suggest.
        replicates: Runs of each trial that go with the division.
    """

    source: str
    keys: tuple[Key, ...]
    notes: tuple[str, ...]
    division: tuple[Key, ...] = ()
    likely: tuple[Key, ...] = ()
    replicates: int = 1


def inspect_table(path: Path, target: str | None) -> Inspection:
    """Look at the whole of a table.

    Args:
        path: The file; its suffix says what it is.
        target: The column to predict.

    Raises:
        UserError: If the file cannot be read, the target is missing or holds no classes, or the
            table cannot be learned from; the message says why.
    """
    source = source_of(path)
    written = sniff(path).keys() if source == "csv" else {}
    keys = [Key(name, value, WRITTEN[name]) for name, value in written.items()]
    data = _data(source, path, target or "", written)
    frame = read_table(data)
    if target is None or target not in frame.columns:
        raise UserError(_which_target(frame, target, path))
    if _classes(frame[target]).nunique() < 2 and missing_signs(data, target):
        signs = some(missing_signs(data, target), 3)
        keys.append(Key("keep_default_na", False, f"{signs} is a class of {printable(target)}"))
        data = data.model_copy(update={"keep_default_na": False})
        frame = read_table(data)
    keys += _target_keys(frame[target], data)
    looks = _looks(frame, data)
    signs_of_numbers = _signs_of_numbers(looks, data)
    if signs_of_numbers:
        keys += signs_of_numbers
        more = {key.name: key.value for key in signs_of_numbers}
        data = data.model_copy(update=more)
        frame = read_table(data)
        looks = _looks(frame, data)
    keys += _feature_keys(frame, looks, data)
    found = Inspection(source, tuple(keys), tuple(_notes(looks, data)))
    return replace(_tried(found, path, target), likely=tuple(likely_divisions(frame, target)))


def source_of(path: Path) -> str:
    """`csv` or `parquet`, by the suffix.

    Raises:
        UserError: If the suffix is another, or there is no such file.
    """
    inner = path.with_suffix("") if path.suffix.lower() in PACKED else path
    source = SOURCES.get(inner.suffix.lower())
    if source is None:
        raise UserError(f"{path}: should end in .csv, .tsv, .txt or .parquet")
    if not path.is_file():
        raise UserError(f"{path}: no such file")
    return source


def _data(source: str, path: Path, target: str, keys: Mapping[str, Any]) -> Table:
    kind: Callable[..., Table] = CsvData if source == "csv" else ParquetData
    return kind(path=path, target=target, **keys)


def _classes(target: pd.Series) -> pd.Series:
    """A target's values where it has one; nothing if they are no classes."""
    try:
        return as_classes(target.dropna()) if target.nunique() else target.dropna()
    except TypeError:  # lists and mappings
        return target.iloc[:0]


def _which_target(frame: pd.DataFrame, target: str | None, path: Path) -> str:
    """What to say if no column is called so."""
    candidates = [name for name in frame if 2 <= _classes(frame[name]).nunique() <= MOST_CLASSES]
    listed = f"; columns with 2 to {MOST_CLASSES} different values: {some(candidates)}"
    if target is None:
        return f"{path}: name the column to predict with --target{listed if candidates else ''}"
    names = tuple(map(str, frame.columns))
    hint = did_you_mean(target, names) or (listed if candidates else "")
    return f"{path}: no column {quoted(target)}{hint}"


def _target_keys(target: pd.Series, data: Table) -> Iterator[Key]:
    name, present = quoted(target.name), _classes(target)
    counts = present.value_counts()
    if len(counts) > MOST_CLASSES:
        raise UserError(
            f"{data.path}: the target {name} has {len(counts):,} different values, such as "
            f"{some(counts.index, 3)}; they cannot be classes. Add a column with two to the file, "
            "such as whether it is above a limit, and name that one with --target"
        )
    if len(counts) < 2:
        found = f"only {some(map(quoted, counts.index))}" if len(counts) else "no value"
        raise UserError(f"{data.path}: the target {name} has {found}; two classes are needed")
    # As the sweep takes it by itself; of several classes the commonest one.
    positive = max(counts.index, key=_order) if len(counts) == 2 else counts.index[0]
    rest = [value for value in counts.index if value != positive]
    against = f"against {some(map(quoted, rest), 5)}"
    rows = f"class 1: {counts[positive]:,} of {len(present):,} rows, {against}"
    more = "" if len(rest) == 1 else f"; {len(counts)} classes were seen, name any of them"
    yield Key("positive", positive, rows + more)
    missing = int(target.isna().sum())
    if missing:
        signs = some((f"written {sign}" for sign in missing_signs(data, str(target.name))), 3)
        rows = "1 row has" if missing == 1 else f"{missing:,} rows have"
        yield Key("missing_target", "drop", f"{rows} no target{f' ({signs})' if signs else ''}")


def _order(value: Any) -> tuple[str, Any]:
    return str(type(value)), value


def _looks(frame: pd.DataFrame, data: Table) -> dict[str, Look]:
    return {name: look(frame[name], data) for name in frame.columns if name != data.target}


def _signs_of_numbers(looks: Mapping[str, Look], data: Table) -> list[Key]:
    """Decimal and thousands signs that a column of text asks for, if the file has its usual ones.

    The first such column decides: there is one sign for the whole table.
    """
    if data.decimal != "." or data.thousands is not None:
        return []
    for name, seen in looks.items():
        keys = {key: sign for key, sign in seen.keys.items() if key in ("decimal", "thousands")}
        if seen.kind == "unusable" and keys:
            return [Key(key, sign, f"{WRITTEN[key]} in {name}") for key, sign in keys.items()]
    return []


def _infinite(column: pd.Series) -> int:
    """Rows in which a column of numbers is infinite."""
    return int(np.isinf(column.to_numpy(np.float64, na_value=np.nan)).sum())


def _feature_keys(frame: pd.DataFrame, looks: Mapping[str, Look], data: Table) -> Iterator[Key]:
    """Columns to drop, markers of missing values, and what to do about missing values."""
    markers: dict[str, list[str]] = {}
    drop: dict[str, str] = {}
    for name, seen in looks.items():
        signs = [str(sign) for sign in seen.keys.get("na_values", ())]
        if seen.kind == "unusable" and signs:
            markers[name] = signs
        elif seen.kind == "unusable":
            drop[name] = f"{printable(name)} {seen.why}"
        elif seen.kind == "categorical" and frame[name].nunique() > MAX_CATEGORIES:
            drop[name] = f"{printable(name)} has {frame[name].nunique():,} categories"
        elif seen.kind == "numeric" and (infinite := _infinite(frame[name])):
            drop[name] = f"{printable(name)} is infinite in some rows ({infinite:,})"
    if drop:
        yield Key("drop", list(drop), some(drop.values(), 3))
    if markers:
        signs = list(dict.fromkeys(sign for found in markers.values() for sign in found))
        yield Key("na_values", signs, f"among the numbers of {some(markers)}")
    used = [name for name, seen in looks.items() if seen.kind != "left out" and name not in drop]
    lacking = frame[used].isna().sum()
    for name, signs in markers.items():
        lacking[name] += int(category_text(frame[name]).str.strip().isin(signs).sum())
    lacking = lacking[lacking > 0].sort_values(ascending=False, kind="stable")
    if len(lacking):
        counted = some((f"{name} {count:,}" for name, count in lacking.items()), 3)
        yield Key("missing", "impute", f"missing values: {counted}; median or commonest fills in")


def _notes(looks: Mapping[str, Look], data: Table) -> Iterator[str]:
    left_out = [(name, seen.why) for name, seen in looks.items() if seen.kind == "left out"]
    left_out += [(name, "the frame's index") for name in index_names(data) if name in looks]
    if left_out:
        named = [f"{printable(name)} ({printable(why, 120)})" for name, why in left_out[:5]]
        more = f" and {len(left_out) - 5:,} more" if len(left_out) > 5 else ""
        yield f"Left out: {', '.join(named)}{more}"
        yield "numeric and categorical name the columns to use, if you want one all the same"


def _tried(found: Inspection, path: Path, target: str) -> Inspection:
    """The same if it can be used as it is, else without columns that do not vary.

    Raises:
        UserError: If it cannot be used for another reason.
    """
    data = _data(found.source, path, target, {key.name: key.value for key in found.keys})
    data = data.model_copy(update={"constant": "drop"})
    spec, problem = load_divided(SweepSpec(name="inspection", data=data))
    used = {column.name for column in problem.preprocessing.columns}
    read = ("numeric", "categorical")
    constant = [c.name for c in problem.reading if c.read_as in read and c.name not in used]
    odd = [f"{c.name}: {c.why}" for c in problem.reading if c.why and c.read_as in read]
    notes = (*found.notes, *(printable(note, 200) for note in odd[:5]))
    seen = f"{some(constant, 5)}: the same in all training rows"
    keys = (*found.keys, *((Key("constant", "drop", seen),) if constant else ()))
    return replace(
        found,
        keys=keys,
        notes=notes,
        division=tuple(division_keys(spec, problem)),
        replicates=spec.search.replicates,
    )
