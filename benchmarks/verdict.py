"""Do the verdict's claims hold? Small sweeps on populations that are known exactly.

    python benchmarks/verdict.py                  # all cells: about 15 minutes on one core
    python benchmarks/verdict.py --sweeps 20      # a glance
    python benchmarks/verdict.py --others         # beside BBC-CV and the corrected resampled t
    python benchmarks/verdict.py --cost           # time and memory of the statistics alone

Every sweep draws a table, divides it, trains trials, chooses each method's best and judges it by
`lrlab.report.choice` and `lrlab.report.judging`, as for a real one; what is claimed is then
compared with the expected log loss of the very models that were judged.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from scipy import stats
from simulated import (
    FOLDS,
    KINDS,
    LOSSES,
    Setting,
    Swept,
    losses_on,
    population,
    reference,
    sweep,
)

from lrlab.report.choice import cross_fitted, plain
from lrlab.report.judging import Judged, compare, estimates, optimism, refusals

ROWS = (100, 200, 1000, 5000)
RESAMPLES = 200  # of BBC-CV


def on_choosing_rows(swept: Swept) -> np.ndarray:
    """Log loss of every trial's models on the rows that choose, [t, R]."""
    tables, replicates = swept.tables, swept.weights.shape[1]
    found = [
        losses_on(swept, swept.weights[:, r], tables[r % len(tables)].val).mean(axis=-1)
        for r in range(replicates)
    ]
    return np.stack(found, axis=1)


def chosen_models(swept: Swept, named: Sequence[Sequence[str]]) -> tuple[np.ndarray, np.ndarray]:
    """The models that are judged, and how they looked to the rows that chose.

    Args:
        swept: All models.
        named: Namings of the trials; each gives as many methods as it has names.

    Returns:
        Weights [k, R, d + 1] (R is the fold where there are folds) and values [k] of the plain
        choices, k over the methods of all namings.
    """
    values = on_choosing_rows(swept)
    models, looked = [], []
    for names in named:
        best = plain(values, names).trials
        looked.append(values[best].mean(axis=1))
        if len(swept.tables) == 1:
            models.append(swept.weights[best])
        else:
            taken = cross_fitted(values[:, None], names).trials[:, 0]
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


def judged_values(swept: Swept, models: np.ndarray) -> Judged:
    """Losses of models [k, R, d + 1] on the judging rows."""
    rows = judging_rows(swept)
    if len(swept.tables) == 1:
        return Judged(losses_on(swept, models, rows), swept.y[rows], len(swept.y))
    values = np.empty((len(models), 1, len(rows)))
    for fold, table in enumerate(swept.tables):
        values[:, 0, table.judge] = losses_on(swept, models[:, fold], table.judge)
    return Judged(values, swept.y, len(swept.y), folds=FOLDS)


def single_test(judged: Judged, worse: int, better: int) -> bool:
    """Whether a one-sided paired t test finds two methods apart that were named beforehand, with
    no minimum effect and no other pair: more than any test of all pairs can find."""
    a, b = judged.values[worse].mean(axis=0), judged.values[better].mean(axis=0)
    return bool(stats.ttest_rel(a, b, alternative="greater").pvalue <= 0.05)


def one(setting: Setting, seed: int) -> dict[str, float]:
    """One sweep, from the draw of its table to what was said of it, beside the truth."""
    rng = np.random.default_rng([seed, 7])
    swept = sweep(setting, rng)
    truth = population(setting.kind).expected_log_loss
    methods = [f"{m:02d}" for m in swept.trials.method]
    losses = [LOSSES[i] for i in swept.trials.loss]
    models, looked = chosen_models(swept, (["all"] * len(methods), methods, losses))
    k, k_losses = len(set(methods)), len(set(losses))
    families = {"optimizer": range(1, k + 1), "loss": range(k + 1, k + 1 + k_losses)}
    worst = int(rng.integers(1, k + 1))
    if setting.apart:
        others = [i for i in families["optimizer"] if i != worst]
        models = made_worse(models, worst, others, 1 + setting.apart, truth)
    judged, true = judged_values(swept, models), truth(models).mean(axis=1)
    found, best = compare(judged, families), estimates(judged)[0]
    beyond = {(p.worse, p.better): true[p.worse] / true[p.better] > 1.01 for p in found.pairs}
    model, expected = reference(setting.kind)
    luck = expected - losses_on(swept, model, judging_rows(swept)).mean()
    return {
        "refused": bool(refusals(judged)),
        "rarer": float(min(judged.labels.sum(), (1 - judged.labels).sum())),
        "wrong": not all(beyond[c.worse, c.better] for c in found.claims),
        "any": bool(found.claims),
        "none_apart": not any(beyond.values()),
        "found": any(c.worse == worst and c.about == "optimizer" for c in found.claims),
        "single": single_test(judged, worst, min(families["optimizer"], key=lambda i: true[i])),
        "covers": best.low <= true[0] <= best.high,
        "below": true[0] < best.low,
        "all_cover": all(
            p.low - 1e-12 <= true[p.worse] - true[p.better] <= p.high + 1e-12 for p in found.pairs
        ),
        "removed": optimism(looked[0], best.value) / true[0],
        "left": (optimism(best.value, true[0]) - luck) / true[0],
        "truth": true[0],
    }


