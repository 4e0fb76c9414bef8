"""Several sweeps on different data, compared: what holds on all of them, and what does not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from lrlab.errors import UserError
from lrlab.report import evidence
from lrlab.report.answer import Words
from lrlab.report.build import finished_report
from lrlab.report.drawings import Drawing
from lrlab.report.evidence import RATIOS
from lrlab.report.findings import Findings, find
from lrlab.report.methods import Comparison
from lrlab.report.model import Report, ReportContext
from lrlab.report.remarks import BUDGET
from lrlab.report.statistics import performance_profile
from lrlab.report.words import listing, number, percent, plural

Input = tuple[pd.DataFrame, pd.DataFrame, ReportContext]


@dataclass(frozen=True)
class Across:
    """Sweeps compared.

    Args:
        findings: By name of the sweep.
        costs: Steps to a relative gap of 1e-3: rows are (sweep, loss, replicate), those that any
            optimizer solves, columns the optimizers that every sweep tried.
        profile: Share of these problems that each optimizer solves within a factor.
        optimizers: One row an optimizer x sweep: median, ratio to the sweep's best, verdict
            (`leads`, `level`, `behind` or `untested`), lr_width, expected_best_1 and _10.
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
    parts = {
        name: evidence.costs(found.runs, found.converged, found.fastest)
        for name, found in findings.items()
        if not found.fastest.empty
    }
    costs = pd.concat(parts, names=["sweep"], join="inner") if parts else pd.DataFrame()
    costs = costs.dropna(how="all")
    profile = pd.DataFrame() if costs.empty else performance_profile(costs, RATIOS)
    return Across(
        findings=findings,
        costs=costs,
        profile=profile,
        optimizers=_stack({n: f.optimizers for n, f in findings.items()}),
        losses=_stack({n: f.losses for n, f in findings.items()}),
    )


def _stack(comparisons: Mapping[str, Comparison]) -> pd.DataFrame:
    parts = []
    for name, comparison in comparisons.items():
        found, by = comparison.standing, comparison.by
        said = dict.fromkeys(found.behind, "behind")
        said |= dict.fromkeys(found.level, "level" if found.tested else "untested")
        if found.leader is not None:
            said[found.leader] = "leads"
        table = comparison.table
        columns = [by, "lr", "median", "low", "high", "lr_width", "diverged"]
        columns += ["expected_best_1", "expected_best_10"]
        columns += [name for name in ("rows_low", "rows_high") if name in table]
        part = table[columns].assign(sweep=name, verdict=table[by].map(said).fillna("untested"))
        part.insert(1, "ratio", part["median"] / part["median"].iloc[0] if len(part) else 0.0)
        first = [by, "sweep", "verdict"]
        parts.append(part[[*first, *part.columns.difference(first, sort=False)]])
    return pd.concat(parts, ignore_index=True)


def across_report(inputs: Mapping[str, Input]) -> Report:
    """The report on several sweeps.

    Args:
        inputs: What `report_input` returns, by name of the sweep; two or more.

    Raises:
        UserError: If the sweeps have different objectives.
    """
    aims = {name: context.objective for name, (_, _, context) in inputs.items()}
    if len(set(aims.values())) > 1:
        each = ", ".join(f"{name} by {objective}" for name, objective in aims.items())
        raise UserError(f"these sweeps are judged by different objectives ({each})")
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
    return finished_report(context, _words(found), tables, tables["runs"].head(0), drawn)


def _words(found: Across) -> Words:
    how = pd.concat([f.converged["how"] for f in found.findings.values() if len(f.converged)])
    sentences = [
        _never_behind(found.optimizers, "optimizer", len(found.findings)),
        _fastest(found),
        _never_behind(found.losses, "loss", len(found.findings)),
    ]
    remarks = [_robust(found.optimizers, len(found.findings))]
    for name, f in found.findings.items():
        told = f.verdict.words
        remarks += [f"{name}: {text}" for text in (*told.paragraphs, *told.remarks)]
    remarks = [text for text in remarks if BUDGET not in text]
    ends = ", ".join(f"{count:,} {name}" for name, count in how.value_counts().items())
    return Words(
        paragraphs=tuple(text for text in sentences if text),
        counts=f"{plural(len(how), 'run')} in {plural(len(found.findings), 'sweep')}: {ends}.",
        remarks=tuple(text for text in remarks if text),
    )


