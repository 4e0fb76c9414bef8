"""Division: how the rows of a table are divided, where its spec leaves that to its size."""

from __future__ import annotations

from typing import Any

from lrlab.data.rows.splits import Labelled, Parts, fewest, in_folds, in_three
from lrlab.errors import UserError
from lrlab.spec import CsvData, ParquetData, SklearnData, SweepSpec
from lrlab.spec.division import FOLDS, TEST, VALIDATION
from lrlab.spec.model import usual_batch

SMALL = 2000  # rows; below, so few would be held out that folds are worth their cost
MOST_UNASKED = 10  # folds that the number of replicates may ask for


def divided(spec: SweepSpec, rows: Labelled) -> SweepSpec:
    """The spec with its division written out; the same if it says it already.

    Fewer than `SMALL` rows are divided into folds, as far as the replicates and the rarer class
    permit; others in three.
    """
    if spec.is_divided:
        return spec
    left_open = spec.auto or ()
    given = None if "search.replicates" in left_open else spec.search.replicates
    folds = _folds(given, rows, spec.data_seed) if len(rows.y) < SMALL else 0
    data: dict[str, Any] = {"val_fraction": VALIDATION, "test_fraction": TEST}
    if folds:
        data = {"folds": folds, "test_fraction": 0.0}
    replicates = given or folds or 1
    search: dict[str, Any] = {"replicates": replicates}
    if "search.batch" in left_open:
        search["batch"] = usual_batch(spec.search.sampler, replicates)
    return spec.model_copy(
        update={
            "data": spec.data.model_copy(update=data),
            "search": spec.search.model_copy(update=search),
        }
    )


def _folds(replicates: int | None, rows: Labelled, seed: int) -> int:
    """How many; 0 for none, where replicates or rows permit none."""
    usual = FOLDS if replicates is None or replicates % FOLDS == 0 else replicates
    most = min(usual, fewest(rows.y)) if 2 < usual <= MOST_UNASKED else 0
    fitting = (k for k in range(most, 1, -1) if (replicates or k) % k == 0)
    return next((k for k in fitting if _possible(rows, k, replicates or k, seed)), 0)


def _possible(rows: Labelled, folds: int, replicates: int, seed: int) -> bool:
    try:
        in_folds(rows, folds, replicates, 0.0, seed)
    except UserError:  # too few groups, or too few of a class in one of them
        return False
    return True


def why_other_folds(given: SweepSpec, used: SweepSpec) -> str:
    """Why fewer folds are used than by default; a sentence without its full stop, or empty."""
    folds = getattr(used.data, "folds", None)
    if given.is_divided or not folds or folds >= FOLDS:
        return ""
    if "search.replicates" not in (given.auto or ()) and given.search.replicates == folds:
        return ""
    return f"{FOLDS} folds would leave one without rows of both classes, so there are {folds}"


def parts_of(
    data: CsvData | ParquetData | SklearnData, replicates: int, rows: Labelled, seed: int
) -> list[Parts]:
    """The parts of each replicate, or the one that all of them have.

    Raises:
        UserError: If one of the parts would lack a class.
    """
    test_fraction = data.test_fraction or 0.0
    if data.folds:
        return in_folds(rows, data.folds, replicates, test_fraction, seed)
    return [in_three(rows, data.val_fraction or VALIDATION, test_fraction, seed)]


def in_words(folds: int | None, parts: list[Parts], n_test: int) -> str:
    """Such as `5 folds`, or `642 training, 214 validation, 214 test`.

    Args:
        folds: How many; None or 0 for none.
        parts: Of each replicate, or the one of all.
        n_test: Test rows, be they part of the table or of a file of their own.
    """
    said = [f"{len(parts[0].train):,} training", f"{len(parts[0].val):,} validation"]
    if folds:
        repeats = len(parts) // folds
        said = [f"{folds} folds" + (f" in {repeats:,} repeats" if repeats > 1 else "")]
    return ", ".join(said + ([f"{n_test:,} test"] if n_test else []))
