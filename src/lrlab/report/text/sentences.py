"""The verdict in sentences; each is made from the verdict's own parts and from nothing else."""

from __future__ import annotations

from lrlab.report.analysis.answer import (
    Best,
    Claim,
    Interval,
    Race,
    Reference,
    Tie,
    Verdict,
)
from lrlab.report.text.formats import listing, number, percent, plural
from lrlab.report.text.words import Words

OUTCOMES = ("converged", "slow", "diverged")
MOST_NAMES = 12
OF_PROBABILITIES = ("log_loss", "brier")
METRICS = {"log_loss": "log loss", "auc": "AUC", "brier": "Brier score", "ece": "ECE"}
KINDS = {"optimizer": "Optimizer", "loss": "Loss", "speed": "Speed"}


def in_words(verdict: Verdict) -> Words:
    """The verdict as paragraphs, counts and remarks."""
    found = [_first(verdict)]
    found.append(_compared(verdict, "optimizer", "raw"))
    found += [_compared(verdict, "loss", scores) for scores in ("raw", "recalibrated")]
    found += [_speed(verdict), *_refusals(verdict)]
    return Words(tuple(filter(None, found)), _counts(verdict), verdict.remarks)


def metric_name(metric: str) -> str:
    """A metric as people say it: `log loss`."""
    return METRICS.get(metric, metric.replace("_", " "))


# --- the best setting ------------------------------------------------------------------------


def _first(verdict: Verdict) -> str:
    best = verdict.best
    if best is None:
        return " ".join(f"{_sentence(part.why)}" for part in verdict.refused) or "No runs yet."
    parts = [
        _best(best, verdict),
        _optimism(best),
        _scores(best),
        *_references(verdict),
        _separable(verdict),
    ]
    return " ".join(filter(None, parts))


def _best(best: Best, verdict: Verdict) -> str:
    setting = f"Best setting: {_setting(best)}"
    name = metric_name(best.metric)
    if best.value is None:
        return (
            f"{setting}. Its {name} is {number(best.chosen_by)} on the rows that chose it; on "
            f"{_new(verdict)} expect a worse one."
        )
    between = f", 95 % interval {_between(best.interval)}" if best.interval else ""
    whose = "Its"
    if verdict.judged_on.how == "folds":
        whose = "A setting that is chosen in this way: its"
    expected = f"{whose} expected {name} on {_new(verdict)} is {number(best.value)}{between}"
    return f"{setting}. {expected} ({_rows(verdict)}).{_in_time(verdict)}"


def _new(verdict: Verdict) -> str:
    return "later rows" if verdict.judged_on.later else "new rows"


def _in_time(verdict: Verdict) -> str:
    """What order in time takes away from what is said."""
    if not verdict.judged_on.later:
        return ""
    text = " Rows near in time count as independent here, so the intervals may be too narrow"
    if verdict.judged_on.how == "folds":
        text += ", and settings of earlier folds were chosen on later ones, too"
    return f"{text}."


def _setting(best: Best) -> str:
    """`adam with bce, lr 0.0346 (trial 42)`."""
    given = best.params
    names = ["lr", *(name for name in best.searched if name not in ("optimizer", "loss", "lr"))]
    each = [f"{name} {number(float(given[name]), 3, pad=False)}" for name in names]
    first = f"{given['optimizer']} with loss {given['loss']}"
    return ", ".join([first, *each]) + f" (trial {best.trial})"


def _rows(verdict: Verdict) -> str:
    on = verdict.judged_on
    if on.how == "folds":
        return f"{on.rows:,} rows, each judged out of fold by a setting chosen on the other folds"
    return f"{on.rows:,} test rows, which chose nothing"


def _optimism(best: Best) -> str:
    if best.optimism is None or best.value is None:
        return ""
    looks = f"The rows that chose it say {number(best.chosen_by)}"
    if best.optimism <= 0 or best.value == 0:
        return f"{looks}."
    share = best.optimism / abs(best.value)
    return f"{looks}: {_share(share)} too good."


def _scores(best: Best) -> str:
    """That the scores of the best setting's loss are no probabilities."""
    if best.probabilities or best.metric not in OF_PROBABILITIES:
        return ""
    text = f"The scores of {best.params['loss']} are no probabilities"
    if best.recalibrated is None:
        return f"{text}: recalibrate them before you use them as such."
    name = metric_name(best.metric)
    return f"{text}; recalibrated (Platt scaling) their {name} is {number(best.recalibrated)}."


