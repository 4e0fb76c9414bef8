"""What goes into a report and what comes out of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypedDict, TypeVar

import numpy as np
import pandas as pd

from lrlab.data import Baseline, Problem, TableReading
from lrlab.metrics import Direction
from lrlab.optimum.record import Optima
from lrlab.registry import did_you_mean
from lrlab.report.analysis.answer import Verdict
from lrlab.report.text.words import Words

if TYPE_CHECKING:
    from lrlab.report.figures.figure import Figure

T = TypeVar("T")


class Aim(TypedDict):
    """Objective and direction."""

    objective: str
    direction: Direction


def safe_link(address: str | None) -> str | None:
    """`address` if it is a web page's; a link must not run a script."""
    if address is not None and address.lower().startswith(("http://", "https://")):
        return address
    return None


@dataclass(frozen=True)
class ReportContext:
    """What the report says about the sweep beyond its numbers.

    Args:
        title: Heading of the page.
        objective: Name of the final metric by which runs are compared.
        direction: `minimize` or `maximize`.
        steps: Most steps that a run was allowed.
        data: One line on the data.
        spec_yaml: The sweep's spec, as text.
        facts: Further facts, such as versions and the store, in the order shown.
        run_links: Address of each run's page by run_id (None where it has none), or None.
        sampler: The sweep's.
        random_trials: The first trials that were drawn at random, a fair sample of the space;
            None: all.
        optima: Optimum and curvature of the objectives, if they are known.
        problem: The data, if they can be had.
        best_weights: Weights [d] and bias of the best run, if they can be had.
        best_replicate: Which replicate that run is; with folds it says which rows it trained on.
        weights: The same of the runs that are judged, by run_id.
        minimum_effect: The difference that counts, as a share of the better value.
        baseline: The base rate, if it is recorded.
        reading: How the columns of the table were read, if that is recorded.
        per_step: Objective of each run after 0, 1, 2, ... updates, [r, s + 1] in the order of the
            runs frame, of full-batch runs.
    """

    title: str
    objective: str
    direction: Direction
    steps: int
    data: str
    spec_yaml: str
    facts: Mapping[str, str]
    run_links: Mapping[str, str | None] | None = None
    sampler: str = "random"
    random_trials: int | None = None
    optima: Optima | None = None
    problem: Problem | None = None
    best_weights: tuple[np.ndarray, float] | None = None
    best_replicate: int = 0
    weights: Mapping[str, tuple[np.ndarray, float]] = field(default_factory=dict)
    baseline: Baseline | None = None
    reading: TableReading | None = None
    minimum_effect: float = 0.01
    per_step: np.ndarray | None = field(default=None, repr=False)

    @property
    def best_problem(self) -> Problem | None:
        """The data that the best run trained on, if they can be had."""
        return self.problem and self.problem.of(self.best_replicate)

    def link(self, run_id: str) -> str | None:
        """Address of a run's page, if it has one on the web."""
        return safe_link((self.run_links or {}).get(run_id))

    @property
    def aim(self) -> Aim:
        """Objective and direction, as most functions of the report take them."""
        return {"objective": self.objective, "direction": self.direction}


class Named(dict[str, T]):
    """Figures or tables by name; a KeyError says which names there are."""

    def __missing__(self, name: str) -> T:
        raise KeyError(f"there is no {name!r}{did_you_mean(str(name), list(self))}")


@dataclass(frozen=True)
class Report:
    """A finished report.

    Args:
        html: The page, complete in itself.
        markdown: Verdict and tables as text; figures are named as files beside it.
        words: The answer at the top.
        tables: Frames by name: `runs`, `summary` (optimizer x loss), `optimizers`, `losses`,
            `tests` (of one method against another), `speed`, `held_out`, `convergence`
            (one row a run), `objectives` (optimum and curvature), `base_rate`, `columns` (how
            they were read).
        figures: By name, with the numbers that each draws (`frame`) and an Altair chart; a
            notebook shows it.
        verdict: What the sweep says; None of several sweeps.
    """

    html: str
    markdown: str
    words: Words
    tables: dict[str, pd.DataFrame]
    figures: dict[str, Figure]
    verdict: Verdict | None = None

    @property
    def runs(self) -> pd.DataFrame:
        """The runs frame that the report was made from."""
        return self.tables["runs"]

    @property
    def summary(self) -> pd.DataFrame:
        """The table optimizer x loss."""
        return self.tables["summary"]
