"""Losses by every held-out metric, on rows that chose nothing, raw and recalibrated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from scipy import special

from lrlab.data import Problem
from lrlab.metrics import expected_calibration_error
from lrlab.report.analysis.evaluation import Method, Weights, choose
from lrlab.report.analysis.judgement import Judgement
from lrlab.report.analysis.row_values import platt

from .markdown import by_rank, marked
from .reading import Sweep

METRICS = ("val_log_loss", "val_brier", "val_accuracy", "val_auc")
LOWER = {"val_log_loss": True, "val_brier": True, "val_accuracy": False, "val_auc": False}
DRAWS = 50  # of labels
FALSE_ALARM, MISS = 1, 5  # what they cost, as `weighted_bce.pos_weight` of the sweeps has it


@dataclass(frozen=True)
class Pooled:
    """Probabilities of class 1 that a loss's best setting says of the judging rows.

    Args:
        raw: [R, n], sigmoid of the scores.
        recalibrated: The same after Platt scaling, learned from rows that do not judge.
        y: Labels, [n].
    """

    raw: np.ndarray
    recalibrated: np.ndarray
    y: np.ndarray


@dataclass(frozen=True)
class Read:
    """What is read of one table's sweep.

    Args:
        judged: Judgement by metric; without those that say nothing.
        pooled: Of each loss at its best setting by log loss.
    """

    judged: Mapping[str, Judgement]
    pooled: Mapping[str, Pooled]


def read_of(sweep: Sweep) -> Read:
    """By every metric, each loss at the setting that is best by it."""
    found = {metric: sweep.judged(metric) for metric in METRICS}
    judged = {name: j for name, j in found.items() if j is not None and not j.refusals}
    return Read(judged, pooled(sweep) if judged else {})


def values(reads: Mapping[str, Read], metric: str, scores: str = "raw") -> pd.DataFrame:
    """Expected value of every loss on new rows, by table."""
    raw, shown, ends = {}, {}, {}
    for name, each in reads.items():
        if metric not in each.judged:
            continue
        judgement = each.judged[metric]
        frame = judgement.estimates_frame()
        own = frame[(frame["about"] == "loss") & (frame["scores"] == scores)].set_index("method")
        pairs = judgement.pairs_frame()
        claims = pairs[(pairs["about"] == "loss") & (pairs["scores"] == scores) & pairs["claimed"]]
        raw[name] = own["value"]
        lower = LOWER[metric]
        digits = 4 if "loss" in metric or "brier" in metric else 3
        shown[name] = marked(own["value"], set(claims["worse"]), lower=lower, digits=digits)
        best = own.sort_values("value", ascending=lower).iloc[0]
        ends[name] = f"{best['low']:.3f} to {best['high']:.3f}"
    order = by_rank(pd.DataFrame(raw), lower=LOWER[metric])
    table = pd.DataFrame(shown).loc[order].fillna("–")
    table.loc["95 % interval of the best"] = ends
    return table.rename_axis("loss").reset_index()


def calibration(reads: Mapping[str, Read]) -> pd.DataFrame:
    """Expected calibration error, raw and recalibrated, mean over the replicates; and that of
    labels drawn from the probabilities of `bce_logits`, which is chance alone."""
    columns = {}
    for name, each in reads.items():
        if not each.pooled:
            continue
        columns[name] = {
            loss: f"{_ece(p.raw, p.y):.3f} → {_ece(p.recalibrated, p.y):.3f}"
            for loss, p in each.pooled.items()
        }
        columns[name]["by chance alone"] = f"{_by_chance(each.pooled['bce_logits']):.3f}"
    return pd.DataFrame(columns).rename_axis("loss").reset_index()


def _by_chance(plain: Pooled) -> float:
    draw = np.random.default_rng(0)
    p = plain.recalibrated[0]
    labels = (draw.random((DRAWS, len(p))) < p).astype(np.float64)
    return float(np.mean([_ece(p[None], y) for y in labels]))


def _ece(p: np.ndarray, y: np.ndarray) -> float:
    logits = torch.from_numpy(special.logit(np.clip(p, 1e-15, 1 - 1e-15)))
    return float(expected_calibration_error(logits, torch.from_numpy(y)).mean())


def misses(reads: Mapping[str, Read]) -> pd.DataFrame:
    """Cost a row where a miss costs five false alarms: `weighted_bce` against `bce_logits`, whose
    threshold is 1/2 or the one that such costs ask for, 1/6."""
    rows = []
    for name, each in reads.items():
        if not each.pooled:
            continue
        plain, weighted = each.pooled["bce_logits"], each.pooled["weighted_bce"]
        fair = FALSE_ALARM / (FALSE_ALARM + MISS)
        costs = {
            "bce_logits at 1/2": _cost(plain.raw >= 0.5, plain.y),
            "bce_logits at 1/6": _cost(plain.raw >= fair, plain.y),
            "weighted_bce at 1/2": _cost(weighted.raw >= 0.5, weighted.y),
        }
        difference = costs["weighted_bce at 1/2"] - costs["bce_logits at 1/6"]
        error = difference.std(ddof=1) / np.sqrt(len(difference))
        row = {"table": name} | {who: f"{cost.mean():.3f}" for who, cost in costs.items()}
        row["weighted_bce minus bce_logits at 1/6"] = f"{difference.mean():+.4f} ± {2 * error:.4f}"
        rows.append(row)
    return pd.DataFrame(rows)


def _cost(said: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Cost of each row, mean over the replicates, [n]."""
    cost = np.where(y > 0.5, MISS * ~said, FALSE_ALARM * said)
    return np.asarray(cost.mean(axis=0))


