"""A verdict as it is recorded and as `--json` prints it: its numbers with their sentences."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

from lrlab.optimum.separability import Separability
from lrlab.report.analysis.answer import (
    Best,
    Claim,
    JudgedOn,
    Pace,
    Race,
    Reference,
    Refused,
    Tie,
    Verdict,
)
from lrlab.report.analysis.fact import many, plain, read, read_fact, told
from lrlab.report.text.facts import say
from lrlab.report.text.verdict import in_words
from lrlab.report.text.words import Words


def verdict_document(verdict: Verdict) -> dict[str, Any]:
    """Everything as JSON has it: numbers that are not finite become null."""
    document: dict[str, Any] = plain(asdict(verdict))
    reasons = [{"about": each.about, **told(each.why, say(each.why))} for each in verdict.refused]
    remarks = [say(each) for each in verdict.remarks]
    limits = [told(each, text) for each, text in zip(verdict.remarks, remarks, strict=True)]
    sentences = {"refused": reasons, "remarks": remarks, "limits": limits}
    return {"text": in_words(verdict).text, **document, **sentences}


def spoken(words: Words, verdict: Verdict | None) -> dict[str, Any]:
    """What a report says, for scripts: its verdict, or, on several sweeps, its words."""
    return asdict(words) if verdict is None else verdict_document(verdict)


def verdict_json(verdict: Verdict) -> str:
    """As the record keeps it."""
    return json.dumps(verdict_document(verdict), indent=1, allow_nan=False)


def verdict_of(text: str) -> Verdict:
    """What `verdict_json` wrote.

    Raises:
        ValueError: If `text` is anything else.
    """
    try:
        content = json.loads(text)
        best, apart = content["best"], content["separability"]
        found = Verdict(
            best=None if best is None else read(Best, best),
            judged_on=read(JudgedOn, content["judged_on"]),
            minimum_effect=float(content["minimum_effect"]),
            claims=many(Claim, content["claims"]),
            ties=many(Tie, content["ties"]),
            refused=tuple(Refused(str(r["about"]), read_fact(r)) for r in content["refused"]),
            references=many(Reference, content["references"]),
            outcomes={str(name): int(count) for name, count in content["outcomes"].items()},
            at_optimum=content["at_optimum"],
            separability=apart and Separability.of(apart),
            remarks=tuple(map(read_fact, content.get("limits", content["remarks"]))),
            race=None if content["race"] is None else _race(content["race"]),
        )
        verdict_json(found)  # a part of another type shows itself here
    except (KeyError, TypeError, AttributeError, IndexError, StopIteration) as error:
        raise ValueError(f"not a verdict: {error}") from error
    return found


def _race(content: Mapping[str, Any]) -> Race:
    return replace(read(Race, content), paces=many(Pace, content["paces"]))
