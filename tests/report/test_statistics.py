"""Statistics against scipy and enumeration; verdicts where the truth is known."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from lrlab.report import statistics as module
from lrlab.report.statistics import (
    bootstrap_median,
    compare_pairs,
    expected_best,
    holm,
    lr_width,
    performance_profile,
    rank_biserial,
    sign_flips,
    standing,
)


def table_of(rng: np.random.Generator, n: int, k: int, gap: float = 0.0) -> pd.DataFrame:
    """n seeds with an effect of their own, k methods; the third is better by `gap`."""
    values = 10 + rng.normal(size=(n, 1)) + rng.normal(size=(n, k))
    values[:, 2 % k] -= gap
    return pd.DataFrame(values, columns=[f"m{i}" for i in range(k)])


@pytest.mark.parametrize("n", [6, 10, 13])
def test_the_paired_test_is_scipys_exact_permutation_test(n: int) -> None:
    table = table_of(np.random.default_rng(n), n, 3, gap=1.0)
    for row in compare_pairs(table).to_dict("records"):
        difference = (table[row["b"]] - table[row["a"]]).to_numpy()
        reference = stats.permutation_test(
            (difference,), np.mean, permutation_type="samples", n_resamples=np.inf
        )
        assert row["p"] == pytest.approx(reference.pvalue)


def test_with_many_seeds_a_sample_of_the_flips_comes_close_to_the_t_test() -> None:
    table = table_of(np.random.default_rng(0), 60, 2, gap=0.3)
    row = compare_pairs(table).iloc[0]
    assert row["p"] == pytest.approx(stats.ttest_rel(table["m0"], table["m1"]).pvalue, abs=0.02)


def test_all_flips_are_taken_while_they_are_few() -> None:
    flips = sign_flips(6)
    assert len(np.unique(flips, axis=0)) == 64
    assert (flips[0] == 1).all()
    assert sign_flips(20).shape == (2**14, 20)


def test_holms_method_on_a_worked_example() -> None:
    assert holm(np.array([0.01, 0.04, 0.03, 0.005])) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm(np.array([0.9, 0.8])) == pytest.approx([1, 1])


def test_the_adjusted_p_lies_between_the_plain_one_and_holms_on_the_whole() -> None:
    rng = np.random.default_rng(5)
    frames = [compare_pairs(table_of(rng, 10, 5, gap=2)) for _ in range(20)]
    pairs = pd.concat(frames)
    assert (pairs["p_adjusted"] >= pairs["p"] - 1e-12).all()
    assert pairs["p_adjusted"].mean() < pairs["p_holm"].mean()


def test_the_effect_size_counts_ranks_for_and_against() -> None:
    assert rank_biserial(np.array([1.0, 2, 3])) == 1
    assert rank_biserial(np.array([-1.0, -2, -3])) == -1
    assert rank_biserial(np.array([1.0, -2, 3])) == pytest.approx((1 - 2 + 3) / 6)
    assert rank_biserial(np.zeros(4)) == 0


def test_the_interval_of_the_median_holds_it_and_is_repeatable() -> None:
    values = np.random.default_rng(1).normal(size=30)
    median, low, high = bootstrap_median(values)
    assert median == np.median(values)
    assert low < median < high
    assert bootstrap_median(values) == (median, low, high)


def test_the_interval_of_the_median_covers_the_truth() -> None:
    rng = np.random.default_rng(2)
    hits = 0
    for _ in range(200):
        _, low, high = bootstrap_median(rng.exponential(size=25))
        hits += low <= np.log(2) <= high
    assert hits >= 180


def test_a_single_value_has_no_interval() -> None:
    assert bootstrap_median(np.array([3.0, np.nan]))[0] == 3
    assert np.isnan(bootstrap_median(np.array([3.0]))[1:]).all()
    assert np.isnan(bootstrap_median(np.array([]))).all()


@pytest.mark.parametrize("k", [1, 2, 5, 8])
def test_the_expected_best_is_the_mean_over_all_subsets(k: int) -> None:
    values = np.random.default_rng(4).normal(size=8)
    subsets = [min(subset) for subset in combinations(values, k)]
    assert expected_best(values, [k])[0] == pytest.approx(np.mean(subsets))


def test_a_budget_beyond_the_trials_has_no_answer() -> None:
    assert np.isnan(expected_best(np.arange(3.0), [4, 0])).all()


def test_the_width_of_the_good_range_is_in_decades() -> None:
    lr = np.array([1e-4, 1e-3, 1e-2, 1e-1, 1.0])
    assert lr_width(lr, np.array([9, 1.0, 1.05, 9, 9])) == pytest.approx(2)
    assert lr_width(lr, np.array([9, 9, 9, 9, 1.0])) == pytest.approx(0.5)
    assert lr_width(lr, np.array([1, 9, 1, np.nan, 9])) == pytest.approx(0.5)
    assert np.isnan(lr_width(lr, np.full(5, np.nan)))


def test_a_performance_profile_counts_problems_within_a_factor() -> None:
    costs = pd.DataFrame({"a": [1, 2, 10.0, np.nan], "b": [2, 1, np.nan, np.nan]})
    found = performance_profile(costs, np.array([1.0, 2.0]))
    assert found["a"].tolist() == pytest.approx([2 / 3, 1])
    assert found["b"].tolist() == pytest.approx([1 / 3, 2 / 3])


# --- tournaments ------------------------------------------------------------------------------


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few resamples for the intervals, which a verdict does not rest on."""
    monkeypatch.setattr(module, "RESAMPLES", 20)
    monkeypatch.setattr(module, "MOST_FLIPS", 2**11)


