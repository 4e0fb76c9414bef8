"""Verdicts of made-up sweeps: judged by test rows, out of fold, in time, or not at all."""

from __future__ import annotations

from dataclasses import replace

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

BEST = Best(
    trial=90,
    params={"optimizer": "adam", "loss": "bce", "lr": 0.00423, "l2": 0.0, "momentum.beta": 0.9},
    searched=("optimizer", "loss", "lr"),
    metric="log_loss",
    value=0.2461,
    interval=(0.2309, 0.2622),
    optimism=0.0231,
    chosen_by=0.2231,
    probabilities=True,
)
LOSSES = (
    Claim("loss", "bce", "hinge", "log_loss", 0.0174, (0.0066, 0.0282), 0.95),
    Claim("loss", "bce", "mse", "log_loss", 0.0101, (0.0033, 0.017), 0.95),
)
PACES = (
    Pace("momentum", 2.64, 20.9, 3, 0.224),
    Pace("sgd", 2.26, 25.2, 3, 0.225),
    Pace("adam", 0.142, 56.9, 3, 0.223),
)
RATE = Reference("base rate", "log_loss", 0.6932, "worse")
TEST = Verdict(
    best=BEST,
    judged_on=JudgedOn(10_000, "test", 3),
    minimum_effect=0.01,
    claims=LOSSES,
    ties=(
        Tie("optimizer", ("adam", "sgd", "momentum"), "log_loss", 0.034, 5200),
        Tie("loss", ("bce",), "log_loss"),
        Tie("loss", ("mse", "bce", "hinge"), "log_loss", 0.029, 4000, "recalibrated"),
    ),
    refused=(Refused("speed", Fact("few_seeds", {"seeds": 3, "judging": 6})),),
    references=(
        RATE,
        Reference(
            "logistic regression without penalty, solved exactly", "log_loss", 0.2502, "tied"
        ),
    ),
    outcomes={"converged": 261, "slow": 27, "diverged": 12},
    at_optimum=120,
    race=Race("bce", {"l2": 0.0}, 3, 0, False, PACES),
)
FOLDS = replace(
    TEST,
    best=replace(
        BEST,
        params={**BEST.params, "loss": "hinge", "l2": 0.001},
        searched=("lr", "l2"),
        probabilities=False,
        recalibrated=0.2401,
    ),
    judged_on=JudgedOn(1070, "folds", 2),
    claims=(
        Claim("optimizer", "adam", "sgd", "log_loss", 0.021, (0.012, 0.03), 0.95),
        Claim("speed", "momentum", "sgd", "steps", 5.2, (4.0, 6.8), 0.95),
        Claim("speed", "momentum", "adam", "steps", 47.0, (30.0, float("inf")), 0.95, "raw", True),
    ),
    ties=(
        Tie("optimizer", ("adam", "momentum"), "log_loss", 0.062, 3456),
        Tie("speed", ("momentum", "nesterov"), "steps"),
    ),
    refused=(),
    separability=Separability("quasi-complete", 35, 1070, ("age", "city=Oslo"), 2),
    outcomes={"converged": 1, "diverged": 1},
    at_optimum=1,
    remarks=(Fact("edge", {"end": "high", "best": 9.5, "low": 0.0001, "high": 10.0}),),
    race=Race(
        "bce",
        {"l2": 0.001},
        10,
        6,
        True,
        (*PACES[:2], Pace("adam", 0.1, None, 7, 0.3), Pace("lion", 0.1, None, 0, 0.4)),
    ),
)
LATER = replace(
    FOLDS,
    judged_on=replace(FOLDS.judged_on, later=True),
    claims=(),
    ties=(Tie("optimizer", ("adam", "sgd"), "log_loss", 0.03, 800),),
    separability=Separability("complete", 800, 800, ("income",)),
    race=Race("bce", {}, 1, 0, False, PACES[:1]),
    outcomes={"converged": 1},
    at_optimum=0,
    remarks=(),
)
CHOSE = Fact("rows_have_chosen")
ALONE = replace(
    TEST,
    best=replace(BEST, value=None, interval=None, optimism=None),
    judged_on=JudgedOn(0, "none", 0),
    claims=(),
    ties=(),
    refused=(
        *(Refused(about, CHOSE) for about in ("best", "optimizer", "loss")),
        Refused("speed", Fact("one_optimizer", {"loss": "bce"})),
    ),
    references=(replace(RATE, against_best="untested"),),
    separability=Separability("complete", 50, 50, ("Today",), alone="Today"),
    race=None,
    outcomes={"converged": 2},
    at_optimum=None,
    remarks=(
        Fact("no_better"),
        Fact("edge", {"end": "low", "best": 0.1, "low": 0.1, "high": 1.0}),
    ),
)
RAW = replace(ALONE, best=replace(ALONE.best or BEST, probabilities=False), separability=None)
NOTHING = Verdict(
    best=None,
    judged_on=JudgedOn(0, "none", 0),
    minimum_effect=0.01,
    refused=(Refused("best", Fact("all_diverged", {"runs": 2, "lowest": 5.0})),),
    outcomes={"diverged": 2},
)
EMPTY = replace(NOTHING, refused=(Refused("best", Fact("no_runs")),), outcomes={})
SMALL = replace(TEST, minimum_effect=0.0, claims=LOSSES[:1], ties=(TEST.ties[1],), race=None)

VERDICTS = {
    "judged by test rows": TEST,
    "judged out of fold": FOLDS,
    "judged by later rows": LATER,
    "not judged": ALONE,
    "not judged, scores that are not probabilities": RAW,
    "one claim, and no minimum effect": SMALL,
    "every run diverged": NOTHING,
    "no runs": EMPTY,
}
