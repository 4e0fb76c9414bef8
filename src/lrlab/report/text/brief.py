"""The verdict in a few lines, for a terminal: the answer, how sure it is, what is tied, limits."""

from __future__ import annotations

from lrlab.report.analysis.answer import Best, Tie, Verdict
from lrlab.report.text import best, compared, speed
from lrlab.report.text.facts import say
from lrlab.report.text.formats import between, listing, number, plural, share

URGENT = ("no_better", "edge", "reading")  # remarks that a terminal shows, too
MOST_URGENT = 2
MOST_PACES = 4


def in_brief(verdict: Verdict) -> tuple[str, ...]:
    """A line each; the whole is in the paragraphs and remarks."""
    if verdict.best is None:
        return ()
    urgent = [say(each) for each in verdict.remarks if each.kind in URGENT]
    lines = [
        f"Best setting: {best.setting(verdict.best)}.",
        _expected(verdict.best, verdict),
        _compared(verdict, "optimizer", "raw"),
        *(_compared(verdict, "loss", scores) for scores in ("raw", "recalibrated")),
        _speed(verdict),
        best.separable(verdict),
        *urgent[:MOST_URGENT],
    ]
    return tuple(filter(None, lines))


def _expected(found: Best, verdict: Verdict) -> str:
    name = best.metric_name(found.metric)
    beside = "".join(f"; {best.reference(part)}" for part in verdict.references[:1])
    if found.value is None:
        seen = f"{name[0].upper()}{name[1:]} on the rows that chose it: {number(found.chosen_by)}"
        return f"{seen}, too optimistic for {best.new_rows(verdict)}{beside}."
    interval = f" (95% interval {between(found.interval)})" if found.interval else ""
    how = "out of fold" if verdict.judged_on.how == "folds" else "not used to choose it"
    return (
        f"Expected {name} on {best.new_rows(verdict)}: {number(found.value)}{interval}, from "
        f"{plural(verdict.judged_on.rows, 'row')} {how}{beside}."
    )


def _compared(verdict: Verdict, about: str, scores: str) -> str:
    claims, ties = compared.parts_of(verdict, about, scores)
    if not claims and not ties:
        return ""
    leading = ties[0].methods if ties else ()
    worse = compared.against_leader(claims, leading)
    told = [_tied(tie, verdict) for tie in ties]
    if len(leading) == 1:
        told = [f"{leading[0]} is best"]
    if worse:
        each = [f"{claim.worse} (by {number(claim.difference, 2)})" for claim in worse]
        verb = "is" if len(each) == 1 else "are"
        told.append(f"{listing(each, compared.MOST_NAMES)} {verb} worse")
    kind = compared.KINDS[about] + compared.scores_in_brief(verdict, about, scores)
    return f"{kind}: {'; '.join(filter(None, told))}."


def _tied(tie: Tie, verdict: Verdict) -> str:
    names = compared.tied_names(tie, verdict)
    if not names or tie.visible is None:
        return names
    visible = share(tie.visible)
    return f"{names} (a difference of {visible} would have been detected with 90% probability)"


def _speed(verdict: Verdict) -> str:
    race = verdict.race
    if race is None:
        return ""
    tested = "" if race.judging else ", not tested"
    return (
        f"Steps to the optimum of {race.loss} (gap 1e-3{tested}): {speed.paces(race, MOST_PACES)}."
    )
