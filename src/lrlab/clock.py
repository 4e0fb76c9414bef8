"""The time, as MLflow counts it."""

from __future__ import annotations

import time


def now_ms() -> int:
    """Milliseconds since the epoch, MLflow's unit of time."""
    return int(time.time() * 1000)
