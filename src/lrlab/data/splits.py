"""Splits: which rows are trained on and which are held out."""

from __future__ import annotations

import numpy as np

from lrlab.errors import UserError


def stratified(
    y: np.ndarray, val_fraction: float, seed: int, where: str
) -> tuple[np.ndarray, np.ndarray]:
    """Row numbers of the training and the held-out rows, stratified by class, increasing.

    Args:
        y: Labels 0 and 1, [n].
        val_fraction: Share of the rows to hold out.
        seed: Of the draw.
        where: The source's name, for messages.

    Raises:
        UserError: If the rows are too few.
    """
    from sklearn.model_selection import train_test_split

    try:
        train, val = train_test_split(
            np.arange(len(y)), test_size=val_fraction, random_state=seed, stratify=y
        )
    except ValueError:
        fewest = int(min(y.sum(), len(y) - y.sum()))
        raise UserError(
            f"{where}: {len(y):,} rows, {fewest:,} of the rarer class, are too few for a "
            f"stratified split with data.val_fraction = {val_fraction:g}"
        ) from None
    return np.sort(train), np.sort(val)
