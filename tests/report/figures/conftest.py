"""The figures of a recorded sweep."""

from __future__ import annotations

import jsonschema
import pytest

from lrlab.report.analysis.findings import find
from lrlab.report.figures.figure import Figure
from lrlab.report.figures.registry import make_figures
from lrlab.report.figures.scene import Scene
from support import Finished


@pytest.fixture(scope="session")
def scene(finished: Finished) -> Scene:
    """The finished sweep as its figures see it."""
    from lrlab.report.inputs import report_input
    from lrlab.track import connect, find_sweep

    store = connect(finished.uri)
    runs, curves, context = report_input(store, find_sweep(store, finished.run_id))
    return Scene(find(runs, curves, context), context)


@pytest.fixture(scope="session")
def figures(scene: Scene) -> dict[str, Figure]:
    """All its figures by name."""
    return {figure.name: figure for figure in make_figures(scene.found, scene.context)}


@pytest.fixture(scope="session")
def vega_lite() -> jsonschema.Draft7Validator:
    """The validator of the Vega-Lite schema that Altair brings."""
    from altair.vegalite.v6.schema.core import load_schema

    return jsonschema.Draft7Validator(load_schema())
