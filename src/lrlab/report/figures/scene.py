"""What all figures of a sweep share: its runs, its methods, and how a run is drawn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd

from lrlab.report.analysis.findings import Findings
from lrlab.report.analysis.tables import minimizes, order_of_trials, prepare
from lrlab.report.context import ReportContext
from lrlab.report.figures.figure import Figure
from lrlab.report.figures.records import tip
from lrlab.report.figures.style import Methods
from lrlab.report.text import captions
from lrlab.search import Best

RUNS = "runs"  # the name of the shared frame
MOST_SETTINGS = 12  # that a tooltip lists
NAME = "short_id"
# A run is called by the last letters of its id, as in the tables.
NAMED = {"calculate": "slice(datum.id, -8)", "as": NAME}


@dataclass(frozen=True)
class Scene:
    """A sweep as its figures see it.

    Args:
        found: Its numbers.
        context: Its objective and data.
    """

    found: Findings
    context: ReportContext

    @cached_property
    def methods(self) -> Methods:
        """The optimizers, best first."""
        return Methods.of(self.found.summary["optimizer"])

    @cached_property
    def order(self) -> list[Best]:
        """The trials that have an objective, best first."""
        direction = self.context.direction
        return order_of_trials(prepare(self.found.runs, **self.context.aim), direction)

    @cached_property
    def losses(self) -> list[str]:
        """The losses, best first."""
        return list(dict.fromkeys(map(str, self.found.summary["loss"])))

    @cached_property
    def runs(self) -> pd.DataFrame:
        """The frame `runs`, one row a run in the order of the runs frame.

        Returns:
            run (0, 1, ...), id, trial, replicate, optimizer, loss, lr, the objective (NaN where a
            run diverged), outcome and the settings that some run has.
        """
        runs, objective = self.found.runs, self.context.objective
        frame = prepare(runs, objective, self.context.direction)
        table = frame.drop(columns=["diverged", "value"]).rename(columns={"run_id": "id"})
        table.insert(0, "run", range(len(table)))
        table[objective] = frame["value"]
        table["outcome"] = runs["outcome"].astype(str).to_numpy()
        for name in self.settings:
            table[name] = runs[name].to_numpy()
        return table.reset_index(drop=True)

    @cached_property
    def settings(self) -> list[str]:
        """Columns of l2 and hyperparameters, where some run has a value other than zero."""
        runs = self.found.runs
        own = [str(name) for name in runs.columns if name == "l2" or "." in str(name)]
        return [name for name in own if runs[name].notna().any() and (runs[name] != 0).any()]

    @cached_property
    def links(self) -> Mapping[str, str]:
        """Addresses of the runs' pages, where they have one."""
        found = {run_id: self.context.link(run_id) for run_id in self.context.run_links or {}}
        return {run_id: link for run_id, link in found.items() if link is not None}

    @cached_property
    def diverged(self) -> bool:
        """Whether any run did."""
        return bool((self.runs["outcome"] == "diverged").any())

    @property
    def worse_is_up(self) -> bool:
        """Whether the worse edge of the objective's axis is the upper one."""
        return minimizes(self.context.direction)

    def tooltip(self) -> list[dict[str, Any]]:
        """What a run tells of itself."""
        numbers = ["lr", self.context.objective, *self.settings[:MOST_SETTINGS]]
        names = [tip(name, form=None) for name in ("optimizer", "loss")]
        rest = [tip(name, form=None) for name in ("outcome", "trial", "replicate")]
        return [*names, *map(tip, numbers), *rest, tip(NAME, "run", form=None)]

    def figure(
        self,
        name: str,
        caption: str,
        frame: pd.DataFrame,
        spec: Mapping[str, Any],
        *,
        follows: str = "",
        variants: Mapping[str, Mapping[str, Any]] | None = None,
        **given: str,
    ) -> Figure:
        """A figure with the words that belong to its name, and the runs if it draws them.

        Args:
            name: Of the figure.
            caption: What to see in it.
            frame: Its numbers.
            spec: Its specification.
            follows: See `Figure`.
            variants: See `Figure`.
            given: What title and text alternative name.
        """
        return Figure(
            name=name,
            title=captions.title(name, **given),
            caption=caption,
            alt=captions.alternative(name, caption, **given),
            frame=frame,
            spec=spec,
            datasets={RUNS: self.runs} if follows == "run" else {},
            follows=follows,
            variants=variants or {},
            links=self.links if follows == "run" else {},
        )

    def losses_of(self, frame: pd.DataFrame) -> list[str]:
        """The losses of a frame, best first."""
        there = set(frame["loss"])
        return [loss for loss in self.losses if loss in there]

    def is_loss(self, loss: str) -> dict[str, Any]:
        """The transform that keeps one loss."""
        return {"filter": {"field": "loss", "equal": loss}}
