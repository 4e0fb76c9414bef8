"""A logistic regression that takes a table as its owner has it.

This page and a file of numbers, `model.json`, are the whole model: NumPy and pandas are all that
it needs. For each column the file says what the training rows said of it (mean and standard
deviation, what a missing value becomes, the categories) and its coefficient. A row's logit is the
intercept plus, column by column,

    coefficient * (value - mean) / standard deviation       of a column of numbers
    coefficient of the row's category                       of a column of categories

and the probability of the second class is 1 / (1 + exp(-logit)). All of it is in double precision;
standardized numbers are first rounded to the precision that the model was trained in, so that they
are the very numbers it was measured on.
"""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pandas as pd

SHOWN = 10  # columns, values or rows that a message names
WHOLE = 2.0**53  # beyond, not every whole number is a floating point number
ALL = "all"  # columns of the output, where MLflow asks for it
TRUTH = {"true": 1.0, "false": 0.0}


def load(path: Any) -> dict[str, Any]:
    """The numbers of a model, from its `model.json`."""
    with open(path, encoding="utf-8") as file:  # noqa: PTH123 - a page without lrlab's ways
        record: dict[str, Any] = json.load(file)
    return record


def predict(
    record: dict[str, Any], table: pd.DataFrame, threshold: float | None = None
) -> pd.DataFrame:
    """Class and probabilities of each row.

    Args:
        record: The model's numbers.
        table: At least the columns that the model was trained on, [n rows], in any order; numbers
            may be text.
        threshold: Probability of the second class from which a row is given to it; the record's
            own if None.

    Returns:
        `prediction` (a class as the training table has it) and `probability_<class>` for both
        classes, [n rows], labeled as the table's rows are. All three are missing in rows without
        a needed value, if training left such rows out.

    Raises:
        ValueError: If a column is missing or holds what cannot be used; the message names it.
    """
    z, lacking = logits(record, table)
    small = np.exp(-np.abs(z))  # never overflows; both probabilities keep all their digits
    likely, unlikely = 1 / (1 + small), small / (1 + small)
    ones = z >= _logit(record["threshold"] if threshold is None else threshold)
    first, second = record["classes"]
    label = pd.Series([first, second]).take(ones.astype(int)).set_axis(table.index)
    found = {
        "prediction": label.astype(object).where(~lacking, None) if lacking.any() else label,
        f"probability_{first}": np.where(lacking, np.nan, np.where(z >= 0, unlikely, likely)),
        f"probability_{second}": np.where(lacking, np.nan, np.where(z >= 0, likely, unlikely)),
    }
    return pd.DataFrame(found, index=table.index)


