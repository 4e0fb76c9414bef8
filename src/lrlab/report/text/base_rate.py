"""The base rate beside the best: what no column at all gives."""

from __future__ import annotations

import pandas as pd

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
        f"Base rate: {', '.join(values)}, by always predicting the training rows' share of "
        f"class 1, {share} %."
    )


def no_better(
    runs: pd.DataFrame, known: Baseline | None, objective: str, better_small: bool
) -> str:
    """A remark if no run is better than the base rate.

    Args:
        runs: The runs frame.
        known: The base rate.
        objective: Name of the objective.
        better_small: Whether smaller is better.
    """
    if known is None or objective not in known.metrics:
        return ""
    values = runs.loc[runs["outcome"] != "diverged", objective].astype(float)
    limit = known.metrics[objective]
    if bool((values < limit if better_small else values > limit).any()):
        return ""
    return "No run is better than the base rate: nothing was learnt from the columns."


def base_rate_table(known: Baseline | None) -> pd.DataFrame:
    """Columns metric and value, one row a metric; without rows if it is unknown."""
    found = {} if known is None else known.to_dict()
    return pd.DataFrame({"metric": list(found), "value": list(found.values())})
