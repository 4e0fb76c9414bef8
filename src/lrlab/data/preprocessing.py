"""Preprocessing: how the columns of a table become the columns of a matrix.

Everything is learned from the training rows and kept as numbers and names, so that any table with
the same columns becomes the same matrix: training, held-out rows, and whatever is predicted later.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Literal

import numpy as np
import pandas as pd

from lrlab.errors import UserError
from lrlab.wording import quoted

MAX_CATEGORIES = 1000
WHOLE = 2.0**53  # beyond, not every whole number is a floating point number

Kind = Literal["text", "number", "truth"]
Label = str | int | float | bool  # of a class, as the table has it


@dataclass(frozen=True)
class Numeric:
    """A column of numbers: one column of the matrix, (x - mean) / scale.

    Args:
        name: Of the table's column.
        mean: Of the training rows, once filled.
        scale: Their standard deviation (of the population); positive.
        fill: What a missing value becomes, the median of those that are there; None if none may
            be missing.
    """

    name: str
    mean: float = 0.0
    scale: float = 1.0
    fill: float | None = None

    @property
    def features(self) -> tuple[str, ...]:
        """Names of its columns of the matrix: its own."""
        return (self.name,)

    def matrix(self, column: pd.Series) -> Iterator[np.ndarray]:
        """Its columns of the matrix, each [n] float64; NaN where a value is missing for good."""
        x = column.to_numpy(np.float64, na_value=np.nan)
        if self.fill is not None:
            x = np.where(np.isnan(x), self.fill, x)
        yield (x - self.mean) / self.scale


@dataclass(frozen=True)
class Categorical:
    """A column of categories: a column of the matrix for each, 1 where a row is of it, else 0.

    Args:
        name: Of the table's column.
        kind: What its values are: texts, numbers or truth values.
        categories: Those with a column, in order; values are compared as text
            (`category_text`). All others, unknown ones included, are 0 everywhere.
        features: Names of their columns of the matrix.
        base: The category without a column, where there are just two; None elsewhere.
        fill: What a missing value becomes, the commonest category; None if none may be missing.
    """

    name: str
    kind: Kind
    categories: tuple[str, ...]
    features: tuple[str, ...]
    base: str | None = None
    fill: str | None = None

    def matrix(self, column: pd.Series) -> Iterator[np.ndarray]:
        """Its columns of the matrix, each [n] float64."""
        text = category_text(column)
        if self.fill is not None:
            text = text.fillna(self.fill)
        codes = pd.Index(self.categories, dtype=object).get_indexer(pd.Index(text, dtype=object))
        for code in range(len(self.categories)):
            yield (codes == code).astype(np.float64)


Column = Numeric | Categorical


@dataclass(frozen=True)
class Preprocessing:
    """From a table's columns to the matrix that models are trained on.

    Args:
        columns: In the order of the matrix; others of a table are not looked at.
    """

    columns: tuple[Column, ...]

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Names of the matrix's d columns; no two are equal."""
        return tuple(name for column in self.columns for name in column.features)

    @property
    def mean(self) -> np.ndarray:
        """What is subtracted from each column of the matrix, [d] float64; 0 of a category."""
        return self._each(lambda column: column.mean, 0.0)

    @property
    def scale(self) -> np.ndarray:
        """What each column of the matrix is then divided by, [d] float64; 1 of a category."""
        return self._each(lambda column: column.scale, 1.0)

    def _each(self, of: Callable[[Numeric], float], category: float) -> np.ndarray:
        values = [
            of(column) if isinstance(column, Numeric) else category
            for column in self.columns
            for _ in column.features
        ]
        return np.array(values, dtype=np.float64)

    def matrix_columns(self, frame: pd.DataFrame) -> Iterator[tuple[Column, np.ndarray]]:
        """The matrix column by column, each [n] float64, with the table's column it is made of."""
        for column in self.columns:
            for values in column.matrix(frame[column.name]):
                yield column, values

    def transform(self, frame: pd.DataFrame) -> np.ndarray:
        """The matrix, [n, d] float64.

        Args:
            frame: A table with at least these columns, its numbers as numbers.
        """
        return np.stack([values for _, values in self.matrix_columns(frame)], axis=1)


def unscaled(names: Sequence[str]) -> Preprocessing:
    """Numeric columns that are taken as they are."""
    return Preprocessing(tuple(Numeric(name) for name in names))


