"""Several sweeps on different data, compared: what holds on all of them, and what does not."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from lrlab.errors import UserError
from lrlab.report.analysis import evidence
from lrlab.report.analysis.answer import Verdict
from lrlab.report.analysis.evidence import RATIOS
from lrlab.report.analysis.findings import Findings, find
from lrlab.report.analysis.statistics import performance_profile
from lrlab.report.analysis.tables import minimizes
from lrlab.report.build import finished_report
from lrlab.report.context import Report, ReportContext
from lrlab.report.figures.drawings import Drawing
from lrlab.report.text import across as text
from lrlab.report.text import captions
from lrlab.report.text.words import Words

Input = tuple[pd.DataFrame, pd.DataFrame, ReportContext]


@dataclass(frozen=True)
class Across:
    """Sweeps compared.

    Args:
        findings: By name of the sweep.
        costs: Steps to a relative gap of 1e-3: rows are (sweep, loss, replicate), those that any
            optimizer solves, columns the optimizers that every sweep tried.
        profile: Share of these problems that each optimizer solves within a factor.
        optimizers: One row an optimizer x sweep: value (the objective of its best trial, on the
            rows that chose it), expected (on new rows; NaN where nothing judged), ratio (the
            latter's, or else the former's, to the sweep's best: 1 is best, more is worse in either
            direction), verdict (`best`, `tied`, `worse` or `untested`), lr_width,
            expected_best_1 and _10.
        losses: The same for losses.
    """

    findings: Mapping[str, Findings]
    costs: pd.DataFrame
    profile: pd.DataFrame
    optimizers: pd.DataFrame
    losses: pd.DataFrame


def compare_sweeps(inputs: Mapping[str, Input]) -> Across:
    """Compare sweeps by the same objective on different data.

    Args:
        inputs: What `report_input` returns, by name of the sweep.
    """
    findings = {name: find(*given) for name, given in inputs.items()}
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
        losses=_stack(findings, "loss", directions),
    )


def _stack(
    findings: Mapping[str, Findings], by: str, directions: Mapping[str, str]
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
        said = _said(found.verdict, by)
        verdicts = [said.get(str(method), "untested") for method in table[by]]
        part = table[columns].assign(sweep=name, verdict=verdicts)
        part["expected"] = _expected(found, by, table[by])
        judged = part["expected"] if part["expected"].notna().all() else part["value"]
        part.insert(1, "ratio", ratio_to_best(judged, directions[name]))
        first = [by, "sweep", "verdict"]
        parts.append(part[[*first, *part.columns.difference(first, sort=False)]])
    return pd.concat(parts, ignore_index=True)


def _said(verdict: Verdict, by: str) -> dict[str, str]:
    """What the verdict says of each method, by its name."""
    tie = next((tie.methods for tie in verdict.ties if tie.about == by), ())
    said = {
        claim.worse: "worse"
        for claim in verdict.claims
        if claim.about == by and claim.better in tie[:1]
    }
    return said | dict.fromkeys(tie[1:], "tied") | dict.fromkeys(tie[:1], "best")


def _expected(found: Findings, by: str, names: pd.Series) -> pd.Series:
    """What new rows are expected to give each method; of losses recalibrated, where that is."""
    if found.judgement is None:
        return pd.Series(math.nan, names.index)
    estimates = found.judgement.estimates_frame()
    if estimates.empty:
        return pd.Series(math.nan, names.index)
    own = estimates[estimates["about"] == by].drop_duplicates("method", keep="last")
    return names.map(own.set_index("method")["value"])


def ratio_to_best(values: pd.Series, direction: str) -> pd.Series:
    """How many times worse than the best: 1 for the best, more for the others."""
    best = float(values.min() if minimizes(direction) else values.max())
    return pd.Series(values / best if minimizes(direction) else best / values)


def across_report(inputs: Mapping[str, Input]) -> Report:
    """The report on several sweeps.

    Args:
        inputs: What `report_input` returns, by name of the sweep; two or more.

    Raises:
        UserError: If the sweeps have different objectives.
    """
    aims = {name: context.objective for name, (_, _, context) in inputs.items()}
    if len(set(aims.values())) > 1:
        raise UserError(text.different_objectives(aims))
    found = compare_sweeps(inputs)
    contexts = [context for _, _, context in inputs.values()]
    names = list(inputs)
    context = ReportContext(
        title=" · ".join(names),
        objective=contexts[0].objective,
        direction=contexts[0].direction,
        steps=max(c.steps for c in contexts),
        data="; ".join(c.data for c in contexts),
        spec_yaml="\n".join(f"# {n}\n{c.spec_yaml}" for n, c in zip(names, contexts, strict=True)),
        facts={name: f"{len(f.runs):,} runs" for name, f in found.findings.items()},
    )
    tables: dict[str, pd.DataFrame] = {"across_optimizers": found.optimizers}
    tables["across_losses"] = found.losses
    if not found.profile.empty:
        tables["profile"] = found.profile.reset_index()
    runs = [f.runs.assign(sweep=name) for name, f in found.findings.items()]
    tables["runs"] = pd.concat(runs, ignore_index=True)
    drawn = _drawings(found, context)
    return finished_report(
        context, _words(found, context.direction), tables, tables["runs"].head(0), drawn
    )


def _words(found: Across, direction: str) -> Words:
    how = pd.concat([f.converged["how"] for f in found.findings.values() if len(f.converged)])
    sentences = [
        text.never_worse(found.optimizers, "optimizer"),
        _fastest(found),
        text.never_worse(found.losses, "loss"),
    ]
    remarks = [_robust(found.optimizers, len(found.findings), direction)]
    for name, each in found.findings.items():
        told = _without_budgets(each.verdict).words
        remarks += [f"{name}: {part}" for part in (*told.paragraphs, *told.remarks)]
    outcomes = {str(name): int(count) for name, count in how.value_counts().items()}
    paragraphs = tuple(filter(None, sentences))
    return Words(
        paragraphs=paragraphs,
        counts=text.counts(outcomes, len(found.findings)),
        remarks=tuple(filter(None, remarks)),
        brief=paragraphs,
    )


def _without_budgets(verdict: Verdict) -> Verdict:
    """The verdict without its remark on random trials, of which there is one on all sweeps."""
    return replace(verdict, remarks=tuple(r for r in verdict.remarks if r.kind != "budgets"))


def _fastest(found: Across) -> str:
    if found.profile.empty:
        return ""
    tried = sum(f.runs.groupby(["loss", "replicate"]).ngroups for f in found.findings.values())
    return text.fastest(found.profile, len(found.costs), tried)


def _robust(table: pd.DataFrame, sweeps: int, direction: str) -> str:
    """The choice for someone who cannot tune: one random trial, and the widest range."""
    table = table.groupby("optimizer").filter(lambda own: len(own) == sweeps)
    given = table.groupby("sweep")["expected_best_1"]
    one = given.transform(lambda own: ratio_to_best(own, direction))
    if one.isna().any() or table["optimizer"].nunique() < 2:
        return ""
    width = table.groupby("optimizer")["lr_width"].mean()
    known = width.iloc[:0] if table["lr_width"].isna().any() else width
    return text.robust(one.groupby(table["optimizer"]).mean(), known)


def _drawings(found: Across, context: ReportContext) -> list[Drawing]:
    from lrlab.report.figures.evidence_figures import draw_profile
    from lrlab.report.figures.heat_map_figure import draw_heat_map
    from lrlab.report.figures.matplotlib_style import styles

    drawn: list[Drawing] = []
    for by, table in (("optimizer", found.optimizers), ("loss", found.losses)):
        wide = _grid(table, by)
        caption = text.ratio_caption(by, context.objective)
        figure = draw_heat_map(wide, direction="minimize", x="data set", y=by)
        title = captions.title("by_sweep", by=by)
        alt = captions.alternative("by_sweep", caption, by=by)
        drawn.append(Drawing(f"{by}_by_sweep", title, caption, alt, figure))
    if not found.profile.empty:
        caption = _fastest(found)
        look: dict[str, dict[str, Any]] = styles(found.profile.columns)
        figure = draw_profile(found.profile, look)
        title, alt = captions.title("profile"), captions.alternative("profile", caption)
        drawn.append(Drawing("profile", title, caption, alt, figure))
    return drawn


def _grid(table: pd.DataFrame, by: str) -> pd.DataFrame:
    """The table as `draw_heat_map` takes it: every method on every sweep, best first."""
    order = table.groupby(by)["ratio"].mean().sort_values().index
    sweeps: Sequence[str] = list(dict.fromkeys(table["sweep"]))
    full = pd.MultiIndex.from_product([order, sweeps], names=["optimizer", "loss"])
    values = table.set_index([by, "sweep"])["ratio"].reindex(full)
    return values.rename("best").reset_index().assign(n_runs=1)
