"""How soon the optimizers reach the optimum, in sentences."""

from __future__ import annotations

from lrlab.report.analysis.answer import Claim, Race, Verdict
from lrlab.report.text.facts import say
from lrlab.report.text.formats import between, listing, number

MOST_NAMES = 12


def speed(verdict: Verdict) -> str:
    """How soon the optimizers reach the optimum, as tested, or as it was in these runs."""
    race = verdict.race
    if race is None:
        return ""
    parts = [
        f"Speed, in steps until the gap to the optimum of {_objective(race)} stays below 1e-3: "
        f"{paces(race)}."
    ]
    if race.spaced:
        parts.append("Steps between two evaluations are interpolated.")
    if not race.judging:
        return " ".join([*parts, _untested(verdict)])
    claims = [claim for claim in verdict.claims if claim.about == "speed"]
    leading = next(tie.methods for tie in verdict.ties if tie.about == "speed")
    basis = f"Judged on {race.judging} of {race.seeds} seeds, "
    told = [f"{listing(leading, MOST_NAMES)} are tied"] if len(leading) > 1 else []
    told += [f"{_slower(claim)}" for claim in claims[:MOST_NAMES]]
    return " ".join([*parts, *([f"{basis}{'; '.join(told)}."] if told else [])])


def _untested(verdict: Verdict) -> str:
    whys = [say(each.why) for each in verdict.refused if each.about == "speed"]
    return (
        f"These differences are not tested: {whys[0]}."
        if whys
        else "These differences are not tested."
    )


def _objective(race: Race) -> str:
    """`bce (l2 0.001)`."""
    objective = [each for each in race.objective.items() if each != ("l2", 0.0)]
    given = [f"{name} {number(value, 3, pad=False)}" for name, value in objective]
    return f"{race.loss} ({', '.join(given)})" if given else race.loss


def paces(race: Race, most: int = MOST_NAMES) -> str:
    """`adam 117 (lr 1.36), momentum 245 (lr 0.3); sgd does not reach it`."""
    arrived = [
        f"{pace.optimizer} {number(pace.steps, 3, pad=False)} (lr {number(pace.lr, 3, pad=False)})"
        for pace in race.paces
        if pace.steps is not None
    ]
    more = [f"{len(arrived) - most} more"] if len(arrived) > most else []
    missed = [pace.optimizer for pace in race.paces if pace.steps is None]
    where = "" if race.seeds == 1 else " on every seed"
    verb = "does" if len(missed) == 1 else "do"
    rest = f"{listing(missed, most)} {verb} not reach it{where}" if missed else ""
    return "; ".join(filter(None, [", ".join([*arrived[:most], *more]), rest]))


def _slower(claim: Claim) -> str:
    least = "at least " if claim.at_least else ""
    times = f"{claim.worse} takes {least}{number(claim.difference, 2)} times as many steps as "
    times += claim.better
    return times if claim.at_least else f"{times} ({between(claim.interval, 2)})"