def learn(
    frame: pd.DataFrame,
    numeric: Sequence[str],
    categorical: Sequence[str],
    where: str,
    *,
    impute: bool,
    drop_constant: bool,
) -> Preprocessing:
    """What the training rows say of each column.

    Args:
        frame: The training rows.
        numeric: Names of the numeric columns.
        categorical: Names of the categorical columns.
        where: The source's name, for messages.
        impute: Whether missing values are filled in; else there are none.
        drop_constant: Whether columns that do not vary are left out; else they are an error.

    Raises:
        UserError: If a column does not vary, or none does.
    """
    measured = [_measure(frame[name], impute) for name in numeric]
    taken = {column.name for column in measured if column}
    found: list[Column | None] = [*measured]
    for name in categorical:
        column = _categories_of(frame[name], impute, taken)
        taken.update(column.features if column else ())
        found.append(column)
    constant = [name for name, c in zip([*numeric, *categorical], found, strict=True) if c is None]
    if constant and not drop_constant:
        raise UserError(
            f"{where}: {_named(constant)} constant on the training rows, so nothing can be "
            "learned from it; list it under data.drop or set data.constant: drop"
        )
    if len(constant) == len(found):
        raise UserError(f"{where}: every column is constant on the training rows")
    return Preprocessing(tuple(column for column in found if column))


def _named(columns: Sequence[str]) -> str:
    others = f" (and {len(columns) - 1:,} more)" if len(columns) > 1 else ""
    return f"column {quoted(columns[0])}{others} is"


def _measure(column: pd.Series, impute: bool) -> Numeric | None:
    """A numeric column; None if it does not vary."""
    x = column.to_numpy(np.float64, na_value=np.nan)
    fill = _median(x) if impute else None
    if fill is not None:
        x = np.where(np.isnan(x), fill, x)
    if x.min() == x.max():
        return None
    with np.errstate(over="ignore", invalid="ignore"):
        mean, scale = mean_and_scale(x)
    return Numeric(str(column.name), mean, scale, fill)


def mean_and_scale(x: np.ndarray) -> tuple[float, float]:
    """Mean and standard deviation (of the population) of values x [n] float64.

    In two passes, with the first one's rounding corrected by the second (Chan, Golub & LeVeque
    1983, Algorithms for computing the sample variance, eq. 1.7), so that values with a large
    common part, such as times in seconds since 1970, lose no digits of what differs.
    """
    rough = x.mean()
    rest = x - rough
    shift = rest.mean()
    variance = np.square(rest).mean() - shift**2
    return float(rough + shift), float(np.sqrt(max(variance, 0.0)))


def _median(values: np.ndarray) -> float:
    """Of the values that are there; 0 if there are none."""
    there = values[~np.isnan(values)]
    return float(np.median(there)) if len(there) else 0.0


def _categories_of(column: pd.Series, impute: bool, taken: set[str]) -> Categorical | None:
    """A categorical column; None if it does not vary."""
    text = category_text(column)
    fill = None
    if impute:
        modes = text.mode()
        fill = str(modes.iloc[0]) if len(modes) else ""
        text = text.fillna(fill)
    seen = sorted(str(value) for value in text.unique())
    if len(seen) < 2:
        return None
    base = seen.pop(0) if len(seen) == 2 else None
    name = str(column.name)
    names = set(taken)
    features = []
    for category in seen:
        features.append(_feature_name(name, category, names))
        names.add(features[-1])
    return Categorical(name, _kind_of(column), tuple(seen), tuple(features), base, fill)


def _feature_name(column: str, category: str, taken: set[str]) -> str:
    """`color_red`; where something else is called so, `color=red`, or that with a number."""
    names = (f"{column}_{category}", f"{column}={category}")
    numbered = (f"{column}={category} ({i})" for i in count(2))
    return next(name for name in (*names, *_until_free(numbered, taken)) if name not in taken)


def _until_free(names: Iterator[str], taken: set[str]) -> Iterator[str]:
    yield next(name for name in names if name not in taken)


def refuse_many_categories(column: pd.Series, where: str) -> None:
    """Refuse more categories than a column each is sensible for.

    Raises:
        UserError: If there are more than MAX_CATEGORIES.
    """
    found = category_text(column).nunique()
    if found > MAX_CATEGORIES:
        raise UserError(
            f"{where}: column {quoted(column.name)} has {found:,} different values, too many "
            "for one column each; list it under data.drop"
        )


def _kind_of(column: pd.Series) -> Kind:
    dtype = column.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        dtype = dtype.categories.dtype
    if pd.api.types.is_bool_dtype(dtype):
        return "truth"
    return "number" if pd.api.types.is_numeric_dtype(dtype) else "text"


def category_text(column: pd.Series) -> pd.Series:
    """Values of a categorical column as text, missing ones missing.

    A number is written in one way, whatever its type: `1` for 1 and 1.0, as a whole column of
    numbers turns into floating point with the first missing value.
    """
    if isinstance(column.dtype, pd.CategoricalDtype):
        names = category_text(pd.Series(column.cat.categories))
        return pd.Series(names.reindex(column.cat.codes).to_numpy(), column.index, "string")
    if not pd.api.types.is_float_dtype(column.dtype):
        return column.astype("string")
    codes, values = pd.factorize(column)
    names = pd.Series([_number_text(float(value)) for value in values], dtype="string")
    return pd.Series(names.reindex(codes).to_numpy(), column.index, "string")


def _number_text(value: float) -> str:
    return str(int(value)) if value.is_integer() and abs(value) <= WHOLE else repr(value)
