"""The numbers of a trained model, as a file that a person can read and a page of code can use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from lrlab.data import Problem
from lrlab.data.preprocessing import Categorical, Numeric
from lrlab.spec import SweepSpec

FORMAT = 1
THRESHOLD = 0.5


def model_numbers(
    spec: SweepSpec, problem: Problem, weight: np.ndarray, bias: float, about: Mapping[str, Any]
) -> dict[str, Any]:
    """A model as plain values, for JSON; `lrlab.model.predictor` predicts from it.

    Args:
        spec: The sweep's.
        problem: What it was trained on.
        weight: Coefficients of the matrix's columns, [d].
        bias: Intercept on the matrix.
        about: Where it comes from; goes first, as it is.
    """
    weight = np.asarray(weight, dtype=np.float64)
    learned = problem.preprocessing
    share = problem.x_train.mean(0, dtype=problem.x_train.new_zeros(()).double().dtype).tolist()
    columns, at = [], 0
    for column in learned.columns:
        end = at + len(column.features)
        make = _numeric if isinstance(column, Numeric) else _categorical
        columns.append(make(column, weight[at:end].tolist(), share[at:end]))  # type: ignore[arg-type]
        at = end
    return {
        "format": FORMAT,
        **about,
        "target": getattr(spec.data, "target", "target"),
        "classes": list(problem.labels),
        "threshold": THRESHOLD,
        "precision": spec.train.dtype,
        "missing": getattr(spec.data, "missing", "error"),
        "cells": {"missing_markers": [""], "missing_numbers": [], **problem.cells},
        "intercept": {
            "standardized": float(bias),
            "per_unit": float(bias - (weight / learned.scale) @ learned.mean),
        },
        "columns": columns,
    }


def _numeric(column: Numeric, weight: list[float], share: list[float]) -> dict[str, Any]:
    return {
        "name": column.name,
        "kind": "numeric",
        "fill": column.fill,
        "mean": column.mean,
        "standard_deviation": column.scale,
        "coefficient_per_standard_deviation": weight[0],
        "coefficient_per_unit": weight[0] / column.scale,
    }


def _categorical(column: Categorical, weight: list[float], share: list[float]) -> dict[str, Any]:
    each = zip(column.categories, column.features, share, weight, strict=True)
    return {
        "name": column.name,
        "kind": "categorical",
        "of": column.kind,
        "fill": column.fill,
        "base": column.base,
        "categories": [
            {"category": category, "feature": feature, "share": part, "coefficient": coefficient}
            for category, feature, part, coefficient in each
        ],
    }
