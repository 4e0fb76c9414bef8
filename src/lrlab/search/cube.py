"""The search space as a unit cube: an axis a key, conditional keys included.

A point of the cube is a configuration; axes of keys that its optimizer and loss do not have are
left unread. So points that are spread evenly over the cube are so in every subspace.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from lrlab.spec import Domain, Range, SweepSpec
from lrlab.spec.space import Space, Value, active_keys, names, values
from lrlab.trial import TrialConfig


def axes(space: Space) -> tuple[str, ...]:
    """Keys that have something to choose, `optimizer` and `loss` first, in a fixed order."""
    keys: dict[str, Domain] = {"optimizer": space["optimizer"], "loss": space["loss"]}
    for optimizer in names(space, "optimizer"):
        for loss in names(space, "loss"):
            keys |= active_keys(space, optimizer, loss)
    searched = [key for key, domain in keys.items() if len(values(domain)) > 1]
    return tuple(searched) or ("optimizer",)


def configs_at(spec: SweepSpec, points: np.ndarray) -> list[TrialConfig]:
    """The configurations at points of the cube.

    Args:
        spec: Whose space it is.
        points: Coordinates in [0, 1), [k, a], one for each of `axes`.
    """
    keys = axes(spec.search.space)
    return [_config(spec, dict(zip(keys, point, strict=True))) for point in points.tolist()]


def _config(spec: SweepSpec, at: Mapping[str, float]) -> TrialConfig:
    space = spec.search.space
    optimizer = str(quantile(space["optimizer"], at.get("optimizer", 0.0)))
    loss = str(quantile(space["loss"], at.get("loss", 0.0)))
    keys = active_keys(space, optimizer, loss)
    chosen = {key: quantile(domain, at.get(key, 0.0)) for key, domain in keys.items()}
    return TrialConfig.of_space(optimizer, loss, chosen, spec.train.l2)


def quantile(domain: Domain, u: float) -> Value:
    """The value below which a share `u` of a domain lies; uniform on a log scale if `log`."""
    if not isinstance(domain, Range) or domain.step is not None:
        choices = values(domain)
        return choices[min(int(u * len(choices)), len(choices) - 1)]
    if domain.log:
        low, high = math.log(domain.low), math.log(domain.high)
        value = math.exp(low + u * (high - low))
    else:
        value = domain.low + u * (domain.high - domain.low)
    return min(max(value, domain.low), domain.high)
