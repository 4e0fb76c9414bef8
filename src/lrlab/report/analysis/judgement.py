"""From the judging rows to the parts of a verdict: values, claims, ties and baselines."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from lrlab.report.analysis import judging
from lrlab.report.analysis.answer import Best, Claim, JudgedOn, Reference, Tie
from lrlab.report.analysis.evaluation import BEST, Evaluation

RECALIBRATED = "recalibrated"
# Methods that are compared with each other, and the name of each family in a verdict.
FAMILIES = {"optimizer": "optimizer", "loss": "loss", RECALIBRATED: "loss"}


class Judgement:
    """What the judging rows tell, read as parts of a verdict.

    Args:
        found: The chosen settings on the judging rows.
        metric: What is judged.
        lower: Whether a lower metric is better.
        minimum: The difference that counts, as a share of the better value.

    Attributes:
        judged_on: The rows.
        refusals: Why nothing may be said; then there is nothing else.
    """

    def __init__(self, found: Evaluation, metric: str, lower: bool, minimum: float) -> None:
        self.found, self.metric, self.lower = found, metric, lower
        scaled = len(found.recalibrated) > 0
        values = np.concatenate([found.values, found.recalibrated]) if scaled else found.values
        judged = judging.Judged(
            values,
            found.y,
            found.shares_from,
            groups=found.groups,
            lower_is_better=lower,
            folds=found.folds,
        )
        how = "folds" if found.folds else "test"
        self.judged_on = JudgedOn(values.shape[2], how, values.shape[1], found.later)
        self.refusals = judging.refusals(judged)
        self.names = [method.name for method in found.methods]
        self.members = {about: self._of(about) for about in ("optimizer", "loss", "baseline")}
        if scaled:  # of the best setting, then of the losses
            first = len(self.names) + 1
            self.names += ["", *(self.names[i] for i in self.members["loss"])]
            self.members[RECALIBRATED] = list(range(first, len(self.names)))
        if not self.refusals:
            self.estimates = judging.estimates(judged)
            families = {name: who for name, who in self.members.items() if name in FAMILIES}
            rate, *solved = self.members["baseline"] or [0]
            families |= {f"baseline {i}": [0, i] for i in solved}
            # all pairs that the verdict speaks of, at once
            self.compared = judging.compare(judged, families, minimum_effect=minimum)
            # The base rate's models are nothing like those of a setting, so that folds share
            # training rows does not blur the difference; it is tested by itself.
            alone = {f"baseline {rate}": [0, rate]} if rate else {}
            self.against_rate = judging.compare(
                replace(judged, folds=0), alone, minimum_effect=minimum
            )

    def _of(self, about: str) -> list[int]:
        return [i for i, method in enumerate(self.found.methods) if method.about == about]

    def best(self, alone: Best) -> Best:
        """The best setting, with what new rows are expected to give."""
        own, again = self.estimates[0], len(self.found.methods)
        recalibrated = None
        if len(self.found.recalibrated) and not alone.probabilities:
            recalibrated = self.estimates[again].value
        return replace(
            alone,
            value=own.value,
            interval=(own.low, own.high),
            optimism=judging.optimism(alone.chosen_by, own.value, lower_is_better=self.lower),
            recalibrated=recalibrated,
        )

    def claims(self) -> tuple[Claim, ...]:
        """Every pair of optimizers, or of losses, of which one is worse."""
        return tuple(
            Claim(
                about=FAMILIES[pair.about],
                better=self.names[pair.better],
                worse=self.names[pair.worse],
                metric=self.metric,
                difference=abs(pair.difference),
                interval=(pair.low, pair.high) if self.lower else (-pair.high, -pair.low),
                level=judging.LEVEL,
                scores=_scores(pair.about),
            )
            for pair in self.compared.claims
            if pair.about in FAMILIES
        )

    def ties(self) -> tuple[Tie, ...]:
        """Of each family the leading method, with those that no other is shown to be better
        than."""
        return tuple(tie for about in FAMILIES for tie in self._tied(about))

    def _tied(self, about: str) -> list[Tie]:
        members = self.members.get(about, [])
        if len(members) < 2:
            return []
        sign = 1 if self.lower else -1
        order = sorted(members, key=lambda i: sign * self.estimates[i].value)
        worse = {pair.worse for pair in self.compared.claims if pair.about == about}
        open_pairs = [
            tie
            for tie in self.compared.ties
            if tie.about == about and tie.a == order[0] and tie.b not in worse
        ]
        seen = [t.detectable for t in open_pairs if t.detectable is not None]
        needed = [t.rows for t in open_pairs]
        known = [rows for rows in needed if rows is not None]
        return [
            Tie(
                about=FAMILIES[about],
                methods=tuple(self.names[i] for i in order if i not in worse),
                metric=self.metric,
                visible=max(seen, default=None),
                rows=max(known) if known and len(known) == len(needed) else None,
                scores=_scores(about),
            )
        ]

    def references(self) -> tuple[Reference, ...]:
        """The baselines, and how the best setting stands to them."""
        return tuple(
            Reference(self.names[i], self.metric, self.estimates[i].value, self._against(i))
            for i in self.members["baseline"]
        )

    def _against(self, baseline: int) -> str:
        every = (*self.compared.claims, *self.against_rate.claims)
        own = [pair for pair in every if pair.about == f"baseline {baseline}"]
        if not own:
            return "tied"
        return "worse" if own[0].worse == baseline else "better"

    def estimates_frame(self) -> pd.DataFrame:
        """Expected value of every method on new rows: about, method, scores, value, low, high."""
        if self.refusals:
            return pd.DataFrame()
        rows = [
            (about, self.names[i], scores, e.value, e.low, e.high)
            for i, e in enumerate(self.estimates)
            for about, scores in (self._place(i),)
        ]
        columns = pd.Index(["about", "method", "scores", "value", "low", "high"])
        return pd.DataFrame(rows, columns=columns)

    def pairs_frame(self) -> pd.DataFrame:
        """Every ordered pair that was tested: about, scores, worse, better, difference with its
        interval, p and whether it is claimed."""
        if self.refusals:
            return pd.DataFrame()
        rows = [
            {
                "about": FAMILIES.get(pair.about, "baseline"),
                "scores": _scores(pair.about),
                "worse": self.names[pair.worse] or BEST,
                "better": self.names[pair.better] or BEST,
                "difference": pair.difference,
                "low": pair.low,
                "high": pair.high,
                "p": pair.p,
                "claimed": pair.claimed,
            }
            for pair in (*self.compared.pairs, *self.against_rate.pairs)
        ]
        return pd.DataFrame(rows)

    def _place(self, i: int) -> tuple[str, str]:
        methods = self.found.methods
        if i < len(methods):
            return methods[i].about, "raw"
        return (BEST if i == len(methods) else "loss"), RECALIBRATED


def _scores(family: str) -> str:
    return RECALIBRATED if family == RECALIBRATED else "raw"
