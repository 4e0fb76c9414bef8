"""The search: what every sampler must do, and what is told of how trials ended."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import warnings
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest
from optuna.trial import TrialState

from lrlab.errors import LrlabError, SpecError
from lrlab.search import (
    SAMPLERS,
    TrialBatch,
    TrialResult,
    ask,
    batches,
    cautions,
    combine,
    grid_points,
    new_study,
    on_steps,
    restore,
    tell,
)
from lrlab.spec import Range, SweepSpec, make_spec
from lrlab.spec.space import active_keys, size_of_grid
from lrlab.train.device import one_thread
from lrlab.trial import TrialConfig

BATCH = 7
SPACE: dict[str, Any] = {
    "optimizer": ["sgd", "momentum", "adam"],
    "loss": ["bce", "focal"],
    "lr": {"low": 1e-3, "high": 1, "log": True, "points": 3},
    "l2": {"low": 0, "high": 0.3, "step": 0.1},
    "momentum.beta": {"low": 0.1, "high": 0.9, "points": 2},
    "adam.eps": 1e-6,
    "focal.gamma": [0.5, 2, 4],
}
OWN_LR = {**SPACE, "adam.lr": [0.01, 0.1]}
NUMERIC = {
    "optimizer": "adam",
    "loss": "bce",
    "lr": {"low": 1e-3, "high": 1, "log": True, "points": 3},
    "l2": {"low": 0, "high": 0.3, "points": 3},
}

Result = Callable[[int, TrialConfig], TrialResult]

every_sampler = pytest.mark.parametrize("sampler", SAMPLERS)


def spec_of(sampler: str, trials: int = 3 * BATCH, **changes: Any) -> SweepSpec:
    search = {"sampler": sampler, "trials": trials, "batch": BATCH, "space": SPACE} | changes
    return make_spec({"name": "t", "search": search, "seed": 5})


def result_of(number: int, config: TrialConfig) -> TrialResult:
    """A made-up result that depends on the configuration; some diverge, some have no value.

    Two batches leave more than ten values: fewer, and the samplers would draw at random.
    """
    if number % 9 == 3:
        return TrialResult(None, 5.0 if number % 2 else None, 7)
    if number % 11 == 5:
        return TrialResult(math.nan)
    return TrialResult(math.log(config.lr) ** 2 + config.l2)


def asked_in(
    study: optuna.Study, spec: SweepSpec, batch: TrialBatch, result: Result = result_of
) -> list[TrialConfig]:
    """Ask for a batch and tell how its trials ended."""
    with one_thread():  # gp computes with torch, whose threads wait for busy cores
        proposals = ask(study, spec, batch)
    for number, each in enumerate(proposals, start=batch.start):
        tell(study, spec, each, result(number, each.config))
    return [each.config for each in proposals]


def proposals(spec: SweepSpec, result: Result = result_of) -> list[TrialConfig]:
    study = new_study(spec)
    return [config for batch in batches(spec) for config in asked_in(study, spec, batch, result)]


# The other process prints what it proposes; names and numbers travel as JSON.
OTHER_PROCESS = """
import importlib.util, json, sys
spec = importlib.util.spec_from_file_location("test_search", sys.argv[1])
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
print(json.dumps({
    name: [config.params() for config in module.proposals(module.spec_of(name))]
    for name in module.SAMPLERS
}))
"""


@pytest.fixture(scope="module")
def undisturbed() -> dict[str, list[TrialConfig]]:
    return {sampler: proposals(spec_of(sampler)) for sampler in SAMPLERS}


@pytest.fixture(scope="module")
def elsewhere() -> dict[str, list[dict[str, Any]]]:
    """What another process proposes, whose sets iterate in another order."""
    seed = "0" if os.environ.get("PYTHONHASHSEED") == "1" else "1"
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", OTHER_PROCESS, str(Path(__file__))],
        env=os.environ | {"PYTHONHASHSEED": seed},
        capture_output=True,
        text=True,
        check=True,
    )
    proposed: dict[str, list[dict[str, Any]]] = json.loads(done.stdout.splitlines()[-1])
    return proposed


# --- the contract of the samplers ------------------------------------------------------------


def check_in_space(config: TrialConfig, spec: SweepSpec) -> None:
    space = spec.search.space
    params: dict[str, Any] = {**config.params(), f"{config.optimizer}.lr": config.lr}
    assert config.optimizer in ("sgd", "momentum", "adam")
    assert config.loss in ("bce", "focal")
    for key, domain in active_keys(space, config.optimizer, config.loss).items():
        if isinstance(domain, Range) and domain.step is not None:
            assert params[key] in domain.grid()
        if isinstance(domain, Range):
            assert domain.low <= params[key] <= domain.high
        elif isinstance(domain, tuple):
            assert params[key] in domain
        else:
            assert params[key] == domain


@every_sampler
def test_proposals_lie_in_the_space(
    sampler: str, undisturbed: dict[str, list[TrialConfig]]
) -> None:
    assert len(undisturbed[sampler]) == 3 * BATCH
    for config in undisturbed[sampler]:
        check_in_space(config, spec_of(sampler))


@every_sampler
def test_proposals_differ_from_each_other(
    sampler: str, undisturbed: dict[str, list[TrialConfig]]
) -> None:
    assert len({json.dumps(config.params()) for config in undisturbed[sampler]}) > 2 * BATCH


@pytest.mark.parametrize("sampler", sorted({*SAMPLERS} - {"gp"}))  # slow, and made like cmaes
def test_no_batch_draws_the_names_of_the_batch_before(sampler: str) -> None:
    space = {**NUMERIC, "optimizer": ["sgd", "adam", "adagrad"], "loss": ["bce", "mse", "hinge"]}
    configs = proposals(spec_of(sampler, space=space))
    names = [(config.optimizer, config.loss) for config in configs]
    assert names[:BATCH] != names[BATCH : 2 * BATCH] != names[2 * BATCH :]


@every_sampler
def test_the_same_seed_gives_the_same_proposals_in_another_process(
    sampler: str,
    undisturbed: dict[str, list[TrialConfig]],
    elsewhere: dict[str, list[dict[str, Any]]],
) -> None:
    assert [config.params() for config in undisturbed[sampler]] == elsewhere[sampler]


@every_sampler
def test_another_seed_gives_other_proposals(
    sampler: str, undisturbed: dict[str, list[TrialConfig]]
) -> None:
    spec = spec_of(sampler, trials=BATCH).model_copy(update={"seed": 6})
    assert proposals(spec) != undisturbed[sampler][:BATCH]


@every_sampler
def test_what_the_user_draws_at_random_does_not_matter(
    sampler: str, undisturbed: dict[str, list[TrialConfig]]
) -> None:
    np.random.seed(99)
    assert proposals(spec_of(sampler, trials=BATCH)) == undisturbed[sampler][:BATCH]


@every_sampler
def test_a_sweep_taken_up_after_two_batches_asks_what_it_would_have_asked(
    sampler: str, undisturbed: dict[str, list[TrialConfig]]
) -> None:
    spec, done = spec_of(sampler), undisturbed[sampler]
    study = new_study(spec)
    first, second, third = batches(spec)
    for batch in (first, second):
        configs = done[batch.start : batch.stop]
        if SAMPLERS[sampler].replays:
            assert asked_in(study, spec, batch) == configs
        else:
            numbered = enumerate(configs, start=batch.start)
            restore(study, spec, configs, [result_of(n, config) for n, config in numbered])
    assert asked_in(study, spec, third) == done[2 * BATCH :]


@every_sampler
def test_a_sampler_that_learns_proposes_something_else_after_other_results(
    sampler: str, undisturbed: dict[str, list[TrialConfig]]
) -> None:
    """Else the test above would prove nothing."""
    other = proposals(spec_of(sampler), lambda number, config: TrialResult(-config.lr))
    assert other[:BATCH] == undisturbed[sampler][:BATCH]
    learns = sampler in ("tpe", "cmaes", "gp")
    assert (other[2 * BATCH :] != undisturbed[sampler][2 * BATCH :]) == learns


@every_sampler
def test_a_short_last_batch_that_grows_begins_with_the_same_proposals(
    sampler: str, undisturbed: dict[str, list[TrialConfig]]
) -> None:
    """So a sweep may be given more trials."""
    shorter = proposals(spec_of(sampler, trials=BATCH + 2))
    assert shorter == undisturbed[sampler][: BATCH + 2]


@every_sampler
def test_a_hyperparameter_appears_with_its_owner_only_and_a_fixed_one_stays_fixed(
    sampler: str, undisturbed: dict[str, list[TrialConfig]]
) -> None:
    for config in undisturbed[sampler]:
        owned = {key for key in config.params() if "." in key}
        allowed = {"momentum": {"momentum.beta"}, "sgd": set()}.get(
            config.optimizer, {"adam.beta1", "adam.beta2", "adam.eps"}
        ) | ({"focal.gamma"} if config.loss == "focal" else set())
        assert owned == allowed
        if config.optimizer == "adam":
            assert config.optimizer_params["eps"] == 1e-6
            assert config.optimizer_params["beta1"] == 0.9  # not in the space: its default


@every_sampler
@pytest.mark.parametrize("fixed", ["optimizer", "loss", "lr", "l2"])
def test_a_fixed_key_stays_fixed(sampler: str, fixed: str) -> None:
    value = {"optimizer": "momentum", "loss": "focal", "lr": 0.25, "l2": 0.125}[fixed]
    space = {key: domain for key, domain in SPACE.items() if "." not in key}
    spec = spec_of(sampler, trials=BATCH, space={**space, fixed: value})
    assert {config.params()[fixed] for config in proposals(spec)} == {value}


@every_sampler
def test_an_optimizer_s_own_learning_rate_is_its_trials_learning_rate(sampler: str) -> None:
    spec = spec_of(sampler, trials=BATCH, space=OWN_LR)
    configs = proposals(spec)
    for config in configs:
        assert (config.lr in (0.01, 0.1)) == (config.optimizer == "adam")
    study = new_study(spec)
    restore(study, spec, configs, [TrialResult(1.0)] * BATCH)
    assert all(("adam.lr" in t.params) == (t.params["optimizer"] == "adam") for t in study.trials)


@every_sampler
def test_without_l2_in_the_space_the_training_s_l2_holds(sampler: str) -> None:
    space = {key: domain for key, domain in SPACE.items() if key != "l2"}
    spec = spec_of(sampler, trials=BATCH, space=space)
    train = spec.train.model_copy(update={"l2": 0.75})
    assert {c.l2 for c in proposals(spec.model_copy(update={"train": train}))} == {0.75}


@every_sampler
def test_a_space_of_one_number_or_of_names_only_can_be_searched(sampler: str) -> None:
    for space in (
        {"optimizer": "sgd", "loss": "bce", "lr": {"low": 0.1, "high": 1}},
        {"optimizer": ["sgd", "adam"], "loss": ["bce", "mse"], "lr": 0.1},
        {"optimizer": "sgd", "loss": "bce", "lr": 0.1},
    ):
        spec = spec_of(sampler, trials=1, space=space)
        study = new_study(spec)
        assert len(asked_in(study, spec, TrialBatch(0, 0, 1))) == 1


@every_sampler
def test_asking_and_telling_warns_of_nothing(sampler: str) -> None:
    spec = spec_of(sampler, trials=BATCH)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        configs = proposals(spec)
        restore(new_study(spec), spec, configs, [TrialResult(1.0)] * BATCH)
        uneven = {**NUMERIC, "l2": {"low": 0, "high": 1, "step": 0.3}}
        spec = spec_of(sampler, trials=BATCH, space=uneven)
        restore(new_study(spec), spec, proposals(spec), [TrialResult(1.0)] * BATCH)


def test_qmc_spreads_names_and_numbers_evenly() -> None:
    """Of 64 points of a Sobol sequence each half and each eighth holds its share."""
    space = {**NUMERIC, "optimizer": ["sgd", "adam"], "loss": ["bce", "mse"]}
    configs = proposals(spec_of("qmc", trials=64, batch=16, space=space))
    for name in ("optimizer", "loss"):
        values = [config.params()[name] for config in configs]
        assert all(abs(values.count(value) - 32) <= 1 for value in set(values))
    eighths, _ = np.histogram([math.log10(c.lr) for c in configs], bins=8, range=(-3, 0))
    assert (abs(eighths - 8) <= 1).all()


def test_a_sampler_that_learns_looks_where_results_were_good() -> None:
    """TPE's later proposals lie nearer to the optimum than random ones."""
    space = {"optimizer": "sgd", "loss": "bce", "lr": {"low": 1e-6, "high": 1e6, "log": True}}

    def distance(sampler: str) -> float:
        spec = spec_of(sampler, trials=60, space=space, batch=10)
        study, configs = new_study(spec), []
        for batch in batches(spec):
            for each in ask(study, spec, batch):
                tell(study, spec, each, TrialResult(math.log(each.config.lr) ** 2))
                configs.append(each.config)
        return float(np.median([abs(math.log(c.lr)) for c in configs[-20:]]))

    assert distance("tpe") < 0.5 * distance("random")


