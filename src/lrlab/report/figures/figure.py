"""What a figure of the report is: its numbers, its Vega-Lite specification and its words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pandas as pd

if TYPE_CHECKING:
    from altair import TopLevelMixin


@dataclass(frozen=True)
class Figure:
    """One figure, complete without a browser and without the page.

    Args:
        name: File name without ending, such as `lr_sensitivity`.
        title: Heading.
        caption: What to see in it.
        alt: What it shows, for those who cannot see it.
        frame: The numbers that are drawn; the page offers them as a table.
        chart: The Altair chart. Data that several figures share (such as `runs`) it names, and
            `datasets` holds; all else is in it.
        datasets: Shared frames by the name that the chart gives them.
        follows: What a selection of runs elsewhere on the page does to it: `run` (its marks are
            runs: only the selected stay), `method` (its marks are methods: those without a
            selected run fade), or nothing.
    """

    name: str
    title: str
    caption: str
    alt: str
    frame: pd.DataFrame
    chart: TopLevelMixin
    datasets: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    follows: str = ""

    def specification(self) -> dict[str, Any]:
        """The chart as Vega-Lite JSON; shared data stay names."""
        spec: dict[str, Any] = self.chart.to_dict()
        return spec