# --- beside other ways ---------------------------------------------------------------------------


def beside(setting: Setting, seed: int) -> dict[str, float]:
    """The best value of one sweep with folds, in three ways."""
    rng = np.random.default_rng([seed, 7])
    swept = sweep(setting, rng)
    truth = population(setting.kind).expected_log_loss
    names = ["all"] * len(swept.weights)
    models, looked = chosen_models(swept, (names,))
    best, true = estimates(judged_values(swept, models))[0], truth(models).mean()
    taken = plain(on_choosing_rows(swept), names).trials[0]
    of_plain = truth(swept.weights[taken]).mean()
    low, high, value = bbc(judged_values(swept, swept.weights).values[:, 0], rng)
    each = on_choosing_rows(swept)[taken]
    reach = stats.t.ppf(0.975, FOLDS - 1) * each.std(ddof=1) * np.sqrt(1 / FOLDS + 1 / (FOLDS - 1))
    model, expected = reference(setting.kind)
    luck = expected - losses_on(swept, model, judging_rows(swept)).mean()
    return {
        "cross-fitted covers": best.low <= true <= best.high,
        "cross-fitted covers the plain choice": best.low <= of_plain <= best.high,
        "BBC-CV covers": low <= of_plain <= high,
        "corrected t covers": abs(each.mean() - of_plain) <= reach,
        "cross-fitted off": (true - best.value - luck) / true,
        "BBC-CV off": (of_plain - value - luck) / of_plain,
        "plain off": (of_plain - looked[0] - luck) / of_plain,
        "cross-fitted width": (best.high - best.low) / true,
        "BBC-CV width": (high - low) / true,
        "corrected t width": 2 * reach / true,
    }


def bbc(losses: np.ndarray, rng: np.random.Generator) -> tuple[float, float, float]:
    """Bootstrap bias corrected cross-validation of out-of-fold losses [t, n].

    Interval and value: the trial that is best on resampled rows is judged by the rows that were
    not drawn (Tsamardinos, Greasidou & Borboudakis 2018).
    """
    n = losses.shape[1]
    drawn = rng.multinomial(n, np.full(n, 1 / n), RESAMPLES).astype(float)
    best = (losses @ drawn.T).argmin(axis=0)
    left = drawn == 0
    found = (losses[best] * left).sum(axis=1) / left.sum(axis=1)
    low, high = np.quantile(found, [0.025, 0.975])
    return float(low), float(high), float(found.mean())


# --- cells ---------------------------------------------------------------------------------------

AS_IT_COMES, SAME, AT_THE_EDGE = "as it comes", "one method under many names", "one 0.99 % worse"


def cells() -> list[tuple[str, Setting]]:
    """What is simulated, under a heading each."""
    both = [(kind, folds) for kind in KINDS for folds in (False, True)]
    found = []
    for kind, folds in both:
        rows = (400, *ROWS[2:]) if kind == "imbalanced" else ROWS
        found += [(AS_IT_COMES, Setting(kind, folds, n)) for n in rows]
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


def simulate(sweeps: int) -> pd.DataFrame:
    """All cells, printed as they are done; one row a sweep."""
    found, heading = [], ""
    for name, setting in cells():
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


def others(sweeps: int) -> None:
    """The best value with folds, beside BBC-CV and the corrected resampled t."""
    for kind in KINDS:
        for rows in (200, 1000):
            setting = Setting(kind, True, rows)
            found = pd.DataFrame([beside(setting, seed) for seed in range(sweeps)])
            line = {"data": kind, "rows": f"{rows:,}"}
            for name in found:
                line[name] = f"{found[name].mean():.1%}"
            if (kind, rows) == (KINDS[0], 200):
                print(f"| {' | '.join(line)} |\n|{' --- |' * len(line)}")
            print(f"| {' | '.join(line.values())} |", flush=True)


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
    parser.add_argument("--others", action="store_true")
    parser.add_argument("--cost", action="store_true")
    parser.add_argument("--keep", help="file to write one row a sweep to (Parquet)")
    given = parser.parse_args()
    if given.cost:
        return cost()
    if given.others:
        return others(given.sweeps)
    began = time.process_time()
    found = simulate(given.sweeps)
    if given.keep:
        found.to_parquet(given.keep)
    print(f"\n{len(found):,} sweeps in {time.process_time() - began:.0f} s of CPU")
    return None


if __name__ == "__main__":
    main()
