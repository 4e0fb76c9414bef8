"""Do the verdict's claims hold? Small sweeps on populations that are known exactly.

    python benchmarks/verdict.py                  # all cells: about 15 minutes on one core
    python benchmarks/verdict.py --sweeps 20      # a glance
    python benchmarks/verdict.py --metric val_auc # by another metric than log loss
    python benchmarks/verdict.py --cost           # time and memory of the statistics alone

Every sweep draws a table, divides it, trains trials, chooses each method's best and judges it by
`choice` and `judging` of `lrlab.report.analysis`, as for a real one; what is claimed is then
compared with the expected log loss of the very models that were judged.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
from scipy import stats
from simulated import (
    FOLDS,
    KINDS,
    LOSSES,
    Setting,
    Swept,
    population,
    reference,
    sweep,
    values_on,
)

from lrlab.report.analysis.choice import cross_fitted, plain
from lrlab.report.analysis.judging import Judged, compare, estimates, optimism, refusals
from lrlab.report.analysis.row_values import ROW_VALUES

ROWS = (100, 200, 1000, 5000)


def lower_is_better(metric: str) -> bool:
    return metric in ("val_log_loss", "val_brier")


def on_choosing_rows(metric: str, swept: Swept) -> np.ndarray:
    """Metric of every trial's models on the rows that choose, [t, R]."""
    tables, replicates = swept.tables, swept.weights.shape[1]
    found = [
        values_on(metric, swept, swept.weights[:, r], tables[r % len(tables)].val).mean(axis=-1)
        for r in range(replicates)
    ]
    return np.stack(found, axis=1)


def chosen_models(
    metric: str, swept: Swept, named: Sequence[Sequence[str]]
) -> tuple[np.ndarray, np.ndarray]:
    """The models that are judged, and how they looked to the rows that chose.

    Args:
        metric: By which they are chosen.
        swept: All models.
        named: Namings of the trials; each gives as many methods as it has names.

    Returns:
        Weights [k, R, d + 1] (R is the fold where there are folds) and values [k] of the plain
        choices, k over the methods of all namings.
    """
    values, lower = on_choosing_rows(metric, swept), lower_is_better(metric)
    models, looked = [], []
    for names in named:
        best = plain(values, names, lower_is_better=lower).trials
        looked.append(values[best].mean(axis=1))
        if len(swept.tables) == 1:
            models.append(swept.weights[best])
        else:
            taken = cross_fitted(values[:, None], names, lower_is_better=lower).trials[:, 0]
            models.append(swept.weights[taken, np.arange(FOLDS)])
    return np.concatenate(models), np.concatenate(looked)


def made_worse(
    models: np.ndarray,
    who: int,
    others: Sequence[int],
    ratio: float,
    truth: Callable[[np.ndarray], np.ndarray],
) -> np.ndarray:
    """The models with one method's weights shrunk, as a stronger l2 would shrink them.

    Its expected loss is then `ratio` times that of the best of the others.
    """
    aim = ratio * truth(models[others]).mean(axis=-1).min()
    low, high = 0.0, 1.0
    for _ in range(30):
        middle = (low + high) / 2
        worse = truth(middle * models[who]).mean() > aim
        low, high = (middle, high) if worse else (low, middle)
    found = models.copy()
    found[who] *= high
    return found


def judging_rows(swept: Swept) -> np.ndarray:
    return swept.tables[0].judge if len(swept.tables) == 1 else np.arange(len(swept.y))


def judged_values(metric: str, swept: Swept, models: np.ndarray) -> Judged:
    """Values of models [k, R, d + 1] on the judging rows."""
    rows, lower = judging_rows(swept), lower_is_better(metric)
    n, y = len(swept.y), swept.y[rows]
    if len(swept.tables) == 1:
        return Judged(values_on(metric, swept, models, rows), y, n, lower_is_better=lower)
    values = np.empty((len(models), 1, n))
    for fold, table in enumerate(swept.tables):
        values[:, 0, table.judge] = values_on(metric, swept, models[:, fold], table.judge)
    return Judged(values, y, n, lower_is_better=lower, folds=FOLDS)