def _references(verdict: Verdict) -> list[str]:
    told = [f"{part.name} {number(part.value)}{_against(part)}" for part in verdict.references]
    return [f"For comparison, on the same rows: {', '.join(told)}."] if told else []


def _against(part: Reference) -> str:
    words = {"worse": " (worse)", "tied": " (not told apart from it)", "better": " (better)"}
    return words.get(part.against_best, "")


def _separable(verdict: Verdict) -> str:
    """That the training rows are separable, which changes what everything else means."""
    found, best = verdict.separability, verdict.best
    if found is None or best is None or not found.fitted:
        return ""
    if found.alone:
        text = f"Column {found.alone} alone separates the classes of the training rows completely"
        return f"{text}: is it the answer in disguise? If so, list it under data.drop."
    more = [f"{found.more_columns:,} more"] if found.more_columns else []
    columns = listing([*found.columns, *more], len(found.columns) + 1)
    if found.kind == "complete":
        text = f"The training rows are linearly separable (along {columns})"
    else:
        text = f"{found.fitted:,} of {found.rows:,} training rows can be fitted perfectly"
        text += f" (along {columns}; quasi-complete separation)"
    if float(best.params.get("l2", 0.0)):
        return f"{text}; l2 keeps the weights finite."
    return f"{text}: without l2 the likelihood has no maximum, and weights grow with every step."


# --- optimizers and losses -------------------------------------------------------------------


def _compared(verdict: Verdict, about: str, scores: str) -> str:
    """One paragraph on the optimizers, or on the losses by their raw or recalibrated scores."""
    claims = [c for c in verdict.claims if (c.about, c.scores) == (about, scores)]
    ties = [tie for tie in verdict.ties if (tie.about, tie.scores) == (about, scores)]
    if not claims and not ties:
        return ""
    leading = ties[0].methods if ties else ()
    parts = [_tied(tie, verdict.minimum_effect) for tie in ties]
    parts.append(_worse(claims, leading, verdict.minimum_effect))
    how = {"recalibrated": ", scores recalibrated by Platt scaling"}.get(scores, "")
    if not how and any(tie.scores == "recalibrated" for tie in verdict.ties if tie.about == about):
        how = ", raw scores"
    told = " ".join(filter(None, parts))
    return f"{KINDS[about]} (each at the best setting tried{how}): {told}"


def _tied(tie: Tie, minimum: float) -> str:
    names = listing(tie.methods, MOST_NAMES)
    if len(tie.methods) == 1:
        return ""
    text = f"{names} are tied: none is shown to be worse{_by_more_than(minimum)}"
    if tie.visible is None:
        return f"{text}."
    text += f"; a difference of {_share(tie.visible)} would have been seen"
    if tie.rows is not None and tie.visible > 0.05:
        text += f" (for one of 5 % about {_round(tie.rows):,} rows would do)"
    return f"{text}."


def _by_more_than(minimum: float) -> str:
    return f" by more than {_share(minimum)}" if minimum else ""


def _worse(claims: list[Claim], leading: tuple[str, ...], minimum: float) -> str:
    """Who is worse, each against the leading method, or against another where that is all."""
    if not claims:
        return ""
    chosen: dict[str, Claim] = {}
    for claim in sorted(claims, key=lambda c: (c.better not in leading[:1], c.better)):
        chosen.setdefault(claim.worse, claim)
    name = metric_name(claims[0].metric)
    told, beyond = [], f",{_by_more_than(minimum)}," if minimum else ""
    for better in dict.fromkeys(claim.better for claim in chosen.values()):
        each = [
            f"{claim.worse} (by {number(claim.difference, 2)}, {_between(claim.interval, 2)})"
            for claim in chosen.values()
            if claim.better == better
        ]
        told.append(f"{better} is better in {name}{beyond} than {listing(each, MOST_NAMES)}.")
    level = percent(claims[0].level)
    return f"{' '.join(told)} The intervals are {level} for all pairs together."


# --- speed -----------------------------------------------------------------------------------


