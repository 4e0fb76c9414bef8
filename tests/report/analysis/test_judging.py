"""Estimates and claims over rows, against scipy, the bootstrap and simulation."""

import numpy as np
import pytest
from scipy import stats

from lrlab.report.analysis.judging import (
    Judged,
    Refusal,
    compare,
    estimates,
    metric_refusals,
    optimism,
    refusals,
)
from lrlab.report.analysis.spread import Spread

RNG = np.random.default_rng(0)
N = 200
LABELS = (np.arange(N) % 2).astype(float)  # equal classes


def judged(values: np.ndarray, **changes: object) -> Judged:
    given = {"labels": LABELS, "shares_from": values.shape[-1], **changes}
    return Judged(values, **given)  # type: ignore[arg-type]


def two(shift: float = 0.2, n: int = N) -> np.ndarray:
    """Values of two methods, [2, 1, n], normal."""
    common = RNG.normal(3, 1, n)
    return np.stack([common, common + RNG.normal(shift, 1, n)])[:, None, :]


def test_two_methods_without_a_minimum_effect_are_a_paired_t_test() -> None:
    values = two()
    found = compare(judged(values), {"optimizer": [0, 1]}, minimum_effect=0)
    test = stats.ttest_rel(values[1, 0], values[0, 0])
    pair = next(p for p in found.pairs if p.worse == 1)
    assert pair.difference == pytest.approx(values[1].mean() - values[0].mean())
    # two one-sided claims at 5% together are one two-sided test; Hall's correction is small here
    assert pair.p == pytest.approx(test.pvalue, rel=0.2)
    interval = test.confidence_interval(0.95)
    assert [pair.low, pair.high] == pytest.approx([interval.low, interval.high], abs=0.01)
    other = next(p for p in found.pairs if p.worse == 0)
    assert [other.low, other.high] == pytest.approx([-pair.high, -pair.low])


def test_a_claim_is_of_more_than_the_minimum_effect() -> None:
    values = two(0.3, 20_000)  # 10% of the better one, for certain above 0
    given = judged(values, labels=np.arange(20_000) % 2)
    for effect, claimed in ((0.01, 1), (0.08, 1), (0.1, 0), (0.2, 0)):
        found = compare(given, {"loss": [0, 1]}, minimum_effect=effect)
        assert len(found.claims) == claimed
        assert len(found.ties) == 1 - claimed


def test_more_can_be_better() -> None:
    values = two(0.3, 20_000)
    labels = np.arange(20_000) % 2
    given = judged(values, labels=labels, lower_is_better=False)
    (claim,) = compare(given, {"loss": [0, 1]}).claims
    assert (claim.worse, claim.better) == (0, 1)
    assert claim.low < claim.difference < claim.high < 0


def test_shares_of_the_classes_are_known_from_all_rows_of_the_table() -> None:
    """The variance of stratified test rows, by drawing tables and dividing them."""
    rng, share = np.random.default_rng(1), 0.3
    means = []
    for _ in range(4000):
        ones = rng.binomial(1000, share)  # of a table of 1,000 rows, 200 of them judge
        n_1 = round(ones / 5)
        means.append(np.r_[rng.normal(2, 1, n_1), rng.exponential(0.5, 200 - n_1)].mean())
    labels = np.r_[np.ones(60), np.zeros(140)]
    values = np.r_[rng.normal(2, 1, 60 * 100), rng.exponential(0.5, 140 * 100)]
    many = Spread.of(values[None, None], np.repeat(labels, 100), 100_000)
    error = many.of_contrasts(np.eye(1)).error[0] * 10  # of 200 rows
    assert np.std(means) == pytest.approx(error, rel=0.05)
    known = Spread.of(values[None, None], np.repeat(labels, 100), 0)
    assert known.of_contrasts(np.eye(1)).error[0] < many.of_contrasts(np.eye(1)).error[0]


def test_with_all_rows_judging_the_error_is_the_plain_one() -> None:
    values = two()
    error = estimates(judged(values))[0].error
    assert error == pytest.approx(stats.sem(values[0, 0]), rel=5e-3)


def test_rows_that_belong_together_count_as_one() -> None:
    values, groups = np.repeat(two(n=100), 2, axis=2), np.repeat(np.arange(100), 2)
    found = estimates(judged(values, groups=groups))[0]
    assert found.error == pytest.approx(stats.sem(values[0, 0, ::2]))


def test_the_interval_is_the_studentised_bootstraps_on_skewed_values() -> None:
    values = RNG.exponential(1, (1, 1, N)) ** 2
    found = estimates(judged(values, labels=np.arange(N) % 2))[0]
    v = values[0, 0]
    drawn = v[RNG.integers(0, N, (20_000, N))]
    t = (drawn.mean(1) - v.mean()) / (drawn.std(1, ddof=1) / np.sqrt(N))
    low, high = v.mean() - stats.sem(v) * np.quantile(t, [0.975, 0.025])
    assert found.low == pytest.approx(low, abs=0.1 * (high - low))
    assert found.high == pytest.approx(high, abs=0.1 * (high - low))
    assert found.high - found.value > found.value - found.low


def test_replicates_are_a_second_source_of_variance() -> None:
    """Against the spread of means of a crossed design that is drawn anew."""
    rng = np.random.default_rng(2)

    def draw() -> np.ndarray:
        rows, seeds = rng.normal(0, 1, N), rng.normal(0, 0.1, 4)
        return np.asarray((rows + seeds[:, None] + rng.normal(0, 0.5, (4, N)))[None])

    drawn = [draw() for _ in range(1000)]
    errors = [estimates(judged(values))[0].error for values in drawn]
    assert np.mean(np.square(errors)) == pytest.approx(np.var([v.mean() for v in drawn]), rel=0.15)


