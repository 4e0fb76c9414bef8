"""The verdict: what is found, as an object (`answer.Verdict`), with what is not said and why.

A sentence about methods holds for new rows of the same source: it rests on rows that chose
nothing, and names its uncertainty. What the rows cannot bear out is refused, not hinted at.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import pandas as pd

from lrlab.data import Baseline, Problem
from lrlab.losses import is_proper
from lrlab.metrics import Direction
from lrlab.optimum.separability import Separability
from lrlab.report.analysis import judging
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
from lrlab.report.analysis.evaluation import BEST, judged_by
from lrlab.report.analysis.fact import Fact
from lrlab.report.analysis.judgement import Judgement
from lrlab.report.analysis.methods import SPEED
from lrlab.report.analysis.row_values import ROW_VALUES
from lrlab.report.analysis.speed import Speed
from lrlab.search import best_trial
from lrlab.search.best import scores_of

SHARED = ("optimizer", "loss", "lr", "l2")


def conclude(
    runs: pd.DataFrame,
    judgement: Judgement | None,
    *,
    objective: str,
    direction: Direction,
    problem: Problem | None = None,
    baseline: Baseline | None = None,
    separability: Separability | None = None,
    minimum_effect: float = judging.MINIMUM_EFFECT,
) -> Verdict:
    """The verdict on best setting, optimizers and losses.

    Args:
        runs: The runs frame.
        judgement: What rows that chose nothing say; None where there are none.
        objective: Name of the objective.
        direction: `minimize` or `maximize`.
        problem: The data, if they are at hand; says why nothing is judged.
        baseline: The base rate on the rows that chose, which stands beside a best setting that
            nothing has judged.
        separability: How far the training rows can be separated, if that is known.
        minimum_effect: The difference that counts, as a share of the better value.
    """
    if runs.empty:
        why = Refused(BEST, Fact("no_runs"))
        return Verdict(None, JudgedOn(0, "none", 0), minimum_effect, refused=(why,))
    outcomes = {str(name): int(n) for name, n in runs["outcome"].value_counts().items()}
    replicates = int(runs.groupby("trial").size().max())
    best = best_trial(scores_of(runs, objective), replicates, direction)
    nothing = JudgedOn(0, "none", 0)
    if best is None:
        why = Refused("best", _why_no_best(runs, objective))
        return Verdict(None, nothing, minimum_effect, refused=(why,), outcomes=outcomes)
    row = runs[(runs["trial"] == best.trial)].iloc[0]
    alone = _best(runs, row, best.value, objective)
    if judgement is None:
        return Verdict(
            alone,
            nothing,
            minimum_effect,
            refused=_unjudged(problem, objective),
            references=_untested(baseline, objective),
            outcomes=outcomes,
            separability=separability,
        )
    found = _judged(alone, judgement, minimum_effect, outcomes)
    found = replace(found, separability=separability)
    return found if found.references else replace(found, references=_untested(baseline, objective))


def _best(runs: pd.DataFrame, row: pd.Series, value: float, objective: str) -> Best:
    """The best setting before any row has judged it."""
    given = {
        str(name): row[name]
        for name in row.index
        if (name in SHARED or "." in str(name)) and not pd.isna(row[name])
    }
    params = {k: v if isinstance(v, str) else float(v) for k, v in given.items()}
    return Best(
        trial=int(row["trial"]),
        params=params,
        searched=tuple(name for name in params if runs[name].dropna().nunique() > 1),
        metric=metric_of(objective),
        value=None,
        interval=None,
        optimism=None,
        chosen_by=value,
        probabilities=is_proper(str(params["loss"])),
    )


def metric_of(objective: str) -> str:
    """What an objective is called where new rows judge it: `log_loss` of `val_log_loss`."""
    return objective.removeprefix("val_")


# --- where no row may judge ------------------------------------------------------------------


def _why_no_best(runs: pd.DataFrame, objective: str) -> Fact:
    diverged = runs["outcome"] == "diverged"
    if diverged.all():
        return Fact("all_diverged", {"runs": len(runs), "lowest": float(runs["lr"].min())})
    if diverged.groupby(runs["trial"]).any().all():
        return Fact("each_trial_diverged")
    return Fact("none_finite", {"objective": objective})


def _unjudged(problem: Problem | None, objective: str) -> tuple[Refused, ...]:
    if objective not in ROW_VALUES:
        held_out = objective.startswith("val_")
        kind = "no_mean_over_rows" if held_out else "of_training_rows"
        why = Fact(kind, {"objective": objective})
    elif problem is None:
        why = Fact("no_data")
    elif not judged_by(problem):
        why = Fact("rows_have_chosen")
    else:
        why = Fact("no_weights")
    return tuple(Refused(about, why) for about in (BEST, "optimizer", "loss"))


def _untested(baseline: Baseline | None, objective: str) -> tuple[Reference, ...]:
    if baseline is None or objective not in baseline.metrics:
        return ()
    value = baseline.metrics[objective]
    return (Reference("base rate", metric_of(objective), value, "untested"),)


# --- where they do ---------------------------------------------------------------------------


def _judged(
    alone: Best, judgement: Judgement, minimum: float, outcomes: Mapping[str, int]
) -> Verdict:
    on = judgement.judged_on
    whys = tuple(_why(refusal) for refusal in judgement.refusals)
    if whys:
        refused = tuple(
            Refused(about, why) for about in (BEST, "optimizer", "loss") for why in whys
        )
        return Verdict(alone, on, minimum, refused=refused, outcomes=outcomes)
    return Verdict(
        best=judgement.best(alone),
        judged_on=on,
        minimum_effect=minimum,
        claims=judgement.claims(),
        ties=judgement.ties(),
        references=judgement.references(),
        outcomes=outcomes,
    )


def _why(refusal: judging.Refusal) -> Fact:
    return Fact(refusal.reason, {"found": int(refusal.found), "needed": int(refusal.needed)})


# --- speed -----------------------------------------------------------------------------------


def loss_to_take(verdict: Verdict) -> str:
    """The loss that one would take: the best setting's, or a leading one whose scores are
    probabilities, if they are not and the two are tied."""
    if verdict.best is None:
        return ""
    own = str(verdict.best.params["loss"])
    leading = [tie.methods for tie in verdict.ties if tie.about == "loss"]
    tied = leading[-1] if leading else (own,)  # of the recalibrated scores, if there are any
    proper = [loss for loss in tied if is_proper(loss)]
    if own in tied and (is_proper(own) or not proper):
        return own
    return proper[0] if proper else tied[0]


def with_speed(verdict: Verdict, speed: Speed) -> Verdict:
    """The verdict with what is found on speed."""
    paces = tuple(
        Pace(
            optimizer=str(row["optimizer"]),
            lr=float(row["lr"]),
            steps=float(row["steps"]) if math.isfinite(row["steps"]) else None,
            reached=int(row["reached"]),
            value=float(row["value"]),
        )
        for row in speed.table.to_dict("records")
    )
    race = Race(speed.loss, dict(speed.objective), speed.seeds, speed.judging, speed.spaced, paces)
    claims = tuple(
        Claim(
            about="speed",
            better=claim.better,
            worse=claim.worse,
            metric=SPEED,
            difference=claim.ratio,
            interval=(claim.low, claim.high),
            level=claim.level,
            at_least=claim.at_least,
        )
        for claim in speed.claims
    )
    ties: tuple[Tie, ...] = ()
    if speed.tested and speed.leader is not None:
        ties = (Tie("speed", (speed.leader, *speed.ties), SPEED),)
    refused = () if speed.refused is None else (Refused("speed", speed.refused),)
    return replace(
        verdict,
        claims=(*verdict.claims, *claims),
        ties=(*verdict.ties, *ties),
        refused=(*verdict.refused, *refused),
        race=race if paces else None,
    )