# --- the grid --------------------------------------------------------------------------------


def test_the_grid_covers_every_point_exactly_once() -> None:
    spec = spec_of("grid", trials=10_000, space=OWN_LR)
    configs = proposals(spec)
    # sgd: 3 lr x 4 l2; momentum: ... x 2 beta; adam: 2 lr x 4 l2; bce: 1, focal: 3 gamma.
    assert len(configs) == (3 * 4 + 3 * 4 * 2 + 2 * 4) * (1 + 3)
    assert len({json.dumps(config.params()) for config in configs}) == len(configs)
    for key in ("lr", "l2"):
        found = {c.params()[key] for c in configs if c.optimizer == "momentum"}
        domain = spec.search.space[key]
        assert isinstance(domain, Range)
        assert found == set(domain.grid())


@pytest.mark.parametrize("decimals", [(0, 0.3, 0.1), (0, 0.7, 0.1), (0.1, 1.1, 0.05)])
def test_optuna_takes_every_point_of_a_stepped_grid_as_it_is(
    decimals: tuple[float, float, float],
) -> None:
    """It would silently draw another value for a point that lies outside its distribution."""
    low, high, step = decimals
    space = {**NUMERIC, "lr": 0.1, "l2": {"low": low, "high": high, "step": step}}
    spec = spec_of("grid", trials=1000, space=space)
    found = sorted(config.l2 for config in proposals(spec))
    assert found == pytest.approx(np.arange(low, high + step / 2, step))
    assert len(found) == size_of_grid(spec.search.space)


