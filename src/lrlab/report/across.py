"""The report on several sweeps: what holds on all of them, and what does not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pandas as pd

from lrlab.errors import UserError
from lrlab.report.analysis.across import Across, Input, compare_sweeps, one_trial
from lrlab.report.analysis.answer import Verdict
from lrlab.report.build import finished_report
from lrlab.report.context import Report, ReportContext
from lrlab.report.figures.across import across_figures, speed_sentence
from lrlab.report.text import across as text
from lrlab.report.text.verdict import in_words
from lrlab.report.text.words import Words


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
        run_links={run: link for c in contexts for run, link in (c.run_links or {}).items()},
    )
    tables: dict[str, pd.DataFrame] = {"across_optimizers": found.optimizers}
    tables["across_losses"] = found.losses.assign(scores=found.scores or "raw")
    if not found.profile.empty:
        tables["profile"] = found.profile.reset_index()
    runs = [f.runs.assign(sweep=name) for name, f in found.findings.items()]
    tables["runs"] = pd.concat(runs, ignore_index=True)
    drawn = across_figures(found, context)
    return finished_report(
        context, _words(found, context.direction), tables, tables["runs"].head(0), drawn
    )


def _words(found: Across, direction: str) -> Words:
    how = pd.concat([f.converged["how"] for f in found.findings.values() if len(f.converged)])
    sentences = [
        text.never_worse(found.optimizers, "optimizer"),
        speed_sentence(found),
        text.never_worse(found.losses, "loss", found.scores),
    ]
    loss, width = one_trial(found, direction)
    remarks = [] if loss.empty else [text.robust(loss, width)]
    for name, each in found.findings.items():
        told = in_words(_without_budgets(each.verdict))
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
