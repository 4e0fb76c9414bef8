"""How numbers, shares, counts and lists are written, everywhere that a user reads them."""

from __future__ import annotations

import math
from collections.abc import Sequence


def number(value: float, digits: int = 4, *, pad: bool = True) -> str:
    """`value` with so many significant digits; an en dash if it is not a number.

    Args:
        value: Any number.
        digits: Significant digits.
        pad: Keep trailing zeros, so that numbers in a column can be compared at a glance.
    """
    if math.isnan(value):
        return "–"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if value == 0:
        return "0"
    mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
    text, suffix = mantissa, f"e{int(exponent)}"
    if 1e-4 <= abs(value) < 1e6:
        text, suffix = f"{value:.{max(0, digits - 1 - int(exponent))}f}", ""
    if not pad and "." in text:
        text = text.rstrip("0").rstrip(".")
    return f"{text}{suffix}".replace("-", "−")


def percent(share: float) -> str:
    """A share as a percentage: whole, unless that would say 0 or 100 of something else."""
    rounded = round(100 * share)
    if 0 < share < 1 and rounded in (0, 100):
        return "<1%" if rounded == 0 else ">99%"
    return f"{rounded}%"


def shorten(text: str, length: int) -> str:
    """`text`, cut with an ellipsis if it is longer than `length` characters."""
    return text if len(text) <= length else text[: length - 1] + "…"


def listing(names: Sequence[str], most: int = 4) -> str:
    """`a`, `a and b`, `a, b and c`; beyond `most` names `a, b, c and 5 others`."""
    shown = list(names)
    if len(shown) > most:
        shown = [*shown[: most - 1], f"{len(shown) - most + 1} others"]
    return " and ".join([", ".join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown)


def plural(count: int, noun: str) -> str:
    """`1 run`, `2 runs`, `10,000 runs`."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def between(interval: tuple[float, float], digits: int = 3) -> str:
    """`0.29 to 0.33`."""
    return f"{number(interval[0], digits)} to {number(interval[1], digits)}"


def share(part: float) -> str:
    """A share as a percentage of two digits: `0.84%`, `12%`."""
    return f"{number(100 * part, 2, pad=False)}%"


def sentence(clause: str) -> str:
    """A clause with its capital and its full stop."""
    return f"{clause[:1].upper()}{clause[1:]}."
