"""The verdict in sentences; each is made from the verdict's own parts and from nothing else."""

from __future__ import annotations

from lrlab.report.analysis.answer import Verdict
from lrlab.report.text.best import about_best, best_setting
from lrlab.report.text.brief import in_brief
from lrlab.report.text.compared import compared
from lrlab.report.text.facts import say
from lrlab.report.text.formats import listing, percent, plural, sentence
from lrlab.report.text.speed import speed
from lrlab.report.text.words import Words

OUTCOMES = ("converged", "slow", "diverged")
SUBJECTS = {"best": "the best setting", "optimizer": "optimizers", "loss": "losses"}


def in_words(verdict: Verdict) -> Words:
    """The verdict as paragraphs, counts, remarks and a few lines for a terminal."""
    found = [_first(verdict)]
    if verdict.best is not None:
        found.append(about_best(verdict.best, verdict))
    found.append(compared(verdict, "optimizer", "raw"))
    found += [compared(verdict, "loss", scores) for scores in ("raw", "recalibrated")]
    found += [speed(verdict), *_refusals(verdict)]
    remarks = tuple(say(each) for each in verdict.remarks)
    brief = in_brief(verdict) or tuple(found[:1])
    brief += tuple(_refusals(verdict)) if verdict.best else ()
    return Words(tuple(filter(None, found)), _counts(verdict), remarks, brief)


def _first(verdict: Verdict) -> str:
    if verdict.best is not None:
        return best_setting(verdict.best, verdict)
    whys = [sentence(say(part.why)) for part in verdict.refused]
    return " ".join(whys) or "There are no runs yet."


def _refusals(verdict: Verdict) -> list[str]:
    """What is not judged; a reason that several share is told once."""
    if verdict.best is None:
        return []
    reasons: dict[str, list[str]] = {}
    for part in verdict.refused:
        if part.about != "speed" or verdict.race is None:
            reasons.setdefault(say(part.why), []).append(part.about)
    return [_refused(about, why) for why, about in reasons.items()]


def _refused(about: list[str], why: str) -> str:
    if about == ["speed"]:
        return f"Speed is not compared: {why}."
    verb = "is" if about == ["best"] else "are"
    what = listing([SUBJECTS.get(each, each) for each in about])
    return sentence(f"{what} {verb} not judged: {why}")


def _counts(verdict: Verdict) -> str:
    total = sum(verdict.outcomes.values())
    if not total:
        return "0 runs."
    order = [name for name in OUTCOMES if name in verdict.outcomes]
    order += sorted(set(verdict.outcomes) - set(order))
    if total == 1:
        text = f"There is 1 run; its outcome is {order[0]}."
    else:
        each = [
            f"{verdict.outcomes[n]:,} {n} ({percent(verdict.outcomes[n] / total)})" for n in order
        ]
        none = [] if "diverged" in order else ["none diverged"]
        text = f"{plural(total, 'run')}: {', '.join([*each, *none])}."
    return " ".join(filter(None, [text, _at_optimum(verdict.at_optimum, total)]))


def _at_optimum(count: int | None, total: int) -> str:
    if count is None:
        return ""
    if total == 1:
        return f"It ended {'within' if count else 'outside'} a gap of 1e-3 of its optimum."
    of_them = f"{count:,} of them" if count else "None of them"
    its = "its" if count == 1 else "their"
    return f"{of_them} ended within a gap of 1e-3 of {its} optimum."
