"""Distributions and ranks are scipy.stats' own, to the last bit."""

from __future__ import annotations

import numpy as np
from scipy import stats

from lrlab.report.analysis import distributions as d

P = np.concatenate([[0, 1, 1e-300, 1e-12, 0.5], np.random.default_rng(1).random(200)])
DEGREES = np.array([1.0, 2, 2.5, 7, 29, 1e3, 1e7])


def test_normal_and_student_are_those_of_scipy() -> None:
    np.testing.assert_array_equal(d.normal_score(P), stats.norm.isf(P))
    for p in P[1:]:
        assert d.normal_quantile(p) == stats.norm.ppf(p)
        z = d.normal_quantile(p)
        assert d.normal_tail(z) == stats.norm.sf(z)
        if 0 < p < 1:
            np.testing.assert_array_equal(d.t_score(p, DEGREES), stats.t.isf(p, DEGREES))
    t = np.array([-np.inf, -40, -3, 0, 1e-9, 2, 50, np.inf])[:, None]
    np.testing.assert_array_equal(d.t_tail(t, DEGREES), stats.t.sf(t, DEGREES))
    assert np.isnan(d.t_tail(np.array(np.nan), DEGREES)).all()


def test_ranks_are_those_of_scipy_ties_included() -> None:
    z = np.random.default_rng(2).integers(0, 9, (3, 2, 50)) / 7
    z[0, 0, 7] = np.nan
    np.testing.assert_array_equal(d.average_ranks(z), stats.rankdata(z, axis=-1))


def test_the_interval_of_a_share_is_wilson_s() -> None:
    for count, of in [(0, 5), (5, 5), (1, 3), (17, 200), (1, 10_000)]:
        wilson = stats.binomtest(count, of).proportion_ci(method="wilson")
        assert d.share_interval(count, of) == (wilson.low, wilson.high)
