"""The answer as an object: what a sweep says, each part of it with its numbers.

Every sentence is made from these (`lrlab.report.text.verdict`); `lrlab.report.text.record` has the
object as `report/verdict.json`, which is what `lrlab show --json` prints.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from lrlab.optimum.separability import Separability
from lrlab.report.analysis.fact import Fact

VERDICT_FILE = "verdict.json"
Interval = tuple[float, float]


@dataclass(frozen=True)
class Best:
    """The trial with the best objective, as the search was told it.

    Args:
        trial: Its number.
        params: Everything that defines it.
        searched: The params that the sweep varied.
        metric: What is judged, such as `log_loss`.
        value: Its expected value on new rows; where no row may judge, None.
        interval: 95% interval of that, or None.
        optimism: How much better the rows that chose it make it look, in the metric's units; None
            where no row may judge.
        chosen_by: The value by which it was chosen: the objective's mean over its replicates.
        probabilities: Whether its scores are probabilities of class 1: whether its loss is proper.
        recalibrated: Expected value of its scores after Platt scaling; None where they are
            probabilities already, the metric does not see the difference, or no row may judge.
    """

    trial: int
    params: Mapping[str, str | float]
    searched: tuple[str, ...]
    metric: str
    value: float | None
    interval: Interval | None
    optimism: float | None
    chosen_by: float
    probabilities: bool
    recalibrated: float | None = None


@dataclass(frozen=True)
class JudgedOn:
    """The rows that judge.

    Args:
        rows: How many.
        how: `test`: test rows, which chose nothing; `folds`: every row, out of fold, by settings
            chosen on the other folds; `none`: the rows at hand have chosen.
        replicates: Runs of each setting, or repeats of the folds, that are judged on each row.
        later: Whether they are later than the rows that were trained on (`data.split`).
    """

    rows: int
    how: str
    replicates: int
    later: bool = False


@dataclass(frozen=True)
class Claim:
    """One method is worse than another on new rows, by more than the minimum effect.

    Args:
        about: `optimizer`, `loss`, `speed`, or `baseline`.
        better: The better method.
        worse: The worse one.
        metric: What differs.
        difference: How much worse: above 0 whichever the metric's direction; of a speed, the
            ratio of steps.
        interval: Simultaneous with those of all other pairs.
        level: Of the interval, and of all claims together.
        scores: `raw`, or `recalibrated` by Platt scaling.
        at_least: Whether `difference` is a lower bound, as the worse one misses on a seed.
    """

    about: str
    better: str
    worse: str
    metric: str
    difference: float
    interval: Interval
    level: float
    scores: str = "raw"
    at_least: bool = False


@dataclass(frozen=True)
class Tie:
    """The leading method, and those that no other is shown to be better than.

    Args:
        about: As in a claim.
        methods: Their names, the leading one first.
        metric: What was compared.
        visible: The smallest difference, as a share of the better value, that would have been
            seen with 90% probability between the leading one and the others; None if unknown.
        rows: Judging rows that would do to see a difference of 5%; None if unknown.
        scores: As in a claim.
    """

    about: str
    methods: tuple[str, ...]
    metric: str
    visible: float | None = None
    rows: int | None = None
    scores: str = "raw"


@dataclass(frozen=True)
class Refused:
    """What is not judged, and why.

    Args:
        about: As in a claim, or `best`.
        why: The reason.
    """

    about: str
    why: Fact


@dataclass(frozen=True)
class Reference:
    """A baseline beside the best setting, judged on the same rows.

    Args:
        name: `base rate`, or logistic regression, solved exactly.
        metric: What is judged.
        value: Its expected value on new rows.
        against_best: `worse`, `tied` or `better`, as tested; or `untested`, on rows that chose.
    """

    name: str
    metric: str
    value: float
    against_best: str


@dataclass(frozen=True)
class Pace:
    """How soon one optimizer comes to the optimum, at the setting that needs the fewest steps.

    Args:
        optimizer: Its name.
        lr: Of that setting.
        steps: Until the gap stays at most 1e-3, geometric mean over the seeds; None if it misses
            on one.
        reached: Seeds on which it gets there.
        value: What that setting gives by the objective, on the rows that chose.
    """

    optimizer: str
    lr: float
    steps: float | None
    reached: int
    value: float


@dataclass(frozen=True)
class Race:
    """Optimizers compared by their steps to the optimum of one objective.

    Args:
        loss: Of the objective: the one that one would take.
        objective: Its l2 and hyperparameters, by name.
        seeds: Runs of each setting.
        judging: Seeds that judged; the others chose. 0 where nothing is tested.
        spaced: Whether steps are known from evaluations only.
        paces: Of each optimizer, fewest steps first.
    """

    loss: str
    objective: Mapping[str, float]
    seeds: int
    judging: int
    spaced: bool
    paces: tuple[Pace, ...]


@dataclass(frozen=True)
class Verdict:
    """What a sweep says.

    Args:
        best: The best setting; None if no trial is finite.
        judged_on: The rows that judge.
        minimum_effect: The difference, as a share of the better value, that a claim exceeds.
        claims: What is shown.
        ties: What is tied.
        refused: What is not judged.
        references: Baselines.
        outcomes: Runs by how they ended.
        at_optimum: How many of them end within 1e-3 of their optimum; None where that is unknown.
        separability: How far the training rows can be separated; None where that is not known.
        remarks: What limits the answer.
        race: How soon the optimizers come to the optimum; None where that is not known.
    """

    best: Best | None
    judged_on: JudgedOn
    minimum_effect: float
    claims: tuple[Claim, ...] = ()
    ties: tuple[Tie, ...] = ()
    refused: tuple[Refused, ...] = ()
    references: tuple[Reference, ...] = ()
    outcomes: Mapping[str, int] = field(default_factory=dict)
    at_optimum: int | None = None
    separability: Separability | None = None
    remarks: tuple[Fact, ...] = ()
    race: Race | None = None
