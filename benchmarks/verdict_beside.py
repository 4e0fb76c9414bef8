"""The best value's interval out of fold, beside BBC-CV and the corrected resampled t.

    python benchmarks/verdict_beside.py               # 100 sweeps a line: five minutes on one core

The same simulated sweeps as in `benchmarks/verdict.py`, five folds.
"""

from __future__ import annotations

import argparse
from functools import partial

import numpy as np
import pandas as pd
from scipy import stats
from simulated import FOLDS, KINDS, Setting, population, sweep
from verdict import chosen_models, judged_values, luck, on_choosing_rows

from lrlab.report.analysis.choice import plain
from lrlab.report.analysis.judging import estimates

RESAMPLES = 200  # of BBC-CV


def beside(setting: Setting, seed: int) -> dict[str, float]:
    """The best value of one sweep with folds, in three ways."""
    rng, metric = np.random.default_rng([seed, 7]), setting.metric
    swept = sweep(setting, rng)
    truth = partial(population(setting.kind).expected, metric)
    names = ["all"] * len(swept.weights)
    models, looked = chosen_models(metric, swept, (names,))
    best, true = estimates(judged_values(metric, swept, models))[0], truth(models).mean()
    seen = on_choosing_rows(metric, swept)
    taken = plain(seen, names).trials[0]
    of_plain, each = truth(swept.weights[taken]).mean(), seen[taken]
    low, high, value = bbc(judged_values(metric, swept, swept.weights).values[:, 0], rng)
    reach = stats.t.ppf(0.975, FOLDS - 1) * each.std(ddof=1) * np.sqrt(1 / FOLDS + 1 / (FOLDS - 1))
    chance = luck(metric, setting.kind, swept)
    return {
        "cross-fitted covers": best.low <= true <= best.high,
        "cross-fitted covers the plain choice": best.low <= of_plain <= best.high,
        "BBC-CV covers": low <= of_plain <= high,
        "corrected t covers": abs(each.mean() - of_plain) <= reach,
        "cross-fitted off": (true - best.value - chance) / true,
        "BBC-CV off": (of_plain - value - chance) / of_plain,
        "plain off": (of_plain - looked[0] - chance) / of_plain,
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


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sweeps", type=int, default=100, help="a line")
    others(parser.parse_args().sweeps)
