"""The search space: which keys there are, and what each may be.

Keys are `optimizer`, `loss`, `lr`, `l2`, and `owner.hyperparameter` for a hyperparameter of
one optimizer or loss, which exists only in the trials that use its owner. `owner.lr` gives one
optimizer a learning-rate domain of its own.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from typing import Annotated, TypeVar

import numpy as np
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from lrlab.errors import UserError
from lrlab.losses import LOSSES
from lrlab.optimizers import OPTIMIZERS
from lrlab.registry import Hyperparameter, did_you_mean
from lrlab.wording import printable

T = TypeVar("T")
Value = float | str
MAX_POINTS = 100_000
FINEST = 4e-8  # step in units of the larger end: finer ones are off by 1e-8 of a step, by rounding
ROUNDING = 1e-6  # of a step
LR = Hyperparameter("lr", 0.01, low=0, low_open=True, high=1e30, meaning="learning rate")
L2 = Hyperparameter("l2", 0.0, low=0, high=1e30, meaning="weight of ||w||^2 / 2")
SHARED = {"lr": LR, "l2": L2}


def not_bool(value: T) -> T:
    """Refuse what pydantic would turn into a number: True and '1'."""
    if isinstance(value, bool | str):
        raise ValueError(f"should be a number, not {printable(repr(value))}")
    return value


Int = Annotated[int, BeforeValidator(not_bool)]
Number = Annotated[float, BeforeValidator(not_bool), Field(allow_inf_nan=False)]


class Range(BaseModel):
    """An interval of numbers, both ends included.

    `points` is how many values the grid sampler takes from it, evenly spaced (on a log scale
    if `log`); the other samplers ignore it. `step` rounds to low, low + step, ...
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    low: Number
    high: Number
    log: bool = False
    step: Annotated[Number, Field(gt=0)] | None = None
    points: Annotated[Int, Field(ge=2, le=MAX_POINTS)] = 10

    @model_validator(mode="after")
    def _check(self) -> Range:
        if not self.low < self.high:
            raise ValueError(f"low = {self.low:g} should be below high = {self.high:g}")
        if self.log and self.low <= 0:
            raise ValueError(f"a log range needs low above 0, not {self.low:g}")
        if self.log and self.step is not None:
            raise ValueError("log and step exclude each other; drop one")
        if not math.isfinite(self.high - self.low):
            raise ValueError("the range is too wide for floating point")
        if self.step is not None and (self.high - self.low) / self.step >= MAX_POINTS:
            raise ValueError(
                f"step = {self.step:g} gives more than {MAX_POINTS:,} values; use a wider one"
            )
        finest = FINEST * max(abs(self.low), abs(self.high))
        if self.step is not None and self.step < finest:
            raise ValueError(
                f"step = {self.step:g} is too fine for the range's numbers; "
                f"use {finest:g} or wider"
            )
        if self.step is not None and self.count < 2:
            raise ValueError(f"step = {self.step:g} is wider than the range")
        return self

    @property
    def count(self) -> int:
        """How many values the grid sampler takes."""
        if self.step is None:
            return self.points
        low, high, step = (Decimal(str(x)) for x in (self.low, self.high, self.step))
        return int((high - low) // step) + 1

    @property
    def top(self) -> float:
        """The largest value: `high`, or the last step below it."""
        return self.high if self.step is None else self._stepped(self.count - 1, self.step)

    def _stepped(self, i: int, step: float) -> float:
        # Decimal, as Optuna does: 3 * 0.1 as a float lies above a high of 0.3.
        return float(Decimal(str(self.low)) + i * Decimal(str(step)))

    def exact(self, value: float) -> float:
        """A value that is a step of the range up to rounding: 0.3 for 0.30000000000000004.

        Any other value, and any value of a range without `step`, is returned as it is.
        """
        if self.step is None:
            return value
        i = min(max(round((value - self.low) / self.step), 0), self.count - 1)
        there = self._stepped(i, self.step)
        return there if abs(there - value) <= ROUNDING * self.step else value

    def grid(self) -> tuple[float, ...]:
        """The values that the grid sampler takes."""
        if self.step is not None:
            return tuple(self._stepped(i, self.step) for i in range(self.count))
        if self.log:  # 15 digits are what a float holds of any decimal: 0.3, and no more
            between = np.geomspace(self.low, self.high, self.points)[1:-1]
            return (self.low, *(float(f"{value:.15g}") for value in between), self.high)
        low, high = (Fraction(str(end)) for end in (self.low, self.high))
        gap = (high - low) / (self.points - 1)
        return tuple(float(low + i * gap) for i in range(self.points))


Domain = Range | tuple[Value, ...] | Value
Space = Mapping[str, Domain]
Problem = tuple[tuple[str, ...], str]


def default_space() -> dict[str, Domain]:
    """What is searched where `search.space` does not say."""
    return {
        "optimizer": ("sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adam"),
        "lr": Range(low=1e-4, high=10, log=True),
        "loss": ("bce_logits", "mse", "hinge"),
    }


def values(domain: Domain) -> tuple[Value, ...]:
    """Every value of a domain on the grid; one for a fixed key."""
    if isinstance(domain, Range):
        return _grid(domain)
    return domain if isinstance(domain, tuple) else (domain,)


def exact(domain: Domain, value: Value) -> Value:
    """A value of a domain without what rounding did to a range's steps: see `Range.exact`."""
    if isinstance(domain, Range) and not isinstance(value, str):
        return domain.exact(value)
    return value


@lru_cache(maxsize=128)  # asked for with every trial
def _grid(domain: Range) -> tuple[float, ...]:
    return domain.grid()


def names(space: Space, key: str) -> tuple[str, ...]:
    """The names that `optimizer` or `loss` may take."""
    return tuple(str(value) for value in values(space[key]))


def domain_of_lr(space: Space, optimizer: str) -> tuple[str, Domain]:
    """Key and domain of the learning rate in trials of one optimizer."""
    own = f"{optimizer}.lr"
    return (own, space[own]) if own in space else ("lr", space["lr"])


def active_keys(space: Space, optimizer: str, loss: str) -> dict[str, Domain]:
    """The numeric keys of a trial with this optimizer and loss, lr first, in a fixed order."""
    lr_key, lr = domain_of_lr(space, optimizer)
    keys: dict[str, Domain] = {lr_key: lr}
    if "l2" in space:
        keys["l2"] = space["l2"]
    for owner, entry in ((optimizer, OPTIMIZERS[optimizer]), (loss, LOSSES[loss])):
        for hyperparameter in entry.hyperparameters:
            key = f"{owner}.{hyperparameter.name}"
            if key in space:
                keys[key] = space[key]
    return keys


def size_of_grid(space: Space) -> int:
    """How many points the grid has; a conditional key multiplies only where it exists."""
    return sum(
        math.prod(_count(domain) for domain in active_keys(space, optimizer, loss).values())
        for optimizer in names(space, "optimizer")
        for loss in names(space, "loss")
    )


def _count(domain: Domain) -> int:
    if isinstance(domain, Range):
        return domain.count
    return len(domain) if isinstance(domain, tuple) else 1


def check_space(space: Space) -> Iterator[Problem]:
    """What is wrong with a space: pairs of the key's path below `search.space` and a message."""
    if not space:
        yield (), "is empty; name at least one of optimizer, lr, loss, or leave `space` out"
        return
    for key, domain in space.items():
        if isinstance(domain, tuple) and not domain:
            yield (key,), "is an empty list; name at least one value"
            return
        if isinstance(domain, tuple) and len(set(domain)) < len(domain):
            yield (key,), "names a value twice"
            return
    for key, registry in (("optimizer", OPTIMIZERS), ("loss", LOSSES)):
        if isinstance(space.get(key), Range):
            yield (
                (key,),
                f"should be a list of names, such as [{', '.join(registry.names()[:3])}]",
            )
            return
        for name in names(space, key):
            try:
                registry[name]
            except UserError as error:
                yield (key,), f"{error} (`lrlab {registry.kind}{_plural(key)}` lists them)"
                return
    for key, domain in space.items():
        if key not in ("optimizer", "loss"):
            yield from _check_numeric_key(space, key, domain)


def _plural(key: str) -> str:
    return "es" if key == "loss" else "s"


def _check_numeric_key(space: Space, key: str, domain: Domain) -> Iterator[Problem]:
    known = known_keys(space)
    if key not in known:
        owner, dot, _ = key.partition(".")
        if dot and (owner in OPTIMIZERS or owner in LOSSES):
            kind = "optimizer" if owner in OPTIMIZERS else "loss"
            if owner not in names(space, kind):
                yield (
                    (key,),
                    f"{owner!r} is not in search.space.{kind}; add it there or drop this key",
                )
                return
        yield (key,), f"unknown key{did_you_mean(key, tuple(known))}"
        return
    ends = (domain.low, domain.high) if isinstance(domain, Range) else values(domain)
    for value in ends:
        if isinstance(value, str):
            yield (
                (key,),
                f"should be a number, a list of numbers or a range, not {printable(repr(value))}",
            )
            return
        if not known[key].permits(value):
            yield (key,), f"{value:g} is outside the permitted {known[key].interval}"
            return


def known_keys(space: Space) -> dict[str, Hyperparameter]:
    """The numeric keys that the space's optimizers and losses allow."""
    keys = dict(SHARED)
    for optimizer in names(space, "optimizer"):
        keys[f"{optimizer}.lr"] = LR
        keys |= {f"{optimizer}.{h.name}": h for h in OPTIMIZERS[optimizer].hyperparameters}
    for loss in names(space, "loss"):
        keys |= {f"{loss}.{h.name}": h for h in LOSSES[loss].hyperparameters}
    return keys
