"""The figures of several sweeps: every method on every data set, and the fastest on all."""

from __future__ import annotations

from collections.abc import Iterator

from lrlab.report.analysis.across import Across, grid
from lrlab.report.context import ReportContext
from lrlab.report.figures.figure import Figure
from lrlab.report.figures.heat_map import cells
from lrlab.report.figures.profile import long_profile, profile_spec
from lrlab.report.figures.style import Methods
from lrlab.report.text import across as text
from lrlab.report.text import captions


def across_figures(found: Across, context: ReportContext) -> list[Figure]:
    """All figures that the sweeps have data for.

    Args:
        found: The sweeps' numbers.
        context: Their objective.
    """
    return [
        by_sweep(found, context, "optimizer"),
        by_sweep(found, context, "loss"),
        *_profile(found),
    ]


def by_sweep(found: Across, context: ReportContext, by: str) -> Figure:
    """A heat map of methods by data set.

    Args:
        found: The sweeps' numbers.
        context: Their objective.
        by: `optimizer` or `loss`.
    """
    table = grid(found.optimizers if by == "optimizer" else found.losses, by)
    caption = text.ratio_caption(by, context.objective, found.scores if by == "loss" else "")
    spec = cells(table, by, "sweep", "ratio to the best", "minimize")
    return Figure(
        name=f"{by}_by_sweep",
        title=captions.title("by_sweep", by=by),
        caption=caption,
        alt=captions.alternative("by_sweep", caption, by=by),
        frame=table.rename(columns={"best": "ratio"}).drop(columns="n_runs"),
        spec=spec,
        follows="optimizer" if by == "optimizer" else "method",
    )


def speed_sentence(found: Across) -> str:
    """Who reaches the optimum soonest, most often; nothing where no optimizer solves any."""
    if found.profile.empty:
        return ""
    solved = text.fastest(found.profile, len(found.costs), found.problems)
    losses = {name: each.runs["loss"].nunique() for name, each in found.findings.items()}
    return f"{solved} {text.left_out(found.left_out, losses)}".rstrip()


def _profile(found: Across) -> Iterator[Figure]:
    if found.profile.empty:
        return
    order = found.optimizers.groupby("optimizer")["ratio"].mean().sort_values().index
    frame = long_profile(found.profile)
    caption = speed_sentence(found)
    yield Figure(
        name="profile",
        title=captions.title("profile"),
        caption=caption,
        alt=captions.alternative("profile", caption),
        frame=frame,
        spec=profile_spec(Methods.of(order), frame),
        follows="optimizer",
    )
