"""What is judged, and what is said of it; all numbers, no text."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Judged:
    """Values of k methods on the judging rows.

    Args:
        values: A value a row whose mean is the metric, [k, R, n] float64: R replicates' models on
            the same rows, or with folds R repeats, each row by a model that did not train on it.
        labels: Classes 0 and 1 of the rows, [n].
        shares_from: How many rows of the source the shares of the classes are known from; with
            folds n; 0 where they are part of how the data are made.
        groups: Which rows belong together, [n]; None if each stands for itself.
        lower_is_better: Whether a lower metric is better.
        folds: Number of folds, where the rows are judged out of fold; else 0.
    """

    values: np.ndarray
    labels: np.ndarray
    shares_from: int
    groups: np.ndarray | None = None
    lower_is_better: bool = True
    folds: int = 0


@dataclass(frozen=True)
class Estimate:
    """A method's expected value on new rows.

    Args:
        value: Mean over rows and replicates.
        error: Its standard error.
        low: Lower end of the 95% interval.
        high: Upper end.
        replicates: How many runs of a setting it rests on; of 1 the rows' variance is all.
    """

    value: float
    error: float
    low: float
    high: float
    replicates: int


@dataclass(frozen=True)
class Pair:
    """An ordered pair of methods.

    Args:
        about: The family.
        worse: Index of the method that is tested to be worse.
        better: Index of the other.
        difference: Value of `worse` minus that of `better`, in the metric's unit.
        low: Lower end of its interval, 95% for all pairs together.
        high: Upper end.
        p: P-value that the difference is no more than the minimum effect, adjusted for all pairs.
        claimed: Whether the claim is made.
    """

    about: str
    worse: int
    better: int
    difference: float
    low: float
    high: float
    p: float
    claimed: bool


@dataclass(frozen=True)
class Tie:
    """Two methods of which neither is claimed to be worse.

    Args:
        about: The family.
        a: Index of the one with the better estimate.
        b: Index of the other.
        detectable: The smallest difference, as a part of the better value, that these rows would
            have shown with 90% probability; None where the better value is 0.
        rows: How many judging rows would show a difference of 5% with that probability; None if
            none would, as the replicates alone vary by more.
    """

    about: str
    a: int
    b: int
    detectable: float | None
    rows: int | None


@dataclass(frozen=True)
class Comparison:
    """All pairs of all families, tested together.

    Args:
        pairs: Every ordered pair.
        ties: Every unordered pair without a claim.
        minimum_effect: What a claim is of more than, as a part of the better value.
    """

    pairs: tuple[Pair, ...]
    ties: tuple[Tie, ...]
    minimum_effect: float

    @property
    def claims(self) -> tuple[Pair, ...]:
        """The pairs of which the claim is made, most certain first."""
        return tuple(sorted((p for p in self.pairs if p.claimed), key=lambda pair: pair.p))


@dataclass(frozen=True)
class Refusal:
    """Why nothing is tested.

    Args:
        reason: `few_rows`, `few_groups`, `few_of_a_class`, `no_row_values` or `not_finite`.
        found: How many there are; 0 where that says nothing.
        needed: How many it takes; 0 where that says nothing.
    """

    reason: str
    found: int = 0
    needed: int = 0
