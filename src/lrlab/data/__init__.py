"""The problem to learn: data and model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lrlab.lazy import exports

if TYPE_CHECKING:
    from lrlab.data.baseline import Baseline as Baseline
    from lrlab.data.baseline import baseline_of as baseline_of
    from lrlab.data.columns.choice import ColumnReading as ColumnReading
    from lrlab.data.files.sources import read_table as read_table
    from lrlab.data.load import load_divided as load_divided
    from lrlab.data.load import load_problem as load_problem
    from lrlab.data.module import LogisticRegression as LogisticRegression
    from lrlab.data.problem import Problem as Problem
    from lrlab.data.reading import TableReading as TableReading
    from lrlab.data.rows.division import why_other_folds as why_other_folds

__getattr__, __dir__ = exports(
    __name__,
    {
        "lrlab.data.baseline": ["Baseline", "baseline_of"],
        "lrlab.data.columns.choice": ["ColumnReading"],
        "lrlab.data.rows.division": ["why_other_folds"],
        "lrlab.data.load": ["load_divided", "load_problem"],
        "lrlab.data.module": ["LogisticRegression"],
        "lrlab.data.problem": ["Problem"],
        "lrlab.data.reading": ["TableReading"],
        "lrlab.data.files.sources": ["read_table"],
    },
)
