"""Entries by name: the idea that losses and optimizers share.

An entry comes from lrlab, from `Registry.register`, or from an installed package's entry
point; wherever it came from, it is used by name.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import Generic, Protocol, TypeVar

from lrlab.errors import LrlabError, UserError
from lrlab.wording import quoted, some

MOST_KNOWN = 30  # names that a message lists; a spec's section has fewer keys
RESERVED = frozenset({"constructor"})  # what every object of JavaScript has, in lower case
_NAME = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True)
class Hyperparameter:
    """One number that belongs to a loss or an optimizer.

    Args:
        name: Its name within the owner; a spec writes `owner.name`.
        default: The value where a spec names none.
        low: Smallest permitted value.
        high: Largest permitted value; the default keeps float32 arithmetic finite.
        low_open: Whether `low` itself is forbidden.
        high_open: Whether `high` itself is forbidden.
        meaning: One line for the registry.
    """

    name: str
    default: float
    low: float = 0.0
    high: float = 1e30  # beyond it float32 arithmetic overflows
    low_open: bool = False
    high_open: bool = False
    meaning: str = ""

    def permits(self, value: float) -> bool:
        """Whether `value` is finite and inside the permitted range."""
        above = value > self.low if self.low_open else value >= self.low
        below = value < self.high if self.high_open else value <= self.high
        return math.isfinite(value) and above and below

    @property
    def interval(self) -> str:
        """The permitted range in mathematical notation, such as `[0, 1)`."""
        left = "(" if self.low_open or math.isinf(self.low) else "["
        right = ")" if self.high_open or math.isinf(self.high) else "]"
        return f"{left}{self.low:g}, {self.high:g}{right}"


class Entry(Protocol):
    """What a registry needs to know of an entry."""

    @property
    def name(self) -> str: ...

    @property
    def hyperparameters(self) -> tuple[Hyperparameter, ...]: ...


E = TypeVar("E", bound=Entry)


class Registry(Generic[E]):
    """Entries by name, in the order in which they were registered.

    Args:
        kind: The noun for messages: `loss`, `optimizer`.
        entry_type: The class that every entry must be an instance of.
        group: Entry-point group in which other packages offer entries.
    """

    def __init__(self, kind: str, entry_type: type[E], group: str) -> None:
        self.kind = kind
        self.group = group
        self._entry_type = entry_type
        self._entries: dict[str, E] = {}
        self._plugins_loaded = False

    def register(self, entry: E) -> E:
        """Add an entry; returns it.

        Raises:
            UserError: If the name is malformed or taken, or the entry is of the wrong type.
        """
        if not isinstance(entry, self._entry_type):
            raise UserError(
                f"a {self.kind} must be a {self._entry_type.__name__}, not {type(entry).__name__}"
            )
        if not _NAME.fullmatch(entry.name):
            raise UserError(
                f"{self.kind} name {entry.name!r}: use lower-case letters, digits and underscores"
            )
        if entry.name in RESERVED:
            raise UserError(
                f"{self.kind} name {entry.name!r}: JavaScript reserves this word, so no figure "
                "could show it; use another name"
            )
        if entry.name in self._entries:
            raise UserError(f"there is already a {self.kind} named {entry.name!r}")
        self._entries[entry.name] = entry
        return entry

    def unregister(self, name: str) -> None:
        """Take an entry out again (for tests and notebooks)."""
        self._entries.pop(name, None)

    def __getitem__(self, name: str) -> E:
        """The entry of that name.

        Raises:
            UserError: If there is none; the message names the nearest one.
        """
        self._load_plugins()
        if name not in self._entries:
            raise UserError(f"unknown {self.kind} {name!r}{did_you_mean(name, self.names())}")
        return self._entries[name]

    def __contains__(self, name: object) -> bool:
        self._load_plugins()
        return name in self._entries

    def __iter__(self) -> Iterator[E]:
        self._load_plugins()
        return iter(tuple(self._entries.values()))

    def names(self) -> tuple[str, ...]:
        """All names, lrlab's own first."""
        return tuple(entry.name for entry in self)

    def _load_plugins(self) -> None:
        if self._plugins_loaded:
            return
        self._plugins_loaded = True
        for point in entry_points(group=self.group):
            try:
                self.register(point.load())
            except Exception as error:  # a broken plug-in may raise anything at import
                package = point.dist.name if point.dist else "unknown package"
                raise LrlabError(
                    f"the {self.kind} {point.name!r} of package {package} cannot be loaded "
                    f"({error}); fix or uninstall that package"
                ) from error


def did_you_mean(word: str, known: tuple[str, ...] | list[str]) -> str:
    """`; did you mean 'x'?` for the nearest known word, else the whole list."""
    nearest = difflib.get_close_matches(word, known, n=1)
    if nearest:
        return f"; did you mean {quoted(nearest[0])}?"
    return f"; known: {some(known, MOST_KNOWN)}" if known else ""


def resolve_hyperparameters(entry: Entry, given: Mapping[str, float]) -> dict[str, float]:
    """Defaults of `entry`, overridden by `given`.

    Raises:
        UserError: If a name is unknown or a value outside its permitted range.
    """
    known = {h.name: h for h in entry.hyperparameters}
    for name, value in given.items():
        if name not in known:
            raise UserError(
                f"{entry.name!r} has no hyperparameter {name!r}"
                f"{did_you_mean(name, tuple(known)) or '; it has none'}"
            )
        if not known[name].permits(value):
            raise UserError(f"{entry.name}.{name} = {value:g} is outside {known[name].interval}")
    return {h.name: float(given.get(h.name, h.default)) for h in entry.hyperparameters}
