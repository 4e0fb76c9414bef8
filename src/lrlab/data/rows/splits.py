"""Splits: which rows are trained on, which settings are chosen by, and which only judge."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from lrlab.errors import UserError
from lrlab.seeds import derived_seed
from lrlab.wording import printable

Rows = tuple[np.ndarray, np.ndarray]
DRAWS = 20  # of groups, of which the one is taken that comes closest to what was asked for


@dataclass(frozen=True)
class Labelled:
    """The rows of a table, as far as their division goes.

    Args:
        y: Labels 0 and 1, [n].
        where: The source's name, for messages.
        classes: What class 0 and class 1 are called.
        groups: A number for each row, [n]; rows with the same one stay together. None if each
            row is on its own.
        times: A number for each row, [n], by which they are divided in their order. None if they
            are shuffled.
    """

    y: np.ndarray
    where: str
    classes: tuple[object, object] = (0, 1)
    groups: np.ndarray | None = None
    times: np.ndarray | None = None

    @property
    def kind(self) -> str:
        """How they are divided: a key of `KINDS`."""
        if self.groups is not None:
            return "groups"
        return "classes" if self.times is None else "times"


@dataclass(frozen=True)
class Parts:
    """Row numbers of the training, the validation and the test rows, each increasing."""

    train: np.ndarray
    val: np.ndarray
    test: np.ndarray


@dataclass(frozen=True)
class Kind:
    """A way to divide rows.

    Args:
        hold_out: From all rows, the numbers of those to divide, how many to hold out and a seed:
            the numbers that are left and those that are held out.
        folds: The same with a number of folds: as many pairs.
    """

    hold_out: Callable[[Labelled, np.ndarray, int, int], Rows]
    folds: Callable[[Labelled, np.ndarray, int, int], Iterator[Rows]]


def in_three(rows: Labelled, val_fraction: float, test_fraction: float, seed: int) -> Parts:
    """Training, validation and test rows; shares are of all rows, and rounded up.

    The test rows are drawn first, from a stream of their own: without them, validation rows are
    those that they were when there were no others.

    Raises:
        UserError: If one of the parts would lack a class.
    """
    n = len(rows.y)
    n_val, n_test = (math.ceil(share * n) for share in (val_fraction, test_fraction))
    keys = f"data.val_fraction = {val_fraction:g}"
    if n_test:
        keys += f" and data.test_fraction = {test_fraction:g}"
    try:
        rest, test = _without_test_rows(rows, n_test, seed)
        train, val = KINDS[rows.kind].hold_out(rows, rest, n_val, seed)
    except ValueError:  # scikit-learn's, about single classes
        refused = "it would leave a part without rows of both classes"
    else:
        lacking = _lacking(rows, train, val, test)
        if not lacking:
            return Parts(train, val, test)
        refused = lacking
    remedy = _for_three(rows) if n_test else _for_two(rows)
    raise UserError(
        f"{rows.where}: {_counts(rows, rows.y)} cannot be split with {keys}: {refused}; {remedy}"
    )


def in_folds(
    rows: Labelled, folds: int, replicates: int, test_fraction: float, seed: int
) -> list[Parts]:
    """The parts of each replicate: r validates fold r % folds, in repeat r // folds.

    Each repeat divides the rows anew; rows in the order of time can be divided in one way only.

    Raises:
        UserError: If one of the parts would lack a class.
    """
    n_test = math.ceil(test_fraction * len(rows.y))
    kind, parts = KINDS[rows.kind], []
    refused = "each fold needs rows of both classes"
    try:
        rest, test = _without_test_rows(rows, n_test, seed)
        if rows.kind != "times" and fewest(rows.y[rest]) < folds:
            raise ValueError
        for repeat in range(replicates // folds):
            drawn = seed if repeat == 0 else derived_seed(seed, f"repeat {repeat}")
            for train, val in kind.folds(rows, rest, folds, drawn):
                if _lacking(rows, train, val, test):
                    refused = _lacking(rows, train, val, test)
                    raise ValueError
                parts.append(Parts(train, val, test))
    except ValueError:
        raise UserError(
            f"{rows.where}: {_counts(rows, rows.y)} cannot be divided into {folds} folds "
            f"(data.folds): {refused}; {_for_folds(rows, folds, n_test)}"
        ) from None
    return parts


def fewest(y: np.ndarray) -> int:
    """Rows of the rarer class."""
    return int(min(y.sum(), len(y) - y.sum()))


def _without_test_rows(rows: Labelled, count: int, seed: int) -> Rows:
    every = np.arange(len(rows.y))
    if not count:
        return every, every[:0]
    return KINDS[rows.kind].hold_out(rows, every, count, derived_seed(seed, "test"))


def _stratified(rows: Labelled, among: np.ndarray, count: int, seed: int) -> Rows:
    from sklearn.model_selection import train_test_split

    left, held = train_test_split(
        among, test_size=count, random_state=seed, stratify=rows.y[among]
    )
    return np.sort(left), np.sort(held)


def _stratified_folds(rows: Labelled, among: np.ndarray, k: int, seed: int) -> Iterator[Rows]:
    from sklearn.model_selection import StratifiedKFold

    split = StratifiedKFold(k, shuffle=True, random_state=seed).split(among, rows.y[among])
    return ((among[left], among[held]) for left, held in split)


def _grouped(rows: Labelled, among: np.ndarray, count: int, seed: int) -> Rows:
    from sklearn.model_selection import GroupShuffleSplit

    assert rows.groups is not None
    y, share = rows.y[among], count / len(among)
    draws = GroupShuffleSplit(DRAWS, test_size=share, random_state=seed)

    def off(draw: Rows) -> float:
        """How far a draw is from the share of rows and the share of class 1 asked for."""
        held = draw[1]
        return float(abs(len(held) / len(y) - share) + abs(y[held].mean() - y.mean()))

    left, held = min(draws.split(among, groups=rows.groups[among]), key=off)
    return among[left], among[held]


def _grouped_folds(rows: Labelled, among: np.ndarray, k: int, seed: int) -> Iterator[Rows]:
    from sklearn.model_selection import StratifiedGroupKFold

    assert rows.groups is not None
    splitter = StratifiedGroupKFold(k, shuffle=True, random_state=seed)
    split = splitter.split(among, rows.y[among], rows.groups[among])
    return ((among[left], among[held]) for left, held in split)


def _latest(rows: Labelled, among: np.ndarray, count: int, seed: int) -> Rows:
    ordered, times = _in_order(rows, among)
    cut = _between_times(times, len(ordered) - count)
    return np.sort(ordered[:cut]), np.sort(ordered[cut:])


def _expanding_folds(rows: Labelled, among: np.ndarray, k: int, seed: int) -> Iterator[Rows]:
    from sklearn.model_selection import TimeSeriesSplit

    ordered, times = _in_order(rows, among)
    for left, held in TimeSeriesSplit(k).split(ordered):
        begin, end = (_between_times(times, cut) for cut in (len(left), len(left) + len(held)))
        yield np.sort(ordered[:begin]), np.sort(ordered[begin:end])


def _in_order(rows: Labelled, among: np.ndarray) -> Rows:
    assert rows.times is not None
    order = np.argsort(rows.times[among], kind="stable")
    return among[order], rows.times[among][order]


def _between_times(times: np.ndarray, cut: int) -> int:
    """The place nearest to `cut` that no equal times lie on both sides of."""
    changes = [0, *(np.flatnonzero(np.diff(times)) + 1).tolist(), len(times)]
    return int(min(changes, key=lambda place: abs(place - cut)))


KINDS = {
    "classes": Kind(_stratified, _stratified_folds),
    "groups": Kind(_grouped, _grouped_folds),
    "times": Kind(_latest, _expanding_folds),
}


def _lacking(rows: Labelled, train: np.ndarray, val: np.ndarray, test: np.ndarray) -> str:
    """What the parts would have, if one of them would lack a class; else empty."""
    parts = {"training": train, "validation": val} | ({"test": test} if len(test) else {})
    if all(0 < rows.y[part].sum() < len(part) for part in parts.values()):
        return ""
    said = (f"{name} {_counts(rows, rows.y[part])}" for name, part in parts.items())
    return "there would be for " + ", ".join(said)


def _counts(rows: Labelled, y: np.ndarray) -> str:
    ones = int(y.sum())
    word = "row" if len(y) == 1 else "rows"
    zero, one = map(printable, rows.classes)
    return f"{len(y):,} {word} ({len(y) - ones:,} of class {zero}, {ones:,} of class {one})"


def _rarer(rows: Labelled) -> tuple[int, str]:
    """How many rows the rarer class has, and what it is called."""
    ones = int(rows.y.sum())
    counts = ((len(rows.y) - ones, rows.classes[0]), (ones, rows.classes[1]))
    count, name = min(counts, key=lambda pair: pair[0])
    return count, printable(name)


def _for_two(rows: Labelled) -> str:
    """What would do: a fraction that gives each part a row of the rarer class, or more rows."""
    count, rarer = _rarer(rows)
    if count < 2:
        return f"each part needs a row of class {rarer}, so add rows of that class"
    if rows.kind != "classes":
        return f"set another data.val_fraction, data.folds, or {_more(rows, rarer)}"
    low = math.ceil(100 / count) / 100
    low, high = min(low, 0.5), max(1 - low, 0.5)
    fraction = f": {low:g}" if low == high else f" between {low:g} and {high:g}"
    return f"set data.val_fraction{fraction}, or add rows of class {rarer}"


def _for_three(rows: Labelled) -> str:
    count, rarer = _rarer(rows)
    if count < 2:
        return f"each part needs a row of class {rarer}, so add rows of that class"
    if rows.kind == "classes":
        return f"set data.folds: {min(count, 5)} in place of both, or add rows of class {rarer}"
    return f"set other fractions, data.test_fraction: 0, or {_more(rows, rarer)}"


def _more(rows: Labelled, rarer: str) -> str:
    """What else would do where rows are not each on their own."""
    if rows.times is not None:
        return "name a column with more different times (data.split.by)"
    return f"add groups with rows of class {rarer}"


def _for_folds(rows: Labelled, folds: int, n_test: int) -> str:
    count, rarer = _rarer(rows)
    if count < 2:
        return f"add rows of class {rarer}"
    if rows.kind != "classes":
        return f"set fewer folds, or {_more(rows, rarer)}"
    if n_test or count >= folds:
        return f"set fewer folds, data.test_fraction: 0, or add rows of class {rarer}"
    return f"set data.folds: {count}, or add rows of class {rarer}"
