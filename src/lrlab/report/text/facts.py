"""Facts in words: each kind of `lrlab.report.analysis.answer.Fact` has its sentence here."""

from __future__ import annotations

from collections.abc import Callable

from lrlab.report.analysis.fact import Fact
from lrlab.report.text.refusals import REFUSALS
from lrlab.report.text.remarks import REMARKS

SENTENCES: dict[str, Callable[..., str]] = {**REFUSALS, **REMARKS}


def say(fact: Fact) -> str:
    """A remark as a sentence, a reason as a clause without its full stop.

    Raises:
        TypeError: If a record names other numbers than the kind takes.
    """
    known = SENTENCES.get(fact.kind)
    return fact.recorded if known is None else known(**fact.given)
