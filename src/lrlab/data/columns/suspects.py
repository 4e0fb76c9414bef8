"""Suspects: columns that name the row instead of describing it, or that give the answer away."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd

MANY_ROWS = 20  # of more rows than this a column may be taken for an identifier
SHARE_DIFFERENT = 0.5  # of the rows; text with more different values names rows
LEAST_OF_A_CLASS = 5  # rows; fewer are told apart by chance
UNNAMED = re.compile(r"(?:Unnamed: \d+|__index_level_\d+__)(?:\.\d+)*")
SURE = 7.0  # whole numbers drawn at random have no two alike with a chance of exp(-7), 1 in 1,100
_WORDS = "id|ids|idx|index|key|uuid|guid|nr|no|number|row|rowid|row_?names?|record|serial"
_WHOSE = "account|case|client|customer|member|order|passenger|patient|person|student|subject|user"
NAMED_LIKE_GROUP = re.compile(rf"(?i:(?:.*[\W_])?(?:{_WHOSE}|device|family|household|machine))")
NAMED_LIKE_IDENTIFIER = re.compile(
    rf"(?i:(?:.*[\W_])?(?:{_WORDS})|(?:.*[\W_])?(?:{_WHOSE})s?(?:id|no|nr))|.*[a-z](?:Id|ID)"
)
IN_DISGUISE = "it alone separates the classes: does it give the answer away?"
IN_DISGUISE_0_1 = "alone it tells the classes apart"  # as lrlab 0.1 recorded it
MISSING_IN_DISGUISE = (
    "it is missing in all rows of one class and in none of the other: does that give the "
    "answer away?"
)


def identifier(column: pd.Series) -> str:
    """Why a column names rows instead of describing them; empty if it does not.

    Numbers do if they are whole, none is missing, no two are alike, and they are named like an
    identifier, only rise (or only fall) from the first row to the last, or lie so close together
    that drawn at random two would have been alike. Text does if more than half of the rows have a
    value of their own. All that only in tables of more than MANY_ROWS rows, or without a name.
    """
    name, n = str(column.name), len(column)
    unnamed = UNNAMED.fullmatch(name) is not None
    if unnamed and column.isna().all():
        return "an empty column without a name: a separator at the end of each row"
    if n <= MANY_ROWS and not unnamed:
        return ""
    if pd.api.types.is_bool_dtype(column):
        return ""
    if pd.api.types.is_numeric_dtype(column):
        return _numbers_of_rows(column, unnamed)
    different = int(column.nunique())
    if different > max(MANY_ROWS, SHARE_DIFFERENT * column.notna().sum()):
        return f"an identifier or free text: {different:,} different values in {n:,} rows"
    return ""


def _numbers_of_rows(column: pd.Series, unnamed: bool) -> str:
    n = len(column)
    if n < 2 or not pd.api.types.is_integer_dtype(column) or column.isna().any():
        return ""
    values = column.to_numpy()
    steps = np.diff(values.astype(np.float64))
    if (steps == 1).all() or (steps == -1).all():
        return f"it counts the rows ({values[0]:,} to {values[-1]:,})"
    if not column.is_unique:
        return ""
    if unnamed or NAMED_LIKE_IDENTIFIER.fullmatch(str(column.name)):
        return f"an identifier: {n:,} different whole numbers in {n:,} rows"
    span = int(values.max()) - int(values.min()) + 1
    if span == n:
        return f"it counts the rows in another order ({values.min():,} to {values.max():,})"
    if n * (n - 1) / 2 > SURE * span:  # the birthday problem: no two alike with exp(-n^2 / 2 span)
        return (
            f"an identifier: {n:,} whole numbers between {values.min():,} and {values.max():,}, "
            "no two alike"
        )
    if (steps > 0).all() or (steps < 0).all():
        return f"an identifier: whole numbers that only {'rise' if steps[0] > 0 else 'fall'}"
    return ""


def disguise(column: pd.Series, y: np.ndarray) -> str:
    """Whether a column alone tells the classes apart: the question to ask; empty if not.

    A column of numbers does if a threshold does; categories do if each is of one class, and at
    most half as many as rows.

    Args:
        column: A feature, [n], with its missing values.
        y: Labels 0 and 1, [n].
    """
    one = y == 1
    if min(one.sum(), len(y) - one.sum()) < LEAST_OF_A_CLASS:
        return ""
    missing = column.isna().to_numpy()
    if missing.any() and (np.array_equal(missing, one) or np.array_equal(missing, ~one)):
        return MISSING_IN_DISGUISE
    if pd.api.types.is_numeric_dtype(column):
        values = column.to_numpy(np.float64, na_value=np.nan)
        low, high = (values[side & ~missing] for side in (~one, one))
        if len(low) < LEAST_OF_A_CLASS or len(high) < LEAST_OF_A_CLASS:
            return ""
        return IN_DISGUISE if low.max() < high.min() or high.max() < low.min() else ""
    codes, categories = pd.factorize(column)
    if not 2 <= len(categories) <= len(column) / 2:
        return ""
    pure = np.bincount(codes[~missing], weights=one[~missing]) / np.bincount(codes[~missing])
    return IN_DISGUISE if np.isin(pure, (0.0, 1.0)).all() and np.ptp(pure) == 1 else ""
