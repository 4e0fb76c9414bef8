"""What is to be said, as a value, and how values are kept as JSON."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Fact:
    """Something to be said, as a value; `lrlab.report.text.facts` has the sentence of each kind.

    Args:
        kind: Which sentence.
        given: What it names, by name: numbers, names, and tuples of them.
        recorded: The sentence as a record holds it, for kinds that this version does not know.
    """

    kind: str
    given: Mapping[str, Any] = field(default_factory=dict)
    recorded: str = field(default="", compare=False)


def told(fact: Fact, text: str) -> dict[str, Any]:
    """A fact as JSON has it: its sentence, and of what that is made."""
    return {"why": text, "kind": fact.kind, "given": plain(fact.given)}


def read_fact(content: Mapping[str, Any] | str) -> Fact:
    """The same read back; lrlab 0.1 recorded the sentence alone."""
    if isinstance(content, str):
        return Fact("recorded", recorded=content)
    given = {str(k): tuples([v])[0] for k, v in content.get("given", {}).items()}
    return Fact(str(content.get("kind", "recorded")), given, str(content["why"]))


def read(kind: type[T], content: Mapping[str, Any]) -> T:
    """A dataclass from JSON; names that it does not know are left out."""
    known = {f.name: content[f.name] for f in fields(kind) if f.name in content}  # type: ignore[arg-type]
    return kind(**{name: tuples(value) for name, value in known.items()})


def many(kind: type[T], content: Sequence[Mapping[str, Any]]) -> tuple[T, ...]:
    """Several of them."""
    return tuple(read(kind, part) for part in content)


def tuples(value: Any) -> Any:
    """JSON's lists as tuples."""
    if isinstance(value, list):  # an interval without an upper end has null there
        return tuple(math.inf if part is None else tuples(part) for part in value)
    return value


def plain(value: Any) -> Any:
    """A value as JSON has it: numbers that are not finite become null."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
