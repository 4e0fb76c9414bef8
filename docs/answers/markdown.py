"""Frames as Markdown tables, and their place in a page."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

WORSE = "▽"  # shown to be worse than another one


def table(frame: pd.DataFrame) -> str:
    """A frame of texts as a Markdown table; its index is left out."""
    lines = ["| " + " | ".join(map(str, frame.columns)) + " |", "| " + "--- | " * frame.shape[1]]
    lines += ["| " + " | ".join(map(str, row)) + " |" for row in frame.to_numpy()]
    return "\n".join(line.rstrip() for line in lines)


def fill(page: Path, tables: Mapping[str, pd.DataFrame | str]) -> None:
    """Put tables between `<!-- table NAME -->` and `<!-- end -->` of a page; the others stay."""

    def replaced(match: re.Match[str]) -> str:
        name = match[1]
        if name not in tables:
            return match[0]
        made = tables[name]
        text = made if isinstance(made, str) else table(made)
        return f"<!-- table {name} -->\n{text}\n<!-- end -->"

    text = page.read_text(encoding="utf-8")
    text = re.sub(r"<!-- table (\S+) -->\n.*?<!-- end -->", replaced, text, flags=re.S)
    page.write_text(text, encoding="utf-8")


def marked(
    values: pd.Series, worse: set[str], *, lower: bool = True, digits: int = 4
) -> pd.Series:
    """Values as text by method: the best one bold, those shown to be worse marked."""
    best = values.idxmin() if lower else values.idxmax()

    def shown(name: str) -> str:
        if pd.isna(values[name]):
            return "–"
        text = f"{values[name]:.{digits}f}"
        if name == best:
            return f"**{text}**"
        return f"{text} {WORSE}" if name in worse else text

    return pd.Series({name: shown(name) for name in values.index})


def by_rank(values: pd.DataFrame, *, lower: bool = True) -> list[str]:
    """Methods (rows) by their mean rank over the tables (columns), best first."""
    filled = values.fillna(np.inf if lower else -np.inf)
    ranks = filled.rank(ascending=lower).mean(axis=1)
    return list(ranks.sort_values(kind="stable").index)


def short(number: float) -> str:
    """Two digits, and no exponent."""
    return f"{number:.2g}" if number < 10 else f"{number:,.0f}"


def geometric_mean(values: np.ndarray) -> float:
    """Of positive numbers; inf if one is."""
    with np.errstate(divide="ignore"):
        return float(np.exp(np.log(values).mean()))
