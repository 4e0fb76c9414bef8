"""Claims and intervals hold in simulated sweeps whose truth is known.

The cells of `benchmarks/verdict.py`, a few sweeps of each; a procedure at its level passes the
bounds but once in a thousand times.
"""

import importlib
import sys
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from lrlab.report.analysis.row_values import row_values

BENCHMARKS = Path(__file__).parents[3] / "benchmarks"
WAYS = (False, True)  # by test rows, out of fold


@pytest.fixture(scope="module")
def bench() -> Iterator[ModuleType]:
    sys.path.insert(0, str(BENCHMARKS))
    yield importlib.import_module("verdict")
    sys.path.remove(str(BENCHMARKS))


@pytest.fixture(scope="module")
def sweeps(bench: ModuleType) -> pd.DataFrame:
    """Sweeps of four kinds, judged both ways by 200 and 1,000 rows."""
    return pd.DataFrame(
        [
            bench.one(bench.Setting(kind, folds, rows, (16, 40), methods=(2, 6)), seed)
            for kind, folds, rows in product(bench.KINDS[:4], WAYS, (200, 1000))
            for seed in range(4)
        ]
    )


def at_most(share: float, n: int) -> float:
    return float(stats.binom.ppf(0.999, n, share))


@pytest.mark.parametrize("metric", ["val_log_loss", "val_brier", "val_accuracy", "val_auc"])
def test_the_truth_that_sweeps_are_held_to_is_that_of_a_large_draw(
    bench: ModuleType, metric: str
) -> None:
    rng = np.random.default_rng(0)
    for kind in bench.KINDS:
        given = bench.population(kind)
        x, y = given.draw(20_000, rng)
        weights = 0.2 * rng.standard_normal(x.shape[1] + 1)
        values = row_values(metric, x @ weights[:-1] + weights[-1], y)
        assert given.expected(metric, weights) == pytest.approx(
            values.mean(), abs=4 * stats.sem(values)
        )


def test_parts_of_a_table_have_its_shares_of_the_classes(bench: ModuleType) -> None:
    simulated = importlib.import_module("simulated")
    y = (np.random.default_rng(0).random(1000) < 0.05).astype(float)
    for parts in ([200] * 5, [400, 100, 500]):
        found = simulated.stratified(y, parts, np.random.default_rng(1))
        assert sorted(np.concatenate(found)) == list(range(1000))
        for part, rows in zip(parts, found, strict=True):
            assert len(rows) == part
            assert y[rows].sum() == pytest.approx(y.mean() * part, abs=1.01)


def test_wrong_claims_are_rare(sweeps: pd.DataFrame) -> None:
    assert sweeps["wrong"].sum() <= at_most(0.05, len(sweeps))


def test_intervals_cover(sweeps: pd.DataFrame) -> None:
    assert (~sweeps["covers"]).sum() <= at_most(0.05, len(sweeps))
    assert (~sweeps["all_cover"]).sum() <= at_most(0.05, len(sweeps))


def test_optimism_is_removed(sweeps: pd.DataFrame) -> None:
    assert abs(sweeps["left"].mean()) < 3.3 * sweeps["left"].sem() + 0.003


def test_methods_that_are_one_under_many_names_are_not_told_apart(bench: ModuleType) -> None:
    found = pd.DataFrame(
        [
            bench.one(bench.Setting("blobs", folds, 1000, (16, 40), (2, 6), same=True), seed)
            for folds in WAYS
            for seed in range(8)
        ]
    )
    none = found[found["none_apart"]]
    assert len(none) >= 8
    assert none["any"].sum() <= at_most(0.05, len(none))


def test_a_large_difference_is_found(bench: ModuleType) -> None:
    setting = bench.Setting("mislabeled", False, 5000, (16, 40), methods=(4, 4), apart=0.05)
    assert all(bench.one(setting, seed)["found"] for seed in range(5))
