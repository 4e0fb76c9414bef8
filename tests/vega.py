"""What tests read in a Vega-Lite specification."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any


def as_json(spec: Any) -> Any:
    """A specification as it is read back from a page."""
    return json.loads(json.dumps(spec, allow_nan=False))


def views(spec: Any) -> Iterator[dict[str, Any]]:
    """All views of a specification that have marks."""
    if "mark" in spec:
        yield spec
    for key in ("layer", "concat", "vconcat", "hconcat"):
        for inner in spec.get(key, ()):
            yield from views(inner)


def data_of(spec: dict[str, Any], view: dict[str, Any]) -> list[dict[str, Any]]:
    """The records that a view draws, before its transforms."""
    data = view.get("data", spec.get("data", {}))
    found: list[dict[str, Any]] = (
        data["values"] if "values" in data else spec["datasets"][data["name"]]
    )
    return found


def marks_of(spec: dict[str, Any]) -> list[dict[str, Any]]:
    """What is drawn of a complete specification, without axes and legends: marks with places."""
    import vl_convert

    drawn = vl_convert.vegalite_to_scenegraph(spec, allowed_base_urls=[])["scenegraph"]
    return list(_marks(drawn))


def _marks(group: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for item in group.get("items", []):
        for inner in item.get("items", []):
            if inner.get("marktype") != "group":
                if inner.get("role") == "mark":
                    yield inner
            elif not str(inner.get("role")).startswith(("axis", "legend", "title")):
                yield from _marks(inner)
