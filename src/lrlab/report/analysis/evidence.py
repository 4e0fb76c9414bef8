"""The numbers behind the figures that rest on the optimum, on seeds and on the data."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch

from lrlab.data import Problem
from lrlab.optimum import Objective
from lrlab.optimum.record import Optima
from lrlab.report.analysis.converged import Gaps, objectives
from lrlab.report.analysis.distributions import share_interval
from lrlab.report.analysis.methods import SPEED, best_trials, trial_frame
from lrlab.report.analysis.speed import same_objective, searched_of
from lrlab.report.analysis.tables import minimizes, prepare, ranked

MOST_PANELS = 6
RATIOS = np.unique(np.concatenate([[1.0], np.geomspace(1, 100, 60)]))
BINS = 10
MOST_LINES = 400
MOMENTUM = {"sgd": None, "momentum": "momentum.beta"}  # optimizers whose stable lr is known
UNSTABLE = ("oscillating", "above its start", "diverged")  # details of runs whose lr was too large


FASTEST = ["optimizer", "loss", "lr", "gap", "steps", "shared", "searched"]


def fastest_trials(
    runs: pd.DataFrame, converged: pd.DataFrame, *, objective: str, direction: str
) -> pd.DataFrame:
    """The trial of every optimizer x loss that came to the optimum soonest, soonest first.

    Of each loss on the objective of its best trial. Where its l2 or hyperparameters were searched,
    so that no two optimizers share an objective, each optimizer's best trial by the sweep's.

    Args:
        runs: The runs frame.
        converged: What `converged.convergence_frame` returns.
        objective: Name of the final metric by which the sweep chooses.
        direction: `minimize` or `maximize`.

    Returns:
        Indexed by trial: optimizer, loss, lr, gap at the end (mean over replicates), steps
        until it stays below 1e-3 (geometric mean over replicates; NaN unless all do), shared:
        whether the steps of the loss compare, and searched: what its objectives differ by, where
        they do not (l2 and hyperparameters, joined by commas). Empty where no gap is known.
    """
    if SPEED not in converged or converged["gap"].isna().all():
        return pd.DataFrame(columns=pd.Index(FASTEST))
    known = runs.merge(converged[["run_id", "gap", SPEED]], on="run_id")
    known = known[known["gap"].notna()]
    aim: dict[str, str] = {"objective": objective, "direction": direction}
    parts = []
    for loss, tried in known.groupby("loss", sort=False):
        same, _ = same_objective(tried, str(loss), **aim)
        shared = not same.empty
        own = (same if shared else tried).assign(log_steps=lambda f: np.log(f[SPEED]))
        down = {"direction": "minimize"}
        trials = trial_frame(own, objective="gap", **down).rename(columns={"value": "gap"})
        trials["steps"] = np.exp(trial_frame(own, objective="log_steps", **down)["value"])
        trials["value"] = trial_frame(own, **aim)["value"]
        order = ["steps", "gap"] if shared else ["value"]
        up = [True] * len(order) if shared else [minimizes(direction)]
        trials = trials[trials["gap"].notna()].sort_values(
            order, ascending=up, kind="stable", na_position="last"
        )
        varied = "" if shared else ",".join(searched_of(tried, str(loss)))
        parts.append(trials.drop_duplicates("optimizer").assign(shared=shared, searched=varied))
    found = pd.concat(parts).sort_values(["steps", "gap"], kind="stable", na_position="last")
    return found[FASTEST]


def gap_bands(runs: pd.DataFrame, gaps: Gaps, fastest: pd.DataFrame) -> pd.DataFrame:
    """Relative gap against step: median and quartiles over seeds of the fastest trials.

    Args:
        runs: The runs frame.
        gaps: What `converged.gaps` returns.
        fastest: What `fastest_trials` returns.

    Returns:
        loss, optimizer, lr, step, low, median, high; the losses with the best trials first, at
        most six.
    """
    chosen = fastest.sort_values(["steps", "gap"], kind="stable", na_position="last")
    losses = list(dict.fromkeys(chosen["loss"]))[:MOST_PANELS]
    rows = {run_id: i for i, run_id in enumerate(gaps.run_ids)}
    by_trial = runs.groupby("trial")["run_id"]
    parts = []
    for trial, best in chosen[chosen["loss"].isin(losses)].iterrows():
        curves = gaps.gap[[rows[run_id] for run_id in by_trial.get_group(trial)]]
        known = np.isfinite(curves).all(axis=0)
        low, median, high = np.quantile(curves[:, known], [0.25, 0.5, 0.75], axis=0)
        part = {"step": gaps.steps[known], "low": low, "median": median, "high": high}
        named = {name: best[name] for name in ("loss", "optimizer", "lr")}
        parts.append(pd.DataFrame(part).assign(**named))
    columns = ["loss", "optimizer", "lr", "step", "low", "median", "high"]
    return pd.concat(parts, ignore_index=True)[columns] if parts else pd.DataFrame(columns=columns)


def stable_limits(
    runs: pd.DataFrame, converged: pd.DataFrame, optima: Optima | None
) -> pd.DataFrame:
    """The largest stable lr of gradient descent and momentum, by theory and as observed.

    Theory: 2 (1 + beta) / L, L the largest eigenvalue of the Hessian at the optimum. Observed: the
    largest lr at and below which no run oscillated or diverged, and the smallest above it.

    Returns:
        loss, optimizer, beta, safe (below it any start is, by theory: see `Optimum.safe_lr`; NaN
        where there is none), limit, and of the lr tried largest_stable and smallest_unstable (NaN
        if none is below, or above); only where all runs of a loss have one objective and one beta,
        and batches are full. With folds, whose objectives have an optimum each, the largest limit
        and the smallest safe lr.
    """
    columns = ["loss", "optimizer", "beta", "safe", "limit"]
    columns += ["largest_stable", "smallest_unstable"]
    found: list[tuple[str, str, float, float, float, float, float]] = []
    if optima is None or optima.batch_rows < optima.n_rows:
        return pd.DataFrame(found, columns=columns)
    keys = pd.Series(objectives(runs), index=runs.index)
    detail = converged.set_index("run_id")["detail"].reindex(runs["run_id"])
    unstable = detail.isin(UNSTABLE).to_numpy()
    for optimizer, beta_column in MOMENTUM.items():
        for loss, own in runs[runs["optimizer"] == optimizer].groupby("loss"):
            betas = own[beta_column].unique() if beta_column else np.zeros(1)
            targets = set(keys[own.index])
            if len(betas) != 1 or len(targets) != 1:
                continue
            beta = float(betas[0])
            safe, limit = _by_theory(optima, targets.pop(), beta)
            if math.isnan(limit):
                continue
            observed = _observed(own["lr"], unstable[runs.index.get_indexer(own.index)])
            found.append((str(loss), optimizer, beta, safe, limit, *observed))
    return pd.DataFrame(found, columns=columns)


def _by_theory(optima: Optima, objective: Objective, beta: float) -> tuple[float, float]:
    """The largest safe lr and the largest stable one on the rows of every fold; NaN if unknown."""
    folds = [each.found.get(objective) for each in optima.folds or (optima,)]
    known = [optimum for optimum in folds if optimum is not None]
    if len(known) < len(folds):
        return math.nan, math.nan
    safe = [optimum.safe_lr(beta) for optimum in known]
    stable = [optimum.stable_lr(beta) for optimum in known]
    return float(np.min(safe)), float(np.max(stable))


def _observed(lr: pd.Series, unstable: np.ndarray) -> tuple[float, float]:
    """The largest lr below all unstable runs, and the smallest lr of an unstable run."""
    rates = lr.to_numpy(dtype=float)
    smallest_unstable = float(rates[unstable].min()) if unstable.any() else math.nan
    stable = rates[rates < smallest_unstable] if unstable.any() else rates
    return (float(stable.max()) if len(stable) else math.nan), smallest_unstable


def costs(runs: pd.DataFrame, converged: pd.DataFrame, fastest: pd.DataFrame) -> pd.DataFrame:
    """Steps until the gap stays below 1e-3: rows are problems, (loss, replicate), columns
    optimizers.

    Each optimizer is taken at its fastest setting for the loss; losses whose optimizers share no
    objective are left out.
    """
    if fastest.empty or not fastest["shared"].any():
        return pd.DataFrame()
    own = runs.merge(converged[["run_id", SPEED]], on="run_id")
    own = own[own["trial"].isin(fastest.index[fastest["shared"]])]
    return own.pivot_table(
        index=["loss", "replicate"], columns="optimizer", values=SPEED, dropna=False
    ).dropna(how="all", axis=0)


def calibration(problem: Problem, weight: np.ndarray, bias: float) -> pd.DataFrame:
    """Mean predicted probability and fraction of positives of held-out rows, by its tenths.

    Returns:
        predicted (mean p), positives (share of class 1) with its 95% Wilson interval low..high,
        and rows; bins without rows are left out.
    """
    return calibration_of_folds([problem], [(weight, bias)])


def calibration_of_folds(
    problems: Sequence[Problem], models: Sequence[tuple[np.ndarray, float]]
) -> pd.DataFrame:
    """The same of the held-out rows of all folds, each predicted by its own model."""
    pairs = list(zip(problems, models, strict=True))
    p = np.concatenate([torch.sigmoid(_logits(fold, *model)).numpy() for fold, model in pairs])
    y = np.concatenate([fold.y_val.detach().cpu().numpy() for fold in problems])
    which = np.minimum((p * BINS).astype(int), BINS - 1)
    rows = []
    for bin_ in np.unique(which):
        inside = which == bin_
        positives, count = int(y[inside].sum()), int(inside.sum())
        low, high = share_interval(positives, count)
        rows.append((p[inside].mean(), positives / count, low, high, count))
    return pd.DataFrame(rows, columns=["predicted", "positives", "low", "high", "rows"])


def _logits(problem: Problem, weight: np.ndarray, bias: float) -> torch.Tensor:
    x = problem.x_val.detach().cpu().double()
    return x @ torch.as_tensor(np.array(weight), dtype=torch.float64) + bias


def parallel(runs: pd.DataFrame, *, objective: str, direction: str) -> pd.DataFrame:
    """Runs as lines through their settings to the objective, worst first.

    Returns:
        optimizer, loss, lr, l2 and hyperparameters that vary, then value; at most 400 runs, the
        better half of them the best ones, the others spread evenly over the rest.
    """
    order = ranked(prepare(runs, objective, direction).reset_index(drop=True), direction)
    index = order.index.to_numpy(dtype=int)
    if len(index) > MOST_LINES:
        half = MOST_LINES // 2
        rest = np.linspace(half, len(index) - 1, half).round().astype(int)
        index = np.concatenate([index[:half], index[rest]])
    chosen = runs.iloc[index]
    own = [c for c in runs.columns if "." in str(c) and chosen[c].nunique() > 1]
    names = [n for n in ("optimizer", "loss", "lr", "l2") if n in runs and chosen[n].nunique() > 1]
    return chosen[[*names, *own]].assign(value=chosen[objective]).iloc[::-1]


def held_out_metrics(runs: pd.DataFrame, *, objective: str, direction: str) -> pd.DataFrame:
    """Every loss by the metrics common to all, each at its best trial by the objective.

    Returns:
        loss, formula, scores (whether its raw scores are probabilities: of others
        log loss, Brier score and ECE say little before they are recalibrated), optimizer, lr, and
        the held-out metrics as means over the replicates, best first.
    """
    from lrlab.losses import LOSSES
    from lrlab.metrics import HELD_OUT

    best = best_trials(
        trial_frame(runs, objective=objective, direction=direction), "loss", direction
    )
    metrics = [name for name in HELD_OUT if name in runs]
    means = runs[runs["trial"].isin(best.index)].groupby("trial")[metrics].mean()
    table = best[["loss", "optimizer", "lr"]].join(means)
    known = set(LOSSES.names())
    table.insert(1, "formula", [LOSSES[n].formula if n in known else "" for n in table["loss"]])
    said = ["probabilities" if n in known and LOSSES[n].proper else "raw" for n in table["loss"]]
    table.insert(2, "scores", said)
    return table.reset_index(drop=True)


def boundary(
    problem: Problem, weight: np.ndarray, bias: float
) -> tuple[pd.DataFrame, tuple[float, float, float]]:
    """Held-out rows of a problem with two columns, and the line w1 x1 + w2 x2 + b = 0.

    Returns:
        x1, x2, label, right (whether it is classified right), and (w1, w2, b).
    """
    x = problem.x_val.detach().cpu().numpy()
    y = problem.y_val.detach().cpu().numpy()
    right = ((_logits(problem, weight, bias) >= 0).numpy()) == (y > 0.5)
    frame = pd.DataFrame({"x1": x[:, 0], "x2": x[:, 1], "label": y.astype(int), "right": right})
    return frame, (float(weight[0]), float(weight[1]), float(bias))
