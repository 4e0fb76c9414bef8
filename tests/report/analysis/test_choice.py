"""Settings are chosen on some rows and judged on others."""

import numpy as np
import pytest

from lrlab.report.analysis.choice import cross_fitted, plain

METHODS = ["sgd", "adam", "sgd", "adam"]


def values(seed: int = 0, shape: tuple[int, ...] = (4, 2, 5)) -> np.ndarray:
    return np.random.default_rng(seed).random(shape)


def by_hand(v: np.ndarray, own: list[int], repeat: int, fold: int) -> int:
    others = [f for f in range(v.shape[2]) if f != fold]
    return min(own, key=lambda t: np.mean([v[t, repeat, f] for f in others]))


def test_a_fold_is_judged_by_what_the_other_folds_chose() -> None:
    v = values()
    found = cross_fitted(v, METHODS)
    assert found.methods == ("adam", "sgd")
    for repeat in range(2):
        for fold in range(5):
            assert found.trials[0, repeat, fold] == by_hand(v, [1, 3], repeat, fold)
            assert found.trials[1, repeat, fold] == by_hand(v, [0, 2], repeat, fold)


def test_a_folds_own_values_have_no_say_in_it() -> None:
    v = values()
    before = cross_fitted(v, METHODS).trials[:, :, 3]
    v[:, :, 3] = 1 - v[:, :, 3]
    assert (cross_fitted(v, METHODS).trials[:, :, 3] == before).all()


def test_more_can_be_better() -> None:
    v = values()
    upwards = cross_fitted(-v, METHODS, lower_is_better=False)
    assert (upwards.trials == cross_fitted(v, METHODS).trials).all()


def test_a_trial_that_diverged_anywhere_is_never_chosen() -> None:
    v = values()
    v[0, 1, 2] = np.nan
    v[1], v[3, 0, 0] = np.nan, np.inf
    found = cross_fitted(v, METHODS).trials
    assert (found[1] == 2).all()
    assert (found[0] == -1).all()
    assert plain(v, METHODS).trials.tolist() == [-1, 2]


def test_the_plain_choice_has_the_best_mean_and_the_first_of_equal_ones() -> None:
    v = values(1)
    v[3] = v[1]
    best = min((0, 2), key=lambda t: float(v[t].mean()))
    assert plain(v, METHODS).trials.tolist() == [1, best]


def test_one_fold_has_no_others_to_choose_by() -> None:
    with pytest.raises(ValueError, match="two folds"):
        cross_fitted(values(shape=(4, 2, 1)), METHODS)