def _speed(verdict: Verdict) -> str:
    """How soon the optimizers come to the optimum, as tested, or as it was in these runs."""
    race = verdict.race
    if race is None:
        return ""
    given = [f"{name} {number(value, 3, pad=False)}" for name, value in race.objective.items()]
    optimum = f"the optimum of {', '.join([race.loss, *given])}"
    head = f"Speed (steps until the gap to {optimum} stays below 1e-3"
    if race.spaced:
        head += ", as far as the evaluations tell"
    if not race.judging:
        runs = "one run each" if race.seeds == 1 else f"{race.seeds} runs each, not tested"
        return f"{head}; {runs}): {_paces(race)}."
    claims = [claim for claim in verdict.claims if claim.about == "speed"]
    leading = next(tie.methods for tie in verdict.ties if tie.about == "speed")
    parts = [f"{head}; {race.judging} of {race.seeds} seeds judge): {_paces(race)}."]
    if len(leading) > 1:
        parts.append(f"{listing(leading, MOST_NAMES)} are tied.")
    for better in dict.fromkeys(claim.better for claim in claims):
        each = [_slower(claim) for claim in claims if claim.better == better]
        parts.append(f"Against {better}, {listing(each, MOST_NAMES)}.")
    return " ".join(parts)


def _paces(race: Race) -> str:
    """`adam 117 (lr 1.36), momentum 245 (lr 0.3); sgd does not get there`."""
    arrived = [
        f"{pace.optimizer} {number(pace.steps, 3, pad=False)} (lr {number(pace.lr, 3)})"
        for pace in race.paces
        if pace.steps is not None
    ]
    missed = [pace.optimizer for pace in race.paces if pace.steps is None]
    where = "" if race.seeds == 1 else " on every seed"
    verb = "does" if len(missed) == 1 else "do"
    rest = f"{listing(missed, MOST_NAMES)} {verb} not get there{where}" if missed else ""
    return "; ".join(filter(None, [", ".join(arrived), rest]))


def _slower(claim: Claim) -> str:
    least = "at least " if claim.at_least else ""
    times = f"{claim.worse} takes {least}{number(claim.difference, 2)} times the steps"
    if claim.at_least:
        return times
    return f"{times} ({_between(claim.interval, 2)})"


# --- what is not said, and counts ------------------------------------------------------------


def _refusals(verdict: Verdict) -> list[str]:
    """What is not said, reasons that are shared told once."""
    if verdict.best is None:
        return []
    reasons: dict[str, list[str]] = {}
    for part in verdict.refused:
        reasons.setdefault(part.why, []).append(part.about)
    return [
        f"Speed is not tested: {why}."
        if verdict.race is not None and about == ["speed"]
        else f"Not said of {listing([_what(a) for a in about])}: {why}."
        for why, about in reasons.items()
    ]


def _what(about: str) -> str:
    return {"best": "the best setting", "optimizer": "optimizers", "loss": "losses"}.get(
        about, about
    )


def _counts(verdict: Verdict) -> str:
    total = sum(verdict.outcomes.values())
    if not total:
        return "There are no runs yet."
    order = [name for name in OUTCOMES if name in verdict.outcomes]
    order += sorted(set(verdict.outcomes) - set(order))
    each = [f"{verdict.outcomes[n]:,} {n} ({percent(verdict.outcomes[n] / total)})" for n in order]
    if "diverged" not in order:
        each.append("none diverged")
    text = f"{plural(total, 'run')}: {', '.join(each)}."
    if verdict.at_optimum is None:
        return text
    return f"{text} {verdict.at_optimum:,} of them end within a gap of 1e-3 of their optimum."


# --- numbers ---------------------------------------------------------------------------------


def _between(interval: Interval, digits: int = 3) -> str:
    return f"{number(interval[0], digits)} to {number(interval[1], digits)}"


def _share(share: float) -> str:
    """A share as a percentage of two digits: `0.84 %`, `12 %`."""
    return f"{number(100 * share, 2, pad=False)} %"


def _round(rows: int) -> int:
    """A number of rows to two digits, rounded up."""
    unit: int = 10 ** max(len(str(rows)) - 2, 0)
    return -(-rows // unit) * unit


def _sentence(text: str) -> str:
    return text[0].upper() + text[1:] + "."
