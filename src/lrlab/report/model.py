"""What goes into a report and what comes out of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd


@dataclass(frozen=True)
class ReportContext:
    """What the report says about the sweep beyond its numbers.

    Args:
        title: Heading of the page.
        objective: Name of the final measure by which runs are compared.
        direction: `minimize` or `maximize`.
        steps: Most steps that a run was allowed.
        data: One line on the data.
        spec_yaml: The sweep's spec, as text.
        facts: Further facts, such as versions and the store, in the order shown.
        run_links: Address of each run's page by run_id (None where it has none), or None.
    """

    title: str
    objective: str
    direction: str
    steps: int
    data: str
    spec_yaml: str
    facts: Mapping[str, str]
    run_links: Mapping[str, str | None] | None = None


@dataclass(frozen=True)
class Report:
    """A finished report.

    Args:
        html: The page, complete in itself.
        runs: The runs frame it was made from.
        summary: The table optimizer x loss.
        figures: matplotlib figures by name.
        pictures: The same figures as PNG files, at the resolution of the page.
    """

    html: str
    runs: pd.DataFrame
    summary: pd.DataFrame
    figures: dict[str, Any]
    pictures: dict[str, bytes]
