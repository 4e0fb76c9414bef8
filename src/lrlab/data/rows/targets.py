"""Targets: which rows have a class, and which class is 1."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from lrlab.data.preprocessing import Label
from lrlab.errors import UserError
from lrlab.wording import printable, quoted, some


def as_classes(target: pd.Series) -> pd.Series:
    """A target without its missing rows, as if there had been none.

    Missing values turn whole numbers into floating point ones and truth values into others:
    classes 1 and 0 would be called 1.0 and 0.0.
    """
    if pd.api.types.is_bool_dtype(target):
        return target.astype(bool)
    if pd.api.types.is_float_dtype(target) and (target % 1 == 0).all():
        return target.astype("int64")
    return target


def _shown(value: object) -> object:
    """A class as messages name it: in quotes where blanks at its ends would not be seen."""
    return quoted(value) if isinstance(value, str) and value != value.strip() else value


def _all_shown(found: list[Any]) -> str:
    return some(map(_shown, found), 6)


def encode_target(
    target: pd.Series, positive: Any, where: str
) -> tuple[np.ndarray, tuple[Label, Label]]:
    """Labels 0 and 1, [n] float64, and what class 0 and class 1 are in the table.

    Class 1 is `positive` if given, against all the rest; else the larger of two values.

    Raises:
        UserError: If there are not two classes, or `positive` is none of them.
    """
    found = _classes(target, where)
    one = found[1] if positive is None else _named(positive, found, target.name, where)
    if positive is None and len(found) > 2:
        raise UserError(
            f"{where}: the target {quoted(target.name)} has {len(found):,} classes "
            f"({_all_shown(found)}); name one as data.positive to set it against the rest"
        )
    others = [value for value in found if value != one]
    labels = (others[0] if len(others) == 1 else "rest", one)
    y = (target == one).to_numpy(np.float64)
    if type(labels[0]) is type(labels[1]) and isinstance(labels[0], Label):
        return y, labels
    return y, (str(labels[0]), str(labels[1]))


def _classes(target: pd.Series, where: str) -> list[Any]:
    """The different values of a target in order, two or more."""
    try:
        found = sorted(target.unique().tolist(), key=lambda value: (str(type(value)), value))
    except TypeError:  # lists, mappings: neither hashable nor ordered
        raise UserError(
            f"{where}: the target {quoted(target.name)} holds values that cannot be classes, "
            f"such as {printable(target.iloc[0], 40)}; name another column as data.target"
        ) from None
    name = quoted(target.name)
    if isinstance(found[0], bytes):
        raise UserError(f"{where}: the target {name} holds bytes; write its classes as text")
    if len(found) < 2:
        raise UserError(
            f"{where}: the target {name} has one class ({_all_shown(found)}); two are needed"
        )
    return found


def _named(positive: Any, found: list[Any], name: object, where: str) -> Any:
    """The class that `data.positive` names."""
    matches = [value for value in found if value == positive or str(value) == str(positive)]
    if matches:
        return matches[0]
    hint = ""
    asked = quoted(positive) if isinstance(positive, str) else printable(positive)
    if isinstance(positive, bool):
        hint = "; write yes and no in quotes, as YAML takes them for true and false"
    raise UserError(
        f"{where}: the target {quoted(name)} has no class {asked} (data.positive); it has "
        f"{_all_shown(found)}{hint}"
    )


def encode_as(target: pd.Series, labels: tuple[Label, Label], where: str) -> np.ndarray:
    """Labels 0 and 1, [n] float64, of further rows of a table whose classes are known.

    Args:
        target: Of these rows, none missing, [n].
        labels: As `encode_target` gave them; the first is `rest` where there were more than two.
        where: The source's name, for messages.

    Raises:
        UserError: If a row is of neither class, or all are of the same.
    """
    texts = target.astype(str)
    zero, one = ((target == label) | (texts == str(label)) for label in labels)
    if labels[0] == "rest":
        zero = ~one
    if not (zero | one).all():
        odd = quoted(target[~(zero | one)].iloc[0])
        raise UserError(
            f"{where}: the target {quoted(target.name)} holds {odd}, but the classes of the table "
            f"are {some(map(_shown, labels))}"
        )
    if one.all() or zero.all():
        only = labels[1] if one.all() else labels[0]
        raise UserError(
            f"{where}: the target {quoted(target.name)} has one class ({_shown(only)}); two "
            "are needed"
        )
    return one.to_numpy(np.float64)