def single_test(judged: Judged, worse: int, better: int) -> bool:
    """Whether a one-sided paired t test finds two methods apart that were named beforehand, with
    no minimum effect and no other pair: more than any test of all pairs can find."""
    a, b = judged.values[worse].mean(axis=0), judged.values[better].mean(axis=0)
    return bool(stats.ttest_rel(a, b, alternative="greater").pvalue <= 0.05)


def one(setting: Setting, seed: int) -> dict[str, float]:
    """One sweep, from the draw of its table to what was said of it, beside the truth."""
    rng, metric = np.random.default_rng([seed, 7]), setting.metric
    swept, lower = sweep(setting, rng), lower_is_better(setting.metric)
    truth = partial(population(setting.kind).expected, metric)
    methods = [f"{m:02d}" for m in swept.trials.method]
    losses = [LOSSES[i] for i in swept.trials.loss]
    models, looked = chosen_models(metric, swept, (["all"] * len(methods), methods, losses))
    k, k_losses = len(set(methods)), len(set(losses))
    families = {"optimizer": range(1, k + 1), "loss": range(k + 1, k + 1 + k_losses)}
    worst = int(rng.integers(1, k + 1))
    others = [i for i in families["optimizer"] if i != worst]
    if setting.apart:
        models = made_worse(models, worst, others, 1 + setting.apart, truth)
    judged, true = judged_values(metric, swept, models), truth(models).mean(axis=1)
    found, best = compare(judged, families), estimates(judged)[0]
    beyond = {
        (p.worse, p.better): true[p.worse] > 1.01 * true[p.better]
        if lower
        else true[p.worse] < 0.99 * true[p.better]
        for p in found.pairs
    }
    unbiased = best.value + luck(metric, setting.kind, swept)
    return {
        "refused": bool(refusals(judged)),
        "wrong": not all(beyond[c.worse, c.better] for c in found.claims),
        "any": bool(found.claims),
        "none_apart": not any(beyond.values()),
        "found": any(c.worse == worst and c.about == "optimizer" for c in found.claims),
        "single": single_test(judged, worst, min(others, key=lambda i: true[i])),
        "covers": best.low <= true[0] <= best.high,
        "all_cover": all(
            p.low - 1e-12 <= true[p.worse] - true[p.better] <= p.high + 1e-12 for p in found.pairs
        ),
        "removed": optimism(looked[0], best.value, lower_is_better=lower) / true[0],
        "left": optimism(unbiased, true[0], lower_is_better=lower) / true[0],
    }


def luck(metric: str, kind: str, swept: Swept) -> float:
    """By how much the judging rows make a fixed model look worse or better than it is.

    Added to an estimate it is a control variate: the mean stays, most of its noise goes.
    """
    model, rows = reference(kind), judging_rows(swept)
    expected = float(population(kind).expected(metric, model))
    return expected - float(values_on(metric, swept, model, rows).mean())


# --- cells ---------------------------------------------------------------------------------------

AS_IT_COMES, SAME, AT_THE_EDGE = "as it comes", "one method under many names", "one 0.99% worse"


def cells(metric: str) -> list[tuple[str, Setting]]:
    """What is simulated, under a heading each; by other metrics than log loss the first only."""
    both = [(kind, folds) for kind in KINDS for folds in (False, True)]
    found = []
    for kind, folds in both:
        rows = (400, *ROWS[2:]) if kind == "imbalanced" else ROWS
        found += [(AS_IT_COMES, Setting(kind, folds, n, metric=metric)) for n in rows]
    if metric != "val_log_loss":
        return found
    for n in (200, 1000):
        tried = [Setting(*given, n) for given in both if n > 200 or given[0] != "imbalanced"]
        found += [(SAME, replace(setting, same=True)) for setting in tried]
        found += [(AT_THE_EDGE, replace(setting, apart=0.0099)) for setting in tried]
    for k, apart in ((4, 0.05), (12, 0.10)):
        name = f"one of {k} is {apart:.0%} worse"
        found += [(name, Setting(*given, 1000, methods=(k, k), apart=apart)) for given in both]
    order = list(dict.fromkeys(name for name, _ in found))
    return sorted(found, key=lambda cell: order.index(cell[0]))


