"""What pydantic finds wrong in a spec, as `file:line: key: what is wrong`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pydantic_core import ErrorDetails

from lrlab.registry import did_you_mean
from lrlab.spec.model import DOMAIN_TAGS, ReportSpec, SearchSpec, SweepSpec, TrainSpec
from lrlab.spec.sources import BlobsData, CsvData, ParquetData, Section, SklearnData, SplitData
from lrlab.spec.space import Range
from lrlab.spec.yaml_text import Path_

PLAIN = {  # pydantic's error types in a user's words
    "dict_type": "should be a section with keys",
    "model_type": "should be a section with keys",
    "model_attributes_type": "should be a section with keys",
    "tuple_type": "should be a list",
    "path_type": "should be the path of a file",
    "string_type": "should be text",
    "string_unicode": "should be text",
    "int_type": "should be a whole number",
    "int_parsing": "should be a whole number",
    "int_from_float": "should be a whole number",
    "float_type": "should be a number",
    "float_parsing": "should be a number",
    "bool_type": "should be true or false",
    "bool_parsing": "should be true or false",
}

SOURCES: dict[str, type[Section]] = {
    "blobs": BlobsData,
    "csv": CsvData,
    "parquet": ParquetData,
    "sklearn": SklearnData,
}


def message(error: ErrorDetails, where: str, places: Mapping[Path_, str]) -> str:
    """One pydantic error as `file:line: key: what is wrong`."""
    path, text = path_of(error), _text(error)
    known = (places[path[:n]] for n in range(len(path), 0, -1) if path[:n] in places)
    place = next(known, where)
    return f"{place}: {'.'.join(path)}: {text}" if path else f"{place}: {text}"


def path_of(error: ErrorDetails) -> Path_:
    """The key path of an error, without the tags that pydantic adds for unions."""
    if error["type"] == "lrlab":
        return tuple(error["ctx"]["path"])
    path = [str(part) for part in error["loc"]]
    if path[:1] == ["data"] and path[1:2] and path[1] in SOURCES:
        del path[1]
    if path[:2] == ["data", "positive"]:
        del path[2:]
    if path[:2] == ["search", "space"] and len(path) > 3:
        path = path[:3] + ([] if path[3] in DOMAIN_TAGS else [path[3]]) + path[4:]
        tags = ("constrained-", "function-", "[key]")
        path = [part for part in path if not part.startswith(tags)]
        while path[-1] in ("float", "str"):
            path.pop()
    return tuple(path)


def _text(error: ErrorDetails) -> str:
    kind, given = error["type"], error.get("input")
    if kind == "lrlab":
        return str(error["ctx"]["message"])
    if kind == "extra_forbidden":
        path = path_of(error)
        if path == ("problems",):
            return "several data sets are read from a file only, with load_specs"
        return f"unknown key{did_you_mean(path[-1], _known_keys(path[:-1], error))}"
    if kind == "missing":
        return "is missing; add this key"
    if kind == "union_tag_invalid":
        source = given.get("source") if isinstance(given, dict) else given
        return f"unknown source {_shown(source)}{did_you_mean(_word(source), tuple(SOURCES))}"
    if kind == "literal_error":
        options = re.findall(r"'([^']*)'", str(error["ctx"]["expected"]))
        return f"unknown value {_shown(given)}{did_you_mean(_word(given), options)}"
    if kind in PLAIN:
        return f"{PLAIN[kind]}; got {_shown(given)}"
    text = error["msg"].removeprefix("Value error, ").removeprefix("Input ")
    text = text[:1].lower() + text[1:]
    return text if kind == "value_error" else f"{text}; got {_shown(given)}"


def _shown(value: Any) -> str:
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # an int of more than 4,300 digits, a list of 1,000 lists
        text = "a huge value"
    return text if len(text) <= 60 else text[:57] + "..."


def _word(value: Any) -> str:
    """What a user may have misspelt; nothing if it is no text."""
    return value if isinstance(value, str) else ""


def _known_keys(path: Path_, error: ErrorDetails) -> tuple[str, ...]:
    sections: dict[Path_, type[Section]] = {
        (): SweepSpec,
        ("train",): TrainSpec,
        ("search",): SearchSpec,
        ("report",): ReportSpec,
        ("data", "split"): SplitData,
    }
    if path in sections:
        return tuple(sections[path].model_fields)
    if path == ("data",):
        return tuple(SOURCES[str(error["loc"][1])].model_fields)
    return tuple(Range.model_fields)
