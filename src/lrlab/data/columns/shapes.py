"""Shapes: what a column of text holds that is no plain number, and what to do about it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from lrlab.wording import MOST_ITEMS, printable, quoted

MOSTLY = 0.5  # share of the values from which a column is taken for numbers
FEW_NUMBERS = 10  # different numbers that a column of text may hold and still be categories
FEW_OF_ALL = 0.1  # share of the rows; some codes, such as 7e12, look like numbers
MOST_UNITS = 3  # different words behind numbers that are units; more are names, as in `1. Never`
EXAMPLES = 3
MOST_LOOKED_AT = 2_000  # different texts, the commonest first, that are held against the shapes
CATEGORIES = "data.categorical if each is a category of its own"


@dataclass(frozen=True)
class Shape:
    """A way of writing that is no plain number.

    Args:
        name: What such values are, in the plural.
        pattern: That the whole of a value has to match.
        hint: What to do about it.
        keys: The keys of `data` that read it; empty if none does.
        least: So many different values are needed; below, they may well be categories.
    """

    name: str
    pattern: re.Pattern[str]
    hint: str
    keys: Mapping[str, Any] = field(default_factory=dict)
    least: int = 1


def _grouped(sign: str, point: str) -> re.Pattern[str]:
    s, p = re.escape(sign), re.escape(point)
    return re.compile(rf"[+-]?\d{{1,3}}(?:{s}\d{{3}})+(?:{p}\d+)?")


_NUMBER = r"[+-]?\d[\d.,' ]*"
_AMOUNT = rf"{_NUMBER}(?:\s?(?:[kKmMB]|bn))?"
_MONEY = r"(?:[$€£¥₹₽₩]|USD|EUR|GBP|CHF|JPY|INR|CNY|Fr\.|kr|zł|R\$)"
_MONTH = r"(?:jan|feb|mar|apr|ma[iy]|jun|jul|aug|sep|oct|okt|nov|de[cz])[a-z]*\.?"
_WEEKDAY = r"(?:(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*,? )?"
_CLOCK = r"\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?(?:\s*[ap]m)?"
_DAY = (
    r"(?:\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4}|(?:19|20)\d\d-(?:0\d|1[0-2])"
    rf"|\d{{1,2}}[ .-]+{_MONTH}[ ,.-]+\d{{2,4}}|{_MONTH} \d{{1,2}}(?:st|nd|rd|th)?,? \d{{4}})"
)
_ZONE = r"(?:\s*(?:Z|UTC|GMT|[+-]\d{2}:?\d{2}))?"
_REMOVE = "take the sign out of the file"
_CONVERT = "write it as a number, such as days since a fixed date"

NUMBERS = (
    Shape("percentages", re.compile(rf"{_NUMBER}\s*[%‰]"), _REMOVE),
    Shape("amounts of money",
          re.compile(rf"[+-]?{_MONEY}\s*{_AMOUNT}|{_AMOUNT}\s*{_MONEY}"), _REMOVE),
    Shape("amounts in brackets", re.compile(rf"\({_MONEY}?\s*{_NUMBER}\)"), "write them as -1.5"),
    Shape("numbers with thousands separators", _grouped(",", "."),
          'set data.thousands: "," (or data.decimal: "," if the comma is before decimals)',
          {"thousands": ","}),
    Shape("numbers with thousands separators", _grouped("'", "."), "set data.thousands: \"'\"",
          {"thousands": "'"}),
    Shape("numbers with decimal commas", re.compile(r"[+-]?\d*,\d+(?:[eE][+-]?\d+)?"),
          'set data.decimal: ","', {"decimal": ","}),
    Shape("numbers with thousands points", _grouped(".", ","),
          'set data.thousands: "." and data.decimal: ","', {"thousands": ".", "decimal": ","}),
    Shape("numbers with thousands separators", _grouped(" ", "."), 'set data.thousands: " "',
          {"thousands": " "}),
    Shape("numbers with thousands separators", _grouped("\u00a0", ","),
          'set data.thousands: "\\u00a0"', {"thousands": "\u00a0"}),
    Shape("numbers with a minus that is no hyphen", re.compile(r"[\u2212\u2013]\s?\d[\d.,]*"),
          "write - for it"),
    Shape("numbers with a unit",
          re.compile(rf"[<>~≈]?\s*{_NUMBER}\s*(?P<unit>[^\W\d_]{{1,5}}\.?)"),
          "take the unit out of the file", least=FEW_NUMBERS + 1),
    Shape("numbers with a sign before them", re.compile(rf"[<>~≈=]+\s*{_NUMBER}"), _REMOVE,
          least=FEW_NUMBERS + 1),
)  # fmt: skip
DATES = (
    Shape(
        "dates",
        re.compile(rf"{_WEEKDAY}{_DAY}(?:[T ,]+{_CLOCK})?{_ZONE}", re.IGNORECASE),
        _CONVERT,
    ),
    Shape("times", re.compile(_CLOCK, re.IGNORECASE), _CONVERT),
    Shape("durations", re.compile(rf"-?\d+ days?(?:,? *[+-]?{_CLOCK})?", re.IGNORECASE), _CONVERT),
)


@dataclass(frozen=True)
class Hindrance:
    """Why a column of text is no set of categories.

    Args:
        what: What it holds, with counts and examples.
        advice: What to do about it.
        keys: The keys of `data` that would do; empty if the file has to be changed.
    """

    what: str
    advice: str
    keys: Mapping[str, Any]


def hindrance(column: pd.Series, is_number: Any) -> Hindrance | None:
    """What keeps a column of text from being a set of categories; None if nothing does.

    Args:
        column: Text, [n]; missing values are left aside.
        is_number: Tells of different values [k], as a Series of text, which are plain numbers.
    """
    counts = column.value_counts()
    if not len(counts):
        return None
    values = pd.Series(counts.index, dtype="str")
    plain = is_number(values).to_numpy(bool)
    weights = counts.to_numpy()
    total, numbers = int(weights.sum()), int(weights[plain].sum())
    text = pd.Series(weights[~plain], index=values[~plain].str.strip())
    looked_at = text.iloc[:MOST_LOOKED_AT]
    for shape in (*NUMBERS, *DATES):
        matches = [shape.pattern.fullmatch(value) for value in looked_at.index]
        fits = looked_at[[match is not None for match in matches]]
        most = fits.sum() > MOSTLY * looked_at.sum()
        units = {match.groupdict().get("unit") for match in matches if match}
        if most and len(fits) + plain.sum() >= shape.least and len(units) <= MOST_UNITS:
            return _shaped(shape, str(fits.index[0]))
    many = plain.sum() > FEW_NUMBERS and numbers > FEW_OF_ALL * total
    if len(text) and numbers and (numbers >= MOSTLY * total or many):
        return _mixed([str(value) for value in text.index], numbers, total)
    return None


def _shaped(shape: Shape, example: str) -> Hindrance:
    return Hindrance(
        f"holds {shape.name} such as {quoted(example, 30)}",
        f"{shape.hint}, or list it under data.drop or {CATEGORIES}",
        shape.keys,
    )


def _mixed(text: list[str], numbers: int, total: int) -> Hindrance:
    examples = [printable(value, 30) for value in text[:EXAMPLES]]
    listed = ", ".join(f'"{value}"' for value in examples)
    more = ", ..." if len(text) > EXAMPLES else ""
    return Hindrance(
        f"holds numbers in {numbers:,} of {total:,} rows and text in {total - numbers:,}, such as "
        + ", ".join(f"'{value}'" for value in examples),
        f"set data.na_values: [{listed}{more}] if that means a missing value, or list the column "
        f"under data.drop or {CATEGORIES}",
        {"na_values": text} if len(text) <= MOST_ITEMS else {},
    )