def logits(record: dict[str, Any], table: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Logit of the second class, [n] float64, and which rows lack a needed value, [n] bool.

    Columns are added one by one, always in the same order, so that equal rows get equal logits.
    """
    lacking_names = lacking_columns(record, table.columns)
    if lacking_names:
        raise ValueError(lacking_names)
    z = np.full(len(table), record["intercept"]["standardized"])
    lacking = np.zeros(len(table), dtype=bool)
    for column in record["columns"]:
        add = _add_numbers if column["kind"] == "numeric" else _add_categories
        lacking |= add(z, column, table[column["name"]], record)
    return z, lacking


def lacking_columns(record: dict[str, Any], found: Any) -> str:
    """What to say if a table with the columns `found` lacks some; empty if it does not."""
    names = [column["name"] for column in record["columns"]]
    absent = [name for name in names if name not in found]
    if not absent:
        return ""
    which = f"{_plural(len(absent), 'column')} {_some(absent)}"
    return f"the table has no {which}; the model needs {_some(names)}"


def _add_numbers(
    z: np.ndarray, column: dict[str, Any], values: pd.Series, record: dict[str, Any]
) -> np.ndarray:
    """Add a numeric column's part to the logits; returns which rows lack a value."""
    x = _numbers(values, column["name"], record)
    missing = np.isnan(x)
    if column["fill"] is not None:
        x = np.where(missing, column["fill"], x)
    elif missing.any():
        _allow_missing(missing, values, record)
    infinite = np.isinf(x)
    if infinite.any():
        raise ValueError(f"column {column['name']!r} is infinite in {_rows(infinite, values)}")
    x = (x - column["mean"]) / column["standard_deviation"]
    as_trained = x.astype(record["precision"]).astype(np.float64)
    z += column["coefficient_per_standard_deviation"] * as_trained
    lacking: np.ndarray = np.isnan(x)
    return lacking


def _add_categories(
    z: np.ndarray, column: dict[str, Any], values: pd.Series, record: dict[str, Any]
) -> np.ndarray:
    """Add a categorical column's part to the logits; returns which rows lack a value.

    A category that training did not see adds nothing, as in training.
    """
    coefficients = {each["category"]: each["coefficient"] for each in column["categories"]}
    codes, texts, blank = categories_of(column, values, record)
    missing: np.ndarray = np.array([*blank, True])[codes]
    if column["fill"] is None and missing.any():
        _allow_missing(missing, values, record)
    parts = [
        coefficients.get(column["fill"] if gone else text, 0.0)
        for text, gone in zip([*texts, None], [*blank, True], strict=True)
    ]
    z += np.array(parts)[codes]
    return missing if column["fill"] is None else np.zeros(len(values), dtype=bool)


def known_categories(column: dict[str, Any]) -> set[Any]:
    """The categories of a column that training saw."""
    return {column["base"], column["fill"], *(each["category"] for each in column["categories"])}


def categories_of(
    column: dict[str, Any], values: pd.Series, record: dict[str, Any]
) -> tuple[np.ndarray, list[str | None], list[bool]]:
    """Which different value each row has, [n] (-1 is missing), those as training wrote them, and
    which of them are missing values."""
    if values.dtype.kind in "mM":  # dates and durations
        values = values.astype("string")
    codes, found = _factorized(values, column["name"])
    texts = [_text(value, column["of"], record) for value in found]
    named = known_categories(column)
    blank = [text is None or (text not in named and _is_marker(text, record)) for text in texts]
    return codes, texts, blank


def _allow_missing(missing: np.ndarray, values: pd.Series, record: dict[str, Any]) -> None:
    if record["missing"] != "drop":
        raise ValueError(
            f"column {values.name!r} lacks a value in {_rows(missing, values)}; training had no "
            "missing values in it, so there is no value to fill in"
        )


def _numbers(values: pd.Series, name: str, record: dict[str, Any]) -> np.ndarray:
    """A column as numbers, [n] float64, NaN where missing."""
    dtype = values.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        values = values.astype(object if values.hasnans else dtype.categories.dtype)
    if values.dtype.kind in "mM":  # else pandas counts their nanoseconds
        raise ValueError(f"column {name!r} should hold numbers, but holds {values.dtype}")
    if pd.api.types.is_numeric_dtype(values.dtype):  # truth values included
        x = values.to_numpy(np.float64, na_value=np.nan)
    else:
        x = _parsed(values, name, record)
    unknown = [float(number) for number in record["cells"]["missing_numbers"]]
    return np.where(np.isin(x, unknown), np.nan, x) if unknown else x


def _parsed(values: pd.Series, name: str, record: dict[str, Any]) -> np.ndarray:
    """A column of text or mixed values as numbers, [n] float64, NaN where missing."""
    signs = (record["cells"].get(key) for key in ("decimal", "thousands"))
    x = np.full(len(values), np.nan)
    if all(sign in (None, ".") for sign in signs):  # else each different value is looked at
        x = np.array(pd.to_numeric(values, errors="coerce"), dtype=np.float64)
    left = np.flatnonzero(np.isnan(x))
    codes, found = _factorized(values.iloc[left], name)
    cells = [_cell(value, record) for value in found]
    wrong = [value for value, number in zip(found, cells, strict=True) if number is None]
    if wrong:
        first = np.zeros(len(values), dtype=bool)
        first[left[np.flatnonzero(codes == found.index(wrong[0]))[0]]] = True
        raise ValueError(
            f"column {name!r} should hold numbers, but holds {_some(wrong)} (first in "
            f"{_rows(first, values)})"
        )
    x[left] = np.append(np.array(cells, dtype=np.float64), np.nan)[codes]
    return x


def _factorized(values: pd.Series, name: str) -> tuple[np.ndarray, list[Any]]:
    """The different values, so that each is looked at once, and which one each row has; -1 is
    missing."""
    try:
        codes, found = pd.factorize(values)
    except TypeError:  # lists, mappings
        raise ValueError(
            f"column {name!r} holds values that are neither numbers nor text"
        ) from None
    return codes, found.tolist()


def _cell(value: Any, record: dict[str, Any]) -> float | None:
    """One cell as a number, NaN for a marker of a missing one; None if it is neither."""
    if isinstance(value, str):
        value = value.strip()
        if value in record["cells"]["missing_markers"]:
            return math.nan
        if value.lower() in TRUTH:
            return TRUTH[value.lower()]
        thousands, decimal = (record["cells"].get(key) for key in ("thousands", "decimal"))
        if thousands:
            value = value.replace(thousands, "")
        if decimal:
            value = value.replace(decimal, ".")
    return _number(value)


def _number(value: Any) -> float | None:
    try:
        return None if isinstance(value, str) and "_" in value else float(value)
    except (TypeError, ValueError):
        return None


def _is_marker(text: str, record: dict[str, Any]) -> bool:
    cells = record["cells"]
    return text.strip() in cells["missing_markers"] or _number(text) in [
        float(number) for number in cells["missing_numbers"]
    ]


def _text(value: Any, kind: str, record: dict[str, Any]) -> str | None:
    """A category as training wrote it: numbers in one way, whatever type holds them."""
    if value is None or value != value:
        return None
    if isinstance(value, str) and kind == "truth" and value.strip().lower() in TRUTH:
        return value.strip().capitalize()
    if isinstance(value, str) and kind == "number":
        number = _cell(value, record)
        value = value if number is None else number
        if value != value:
            return None
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) <= WHOLE else repr(value)
    return str(value)


