"""Categories that training did not see: they add nothing to a prediction, which is told."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pandas as pd

from lrlab.model.predictor import categories_of, known_categories
from lrlab.wording import quoted

MOST = 10  # that are named; of the others only the rows are counted


class Unseen:
    """Counts rows with such a category, part by part of a table.

    Args:
        numbers: The model's.
    """

    def __init__(self, numbers: dict[str, Any]) -> None:
        self.numbers = numbers
        self.rows: Counter[tuple[str, str]] = Counter()
        self.others = 0

    def add(self, part: pd.DataFrame) -> None:
        """Count the rows of a part that the model has predicted."""
        for column in self.numbers["columns"]:
            if column["kind"] == "numeric":
                continue
            codes, texts, blank = categories_of(column, part[column["name"]], self.numbers)
            rows = np.bincount(codes[codes >= 0], minlength=len(texts))
            known = known_categories(column)
            for text, gone, count in zip(texts, blank, rows.tolist(), strict=True):
                if not gone and text not in known:
                    self._count((column["name"], str(text)), count)

    def _count(self, which: tuple[str, str], rows: int) -> None:
        if which in self.rows or len(self.rows) < MOST:
            self.rows[which] += rows
        else:
            self.others += rows

    def told(self) -> str:
        """One sentence without its full stop; empty where there are none."""
        if not self.rows:
            return ""
        each = [
            f"{quoted(column)} {quoted(category)} ({_rows(count)})"
            for (column, category), count in self.rows.items()
        ]
        more = f", and others ({_rows(self.others)})" if self.others else ""
        return f"categories that training did not see add nothing: {', '.join(each)}{more}"


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count:,} rows"
