"""Wording: how messages name what a user's data hold; they never grow with it."""

from __future__ import annotations

from collections.abc import Iterable

MOST_ITEMS = 10  # that a message lists
MOST_SIGNS = 60  # of one of them


def printable(text: object, most: int = MOST_SIGNS) -> str:
    """Text as one short line that a terminal shows as it stands: what controls it is escaped."""
    line = str(text)
    line = line if len(line) <= most else line[: most - 3] + "..."
    return "".join(sign if sign.isprintable() else repr(sign)[1:-1] for sign in line)


def quoted(text: object, most: int = MOST_SIGNS) -> str:
    """The same in quotes, for names and values from a file."""
    return f"'{printable(text, most)}'"


def some(items: Iterable[object], most: int = MOST_ITEMS) -> str:
    """`a, b, c`; of more items than `most` the first ones, `and 312 more`."""
    found = list(items)
    rest = f" and {len(found) - most:,} more" if len(found) > most else ""
    return ", ".join(printable(item) for item in found[:most]) + rest
