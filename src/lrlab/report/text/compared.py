"""Optimizers and losses compared, in sentences."""

from __future__ import annotations

from lrlab.report.analysis.answer import Claim, Tie, Verdict
from lrlab.report.text.best import metric_name
from lrlab.report.text.formats import between, listing, number, percent, share

MOST_NAMES = 12
KINDS = {"optimizer": "Optimizers", "loss": "Losses"}


def compared(verdict: Verdict, about: str, scores: str) -> str:
    """One paragraph on the optimizers, or on the losses by their raw or recalibrated scores."""
    claims, ties = parts_of(verdict, about, scores)
    if not claims and not ties:
        return ""
    leading = ties[0].methods if ties else ()
    parts = [_tied(tie, verdict) for tie in ties]
    parts.append(_worse(against_leader(claims, leading), verdict.minimum_effect))
    how = _scores(verdict, about, scores)
    return f"{KINDS[about]}, each at its best setting{how}: {' '.join(filter(None, parts))}"


def parts_of(verdict: Verdict, about: str, scores: str) -> tuple[list[Claim], list[Tie]]:
    """Claims and ties of one comparison."""
    claims = [c for c in verdict.claims if (c.about, c.scores) == (about, scores)]
    return claims, [tie for tie in verdict.ties if (tie.about, tie.scores) == (about, scores)]


def against_leader(claims: list[Claim], leading: tuple[str, ...]) -> list[Claim]:
    """A claim for each worse method: against the leading one, or another where that is all."""
    chosen: dict[str, Claim] = {}
    for claim in sorted(claims, key=lambda c: (c.better not in leading[:1], c.better)):
        chosen.setdefault(claim.worse, claim)
    return list(chosen.values())


def _scores(verdict: Verdict, about: str, scores: str) -> str:
    if scores == "recalibrated":
        return " and recalibrated by Platt scaling"
    return ", by raw scores" if _both(verdict, about) else ""


def scores_in_brief(verdict: Verdict, about: str, scores: str) -> str:
    """`, recalibrated` or `, raw scores`; nothing where there are only raw ones."""
    if scores == "recalibrated":
        return ", recalibrated"
    return ", raw scores" if _both(verdict, about) else ""


def _both(verdict: Verdict, about: str) -> bool:
    return any(tie.scores == "recalibrated" for tie in verdict.ties if tie.about == about)


def tied_names(tie: Tie, verdict: Verdict) -> str:
    """`adam and momentum are tied`, the best setting's first; nothing of one method alone."""
    if len(tie.methods) < 2:
        return ""
    own = verdict.best and verdict.best.params.get(tie.about)
    return f"{listing(sorted(tie.methods, key=lambda name: name != own), MOST_NAMES)} are tied"


def _tied(tie: Tie, verdict: Verdict) -> str:
    names, minimum = tied_names(tie, verdict), verdict.minimum_effect
    if not names:
        return ""
    none = "neither" if len(tie.methods) == 2 else "none"
    by = f" by more than {share(minimum)}" if minimum else ""
    text = f"{names} ({none} is shown to be worse{by})."
    if tie.visible is None:
        return text
    text += f" A difference of {share(tie.visible)} would have been detected with 90% probability"
    if tie.rows is not None and tie.visible > 0.05:
        text += f"; to detect 5%, about {_round(tie.rows):,} rows are enough"
    return f"{text}."


def _worse(claims: list[Claim], minimum: float) -> str:
    """Who is worse than whom, with the intervals."""
    if not claims:
        return ""
    told = []
    for better in dict.fromkeys(claim.better for claim in claims):
        own = [claim for claim in claims if claim.better == better]
        each = [
            f"{claim.worse} (by {number(claim.difference, 2)}, interval "
            f"{between(claim.interval, 2)})"
            for claim in own
        ]
        by = f", {'each ' if len(own) > 1 else ''}by more than {share(minimum)}" if minimum else ""
        name = metric_name(claims[0].metric)
        told.append(f"{better} is better than {listing(each, MOST_NAMES)} in {name}{by}.")
    level = percent(claims[0].level)
    return f"{' '.join(told)} The {level} intervals hold for all pairs at once."


def _round(rows: int) -> int:
    """A number of rows to two digits, rounded up."""
    unit: int = 10 ** max(len(str(rows)) - 2, 0)
    return -(-rows // unit) * unit
