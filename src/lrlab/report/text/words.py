"""An answer as it is shown."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Words:
    """An answer as it is shown.

    Args:
        paragraphs: The answer, the first paragraph first.
        counts: How many runs there are and how they ended, a sentence.
        remarks: What limits the answer, a sentence each.
        brief: The answer for a terminal, a line each.
    """

    paragraphs: tuple[str, ...]
    counts: str
    remarks: tuple[str, ...] = ()
    brief: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The paragraphs as one text."""
        return "\n\n".join(self.paragraphs)