@every_sampler
@pytest.mark.parametrize("step", [0.1, 0.05, 0.07])
def test_every_sampler_gives_the_steps_that_a_person_would_write(
    sampler: str, step: float
) -> None:
    """Also the study holds them, so that the samplers learn the same from a resumed sweep."""
    space = {**NUMERIC, "lr": {"low": 0.1, "high": 1, "step": step}}
    space["l2"] = {"low": 0, "high": 0.7, "step": step}
    spec = spec_of(sampler, space=space, batch=10)
    study = new_study(spec)
    for batch in batches(spec):
        asked_in(study, spec, batch)
    for trial in study.trials:
        for key, low in (("lr", Fraction(1, 10)), ("l2", Fraction(0))):
            steps = (Fraction(trial.params[key]) - low) / Fraction(str(step))
            assert trial.params[key] == float(low + round(steps) * Fraction(str(step)))
            assert len(repr(trial.params[key])) <= 4
            assert trial.distributions[key]._contains(trial.params[key])


@pytest.mark.parametrize("sampler", ["tpe", "gp"])
def test_a_sweep_recorded_with_rounded_steps_asks_what_it_would_have_asked(sampler: str) -> None:
    space = {**NUMERIC, "lr": {"low": 0.1, "high": 1, "step": 0.1}}
    spec = spec_of(sampler, space=space)
    _, second, third = batches(spec)
    wanted = proposals(spec)
    rounded = [replace(c, lr=0.1 + (round(c.lr * 10) - 1) * 0.1) for c in wanted]
    assert rounded != wanted  # 0.30000000000000004
    assert [on_steps(spec, config) for config in rounded] == wanted
    study, known = new_study(spec), rounded[: second.stop]
    ended = [result_of(i, config) for i, config in enumerate(wanted[: second.stop])]
    restore(study, spec, known, ended)
    assert asked_in(study, spec, third) == wanted[third.start :]


