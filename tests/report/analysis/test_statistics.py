"""Statistics against enumeration."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd
import pytest

from lrlab.report.analysis.statistics import (
    expected_best,
    lr_width,
    performance_profile,
)


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
