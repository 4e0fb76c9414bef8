"""Axes that suit their numbers: logarithmic or not, and never flattened by a few values."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

LOG_RATIO = 3.0  # positive values that span less than this are shown on a linear axis
REACH = 3.0  # interquartile ranges beyond the quartiles up to which a value is no outlier
FLATTENED = 2.0  # values are cut only if they would make the axis so many times longer
MARGIN = 0.04  # of the axis, beyond the values at either end
MOST_MARKS, LEAST_MARKS = 6, 4
FINE = (1.0, 1.2, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0)  # where few marks would fit
OUTSIDE = 4.0  # lengths of an axis, to which a line is drawn beyond it
# Like 0.01, but 1e-4: a row of zeros is no number that one reads.
WRITTEN = (
    "datum.value != 0 && (abs(datum.value) < 1e-3 || abs(datum.value) >= 1e6)"
    " ? format(datum.value, '.2~e') : format(datum.value, '~g')"
)


@dataclass(frozen=True)
class Axis:
    """How values stand along an axis.

    Args:
        kind: `linear`, `log` or `symlog` (zeros have a place on it).
        low: What lies below is drawn at the edge.
        high: What lies above is drawn at the edge.
        first: Where it begins: at `low`, or before it, where a strip is left free.
        last: Where it ends: at `high`, or after it.
        smallest: The smallest positive value, below which a symlog axis is linear.
    """

    kind: str
    low: float
    high: float
    first: float
    last: float
    smallest: float = 1.0

    @classmethod
    def of(cls, values: npt.ArrayLike, *, log: bool, whole: bool = False) -> Axis:
        """The axis for such values.

        Args:
            values: All that is drawn along it; what is not finite is passed over.
            log: Whether a logarithmic axis is wanted, where the values allow one.
            whole: Whether every value must be in view; else outliers are at the edge.
        """
        found = np.asarray(values, dtype=float)
        found = found[np.isfinite(found)]
        if found.size == 0:
            return cls("linear", 0.0, 1.0, 0.0, 1.0)
        kind, smallest = _kind(found, log)
        straight = _straight(found, kind, smallest)
        low, high = (straight.min(), straight.max()) if whole else _without_outliers(straight)
        room = MARGIN * float(high - low) or 0.05 * abs(float(high)) or 0.5
        start, end = (_back(float(v), kind, smallest) for v in (low - room, high + room))
        return cls(kind, start, end, start, end, smallest)

    def beyond(self, values: npt.ArrayLike) -> tuple[int, int]:
        """How many of the values lie below and above the axis."""
        found = np.asarray(values, dtype=float)
        return int((found < self.low).sum()), int((found > self.high).sum())

    def beyond_view(self) -> Axis:
        """The same axis many times longer either way: a line goes on there, and is clipped."""
        ends = _straight(np.array([self.low, self.high]), self.kind, self.smallest)
        room = OUTSIDE * float(ends[1] - ends[0])
        low, high = (
            _back(float(v), self.kind, self.smallest) for v in (ends[0] - room, ends[1] + room)
        )
        return replace(self, low=low, high=high)

    def with_strip(self, share: float, *, up: bool) -> Axis:
        """The same axis with a free strip of this share of it, above or below."""
        low, high = (
            float(_straight(np.array(v), self.kind, self.smallest)) for v in (self.low, self.high)
        )
        strip = (high - low) * share / (1 - share)
        if up:
            return replace(self, last=_back(high + strip, self.kind, self.smallest))
        return replace(self, first=_back(low - strip, self.kind, self.smallest))

    def scale(self, **more: Any) -> dict[str, Any]:
        """The scale in Vega-Lite."""
        scale: dict[str, Any] = {"type": self.kind, "domain": [self.first, self.last]}
        scale["nice"] = False
        if self.kind == "linear":
            scale["zero"] = False
        if self.kind == "symlog":
            scale["constant"] = self.smallest
        return scale | more

    def places(self, values: npt.ArrayLike) -> np.ndarray:
        """Where values stand between `low`, 0, and `high`, 1; beyond these, at the edge."""
        ends = _straight(np.array([self.low, self.high]), self.kind, self.smallest)
        held = np.clip(np.asarray(values, dtype=float), self.low, self.high)
        span = float(ends[1] - ends[0]) or 1.0
        found: np.ndarray = (_straight(held, self.kind, self.smallest) - ends[0]) / span
        return found

    def place(self, value: str) -> str:
        """The same as a Vega expression, of an expression for the value."""
        held = f"clamp({value}, {self.low!r}, {self.high!r})"
        ends = _straight(np.array([self.low, self.high]), self.kind, self.smallest)
        first, span = float(ends[0]), float(ends[1] - ends[0]) or 1.0
        straight = {
            "linear": held,
            "log": f"log({held}) / LN10",
            "symlog": f"(({held}) < 0 ? -1 : 1) * log(1 + abs({held}) / {self.smallest!r})",
        }[self.kind]
        return f"({straight} - {first!r}) / {span!r}"

    def ticks(self) -> dict[str, Any]:
        """The axis in Vega-Lite: where it is marked, and how."""
        return {"values": self.marks(), "labelExpr": WRITTEN}

    def marks(self) -> list[float]:
        """Round values along the axis."""
        if self.kind == "linear":
            return _round_steps(self.low, self.high)
        start = self.smallest if self.kind == "symlog" else self.low
        zero = [0.0] if self.kind == "symlog" else []
        return zero + _powers(start, self.high)


def _kind(values: np.ndarray, log: bool) -> tuple[str, float]:
    positive = values[values > 0]
    if not log or positive.size == 0 or (values < 0).any():
        return "linear", 1.0
    smallest = float(positive.min())
    if positive.size < values.size:
        return "symlog", smallest
    return ("log" if values.max() / smallest >= LOG_RATIO else "linear"), smallest


def _straight(values: np.ndarray, kind: str, smallest: float) -> np.ndarray:
    """Values as places along the axis."""
    if kind == "log":
        return np.asarray(np.log10(values))
    if kind == "symlog":
        return np.asarray(np.sign(values) * np.log1p(np.abs(values) / smallest))
    return values


def _back(place: float, kind: str, smallest: float) -> float:
    """The value at a place along the axis."""
    if kind == "log":
        return float(10.0**place)
    if kind == "symlog":
        return float(math.copysign(math.expm1(abs(place)) * smallest, place))
    return place


def _without_outliers(values: np.ndarray) -> tuple[float, float]:
    """The ends without values that would flatten the rest."""
    least, most = float(values.min()), float(values.max())
    low, high = np.quantile(values, [0.25, 0.75])
    reach = REACH * float(high - low) or (most - least)
    inner = values[(values >= low - reach) & (values <= high + reach)]
    start, end = float(inner.min()), float(inner.max())
    return (least, most) if most - least <= FLATTENED * (end - start) else (start, end)


def _round_steps(low: float, high: float) -> list[float]:
    """Multiples of 1, 2 or 5 times a power of ten."""
    if not high > low:
        return [low]
    raw = (high - low) / MOST_MARKS
    power = 10.0 ** math.floor(math.log10(raw))
    step = power * next(m for m in (1, 2, 5, 10) if m * power >= raw * (1 - 1e-9))
    found = range(math.ceil(low / step), math.floor(high / step) + 1)
    return [float(f"{i * step:.12g}") for i in found]


def _powers(low: float, high: float) -> list[float]:
    """Powers of ten, every so many, or with values between them where there are few."""
    decades = math.log10(high / low)
    steps: tuple[float, ...] = (1.0,) if decades > 2.5 else (1.0, 2.0, 5.0)
    if decades <= 1.1:
        steps = (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 7.0)
    every = max(1, math.ceil(decades / MOST_MARKS))
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for own in (steps, FINE):
        found = [float(f"{s * 10.0**p:.3g}") for p in powers if p % every == 0 for s in own]
        marks = [value for value in found if low <= value <= high]
        if len(marks) >= LEAST_MARKS or decades > 1.1:
            break
    return marks
