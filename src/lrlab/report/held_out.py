"""How far the held-out rows themselves can tell methods apart.

Seeds say how much training varies; they say nothing of another draw of the rows. For measures that
are a mean over rows, two models judged on the same rows differ by a mean of paired differences,
which has a standard error.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from scipy import stats
from torch import Tensor

from lrlab.data import Problem
from lrlab.report.methods import best_trials, trial_frame
from lrlab.report.statistics import LEVEL
from lrlab.report.tables import prepare

# Measures that are a mean over rows: what each row adds, from logits z [..., m] and labels y [m].
ROW_SCORES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "val_log_loss": lambda z, y: -F.logsigmoid((2 * y - 1) * z),
    "val_brier": lambda z, y: (torch.sigmoid(z) - y).square(),
    "val_accuracy": lambda z, y: ((z >= 0) == (y > 0.5)).double(),
}


def representatives(
    runs: pd.DataFrame, by: str, *, objective: str, direction: str
) -> dict[str, str]:
    """Of the best trial of every method, the run whose objective is nearest to the median.

    Args:
        runs: The runs frame.
        by: `optimizer` or `loss`.
        objective: Name of a final measure.
        direction: `minimize` or `maximize`.

    Returns:
        run_id by method, best method first.
    """
    best = best_trials(trial_frame(runs, objective=objective, direction=direction), by, direction)
    frame = prepare(runs, objective, direction)
    chosen = frame[frame["trial"].isin(best.index)].copy()
    chosen["off"] = (chosen["value"] - chosen["trial"].map(best["value"])).abs()
    nearest = chosen.sort_values(["off", "replicate"]).drop_duplicates("trial")
    run_ids = dict(zip(nearest["trial"], nearest["run_id"], strict=True))
    return {str(name): run_ids[trial] for trial, name in zip(best.index, best[by], strict=True)}


def held_out_intervals(
    problem: Problem, weights: Sequence[tuple[np.ndarray, float]], objective: str
) -> np.ndarray:
    """Intervals of each model's objective minus the first one's, over draws of held-out rows.

    Student's t on paired differences, 95 % for all of them together (Bonferroni).

    Args:
        problem: Whose held-out rows count.
        weights: Weights [d] and bias of k models, the leader first.
        objective: One of `ROW_SCORES`.

    Returns:
        Lower and upper ends, [k, 2] float64; the first row is NaN.
    """
    x = problem.x_val.detach().cpu().double()
    y = problem.y_val.detach().cpu().double()
    w = torch.tensor(np.array([weight for weight, _ in weights]), dtype=torch.float64)
    b = torch.tensor([bias for _, bias in weights], dtype=torch.float64)
    scores = ROW_SCORES[objective](w @ x.T + b[:, None], y)
    differences = (scores[1:] - scores[0]).numpy()
    k, m = differences.shape
    found = np.full((len(weights), 2), np.nan)
    if k and m > 1:
        mean = differences.mean(axis=1)
        error = differences.std(axis=1, ddof=1) / np.sqrt(m)
        reach = stats.t.ppf(1 - (1 - LEVEL) / (2 * k), m - 1) * error
        found[1:] = np.stack([mean - reach, mean + reach], axis=1)
    return found
