"""The verdict: an object, and sentences that are made from it alone."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from lrlab.optimum.separability import Separability
from lrlab.report.analysis.answer import (
    Best,
    Claim,
    JudgedOn,
    Pace,
    Race,
    Reference,
    Refused,
    Tie,
    Verdict,
)
from lrlab.report.analysis.fact import Fact
from lrlab.report.analysis.verdict import _unjudged, loss_to_take
from lrlab.report.text.facts import say
from lrlab.report.text.record import verdict_json, verdict_of
from lrlab.report.text.verdict import in_words

BEST = Best(
    trial=7,
    params={"optimizer": "adam", "loss": "hinge", "lr": 0.0346, "l2": 0.0, "adam.eps": 1e-8},
    searched=("optimizer", "loss", "lr"),
    metric="log_loss",
    value=0.31,
    interval=(0.29, 0.33),
    optimism=0.0155,
    chosen_by=0.2945,
    probabilities=False,
    recalibrated=0.305,
)
TOLD = Verdict(
    best=BEST,
    judged_on=JudgedOn(1070, "folds", 1),
    minimum_effect=0.01,
    claims=(
        Claim("optimizer", "momentum", "sgd", "log_loss", 0.02, (0.01, 0.03), 0.95),
        Claim("optimizer", "adam", "sgd", "log_loss", 0.021, (0.012, 0.03), 0.95),
        Claim("speed", "adam", "sgd", "steps_to_1e-3", 5.2, (4.0, float("inf")), 0.95),
    ),
    ties=(
        Tie("optimizer", ("adam", "momentum"), "log_loss", 0.062, 3456),
        Tie("loss", ("hinge", "bce"), "log_loss", 0.03, 400, "recalibrated"),
        Tie("speed", ("adam",), "steps_to_1e-3"),
    ),
    references=(Reference("base rate", "log_loss", 0.66, "worse"),),
    outcomes={"converged": 280, "slow": 15, "diverged": 5},
    separability=Separability("quasi-complete", 35, 4366, ("age", "city=x"), 2),
    remarks=(Fact("edge", {"end": "low", "best": 0.1, "low": 0.1, "high": 10.0}),),
    race=Race(
        "bce",
        {"l2": 0.001},
        6,
        3,
        False,
        (Pace("adam", 1.3, 117.0, 6, 0.29), Pace("sgd", 3.0, None, 0, 0.3)),
    ),
)


def test_what_is_recorded_is_read_back_as_it_was() -> None:
    assert verdict_of(verdict_json(TOLD)) == TOLD
    assert json.loads(verdict_json(TOLD))["text"] == in_words(TOLD).text
    changed = json.loads(verdict_json(TOLD))
    for broken in (
        {"best": None},
        changed | {"best": {**changed["best"], "value": "much"}},
        changed | {"claims": [{"about": "speed"}]},
        changed | {"ties": []},
    ):
        with pytest.raises(ValueError, match="not a verdict"):
            verdict_of(json.dumps(broken))


def test_a_record_of_the_first_version_and_of_a_later_one_is_read_and_said_as_it_was() -> None:
    old = json.loads(verdict_json(TOLD))
    del old["limits"]
    old["remarks"] = ["A remark."]
    old["refused"] = [{"about": "speed", "why": "5 seeds are too few"}]
    found = verdict_of(json.dumps(old))
    assert in_words(found).remarks == ("A remark.",)
    assert [say(each.why) for each in found.refused] == ["5 seeds are too few"]
    new = json.loads(verdict_json(TOLD))
    new["limits"] = [{"kind": "unheard_of", "given": {"x": 1}, "why": "It rains."}]
    assert in_words(verdict_of(json.dumps(new))).remarks == ("It rains.",)
    new["limits"] = [{"kind": "edge", "given": {"x": 1}, "why": "It rains."}]
    with pytest.raises(ValueError, match="not a verdict"):
        verdict_of(json.dumps(new))


def test_the_answer_is_a_setting_its_value_on_new_rows_and_what_was_removed() -> None:
    first, second = in_words(TOLD).paragraphs[:2]
    assert "Best setting: adam with loss hinge, lr 0.0346 (trial 7)." in first
    assert (
        "The expected log loss on new rows of a setting chosen in this way is 0.3100, 95% "
        "interval 0.290 to 0.330 (1,070 rows, each judged out of fold, at a setting chosen on the "
        "other folds)." in first
    )
    assert (
        "On the rows that chose it, its log loss is 0.2945, 5% lower than on new rows." in second
    )
    assert "base rate 0.6600 (worse)" in second


def test_tied_methods_begin_with_the_best_settings_own() -> None:
    ties = tuple(
        replace(tie, methods=tuple(reversed(tie.methods))) if tie.about == "optimizer" else tie
        for tie in TOLD.ties
    )
    words = in_words(replace(TOLD, ties=ties))
    for text in (words.text, "\n".join(words.brief)):
        assert "adam and momentum are tied" in text
    other = replace(TOLD.best, params=dict(TOLD.best.params) | {"optimizer": "momentum"})
    assert "momentum and adam are tied" in in_words(replace(TOLD, best=other)).text


def test_in_brief_the_answer_comes_first_then_how_sure_then_what_is_tied() -> None:
    few = tuple(Refused(about, Fact("no_data")) for about in ("optimizer", "loss"))
    assert in_words(replace(TOLD, refused=few)).brief == (
        "Best setting: adam with loss hinge, lr 0.0346 (trial 7).",
        "Expected log loss on new rows: 0.3100 (95% interval 0.290 to 0.330), from 1,070 rows out "
        "of fold; base rate 0.6600 (worse).",
        "Optimizers: adam and momentum are tied (a difference of 6.2% would have been detected "
        "with 90% probability); "
        "sgd (by 0.021) is worse.",
        "Losses, recalibrated: hinge and bce are tied (a difference of 3% would have been "
        "detected with 90% probability).",
        "Steps to the optimum of bce (gap 1e-3): adam 117 (lr 1.3); sgd does not reach it on "
        "every seed.",
        "35 of 4,366 training rows can be fitted perfectly (quasi-complete separation, along age, "
        "city=x and 2 more): without l2 the likelihood has no maximum, and the weights grow with "
        "every step.",
        "The best learning rate, 0.1, is at the low end of the range tried (0.1 to 10): a better "
        "one may lie beyond it.",
        "Optimizers and losses are not judged: the data are missing, or have changed since the "
        "sweep.",
    )


def test_separability_is_told_in_the_first_paragraph_with_its_rows_and_columns() -> None:
    first = in_words(TOLD).paragraphs[1]
    assert (
        "35 of 4,366 training rows can be fitted perfectly (quasi-complete separation, along age, "
        "city=x and 2 more)" in first
    )
    alone = Separability("complete", 50, 50, ("Today",), alone="Today")
    said = in_words(replace(TOLD, separability=alone)).paragraphs[1]
    assert "Column Today alone separates the classes of the training rows perfectly." in said
    overlap = replace(TOLD, separability=Separability("overlap", 0, 50))
    assert "separa" not in in_words(overlap).paragraphs[1]


def test_scores_that_are_no_probabilities_are_told_with_their_recalibrated_value() -> None:
    assert (
        "The scores of hinge are not probabilities; recalibrated by Platt scaling, their log loss "
        "is 0.3050." in in_words(TOLD).text
    )
    proper = replace(TOLD, best=replace(BEST, probabilities=True))
    assert "not probabilities" not in in_words(proper).text


def test_each_method_is_called_worse_once_against_the_leading_one() -> None:
    optimizers = in_words(TOLD).paragraphs[2]
    assert (
        "adam and momentum are tied (neither is shown to be worse by more than 1%)." in optimizers
    )
    assert "A difference of 6.2% would have been detected with 90% probability" in optimizers
    assert "to detect 5%, about 3,500 rows are enough." in optimizers
    assert (
        "adam is better than sgd (by 0.021, interval 0.012 to 0.030) in log loss, by more than 1%."
        in optimizers
    )
    assert optimizers.count("sgd") == 1


def test_speed_is_claimed_only_where_seeds_judged() -> None:
    claimed = next(p for p in in_words(TOLD).paragraphs if p.startswith("Speed"))
    assert "the optimum of bce (l2 0.001)" in claimed
    assert "adam 117 (lr 1.3); sgd does not reach it on every seed." in claimed
    assert "Judged on 3 of 6 seeds, sgd takes 5.2 times as many steps as adam (4.0 to" in claimed
    assert TOLD.race is not None
    alone = replace(TOLD, claims=(), ties=(), race=replace(TOLD.race, seeds=1, judging=0))
    [told] = [p for p in in_words(alone).paragraphs if p.startswith("Speed")]
    assert told.endswith("sgd does not reach it. These differences are not tested.")
    assert "times" not in told


def test_without_claims_nobody_is_called_worse() -> None:
    bare = replace(TOLD, claims=(), references=())
    assert "orse" not in in_words(bare).text.replace("shown to be worse", "")


def test_what_is_not_judged_is_named_with_its_reason_once() -> None:
    why = Fact("few_rows", {"found": 60, "needed": 100})
    few = tuple(Refused(about, why) for about in ("optimizer", "loss"))
    told = in_words(replace(TOLD, claims=(), ties=(), refused=few, race=None)).text
    assert (
        "Optimizers and losses are not judged: there are only 60 rows to judge on, and at least "
        "100 are needed." in told
    )


def test_speed_that_is_told_but_not_tested_is_not_called_unsaid() -> None:
    assert TOLD.race is not None
    race = replace(TOLD.race, judging=0)
    refused = (Refused("speed", Fact("few_seeds", {"seeds": 5, "judging": 6})),)
    untested = replace(TOLD, claims=(), ties=(), refused=refused, race=race)
    assert (
        "These differences are not tested: 5 runs of each setting are too few"
        in in_words(untested).text
    )
    assert "Speed is not compared" not in in_words(untested).text
    assert "Speed is not compared: 5 runs of each" in in_words(replace(untested, race=None)).text


def test_a_minimum_effect_of_nothing_is_not_spelled_out() -> None:
    told = in_words(replace(TOLD, minimum_effect=0.0)).text
    assert "adam and momentum are tied (neither is shown to be worse). A difference" in told
    assert "adam is better than sgd (by 0.021, interval 0.012 to 0.030) in log loss. The" in told
    assert " 0%" not in told


@pytest.mark.parametrize(
    ("objective", "why"),
    [
        ("val_ece", "val_ece is not a mean over rows"),
        ("train_loss", "train_loss is computed on the training rows"),
    ],
)
def test_an_objective_that_no_row_can_judge_says_why(objective: str, why: str) -> None:
    for part in _unjudged(None, objective):
        assert say(part.why).startswith(why)
        assert "val_log_loss" in say(part.why)


def test_nothing_is_for_certain() -> None:
    assert "certain" not in in_words(TOLD).text


@pytest.mark.parametrize(
    ("own", "tied", "taken"),
    [
        ("bce", ("hinge", "bce"), "bce"),
        ("hinge", ("hinge", "bce"), "bce"),
        ("hinge", ("hinge",), "hinge"),
        ("hinge", ("mse", "bce"), "mse"),
        ("bce", ("hinge",), "hinge"),
    ],
)
def test_the_loss_to_take_is_tied_with_the_best_and_gives_probabilities_if_one_does(
    own: str, tied: tuple[str, ...], taken: str
) -> None:
    best = replace(BEST, params={**BEST.params, "loss": own})
    ties = (Tie("loss", tied, "log_loss"),)
    assert loss_to_take(replace(TOLD, best=best, ties=ties)) == taken
