"""Several sweeps on different data, compared, in numbers."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pandas as pd

from lrlab.report.analysis import evidence
from lrlab.report.analysis.answer import Verdict
from lrlab.report.analysis.evidence import RATIOS
from lrlab.report.analysis.fact import Fact
from lrlab.report.analysis.findings import Findings, find
from lrlab.report.analysis.limits import too_few_random_trials
from lrlab.report.analysis.speed import different_objectives
from lrlab.report.analysis.statistics import performance_profile
from lrlab.report.analysis.tables import minimizes
from lrlab.report.context import ReportContext

ONE_LOSS = ("bce", "bce_logits")  # one function, computed in two ways

Input = tuple[pd.DataFrame, pd.DataFrame, ReportContext]


@dataclass(frozen=True)
class Across:
    """Sweeps compared.

    Args:
        findings: By name of the sweep.
        costs: Steps to a relative gap of 1e-3: rows are (sweep, loss, replicate), those that any
            optimizer solves, columns the optimizers that every sweep tried.
        problems: How many there are, solved or not, of losses whose optimizers minimized one
            objective.
        left_out: The other losses: sweep, loss and the reason.
        profile: Share of these problems that each optimizer solves within a factor.
        optimizers: One row an optimizer x sweep: value (the objective of its best trial, on the
            rows that chose it), expected (on new rows; NaN where nothing judged), ratio (the
            latter's, or else the former's, to the sweep's best: 1 is best, more is worse in either
            direction), verdict (`best` of one that all others are worse than, `tied`, `worse` or
            `untested`), lr_width, expected_best_1 and _10.
        losses: The same for losses, bce and bce_logits as one where both were tried; expected,
            ratio and verdict are of `scores`, the same on every sweep.
        scores: By which losses are compared: `recalibrated` where every sweep has those, else
            `raw`; empty where no sweep recalibrates any.
        one_trial: Whether every sweep has random trials enough to say what a single one gives.
        drawn_alike: Whether the learning rates of every sweep were drawn alike for all
            optimizers, so that their ranges compare: not by a sampler that learns.
    """

    findings: Mapping[str, Findings]
    costs: pd.DataFrame
    profile: pd.DataFrame
    optimizers: pd.DataFrame
    losses: pd.DataFrame
    scores: str = ""
    problems: int = 0
    left_out: tuple[tuple[str, str, Fact], ...] = ()
    one_trial: bool = True
    drawn_alike: bool = True


def compare_sweeps(inputs: Mapping[str, Input]) -> Across:
    """Compare sweeps by the same objective on different data.

    Args:
        inputs: What `report_input` returns, by name of the sweep.
    """
    findings = {name: find(*given) for name, given in inputs.items()}
    scores = _scores(findings)
    directions = {name: context.direction for name, (_, _, context) in inputs.items()}
    parts = {
        name: evidence.costs(found.runs, found.converged, found.fastest)
        for name, found in findings.items()
        if not found.fastest.empty and found.fastest["shared"].any()
    }
    costs = pd.concat(parts, names=["sweep"], join="inner") if parts else pd.DataFrame()
    costs = costs.dropna(how="all")
    profile = pd.DataFrame() if costs.empty else performance_profile(costs, RATIOS)
    return Across(
        findings=findings,
        costs=costs,
        profile=profile,
        optimizers=_stack(findings, "optimizer", directions),
        losses=_one_name(_stack(findings, "loss", directions, scores or "raw")),
        scores=scores,
        problems=sum(_problems(found) for found in findings.values()),
        left_out=tuple(
            (name, *why) for name, found in findings.items() for why in _left_out(found)
        ),
        one_trial=not any(
            too_few_random_trials(findings[name].optimizers, context.sampler)
            for name, (_, _, context) in inputs.items()
        ),
        drawn_alike=all(context.random_trials is None for _, _, context in inputs.values()),
    )


def _compared(found: Findings) -> set[str]:
    """Losses whose optimizers minimized one objective, so that their steps compare."""
    if found.fastest.empty:
        return set()
    return set(found.fastest.loc[found.fastest["shared"].astype(bool), "loss"])


def _problems(found: Findings) -> int:
    own = found.runs[found.runs["loss"].isin(_compared(found))]
    return int(own.groupby(["loss", "replicate"]).ngroups)


def _left_out(found: Findings) -> Iterator[tuple[str, Fact]]:
    """Losses whose steps do not compare, and why."""
    known = set() if found.fastest.empty else set(found.fastest["loss"])
    for loss in found.runs["loss"].unique():
        if loss not in known:
            yield str(loss), Fact("no_optimum")
        elif loss not in _compared(found):
            yield str(loss), different_objectives(found.runs, str(loss))


def _stack(
    findings: Mapping[str, Findings], by: str, directions: Mapping[str, str], scores: str = "raw"
) -> pd.DataFrame:
    parts = []
    for name, found in findings.items():
        table = (found.optimizers if by == "optimizer" else found.losses).table
        columns = [
            by,
            "lr",
            "value",
            "lr_width",
            "diverged",
            "expected_best_1",
            "expected_best_10",
        ]
        said = _said(found.verdict, by, scores)
        verdicts = [said.get(str(method), "untested") for method in table[by]]
        part = table[columns].assign(sweep=name, verdict=verdicts)
        part["expected"] = _expected(found, by, table[by], scores)
        judged = part["expected"] if part["expected"].notna().all() else part["value"]
        part.insert(1, "ratio", ratio_to_best(judged, directions[name]))
        first = [by, "sweep", "verdict"]
        parts.append(part[[*first, *part.columns.difference(first, sort=False)]])
    return pd.concat(parts, ignore_index=True)


def _scores(findings: Mapping[str, Findings]) -> str:
    """The scores by which losses are compared on all sweeps."""
    recalibrates = [
        any(tie.about == "loss" and tie.scores == "recalibrated" for tie in found.verdict.ties)
        for found in findings.values()
    ]
    if not any(recalibrates):
        return ""
    return "recalibrated" if all(recalibrates) else "raw"


def _one_name(losses: pd.DataFrame) -> pd.DataFrame:
    """Losses that are one function, computed in two ways, as one: the better on each sweep."""
    if not set(ONE_LOSS) <= set(losses["loss"]):
        return losses
    named = losses.assign(
        loss=losses["loss"].where(~losses["loss"].isin(ONE_LOSS), "/".join(ONE_LOSS))
    )
    return named.drop_duplicates(["sweep", "loss"], ignore_index=True)


def _said(verdict: Verdict, by: str, scores: str = "raw") -> dict[str, str]:
    """What the verdict says of each method by such scores, by its name."""
    ties = (tie for tie in verdict.ties if (tie.about, tie.scores) == (by, scores))
    tie = next((tie.methods for tie in ties), ())
    claims = (claim for claim in verdict.claims if (claim.about, claim.scores) == (by, scores))
    said = {claim.worse: "worse" for claim in claims}
    return said | dict.fromkeys(tie, "tied" if len(tie) > 1 else "best")


def _expected(found: Findings, by: str, names: pd.Series, scores: str) -> pd.Series:
    """What new rows are expected to give each method by such scores."""
    if found.judgement is None:
        return pd.Series(math.nan, names.index)
    estimates = found.judgement.estimates_frame()
    if estimates.empty:
        return pd.Series(math.nan, names.index)
    own = estimates[(estimates["about"] == by) & (estimates["scores"] == scores)]
    return names.map(own.set_index("method")["value"])


def ratio_to_best(values: pd.Series, direction: str) -> pd.Series:
    """How many times worse than the best: 1 for the best, more for the others."""
    best = float(values.min() if minimizes(direction) else values.max())
    return pd.Series(values / best if minimizes(direction) else best / values)


def one_trial(found: Across, direction: str) -> tuple[pd.Series, pd.Series]:
    """What to take without tuning: a single random trial, and the range of good learning rates.

    Args:
        found: The sweeps.
        direction: `minimize` or `maximize`.

    Returns:
        By optimizer that all sweeps tried: how many times worse than the best choice of the data
        set one random trial is, mean over the sweeps (empty where some sweep cannot tell, or of
        one optimizer), and decades of good learning rates (empty likewise).
    """
    sweeps = len(found.findings)
    table = found.optimizers.groupby("optimizer").filter(lambda own: len(own) == sweeps)
    given = table.groupby("sweep")["expected_best_1"]
    one = given.transform(lambda own: ratio_to_best(own, direction))
    if one.isna().any() or table["optimizer"].nunique() < 2 or not found.one_trial:
        return pd.Series(dtype=float), pd.Series(dtype=float)
    width = table.groupby("optimizer")["lr_width"].mean()
    unknown = table["lr_width"].isna().any() or not found.drawn_alike
    known = width.iloc[:0] if unknown else width
    return one.groupby(table["optimizer"]).mean(), known


def grid(table: pd.DataFrame, by: str) -> pd.DataFrame:
    """Every method on every sweep, best first.

    Args:
        table: `optimizers` or `losses` of `Across`.
        by: `optimizer` or `loss`.

    Returns:
        by, sweep, best (the ratio; NaN where the sweep did not try it) and n_runs (0 there).
    """
    order = table.groupby(by)["ratio"].mean().sort_values().index
    sweeps = list(dict.fromkeys(table["sweep"]))
    full = pd.MultiIndex.from_product([order, sweeps], names=[by, "sweep"])
    values = table.set_index([by, "sweep"])["ratio"]
    found = values.reindex(full).rename("best").reset_index()
    tried = pd.Series(1, index=values.index).reindex(full).fillna(0)
    return found.assign(n_runs=tried.astype("int64").to_numpy())
