"""Speed on sweeps whose truth is known: who needs fewer steps, and what may be said of it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from lrlab.report.analysis.fact import Fact
from lrlab.report.analysis.speed import Speed, compare_speed
from lrlab.report.analysis.speed_claims import Counted, slower
from lrlab.report.text.facts import say

AIM = {"objective": "val_log_loss", "direction": "minimize"}


def sweep_of(steps: np.ndarray, names: list[str], **columns: Any) -> pd.DataFrame:
    """Runs of trials with these steps to the gap, [T, R]; NaN where it is never reached."""
    count, seeds = steps.shape
    frame = pd.DataFrame(
        {
            "trial": np.repeat(np.arange(count), seeds),
            "replicate": np.tile(np.arange(seeds), count),
            "optimizer": np.repeat(names, seeds),
            "steps_to_1e-3": steps.ravel(),
        }
    )
    frame["run_id"] = [f"r{i}" for i in range(len(frame))]
    frame["lr"] = 0.1 * (1 + frame["trial"])
    frame["loss"], frame["l2"], frame["outcome"] = "bce", 0.0, "converged"
    frame["steps"], frame["gap"], frame["val_log_loss"] = 1000, 1e-4, 0.3
    return frame.assign(**columns)


def compared(runs: pd.DataFrame, **changes: Any) -> Speed:
    names = [c for c in runs if c in ("run_id", "gap") or "steps_to" in str(c)]
    plain = runs.drop(columns=[c for c in names if c != "run_id"])
    return compare_speed(plain, runs[names], "bce", **{**AIM, **changes})


def around(mean: float, seeds: int = 10, sd: float = 0.05, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed + int(mean))
    return np.ceil(mean * np.exp(rng.normal(0, sd, seeds)))


def test_who_needs_the_fewest_steps_and_who_more_is_told_with_its_ratio() -> None:
    steps = np.stack([around(20), around(90), around(60), around(20.4, seed=3)])
    found = compared(sweep_of(steps, ["a", "b", "b", "c"]))
    assert (found.leader, found.ties, found.refused) == ("a", ("c",), None)
    (claim,) = found.claims
    assert (claim.better, claim.worse, claim.at_least, claim.level) == ("a", "b", False, 0.95)
    assert claim.low < 3 < claim.high
    assert found.table["trial"].tolist() == [0, 3, 2]
    assert found.table["steps"].tolist() == pytest.approx(stats.gmean(steps[[0, 3, 2]], axis=1))
    assert (found.seeds, found.judging) == (10, 6)


def test_the_interval_is_students_over_the_judging_seeds_for_all_pairs_together() -> None:
    steps = np.stack([around(20), around(60), around(50)])
    found = compared(sweep_of(steps, ["a", "b", "c"]))
    claim = next(c for c in found.claims if c.worse == "b")
    logs = np.log(steps[1, :6] / steps[0, :6])
    level = 1 - 0.05 / 3
    expected = stats.t.interval(level, 5, logs.mean(), stats.sem(logs))
    assert [claim.low, claim.high] == pytest.approx(np.exp(expected).tolist())
    assert claim.ratio == pytest.approx(np.exp(logs.mean()))


def test_a_lucky_setting_does_not_lead_to_a_claim() -> None:
    # the second setting of a is fast on the judging seeds only: the others chose the first
    lucky = np.concatenate([around(10)[:6], around(200)[6:]])
    slow = around(40)
    found = compared(sweep_of(np.stack([slow, lucky, slow * 1.02]), ["a", "a", "b"]))
    assert found.tested
    assert found.claims == ()


def test_a_method_that_misses_on_a_seed_comes_after_those_that_always_arrive() -> None:
    quick = around(10)
    quick[3] = np.nan
    found = compared(sweep_of(np.stack([quick, around(50), np.full(10, np.nan)]), ["a", "b", "c"]))
    assert (found.leader, found.ties, found.missed) == ("b", (), ("a",))
    assert found.table["reached"].tolist() == [10, 9, 0]
    assert found.table["runs_reached"].tolist() == [10, 9, 0]
    assert np.isinf(found.table["steps"][1:]).all()
    (claim,) = found.claims
    assert (claim.worse, claim.at_least, claim.high) == ("c", True, np.inf)
    assert claim.ratio == pytest.approx(1000 / stats.gmean(around(50)[:6]))


def test_a_setting_that_misses_once_but_is_as_fast_stands_against_a_claim() -> None:
    quick = around(10)
    quick[3] = np.nan  # so that b stands at its slow setting, which always arrives
    steps = np.stack([around(10, seed=4), quick, around(90)])
    found = compared(sweep_of(steps, ["a", "b", "b"]))
    assert found.table.set_index("optimizer")["trial"].to_dict() == {"a": 0, "b": 2}
    assert (found.leader, found.ties, found.claims) == ("a", ("b",), ())


def test_a_setting_that_always_arrives_stands_before_a_faster_one_that_misses() -> None:
    quick = np.full(10, 5.0)
    quick[3] = np.nan
    found = compared(sweep_of(np.stack([quick, around(600), around(700)]), ["a", "a", "b"]))
    assert found.table.set_index("optimizer").loc["a", ["trial", "reached"]].tolist() == [1, 10]


def test_where_nobody_arrives_on_every_seed_nothing_is_claimed() -> None:
    one, two = around(10), around(500)
    one[0] = two[0] = np.nan
    found = compared(sweep_of(np.stack([one, two]), ["a", "b"]))
    assert (found.leader, found.ties, found.missed, found.claims) == ("a", (), ("b",), ())
    assert found.refused == Fact("leader_misses")


@pytest.mark.parametrize(
    ("seeds", "why"),
    [
        (1, "each setting has only one run; set"),
        (6, "6 runs of each setting are too few, because 6 must"),
    ],
)
def test_with_few_seeds_it_is_a_description(seeds: int, why: str) -> None:
    steps = np.stack([around(10, seeds), around(500, seeds)])
    found = compared(sweep_of(steps, ["a", "b"]))
    assert (found.leader, found.ties, found.claims, found.tested) == ("a", ("b",), (), False)
    assert found.refused is not None
    assert say(found.refused).startswith(why)
    assert found.table["steps"].notna().all()


def test_runs_that_minimize_different_objectives_are_not_compared() -> None:
    runs = sweep_of(np.stack([around(20), around(90)]), ["a", "b"])
    runs["l2"] = np.where(runs["trial"] == 0, 0.01, 0.02)
    found = compared(runs)
    assert found.leader is None
    assert found.refused is not None
    assert say(found.refused) == (
        "l2 was searched, so the runs minimize different objectives; fix train.l2 to compare speed"
    )


def test_on_a_grid_of_l2_those_of_the_best_trial_are_compared() -> None:
    steps = np.stack([around(20), around(90), around(3), around(4)])
    runs = sweep_of(steps, ["a", "b", "a", "b"])
    runs["l2"] = np.where(runs["trial"] < 2, 0.01, 1.0)
    for objective, direction in (("val_log_loss", "minimize"), ("val_accuracy", "maximize")):
        better = {"val_log_loss": 0.1, "val_accuracy": 0.9}[objective]
        value = np.where(runs["trial"] == 1, better, 0.5)
        aim = {"objective": objective, "direction": direction}
        found = compared(runs.assign(**{objective: value}), **aim)
        assert found.objective == {"l2": 0.01}
        assert found.leader == "a"
        assert found.table["trial"].tolist() == [0, 1]


def test_a_loss_whose_hyperparameter_is_searched_is_named() -> None:
    runs = sweep_of(np.stack([around(20), around(90)]), ["a", "b"])
    runs["bce.gamma"] = 1.0 + runs["trial"]
    assert compared(runs).refused == Fact("objectives_differ", {"searched": ("bce.gamma",)})


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"gap": np.nan}, "the exact optimum is not known"),
        ({"steps_to_1e-3": np.nan}, "no run reaches a gap of 1e-3 and stays below it"),
        ({"optimizer": "a"}, "only one optimizer was tried with bce"),
        ({"val_log_loss": np.nan}, "no trial with bce has a finite objective"),
    ],
)
def test_what_cannot_be_compared_is_refused_with_a_reason(change: Any, why: str) -> None:
    found = compared(sweep_of(np.stack([around(20), around(90)]), ["a", "b"]).assign(**change))
    assert (found.leader, found.claims, found.tested) == (None, (), False)
    assert found.refused is not None
    assert say(found.refused).startswith(why)


def test_evaluations_far_apart_leave_a_tie() -> None:
    runs = sweep_of(np.stack([around(20, sd=0), around(24, sd=0)]), ["a", "b"])
    assert compared(runs).claims
    spaced = runs.assign(
        **{
            "least_steps_to_1e-3": runs["steps_to_1e-3"] - 3,
            "most_steps_to_1e-3": runs["steps_to_1e-3"] + 3,
        }
    )
    found = compared(spaced)
    assert found.spaced
    assert found.claims == ()


def drawn(rng: np.random.Generator, k: int, kind: str, gap: float, sd: float = 0.2) -> Counted:
    """k optimizers with 8 settings each on 10 seeds; the first is faster by a factor."""
    later = np.log(gap) * (np.arange(k) > 0)[:, None]
    log = np.log(40) + later + np.abs(rng.normal(0, 0.5, (k, 8))) * (np.arange(8) > 0)
    noise = (
        rng.exponential(size=(k, 8, 10)) - 1 if kind == "skewed" else rng.normal(size=(k, 8, 10))
    )
    uneven = np.linspace(0.3, 1.7, k)[:, None, None] if kind == "uneven" else 1.0
    steps = np.ceil(np.exp(log[:, :, None] + rng.normal(0, 0.1, 10) + sd * uneven * noise))
    if kind == "missing":  # the fastest setting does not always arrive
        steps[:, 0][rng.random((k, 10)) < 0.08] = np.inf
    steps = steps.reshape(k * 8, 10)
    names = np.repeat([f"m{i}" for i in range(k)], 8).tolist()
    return Counted(np.arange(k * 8), names, steps, steps, steps, 1000.0)


@pytest.mark.parametrize("k", [2, 4, 12])
@pytest.mark.parametrize("kind", ["normal", "skewed", "uneven", "missing"])
def test_where_all_are_equally_fast_a_claim_is_seldom_made(k: int, kind: str) -> None:
    rng = np.random.default_rng(k)
    rounds = 150
    wrong = sum(bool(slower(drawn(rng, k, kind, 1.0), 0.01)) for _ in range(rounds))
    # 5% at most; an excess that chance explains in less than one of a thousand fails
    assert stats.binomtest(wrong, rounds, 0.05, alternative="greater").pvalue > 1e-3


def test_a_difference_below_the_minimum_effect_is_seldom_claimed() -> None:
    rng = np.random.default_rng(1)
    rounds = 150
    drawings = (drawn(rng, 4, "normal", 1.1, sd=0.02) for _ in range(rounds))
    wrong = sum(bool(slower(each, 0.1)) for each in drawings)
    assert stats.binomtest(wrong, rounds, 0.05, alternative="greater").pvalue > 1e-3


def test_where_one_is_twice_as_fast_it_is_said() -> None:
    rng = np.random.default_rng(0)
    found = [slower(drawn(rng, 4, "normal", 2.0, sd=0.1), 0.01) for _ in range(30)]
    assert sum({c.worse for c in each} == {"m1", "m2", "m3"} for each in found) >= 28
