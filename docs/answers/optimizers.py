"""Full batch: what each optimizer reaches, how fast, and how much its learning rate matters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from lrlab.optimizers import OPTIMIZERS
from lrlab.report.analysis import evidence
from lrlab.report.analysis.evidence import RATIOS
from lrlab.report.analysis.findings import Findings
from lrlab.report.analysis.judgement import Judgement
from lrlab.report.analysis.methods import Comparison, compare, tunability
from lrlab.report.analysis.statistics import performance_profile

from .markdown import by_rank, marked, short
from .reading import DECADES, Sweep, in_prior, in_same

RANGES = ("own", "same")
INTERVAL = "95 % interval of the best"


@dataclass(frozen=True)
class Read:
    """What is read of one table's sweep.

    Args:
        found: Findings within the priors of the learning rates.
        judged: Optimizers on rows that chose nothing, and baselines; None where none may judge.
        same: Optimizers compared where all have the same range.
        judged_same: The same on rows that chose nothing; None where none may judge.
        budgets: Expected best of k random trials in the priors (`tunability`).
        budgets_same: The same in the same range.
    """

    found: Findings
    judged: Judgement | None
    same: Comparison
    judged_same: Judgement | None
    budgets: pd.DataFrame
    budgets_same: pd.DataFrame


def read_of(sweep: Sweep) -> Read:
    """Both ranges of the learning rate."""
    aim = sweep.context.aim
    prior, same = sweep.only(in_prior(sweep.runs)), sweep.only(in_same(sweep.runs))
    return Read(
        found=prior.found(),
        judged=prior.judged(sweep.context.objective, prior.baselines()),
        same=compare(same.runs, "optimizer", **aim),
        judged_same=same.judged(sweep.context.objective),
        budgets=tunability(prior.runs, "optimizer", **aim),
        budgets_same=tunability(same.runs, "optimizer", **aim),
    )


def problems(sweeps: Mapping[str, Sweep]) -> pd.DataFrame:
    """Rows, columns, classes, condition number and how the rows judge."""
    rows = []
    for name, sweep in sweeps.items():
        problem, optima = sweep.context.problem, sweep.context.optima
        assert problem is not None
        assert optima is not None
        first = problem.of(0)
        (optimum,) = optima.of(0).found.values()
        how = f"{len(problem.y_test):,} test rows"
        if problem.folds:
            how = f"all {len(first.y_train) + len(first.y_val):,}, out of fold"
        rows.append(
            {
                "table": name,
                "training rows": f"{len(first.y_train):,}",
                "columns": first.n_features,
                "class 1": f"{100 * problem.share_of_class_1:.0f} %",
                "condition number": short(optimum.condition),
                "2/L": f"{2 / optimum.largest:.3g}",
                "judged by": how,
            }
        )
    return pd.DataFrame(rows)


def values(reads: Mapping[str, Read]) -> pd.DataFrame:
    """Expected log loss on new rows, each optimizer at its best setting within its prior."""
    shown, raw, ends = {}, {}, {}
    for name, each in reads.items():
        if each.judged is None or each.judged.refusals:
            continue
        frame = each.judged.estimates_frame()
        own = frame[frame["about"] == "optimizer"].set_index("method")
        base = frame[frame["about"] == "baseline"].set_index("method")["value"]
        raw[name] = own["value"]
        shown[name] = marked(own["value"], _worse(each.judged))
        first = own.sort_values("value").iloc[0]
        ends[name] = {
            INTERVAL: f"{first['low']:.3f} to {first['high']:.3f}",
            **{str(who): f"{value:.4f}" for who, value in base.items()},
        }
    order = by_rank(pd.DataFrame(raw))
    table = pd.DataFrame(shown).loc[order].fillna("–")
    table = pd.concat([table, pd.DataFrame(ends)])
    return table.rename_axis("optimizer").reset_index()


def steps(reads: Mapping[str, Read]) -> pd.DataFrame:
    """Steps until the gap stays at most 1e-3, each at the learning rate that needs fewest."""
    shown, raw = {}, {}
    for name, each in reads.items():
        speed = each.found.speed
        if speed is None or speed.leader is None:
            continue
        own = speed.table.set_index("optimizer")
        raw[name] = own["steps"]
        worse = {claim.worse for claim in speed.claims}
        shown[name] = pd.Series(
            {
                who: f"– ({row['reached']} of {row['seeds']})"
                if np.isinf(row["steps"])
                else _pace(row["steps"], row["lr"], who == speed.leader, who in worse)
                for who, row in own.iterrows()
            }
        )
    order = by_rank(pd.DataFrame(raw).replace(np.inf, np.nan))
    return pd.DataFrame(shown).loc[order].fillna("–").rename_axis("optimizer").reset_index()


def _pace(count: float, lr: float, first: bool, worse: bool) -> str:
    text = f"**{count:.0f}**" if first else f"{count:.0f}"
    return f"{text}{' ▽' if worse else ''} (lr {lr:.2g})"


def tuning(reads: Mapping[str, Read]) -> pd.DataFrame:
    """The prior, how wide the good range is, and what random trials give; own and same range."""
    parts = [each.found.optimizers.table for each in reads.values()]
    width = pd.concat(parts).groupby("optimizer")["lr_width"].mean()
    lost = {
        (k, range_of): _lost(reads, k, range_of == "same") for k in (1, 5) for range_of in RANGES
    }
    rows = []
    for name in lost[1, "own"].sort_values(kind="stable").index:
        default = OPTIMIZERS[name].default_lr
        low, high = default * 10.0**-DECADES, default * 10.0**DECADES
        rows.append(
            {
                "optimizer": name,
                "prior of lr": f"{low:g} to {high:g}",
                "good lr, decades": f"{width[name]:.1f}",
                **{
                    f"{k} trial{'s' if k > 1 else ''}, {range_of}": _percent(loss[name])
                    for (k, range_of), loss in lost.items()
                },
            }
        )
    return pd.DataFrame(rows)


def _lost(reads: Mapping[str, Read], k: int, same: bool) -> pd.Series:
    """How far the expected best of k random trials is above the best of all trials of a table:
    median over the tables, by optimizer."""
    parts = {}
    for name, each in reads.items():
        budgets = each.budgets_same if same else each.budgets
        lowest = min(each.found.optimizers.table["value"].min(), each.same.table["value"].min())
        own = budgets[budgets["trials"] == k].set_index("optimizer")["value"]
        parts[name] = own / lowest - 1
    return pd.DataFrame(parts).median(axis=1)


def best_of_same(reads: Mapping[str, Read]) -> pd.DataFrame:
    """How many tables' best settings are shown to be worse, in each optimizer's own range and in
    the same one, and on how many tables the best setting has another learning rate."""
    rows = []
    names = next(iter(reads.values())).found.optimizers.table["optimizer"]
    for name in names:
        worse, worse_same, judged, other = 0, 0, 0, []
        for table, each in reads.items():
            lr = each.found.optimizers.table.set_index("optimizer")["lr"][name]
            same = each.same.table.set_index("optimizer")["lr"][name]
            if abs(np.log10(lr / same)) > 0.01:
                other.append(table)
            if each.judged is None or each.judged_same is None or each.judged.refusals:
                continue
            judged += 1
            worse += name in _worse(each.judged)
            worse_same += name in _worse(each.judged_same)
        rows.append(
            {
                "optimizer": name,
                "worse, own prior": f"{worse} of {judged}",
                "worse, same range": f"{worse_same} of {judged}",
                "best lr differs on": ", ".join(other) or "none",
            }
        )
    return pd.DataFrame(rows).sort_values(["worse, own prior", "optimizer"])


def _worse(judgement: Judgement) -> set[str]:
    pairs = judgement.pairs_frame()
    return set(pairs[(pairs["about"] == "optimizer") & pairs["claimed"]]["worse"])


def _percent(value: float) -> str:
    return f"+{100 * value:.0f} %" if value >= 0.0095 else f"+{100 * value:.1f} %"


def profile(reads: Mapping[str, Read]) -> tuple[pd.DataFrame, int]:
    """Performance profile over tables and seeds, and how many problems any optimizer solves."""
    parts = {
        name: evidence.costs(each.found.runs, each.found.converged, each.found.fastest)
        for name, each in reads.items()
        if not each.found.fastest.empty
    }
    costs = pd.concat(parts, names=["sweep"], join="inner").dropna(how="all")
    return performance_profile(costs, RATIOS), len(costs)