def test_fewer_trials_than_points_are_spread_over_the_grid_by_the_seed() -> None:
    spec = spec_of("grid", trials=1000)
    other_spec = spec.model_copy(update={"seed": 6})
    points, other = ([*grid_points(s, range(spec.n_trials))] for s in (spec, other_spec))
    assert points != other
    assert sorted(map(repr, points)) == sorted(map(repr, other))
    assert {point.optimizer for point in points[:30]} == {"sgd", "momentum", "adam"}


# --- how trials end --------------------------------------------------------------------------


def ended(results: list[TrialResult], *, restored: bool) -> list[optuna.trial.FrozenTrial]:
    spec = spec_of("random", trials=len(results), batch=len(results))
    study = new_study(spec)
    if restored:
        configs = proposals(spec)
        restore(study, spec, configs, results)
    else:
        for each, result in zip(ask(study, spec, [*batches(spec)][0]), results, strict=True):  # noqa: RUF015
            tell(study, spec, each, result)
    return study.trials


RESULTS = [
    TrialResult(0.5),
    TrialResult(None, 3.0, 40),
    TrialResult(None, None, 1),
    TrialResult(math.nan),
    TrialResult(math.inf),
]


@pytest.mark.parametrize("restored", [False, True], ids=["told", "restored"])
def test_divergence_is_pruning_with_the_last_value_and_no_number_is_failure(
    restored: bool,
) -> None:
    good, pruned, pruned_at_once, nan, infinite = ended(RESULTS, restored=restored)
    assert (good.state, good.value) == (TrialState.COMPLETE, 0.5)
    assert (pruned.state, pruned.value) == (TrialState.PRUNED, 3.0)
    assert pruned.intermediate_values == {40: 3.0}
    assert pruned_at_once.state == TrialState.PRUNED
    assert pruned_at_once.intermediate_values == {}
    assert {nan.state, infinite.state} == {TrialState.FAIL}