def _logit(p: float) -> float:
    if not 0 <= p <= 1:
        raise ValueError(f"the threshold should be between 0 and 1, not {p}")
    return math.log(p / (1 - p)) if 0 < p < 1 else math.copysign(math.inf, p - 0.5)


def _plural(count: int, word: str) -> str:
    return word if count == 1 else f"{word}s"


def _some(values: list[Any]) -> str:
    shown = ", ".join(repr(value)[:60] for value in values[:SHOWN])
    return shown if len(values) <= SHOWN else f"{shown} and {len(values) - SHOWN:,} more"


def _rows(where: np.ndarray, values: pd.Series) -> str:
    """Row numbers, counted from 1; of a part of a table, those of the table."""
    numbers = np.flatnonzero(where)
    if isinstance(values.index, pd.RangeIndex):
        numbers = values.index.to_numpy()[numbers]
    return f"{_plural(len(numbers), 'row')} {_some([int(number) + 1 for number in numbers])}"


def mlflow_model() -> Any:
    """The model as MLflow loads and serves it.

    Loaded with `model_config={"output": "prediction"}` it gives the classes alone, which is what
    `mlflow.models.evaluate` expects of a classifier.
    """
    from mlflow.pyfunc import PythonModel

    class LogisticRegression(PythonModel):  # type: ignore[misc]
        def load_context(self, context):  # type: ignore[no-untyped-def]
            self.record = load(context.artifacts["numbers"])
            self.output = (context.model_config or {}).get("output", ALL)

        def predict(self, context, model_input: pd.DataFrame, params=None):  # type: ignore[no-untyped-def]
            found = predict(self.record, model_input, (params or {}).get("threshold"))
            return found if self.output == ALL else found[self.output]

    return LogisticRegression()
