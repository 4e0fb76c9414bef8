"""The data that a spec names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from lrlab.data.blobs import load_blobs
from lrlab.data.encode import Usable, encoded
from lrlab.data.problem import Problem
from lrlab.data.rows.division import divided
from lrlab.data.table import sklearn_table, usable_table
from lrlab.spec import BlobsData, SweepSpec

TABLES: dict[str, Callable[[Any], Usable]] = {
    "csv": usable_table,
    "parquet": usable_table,
    "sklearn": sklearn_table,
}


def load_divided(spec: SweepSpec) -> tuple[SweepSpec, Problem]:
    """The spec with the division of its rows written out, and the data that it names.

    Raises:
        UserError: If the data cannot be used; the message names file and column.
    """
    dtype = getattr(torch, spec.train.dtype)
    if isinstance(spec.data, BlobsData):
        return spec, load_blobs(spec.data, spec.data_seed, dtype)
    table = TABLES[spec.data.source](spec.data)
    spec = divided(spec, table.rows)
    return spec, encoded(table, spec, dtype)


def load_problem(spec: SweepSpec) -> Problem:
    """The data that a spec names, divided as it says, else as the size of the table asks for.

    Raises:
        UserError: If the data cannot be used; the message names file and column.
    """
    return load_divided(spec)[1]
