"""Tags and params as text that anybody may have written."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping

from lrlab.data import Baseline
from lrlab.metrics import METRICS
from lrlab.track import mlflow_schema as schema

MOST_SHOWN = 40  # characters of a value in a message


def is_count(text: str) -> bool:
    """Whether a text is a whole number, 0 or more, of a size that counts have."""
    return re.fullmatch(r"[0-9]{1,15}", text) is not None


def is_digest(text: str) -> bool:
    """Whether a text is a SHA-256 in hexadecimal, shortened or not."""
    return re.fullmatch(r"[0-9a-f]{8,64}", text) is not None


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


def _is_base_rate(text: str) -> bool:
    try:
        Baseline.from_json(text)
    except (ValueError, OverflowError, RecursionError):
        return False
    return True


# What lrlab's own tags of a parent run may be; a person can change any of them.
_IS_SOUND: Mapping[str, Callable[[str], bool]] = {
    schema.LAYOUT: is_count,
    **dict.fromkeys((schema.SPEC_DIGEST, schema.SETTINGS_DIGEST, schema.DATA_DIGEST), is_digest),
    schema.STATE: schema.STATES.__contains__,
    schema.OBJECTIVE: METRICS.__contains__,
    schema.BASE_RATE: _is_base_rate,
    **dict.fromkeys((schema.TRIALS, schema.DONE, schema.ATTEMPTS), is_count),
    **dict.fromkeys((schema.HEARTBEAT, schema.SUBMITTED_AT, schema.SPENT), is_number),
}
_NEEDED = (schema.SPEC_DIGEST, schema.STATE, schema.TRIALS, schema.OBJECTIVE)


def sound_tags(tags: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    """A parent run's tags without those that cannot be what lrlab wrote, and what is wrong."""
    broken = {name for name, sound in _IS_SOUND.items() if name in tags and not sound(tags[name])}
    faults = [equals(name, tags[name]) for name in sorted(broken)]
    faults += [equals(name, None) for name in _NEEDED if name not in tags]
    return {name: text for name, text in tags.items() if name not in broken}, faults