def test_a_restored_trial_is_what_a_told_one_is() -> None:
    for told, back in zip(
        ended(RESULTS, restored=False), ended(RESULTS, restored=True), strict=True
    ):
        assert told.number == back.number
        assert told.state == back.state
        assert told.params == back.params
        assert [*told.params] == [*back.params]  # samplers may go by the order
        assert told.distributions == back.distributions
        assert told.intermediate_values == back.intermediate_values
        assert told.values == back.values


def test_the_best_trial_is_found_in_the_objective_s_direction() -> None:
    for objective, best in (("val_log_loss", 0.2), ("val_accuracy", 0.9)):
        spec = spec_of("random", trials=3).model_copy(update={"objective": objective})
        study = new_study(spec)
        for each, value in zip(
            ask(study, spec, TrialBatch(0, 0, 3)), (0.5, 0.2, 0.9), strict=True
        ):
            tell(study, spec, each, TrialResult(value))
        assert study.best_value == best


@pytest.mark.parametrize(
    ("results", "expected"),
    [
        ([TrialResult(2.0)], TrialResult(2.0)),
        ([TrialResult(1.0), TrialResult(2.0), TrialResult(6.0)], TrialResult(3.0)),
        ([TrialResult(1.0), TrialResult(None, 9.0, 5)], TrialResult(None, 9.0, 5)),
        (
            [TrialResult(None, 9.0, 5), TrialResult(None, 3.0, 2), TrialResult(0.1)],
            TrialResult(None, 6.0, 2),
        ),
        ([TrialResult(None, None, 1), TrialResult(None, 4.0, 8)], TrialResult(None, 4.0, 1)),
        ([TrialResult(None, None, 3)], TrialResult(None, None, 3)),
    ],
)
def test_replicates_combine_to_their_mean_and_diverge_if_one_does(
    results: list[TrialResult], expected: TrialResult
) -> None:
    assert combine(results) == expected
    assert combine(results[::-1]) == expected


def test_a_replicate_without_a_number_leaves_the_trial_without_one() -> None:
    value = combine([TrialResult(1.0), TrialResult(math.nan)]).value
    assert value is not None
    assert math.isnan(value)


# --- batches ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("trials", "expected"),
    [
        (1, [(0, 0, 1)]),
        (7, [(0, 0, 7)]),
        (15, [(0, 0, 7), (1, 7, 14), (2, 14, 15)]),
    ],
)
def test_only_the_last_batch_is_short(trials: int, expected: list[tuple[int, int, int]]) -> None:
    found = batches(spec_of("random", trials=trials))
    assert [(batch.index, batch.start, batch.stop) for batch in found] == expected


def test_a_batch_is_asked_for_only_after_all_before_it() -> None:
    spec = spec_of("random")
    with pytest.raises(LrlabError, match="the study does not end before trial 7; cannot ask"):
        ask(new_study(spec), spec, TrialBatch(1, 7, 14))


def test_a_caution_is_given_only_where_there_is_one() -> None:
    for sampler, entry in SAMPLERS.items():
        assert cautions(spec_of(sampler)) == ([entry.caution] if entry.caution else [])
    assert cautions(spec_of("tpe")) == []
    assert "gp" in cautions(spec_of("gp"))[0]


def test_the_spec_offers_every_sampler_there_is() -> None:
    with pytest.raises(SpecError) as caught:
        spec_of("?")
    known = str(caught.value).partition("known: ")[2].split(", ")
    assert known == [*SAMPLERS]