def pooled(sweep: Sweep) -> dict[str, Pooled]:
    """Of each loss, at its best setting by the sweep's objective."""
    problem = sweep.context.problem
    assert problem is not None
    methods = [
        method
        for method in choose(sweep.runs, problem, **sweep.context.aim)
        if method.about == "loss"
    ]
    keys = zip(sweep.runs["trial"], sweep.runs["replicate"], strict=True)
    ids = dict(zip(keys, sweep.runs["run_id"], strict=True))
    needed = [ids[t, r] for m in methods for t in set(m.trials) for r in range(len(m.trials))]
    weights = sweep.weights_of(needed)
    models = {key: weights[run_id] for key, run_id in ids.items() if run_id in weights}
    return {method.name: _pooled(problem, method, models) for method in methods}


def _pooled(problem: Problem, method: Method, models: Mapping[tuple[int, int], Weights]) -> Pooled:
    """With folds each row once, by the model that did not train on it; all of one repeat."""
    parts = range(len(problem.folds) or len(method.trials))
    raw, scaled, labels = [], [], []
    for r in parts:
        trial, part = method.trials[r], "val" if problem.folds else "test"
        z, y = _scores(problem.of(r), models[trial, r], part)
        others = [other for other in parts if other != r] if problem.folds else [r]
        learned = [_scores(problem.of(o), models[trial, o], "val") for o in others]
        slope, intercept = platt(*(np.concatenate(each) for each in zip(*learned, strict=True)))
        raw.append(special.expit(z))
        scaled.append(special.expit(slope * z + intercept))
        labels.append(y)
    if problem.folds:
        whole = (np.concatenate(raw)[None], np.concatenate(scaled)[None], np.concatenate(labels))
        return Pooled(*whole)
    return Pooled(np.stack(raw), np.stack(scaled), labels[0])


def _scores(problem: Problem, model: Weights, part: str) -> tuple[np.ndarray, np.ndarray]:
    x, y = (getattr(problem, f"{name}_{part}").cpu().double().numpy() for name in "xy")
    return x @ np.asarray(model[0], dtype=np.float64) + model[1], y