@pytest.mark.parametrize(("k", "n"), [(2, 10), (4, 10), (12, 10), (4, 30)])
def test_where_nobody_is_better_the_verdict_seldom_says_so(quick: None, k: int, n: int) -> None:
    rng = np.random.default_rng(k + n)
    rounds = 300
    wolf = sum(bool(standing(table_of(rng, n, k)).behind) for _ in range(rounds))
    # 5 % at most; an excess that chance explains in less than one of a thousand fails
    assert stats.binomtest(wolf, rounds, 0.05, alternative="greater").pvalue > 1e-3


@pytest.mark.parametrize(("k", "n", "gap"), [(4, 10, 4.0), (12, 10, 6.0), (12, 30, 2.5)])
def test_where_one_is_better_the_verdict_names_it(quick: None, k: int, n: int, gap: float) -> None:
    rng = np.random.default_rng(k * n)
    rounds = 100
    found = [standing(table_of(rng, n, k, gap)) for _ in range(rounds)]
    right = sum(s.leader == "m2" and not s.level for s in found)
    assert right >= 95


def test_more_is_better_where_the_objective_is_maximised() -> None:
    table = -table_of(np.random.default_rng(7), 20, 4, 5.0)
    found = standing(table, minimize=False)
    assert found.leader == "m2"
    assert found.level == ()


def test_a_negligible_difference_is_a_tie_however_certain() -> None:
    base = np.linspace(1.0, 1.1, 12)
    table = pd.DataFrame({"a": base, "b": base * 1.001, "c": base * 2})
    found = standing(table)
    assert (found.leader, found.level, found.behind) == ("a", ("b",), ("c",))


def test_with_few_seeds_nothing_is_tested() -> None:
    found = standing(table_of(np.random.default_rng(0), 5, 3, 50.0))
    assert not found.tested
    assert found.behind == ()


def test_a_method_that_lacks_a_seed_is_left_out() -> None:
    table = table_of(np.random.default_rng(0), 10, 3)
    table.loc[3, "m1"] = np.nan
    found = standing(table)
    assert {found.leader, *found.level, *found.behind} == {"m0", "m2"}
