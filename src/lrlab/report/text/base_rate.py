"""The base rate beside the best: what no column at all gives."""

from __future__ import annotations

from lrlab.data import Baseline
from lrlab.report.text.formats import number


def base_rate(known: Baseline | None, objective: str) -> str:
    """A sentence; empty where the base rate is unknown, or means nothing for the objective."""
    if known is None or objective not in known.metrics:
        return ""
    names = dict.fromkeys((objective, "val_log_loss", "val_accuracy"))
    values = [f"{name} {number(known.metrics[name])}" for name in names if name in known.metrics]
    share = number(100 * known.share, 3, pad=False)
    return (
        f"Base rate (predicting the training rows' fraction of positives, {share}%, for every "
        f"row): {', '.join(values)}."
    )