def summary(name: str, rows: pd.DataFrame) -> dict[str, str]:
    """What a cell shows, by column."""
    found = {"sweeps": f"{len(rows)}", "a wrong claim": f"{rows['wrong'].mean():.1%}"}
    if name == AS_IT_COMES:
        return found | {
            "differences covered": f"{rows['all_cover'].mean():.1%}",
            "best value covered": f"{rows['covers'].mean():.1%}",
            "refused": f"{rows['refused'].mean():.0%}",
            "optimism removed": f"{rows['removed'].mean():.1%}",
            "optimism left": f"{rows['left'].mean():+.2%} ± {rows['left'].sem():.2%}",
        }
    if name in (SAME, AT_THE_EDGE):
        none = rows[rows["none_apart"]]
        return found | {
            "sweeps without a difference": f"{len(none)}",
            "of them a claim": f"{none['any'].mean():.1%}",
        }
    return found | {
        "found": f"{rows['found'].mean():.0%}",
        "a single t test finds": f"{rows['single'].mean():.0%}",
    }


def simulate(sweeps: int, metric: str) -> pd.DataFrame:
    """All cells, printed as they are done; one row a sweep."""
    found, heading = [], ""
    for name, setting in cells(metric):
        rows = pd.DataFrame([one(setting, seed) for seed in range(sweeps)])
        line = {
            "data": setting.kind,
            "judged by": "5 folds" if setting.folds else "test rows",
            "rows": f"{setting.rows:,}",
        } | summary(name, rows)
        if name != heading:
            heading = name
            print(f"\n### {name}\n\n| {' | '.join(line)} |\n|{' --- |' * len(line)}")
        print(f"| {' | '.join(line.values())} |", flush=True)
        found.append(rows.assign(cell=name, **{k: line[k] for k in ("data", "judged by", "rows")}))
    return pd.concat(found)


def cost(trials: int = 10_000, rows: int = 10_000) -> None:
    """The statistics of a large sweep with five folds: 12 optimizers, 6 losses."""
    rng = np.random.default_rng(0)
    values = rng.random((trials, 1, FOLDS))
    names = [f"optimizer {i % 12}" for i in range(trials)]
    per_row = rng.gamma(0.5, size=(19, 1, rows))
    labels = (rng.random(rows) < 0.3).astype(float)
    before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.perf_counter()
    for naming in (names, [f"loss {i % 6}" for i in range(trials)], ["all"] * trials):
        cross_fitted(values, naming)
        plain(values, naming)
    judged = Judged(per_row, labels, rows, folds=FOLDS)
    estimates(judged)
    compare(judged, {"optimizer": range(1, 13), "loss": range(13, 19)})
    seconds = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"{trials:,} trials x {rows:,} rows: {seconds:.1f} s, peak {after / 2**20:.2f} GB, ")
    print(f"of which {(after - before) / 2**20:.2f} GB are the statistics'")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sweeps", type=int, default=100, help="a cell")
    parser.add_argument("--metric", choices=ROW_VALUES, default="val_log_loss")
    parser.add_argument("--cost", action="store_true")
    parser.add_argument("--keep", help="file to write one row a sweep to (Parquet)")
    given = parser.parse_args()
    if given.cost:
        return cost()
    began = time.process_time()
    found = simulate(given.sweeps, given.metric)
    if given.keep:
        found.to_parquet(given.keep)
    print(f"\n{len(found):,} sweeps in {time.process_time() - began:.0f} s of CPU")
    return None


if __name__ == "__main__":
    main()
