"""What is known of a sweep's objectives, as it is recorded with the sweep."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from lrlab.optimum.objectives import Objective, Optimum
from lrlab.optimum.separability import Separability

KEPT = (
    "value",
    "kind",
    "gap",
    "gradient_norm",
    "bound",
    "largest",
    "smallest",
    "iterations",
    "quadratic",
)


@dataclass(frozen=True)
class Optima:
    """What is known of the objectives of a sweep.

    Args:
        found: Optima by objective.
        precision: Machine epsilon of the training.
        n_rows: Training rows.
        batch_rows: Rows of a step's batch.
        left_out: Objectives whose optimum was not found within the time for it.
        budget: That time, in seconds of computing; 0 if the data are too large to begin.
        data_digest: Of the data that they belong to; empty if it is not known.
        separability: How far the classes are separable; None where that is not recorded.
        folds: With folds, those of each, of which these here are the first's.
    """

    found: Mapping[Objective, Optimum]
    precision: float
    n_rows: int
    batch_rows: int
    left_out: tuple[Objective, ...] = ()
    budget: float = 0.0
    data_digest: str = ""
    separability: Separability | None = None
    folds: tuple[Optima, ...] = ()

    def of(self, replicate: int) -> Optima:
        """Those of the training rows of a replicate."""
        return self.folds[replicate % len(self.folds)] if self.folds else self

    @property
    def note(self) -> str:
        """What is missing and why, a sentence without its full stop; empty if nothing is."""
        each = self.folds or (self,)
        left_out = sum(len(fold.left_out) for fold in each)
        if not left_out:
            return ""
        total = sum(len(fold.found) for fold in each) + left_out
        spent = f"{self.budget:,.0f} s of computing were not enough for all"
        reason = spent if self.budget else "the data are too large"
        return (
            f"the exact optimum of {left_out:,} of {total:,} objectives is not known, "
            f"because {reason}; their runs have no gap"
        )

    def to_json(self) -> str:
        """All of it but the weights, as text; those of further folds stand below the first's."""
        return json.dumps(self._document(), indent=1)

    @classmethod
    def from_json(cls, text: str) -> Optima:
        """What `to_json` wrote, also lrlab 0.1.0's.

        Raises:
            ValueError: If it is something else.
        """
        try:
            read = json.loads(text)
            first = cls._of_document(read)
            further = [cls._of_document(fold) for fold in read.get("further_folds", ())]
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"not a record of optima: {error}") from error
        return replace(first, folds=(first, *further)) if further else first

    def _document(self) -> dict[str, Any]:
        optima = [
            {"objective": asdict(objective)}
            | {name: _plain(getattr(optimum, name)) for name in KEPT}
            for objective, optimum in self.found.items()
        ]
        rest = {name: getattr(self, name) for name in _PLAIN}
        left_out = [asdict(objective) for objective in self.left_out]
        rest["separability"] = asdict(self.separability) if self.separability else None
        document = {**rest, "left_out": left_out, "optima": optima}
        if self.folds:
            document["further_folds"] = [fold._document() for fold in self.folds[1:]]
        return document

    @classmethod
    def _of_document(cls, read: Mapping[str, Any]) -> Optima:
        found = {
            _objective(entry["objective"]): Optimum(
                **{name: _number(entry[name]) for name in KEPT if name in entry}
            )
            for entry in read["optima"]
        }
        left_out = tuple(_objective(named) for named in read.get("left_out", ()))
        plain = {name: read[name] for name in _PLAIN if name in read}
        told = Separability.of(read["separability"]) if read.get("separability") else None
        return cls(found=found, left_out=left_out, separability=told, **plain)


_PLAIN = ("precision", "n_rows", "batch_rows", "budget", "data_digest")


def _objective(named: Mapping[str, Any]) -> Objective:
    params = tuple((str(k), float(v)) for k, v in named["loss_params"])
    return Objective(str(named["loss"]), params, float(named["l2"]))


def _plain(value: Any) -> Any:
    """JSON knows neither NaN nor infinity: null and "inf"."""
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else str(value)
    return value


def _number(value: Any) -> Any:
    if value is None:
        return math.nan
    return float(value) if value in ("inf", "-inf") else value