def _never_behind(table: pd.DataFrame, by: str, sweeps: int) -> str:
    """Which methods are never worse than the best, and which always are."""
    counts = table.pivot_table(index=by, columns="verdict", aggfunc="size", fill_value=0)
    counts = counts[counts.sum(axis=1) == sweeps]  # what some sweep did not try is left out
    tested = table["verdict"].ne("untested").any() and len(counts) > 1
    kind = {"optimizer": "Optimizers", "loss": "Losses"}[by]
    if not tested:
        return ""
    behind = counts.get("behind", pd.Series(0, index=counts.index))
    never = [str(n) for n in counts.index[behind == 0]]
    always = [str(n) for n in counts.index[behind == sweeps]]
    first = f"{listing(never, 12)} {'is' if len(never) == 1 else 'are'} never behind by the seeds"
    if not never:
        first = "none is level with the best everywhere"
    text = f"{kind} that all {sweeps} sweeps tried, each at its best setting there: {first}"
    return f"{text}; {listing(always, 12)} always." if always else f"{text}."


def _fastest(found: Across) -> str:
    if found.profile.empty:
        return ""
    at_once, within = found.profile.iloc[0], found.profile.loc[found.profile.index <= 4].iloc[-1]
    first, near = at_once.idxmax(), within.idxmax()
    often, nearly = percent(float(at_once.max())), percent(float(within.max()))
    tried = sum(f.runs.groupby(["loss", "replicate"]).ngroups for f in found.findings.values())
    unsolved = f"; {tried - len(found.costs):,} more no optimizer solves"
    rest = unsolved if tried > len(found.costs) else ""
    then = f" and most often within a factor of 4 ({nearly})"
    if near != first:
        then = f", {near} is most often within a factor of 4 ({nearly})"
    return (
        f"Speed to a relative gap of 1e-3, over {plural(len(found.costs), 'problem')} (data set, "
        f"loss and seed{rest}): {first} is fastest most often ({often}){then}."
    )


def _robust(table: pd.DataFrame, sweeps: int) -> str:
    """The choice for someone who cannot tune: one random trial, and the widest range."""
    table = table.groupby("optimizer").filter(lambda own: len(own) == sweeps)
    one = table["expected_best_1"] / table.groupby("sweep")["expected_best_1"].transform("min")
    if one.isna().any() or table["optimizer"].nunique() < 2:
        return ""
    loss = one.groupby(table["optimizer"]).mean().sort_values()
    least, most = percent(float(loss.iloc[0]) - 1), percent(float(loss.iloc[-1]) - 1)
    text = (
        f"With a single random trial {loss.index[0]} loses least ({least} on average against the "
        f"best choice of each data set), {loss.index[-1]} most ({most})."
    )
    if table["lr_width"].isna().any():
        return text
    width = table.groupby("optimizer")["lr_width"].mean().sort_values(ascending=False)
    return (
        f"{text} {width.index[0]} has the widest range of good learning rates "
        f"({number(float(width.iloc[0]), 2)} decades on average), {width.index[-1]} the narrowest "
        f"({number(float(width.iloc[-1]), 2)})."
    )


def _drawings(found: Across, context: ReportContext) -> list[Drawing]:
    from lrlab.report.evidence_figures import draw_profile
    from lrlab.report.figures import draw_heat_map
    from lrlab.report.style import styles

    drawn: list[Drawing] = []
    for by, table in (("optimizer", found.optimizers), ("loss", found.losses)):
        wide = _grid(table, by)
        caption = (
            f"Best {context.objective} of each {by} on each data set, as a multiple of the best "
            "there; the darker, the better."
        )
        alt = f"Heat map, {by} by data set. {caption}"
        figure = draw_heat_map(wide, direction=context.direction, x="data set", y=by)
        title = f"Every {by} on every data set"
        drawn.append(Drawing(f"{by}_by_sweep", title, caption, alt, figure))
    if not found.profile.empty:
        caption = _fastest(found)
        alt = f"Performance profile of {plural(found.profile.shape[1], 'optimizer')}. {caption}"
        look: dict[str, dict[str, Any]] = styles(found.profile.columns)
        figure = draw_profile(found.profile, look)
        drawn.append(Drawing("profile", "Performance profile", caption, alt, figure))
    return drawn


def _grid(table: pd.DataFrame, by: str) -> pd.DataFrame:
    """The table as `draw_heat_map` takes it: every method on every sweep, best first."""
    order = table.groupby(by)["ratio"].mean().sort_values().index
    sweeps: Sequence[str] = list(dict.fromkeys(table["sweep"]))
    full = pd.MultiIndex.from_product([order, sweeps], names=["optimizer", "loss"])
    values = table.set_index([by, "sweep"])["ratio"].reindex(full)
    return values.rename("best").reset_index().assign(n_runs=1)
