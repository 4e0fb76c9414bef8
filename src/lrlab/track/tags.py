"""Tags and params as text that anybody may have written."""

from __future__ import annotations

import math
import re

MOST_SHOWN = 40  # characters of a value in a message


def is_count(text: str) -> bool:
    """Whether a text is a whole number, 0 or more, of a size that counts have."""
    return re.fullmatch(r"[0-9]{1,15}", text) is not None


def is_number(text: str) -> bool:
    """Whether a text is a finite number."""
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def equals(name: str, value: str | None) -> str:
    """What a tag is, for a message: `lrlab.trial = 'abc'`, or that it is missing."""
    if value is None:
        return f"{name} is missing"
    return f"{name} = {value if len(value) <= MOST_SHOWN else value[:MOST_SHOWN] + '...'!r}"
