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
from lrlab.report.analysis.verdict import _unjudged, loss_to_take

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
    remarks=("A remark.",),
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
    assert Verdict.from_json(TOLD.to_json()) == TOLD
    assert json.loads(TOLD.to_json())["text"] == TOLD.text == str(TOLD)
    changed = json.loads(TOLD.to_json())
    for broken in (
        {"best": None},
        changed | {"best": {**changed["best"], "value": "much"}},
        changed | {"claims": [{"about": "speed"}]},
        changed | {"ties": []},
    ):
        with pytest.raises(ValueError, match="not a verdict"):
            Verdict.from_json(json.dumps(broken))


def test_the_answer_is_a_setting_its_value_on_new_rows_and_what_was_removed() -> None:
    first = TOLD.words.paragraphs[0]
    assert "Best setting: adam with loss hinge, lr 0.0346 (trial 7)." in first
    assert "expected log loss on new rows is 0.3100, 95 % interval 0.290 to 0.330" in first
    assert "1,070 rows, each judged out of fold by a setting chosen on the other folds" in first
    assert "The rows that chose it say 0.2945: 5 % too good." in first
    assert "base rate 0.6600 (worse)" in first


def test_separability_is_told_in_the_first_paragraph_with_its_rows_and_columns() -> None:
    first = TOLD.words.paragraphs[0]
    assert (
        "35 of 4,366 training rows can be fitted perfectly (along age, city=x and 2 more;" in first
    )
    alone = Separability("complete", 50, 50, ("Today",), alone="Today")
    said = replace(TOLD, separability=alone).words.paragraphs[0]
    assert "Column Today alone separates the classes of the training rows completely" in said
    overlap = replace(TOLD, separability=Separability("overlap", 0, 50))
    assert "separa" not in overlap.words.paragraphs[0]


def test_scores_that_are_no_probabilities_are_told_with_their_recalibrated_value() -> None:
    assert "scores of hinge are no probabilities; recalibrated (Platt scaling)" in TOLD.text
    proper = replace(TOLD, best=replace(BEST, probabilities=True))
    assert "no probabilities" not in proper.text


def test_each_method_is_called_worse_once_against_the_leading_one() -> None:
    optimizers = TOLD.words.paragraphs[1]
    assert "adam and momentum are tied: none is shown to be worse by more than 1 %" in optimizers
    assert "a difference of 6.2 % would have been seen" in optimizers
    assert "about 3,500 rows would do" in optimizers
    assert (
        "adam is better in log loss, by more than 1 %, than sgd (by 0.021, 0.012 to" in optimizers
    )
    assert optimizers.count("sgd") == 1


def test_speed_is_claimed_only_where_seeds_judged() -> None:
    claimed = next(p for p in TOLD.words.paragraphs if p.startswith("Speed"))
    assert "the optimum of bce, l2 0.001" in claimed
    assert "adam 117 (lr 1.30); sgd does not get there on every seed" in claimed
    assert "Against adam, sgd takes 5.2 times the steps" in claimed
    assert TOLD.race is not None
    alone = replace(TOLD, claims=(), ties=(), race=replace(TOLD.race, seeds=1, judging=0))
    [told] = [p for p in alone.words.paragraphs if p.startswith("Speed")]
    assert "one run each" in told
    assert "times" not in told


def test_without_claims_nobody_is_called_worse() -> None:
    bare = replace(TOLD, claims=(), references=())
    assert "orse" not in bare.text.replace("shown to be worse", "")


def test_what_is_not_said_is_named_with_its_reason_once() -> None:
    few = tuple(Refused(about, "60 judging rows are too few") for about in ("optimizer", "loss"))
    told = replace(TOLD, claims=(), ties=(), refused=few, race=None).text
    assert "Not said of optimizers and losses: 60 judging rows are too few." in told


def test_speed_that_is_told_but_not_tested_is_not_called_unsaid() -> None:
    assert TOLD.race is not None
    race = replace(TOLD.race, judging=0)
    refused = (Refused("speed", "5 seeds are too few"),)
    untested = replace(TOLD, claims=(), ties=(), refused=refused, race=race)
    assert "Speed is not tested: 5 seeds are too few." in untested.text
    assert "Not said of speed" not in untested.text
    assert "Not said of speed: 5 seeds" in replace(untested, race=None).text


def test_a_minimum_effect_of_nothing_is_not_spelled_out() -> None:
    told = replace(TOLD, minimum_effect=0.0).text
    assert "adam and momentum are tied: none is shown to be worse; a difference" in told
    assert "adam is better in log loss than sgd" in told
    assert " 0 %" not in told


@pytest.mark.parametrize(
    ("objective", "why"),
    [("val_ece", "val_ece is no mean over rows"), ("train_loss", "train_loss is of the training")],
)
def test_an_objective_that_no_row_can_judge_says_why(objective: str, why: str) -> None:
    assert all(
        why in part.why and "val_log_loss" in part.why for part in _unjudged(None, objective)
    )


def test_nothing_is_for_certain() -> None:
    assert "certain" not in TOLD.text


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
