"""Frames as the data of a specification: rounded, without what JSON lacks."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd

MOST_POINTS = 120  # of a line
DIGITS = 6  # significant; a pixel needs four


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows of a frame; NaN and infinity become None, numbers have six digits."""
    columns = {str(name): _plain(frame[name]) for name in frame.columns}
    names = list(columns)
    return [dict(zip(names, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def lines(frame: pd.DataFrame, by: list[str], along: list[str]) -> list[dict[str, Any]]:
    """One record a line, its points as lists; `flatten` takes them apart again.

    Args:
        frame: One row a point.
        by: Columns that are the same along a line.
        along: Columns that change.
    """
    plain = {name: _plain(frame[name]) for name in along}
    found = []
    for key, places in frame.reset_index(drop=True).groupby(by, sort=False).indices.items():
        names = key if isinstance(key, tuple) else (key,)
        line = dict(zip(by, (_one(name) for name in names), strict=True))
        found.append(line | {name: [plain[name][i] for i in places] for name in along})
    return found


def thinned(frame: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """At most 120 points a line, evenly spaced on a logarithmic axis, with both ends.

    Args:
        frame: One row a point, in the order along each line.
        by: Columns that are the same along a line.
    """
    place = frame.groupby(by, sort=False).cumcount().to_numpy()
    size = frame.groupby(by, sort=False)[by[0]].transform("size").to_numpy()
    kept = size <= MOST_POINTS
    for count in np.unique(size[~kept]):
        wanted = np.geomspace(1, count, MOST_POINTS).round().astype(int) - 1
        kept |= (size == count) & np.isin(place, wanted)
    return frame[kept]


def flatten(*along: str) -> dict[str, Any]:
    """The transform that makes points of lines."""
    return {"flatten": list(along)}


def _plain(column: pd.Series) -> list[Any]:
    if pd.api.types.is_bool_dtype(column) or pd.api.types.is_integer_dtype(column):
        return column.tolist()
    if not pd.api.types.is_numeric_dtype(column):
        return [None if value is None or value != value else str(value) for value in column]
    values = rounded(column.to_numpy(dtype=float))
    found: list[Any] = values.astype(object).tolist()
    for place in np.flatnonzero(~np.isfinite(values)):
        found[place] = None
    return found


def rounded(values: np.ndarray) -> np.ndarray:
    """To six significant digits."""
    known = np.isfinite(values) & (values != 0)
    size = np.floor(np.log10(np.abs(values, where=known, out=np.ones_like(values))))
    # Dividing by a whole power of ten gives the shortest decimal; multiplying by 1e-5 does not.
    up, down = (
        10.0 ** np.clip(DIGITS - 1 - size, 0, 300),
        10.0 ** np.clip(size - DIGITS + 1, 0, 300),
    )
    return np.where(known, np.round(values * up / down) * down / up, values)


def _one(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def field(name: str) -> str:
    """A column's name as Vega-Lite takes it: dots and brackets in it are no paths."""
    return "".join(f"\\{c}" if c in "\\.[]'\"" else c for c in name)


def datum(name: str) -> str:
    """The value of a column in a Vega expression, whatever its name."""
    return f"datum[{json.dumps(name)}]"


def tip(name: str, title: str | None = None, form: str | None = ".4~g") -> dict[str, Any]:
    """A line of a tooltip.

    Args:
        name: The column.
        title: What it is called there, if not by its name.
        form: The format of its numbers; None if it is no number.
    """
    # Vega-Lite puts the title into an expression, of which it escapes the quotes alone.
    called = json.dumps(title or name, ensure_ascii=False)[1:-1].replace('\\"', '"')
    told: dict[str, Any] = {"field": field(name), "type": "nominal", "title": called}
    return told if form is None else told | {"type": "quantitative", "format": form}
