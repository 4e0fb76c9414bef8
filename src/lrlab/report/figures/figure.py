"""What a figure of the report is: its numbers, its Vega-Lite specification and its words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pandas as pd

from lrlab.report.figures.records import records
from lrlab.report.figures.style import config

if TYPE_CHECKING:
    from altair import TopLevelMixin

SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"
WIDTH = 680  # pixels of a figure outside the page, where no window says how wide it may be


@dataclass(frozen=True)
class Figure:
    """One figure, complete without a browser and without the page. A notebook shows it.

    Args:
        name: File name without ending, such as `lr_sensitivity`.
        title: Heading.
        caption: What to see in it.
        alt: What it shows, for those who cannot see it.
        frame: The numbers that are drawn; the page offers them as a table.
        spec: Its Vega-Lite specification, without ink, paper and fonts (`style.config` has them):
            a layered view as wide as its container, or small multiples under `concat`, of which
            the page sets `columns` and each view's `width`. Its own data are under `datasets`.
        datasets: Frames that several figures share (such as `runs`), by the name that the
            specification gives them.
        follows: What a selection of runs elsewhere on the page does to it: `run` (its marks are
            runs: only the selected stay), `method` (its marks are optimizers, losses or pairs:
            those that are not in the parameter `selected` fade), `optimizer` (the same, but its
            numbers are of all losses and learning rates), or nothing.
        variants: Other specifications by name (`linear`: on a linear axis), without `datasets`:
            those of `spec` are theirs.
        links: Addresses of the runs' pages by run id, http or https.
    """

    name: str
    title: str
    caption: str
    alt: str
    frame: pd.DataFrame
    spec: Mapping[str, Any]
    datasets: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    follows: str = ""
    variants: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    links: Mapping[str, str] = field(default_factory=dict, repr=False)

    def specification(self) -> dict[str, Any]:
        """The figure as Vega-Lite JSON; shared data stay names."""
        return {"$schema": SCHEMA, **self.spec}

    def complete(self, theme: str = "light") -> dict[str, Any]:
        """The figure as Vega-Lite JSON that needs nothing else: all data in it, runs are links.

        Args:
            theme: `light` or `dark`.
        """
        shared = {name: self._linked(name, frame) for name, frame in self.datasets.items()}
        spec = _sized(_with_links(self.specification()) if self.links else self.specification())
        spec["datasets"] = {**spec.get("datasets", {}), **shared}
        return {**spec, "description": self.alt, "config": config(theme)}

    @property
    def chart(self) -> TopLevelMixin:
        """The figure as an Altair chart, complete, to be shown, changed or saved."""
        import altair

        kind = altair.ConcatChart if "concat" in self.spec else altair.LayerChart
        spec = self.complete()
        data = spec.pop("datasets")
        chart = kind.from_dict(spec)
        chart.datasets = data  # as it is: Altair would look at every number
        return chart

    def _repr_mimebundle_(self, *args: Any, **kwargs: Any) -> Any:
        """What a notebook shows, by the renderer that the user has chosen for Altair."""
        import altair

        show = altair.renderers.get()
        return None if show is None else show(self.complete())

    def _linked(self, name: str, frame: pd.DataFrame) -> list[dict[str, Any]]:
        rows = records(frame)
        if name != "runs":
            return rows
        return [row | {"href": self.links.get(str(row["id"]))} for row in rows]


def _with_links(view: Any) -> Any:
    """The specification with an address for every mark that is a run."""
    if isinstance(view, list):
        return [_with_links(each) for each in view]
    if not isinstance(view, dict):
        return view
    inner = {
        key: _with_links(value) if key in ("layer", "concat") else value
        for key, value in view.items()
    }
    if "mark" in view and view.get("data") == {"name": "runs"}:
        inner["encoding"] = {**view["encoding"], "href": {"field": "href", "type": "nominal"}}
    return inner


def _sized(spec: dict[str, Any]) -> dict[str, Any]:
    """The specification with a width in pixels."""
    return {**spec, "width": WIDTH} if spec.get("width") == "container" else spec