def test_methods_that_are_one_are_tied() -> None:
    values = np.repeat(two()[:1], 3, axis=0)
    found = compare(judged(values), {"optimizer": [0, 1, 2]})
    assert not found.claims
    assert len(found.ties) == 3
    assert all(p.low == p.difference == p.high == 0 for p in found.pairs)


def test_values_that_are_all_equal_are_tied_and_finite() -> None:
    for value in (0.0, 1.0):
        (tie,) = compare(judged(np.full((2, 1, N), value)), {"loss": [0, 1]}).ties
        assert tie.detectable == (None if value == 0 else pytest.approx(0.01))
        assert tie.rows == (None if value == 0 else 100)


def test_a_tie_says_what_the_rows_would_have_shown() -> None:
    """A difference of `detectable` is found in about 90% of draws."""
    rng = np.random.default_rng(3)

    def draw(shift: float, n: int = N) -> Judged:
        common = rng.normal(3, 1, n)
        values = np.stack([common, common + rng.normal(shift, 1, n)])[:, None]
        return judged(values, labels=np.arange(n) % 2)

    (tie,) = compare(draw(0), {"loss": [0, 1]}).ties
    found = [
        len(compare(draw(3 * (tie.detectable or 0)), {"loss": [0, 1]}).claims) for _ in range(60)
    ]
    assert 0.78 < np.mean(found) <= 1
    assert tie.rows is not None
    found = [len(compare(draw(3 * 0.05, tie.rows), {"loss": [0, 1]}).claims) for _ in range(60)]
    assert 0.78 < np.mean(found) <= 1


def test_the_same_values_give_the_same_answer() -> None:
    given = judged(np.concatenate([two(), two()]))
    families = {"optimizer": [0, 1], "loss": [2, 3]}
    assert compare(given, families) == compare(given, families)


def test_families_are_tested_together() -> None:
    values = np.concatenate([two(0.25), RNG.normal(3, 1, (10, 1, N))])
    alone = compare(judged(values), {"loss": [0, 1]}).pairs[1].p
    together = compare(judged(values), {"loss": [0, 1], "optimizer": range(2, 12)})
    assert next(p for p in together.pairs if (p.worse, p.better) == (1, 0)).p > alone
    assert {(p.worse < 2, p.better < 2, p.about) for p in together.pairs} == {
        (True, True, "loss"),
        (False, False, "optimizer"),
    }


def test_one_method_has_nothing_to_be_compared_with() -> None:
    found = compare(judged(two()), {"loss": [0]})
    assert (found.pairs, found.ties, found.claims) == ((), (), ())


def test_what_cannot_be_judged_is_refused() -> None:
    assert refusals(judged(two())) == ()
    assert refusals(judged(two(n=50), labels=np.arange(50) % 2)) == (Refusal("few_rows", 50, 100),)
    rare = np.r_[np.ones(5), np.zeros(N - 5)]
    assert [r.reason for r in refusals(judged(two(), labels=rare))] == ["few_of_a_class"]
    assert [r.reason for r in refusals(judged(two(), groups=np.arange(N) % 10))] == ["few_groups"]
    assert refusals(judged(two() * np.nan)) == (Refusal("not_finite"),)


def test_out_of_fold_it_takes_more_rows() -> None:
    given = two(n=150)
    assert refusals(judged(given, labels=np.arange(150) % 2)) == ()
    found = refusals(judged(given, labels=np.arange(150) % 2, folds=5))
    assert found == (Refusal("few_rows", 150, 200),)


def test_differences_out_of_fold_are_as_wide_as_the_corrected_resampled_t_says() -> None:
    """Nadeau & Bengio 2003: the variance 1/K of a mean over K folds becomes 1/K + 1/(K - 1)."""
    values, families = two(), {"loss": [0, 1]}
    plain = compare(judged(values), families).pairs[0]
    wider = compare(judged(values, folds=5), families).pairs[0]
    factor = np.sqrt((1 / 5 + 1 / 4) / (1 / 5))
    assert wider.high - wider.low == pytest.approx(factor * (plain.high - plain.low), rel=1e-3)
    assert estimates(judged(values, folds=5)) == estimates(judged(values))


def test_a_claims_interval_does_not_contradict_it() -> None:
    """Pairs far from a claim make it easier; its interval knows that too."""
    same = RNG.normal(3, 1, N)
    values = np.stack([same + RNG.normal(0, 1e-6, N) for _ in range(8)] + [same])[:, None]
    for shift in np.linspace(0.1, 0.4, 20):
        values[-1, 0] = same + shift + RNG.normal(0, 1, N)
        for claim in compare(judged(values), {"loss": range(9)}).claims:
            assert claim.low > 0


@pytest.mark.parametrize("metric", ["val_ece", "train_objective", "train_accuracy"])
def test_a_metric_that_rows_have_no_part_in_is_refused(metric: str) -> None:
    assert metric_refusals(metric) == (Refusal("no_row_values"),)
    assert metric_refusals("val_auc") == ()


def test_optimism_is_what_looked_better_than_it_is() -> None:
    assert optimism(0.3, 0.32) == pytest.approx(0.02)
    assert optimism(0.9, 0.88, lower_is_better=False) == pytest.approx(0.02)
