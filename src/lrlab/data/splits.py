"""Splits: which rows are trained on and which are held out."""

from __future__ import annotations

import math

import numpy as np

from lrlab.errors import UserError
from lrlab.wording import printable

Rows = tuple[np.ndarray, np.ndarray]


def stratified(
    y: np.ndarray,
    val_fraction: float,
    seed: int,
    where: str,
    classes: tuple[object, object] = (0, 1),
) -> Rows:
    """Row numbers of the training and the held-out rows, stratified by class, increasing.

    Args:
        y: Labels 0 and 1, [n].
        val_fraction: Share of the rows to hold out.
        seed: Of the draw.
        where: The source's name, for messages.
        classes: What class 0 and class 1 are called.

    Raises:
        UserError: If one of the two parts would lack a class.
    """
    from sklearn.model_selection import train_test_split

    try:
        train, val = train_test_split(
            np.arange(len(y)), test_size=val_fraction, random_state=seed, stratify=y
        )
    except ValueError:
        refused = "it would leave a part without rows of both classes"
    else:
        if all(0 < y[part].sum() < len(part) for part in (train, val)):
            return np.sort(train), np.sort(val)
        refused = (
            f"training would have {_counts(y[train], classes)}, "
            f"held out would be {_counts(y[val], classes)}"
        )
    raise UserError(
        f"{where}: {_counts(y, classes)} cannot be split with data.val_fraction = "
        f"{val_fraction:g}: {refused}; {_remedy(y, classes)}"
    )


def _counts(y: np.ndarray, classes: tuple[object, object]) -> str:
    ones = int(y.sum())
    rows = "row" if len(y) == 1 else "rows"
    zero, one = map(printable, classes)
    return f"{len(y):,} {rows} ({len(y) - ones:,} of class {zero}, {ones:,} of class {one})"


def _remedy(y: np.ndarray, classes: tuple[object, object]) -> str:
    """What would do: a fraction that gives each part a row of the rarer class, or more rows."""
    ones = int(y.sum())
    fewest, rarer = min((len(y) - ones, classes[0]), (ones, classes[1]), key=lambda pair: pair[0])
    if fewest < 2:
        return f"each part needs a row of class {printable(rarer)}, so add rows of that class"
    low = math.ceil(100 / fewest) / 100
    low, high = min(low, 0.5), max(1 - low, 0.5)
    fraction = f": {low:g}" if low == high else f" between {low:g} and {high:g}"
    return f"set data.val_fraction{fraction}, or add rows of class {printable(rarer)}"
