"""What is no failure, but should be known: something of a record is left out.

Such a note is a Python warning, so that a notebook shows it and a program can filter it; commands
show it as a line.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TextIO

MOST_LISTED = 10


class RecordWarning(UserWarning):
    """Something of a record is left out, because somebody changed or lost a part of it."""


def note(text: str) -> None:
    """Warn of what is left out of a record: one sentence without its full stop."""
    warnings.warn(text, RecordWarning, stacklevel=2)


def listed(items: Sequence[str], most: int = MOST_LISTED) -> str:
    """`a, b, c`: the first items, and how many more there are."""
    more = len(items) - most
    return ", ".join(items[:most]) + (f" and {more:,} more" if more > 0 else "")


@contextmanager
def notes_to(say: Callable[[str], None]) -> Iterator[None]:
    """Hand every note to a function instead, each once: `Note: ... .`; other warnings stay."""
    said: set[str] = set()

    def show(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        if not issubclass(category, RecordWarning):
            others(message, category, filename, lineno, file, line)
        elif str(message) not in said:
            said.add(str(message))
            say(f"Note: {message}.")

    with warnings.catch_warnings():
        others = warnings.showwarning
        warnings.showwarning = show
        yield
