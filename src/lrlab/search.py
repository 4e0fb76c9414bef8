"""The search: Optuna proposes trials in batches and is told how they ended.

A batch depends on the sweep's seed, the batch's index and the results of the batches before
it, and on nothing else: the sampler is made anew for every batch. So a sweep that was
interrupted asks again exactly what it would have asked.
"""

from __future__ import annotations

import itertools
import math
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution
from optuna.samplers import BaseSampler
from optuna.trial import TrialState

from lrlab.errors import LrlabError
from lrlab.optimizers import OPTIMIZERS
from lrlab.spec import Domain, Range, SweepSpec
from lrlab.spec.space import active_keys, names, values
from lrlab.trial import TrialConfig


@dataclass(frozen=True)
class SamplerEntry:
    """One entry of `SAMPLERS`.

    Args:
        build: `(sweep seed, batch seed) -> sampler`.
        replays: Whether the sampler keeps state that finished trials do not show, so that
            resuming must ask for every batch again.
        caution: What a user should know when choosing it; empty if nothing.
    """

    build: Callable[[int, int], BaseSampler]
    replays: bool = False
    caution: str = ""


def _tpe(seed: int, batch_seed: int) -> BaseSampler:
    return optuna.samplers.TPESampler(
        seed=batch_seed, multivariate=True, group=True, constant_liar=True
    )


def _random(seed: int, batch_seed: int) -> BaseSampler:
    return optuna.samplers.RandomSampler(seed=batch_seed)


def _qmc(seed: int, batch_seed: int) -> BaseSampler:
    return optuna.samplers.QMCSampler(
        scramble=True,
        seed=seed,
        independent_sampler=_random(seed, batch_seed),
        warn_independent_sampling=False,
        warn_asynchronous_seeding=False,
    )


def _cmaes(seed: int, batch_seed: int) -> BaseSampler:
    return optuna.samplers.CmaEsSampler(
        seed=batch_seed,
        independent_sampler=_random(seed, batch_seed),
        warn_independent_sampling=False,
    )


def _gp(seed: int, batch_seed: int) -> BaseSampler:
    return optuna.samplers.GPSampler(
        seed=batch_seed,
        independent_sampler=_random(seed, batch_seed),
        warn_independent_sampling=False,
    )


SAMPLERS: dict[str, SamplerEntry] = {
    "tpe": SamplerEntry(_tpe),
    "random": SamplerEntry(_random),
    "qmc": SamplerEntry(
        _qmc,
        replays=True,
        caution="qmc spreads evenly what the first trial has; conditional hyperparameters that "
        "it lacks are drawn at random",
    ),
    "grid": SamplerEntry(_random),
    "cmaes": SamplerEntry(
        _cmaes,
        replays=True,
        caution="cmaes adapts the numbers that every trial has, if there are two or more; "
        "optimizer, loss and conditional hyperparameters are drawn at random",
    ),
    "gp": SamplerEntry(
        _gp, caution="gp needs about half a second a trial, and more as trials add up"
    ),
}


@dataclass(frozen=True)
class Batch:
    """Trials `start` to `stop` - 1, asked for and trained together."""

    index: int
    start: int
    stop: int


@dataclass(frozen=True)
class TrialResult:
    """How a trial ended.

    Args:
        value: The objective, the mean over replicates; None if the trial diverged.
        last_value: For a diverged trial, the last finite objective, if there was one.
        last_step: For a diverged trial, the step at which it diverged.
    """

    value: float | None
    last_value: float | None = None
    last_step: int = 0


def combine(results: Sequence[TrialResult]) -> TrialResult:
    """A trial's result from its replicates: the mean; diverged if any of them diverged."""
    ended = [result.value for result in results if result.value is not None]
    if len(ended) == len(results):
        return TrialResult(math.fsum(ended) / len(ended))
    diverged = [result for result in results if result.value is None]
    last = [result.last_value for result in diverged if result.last_value is not None]
    return TrialResult(
        None,
        math.fsum(last) / len(last) if last else None,
        min(result.last_step for result in diverged),
    )


def batches(spec: SweepSpec) -> Iterator[Batch]:
    """The sweep's batches; only the last may be short."""
    for index, start in enumerate(range(0, spec.n_trials, spec.search.batch)):
        yield Batch(index, start, min(start + spec.search.batch, spec.n_trials))


def new_study(spec: SweepSpec) -> optuna.Study:
    """An empty study in memory."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)  # what it warns of is dealt with here
    return optuna.create_study(direction=spec.measure.direction, study_name=spec.name)


@dataclass(frozen=True)
class Asked:
    """A trial that Optuna proposed, and the configuration that it stands for."""

    trial: optuna.Trial
    config: TrialConfig


def ask(study: optuna.Study, spec: SweepSpec, batch: Batch) -> list[Asked]:
    """Ask for a batch; the study must hold all earlier trials, finished, and no others.

    Returns:
        One proposal a trial, in the order of trial numbers.
    """
    if len(study.get_trials(deepcopy=False)) != batch.start:
        raise LrlabError(f"the study does not end before trial {batch.start}; cannot ask")
    words = np.random.SeedSequence([spec.seed, batch.index]).generate_state(1, np.uint32)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # experimental features, spaces that need a fallback
        study.sampler = SAMPLERS[spec.search.sampler].build(spec.seed, int(words[0]))
        if spec.search.sampler == "grid":
            for point in grid_points(spec)[batch.start : batch.stop]:
                study.enqueue_trial(point)
        trials = [study.ask() for _ in range(batch.start, batch.stop)]
        return [Asked(trial, _suggest(trial, spec)) for trial in trials]


def tell(study: optuna.Study, trial: optuna.Trial, result: TrialResult) -> None:
    """Tell how a trial ended; a batch's trials are told in the order of their numbers."""
    state = _state(result)
    if state is TrialState.PRUNED and result.last_value is not None:
        trial.report(result.last_value, result.last_step)
    study.tell(trial, result.value if state is TrialState.COMPLETE else None, state=state)


def _state(result: TrialResult) -> TrialState:
    """Divergence is pruning; an objective that is not a number teaches the sampler nothing."""
    if result.value is None:
        return TrialState.PRUNED
    return TrialState.COMPLETE if math.isfinite(result.value) else TrialState.FAIL


def restore(
    study: optuna.Study,
    spec: SweepSpec,
    configs: Sequence[TrialConfig],
    results: Sequence[TrialResult],
) -> None:
    """Add finished trials to a study without asking for them again."""
    for config, result in zip(configs, results, strict=True):
        study.add_trial(_frozen(spec, config, result))


def _frozen(spec: SweepSpec, config: TrialConfig, result: TrialResult) -> optuna.trial.FrozenTrial:
    distributions = distributions_of(spec, config.optimizer, config.loss)
    state = _state(result)
    reported = state is TrialState.PRUNED and result.last_value is not None
    value = {TrialState.COMPLETE: result.value, TrialState.PRUNED: result.last_value}
    return optuna.trial.create_trial(
        state=state,
        value=value.get(state),
        params=params_of(config, distributions),
        distributions=distributions,
        intermediate_values={result.last_step: result.last_value} if reported else {},
    )


def distribution(domain: Domain) -> BaseDistribution | None:
    """Optuna's distribution of a domain; None where there is nothing to choose."""
    if isinstance(domain, Range):
        return FloatDistribution(domain.low, domain.top, log=domain.log, step=domain.step)
    if isinstance(domain, tuple) and len(domain) > 1:
        return CategoricalDistribution(domain)
    return None


def distributions_of(spec: SweepSpec, optimizer: str, loss: str) -> dict[str, BaseDistribution]:
    """What is searched in trials of one optimizer and loss, in the order of suggestion."""
    space = spec.search.space
    domains: dict[str, Domain] = {"optimizer": space["optimizer"], "loss": space["loss"]}
    domains |= active_keys(space, optimizer, loss)
    found = {key: distribution(domain) for key, domain in domains.items()}
    return {key: value for key, value in found.items() if value is not None}


def params_of(config: TrialConfig, keys: Mapping[str, Any]) -> dict[str, Any]:
    """The values that Optuna knows of a configuration, for the given keys of the space."""
    params = config.params()
    params[f"{config.optimizer}.lr"] = config.lr
    return {key: params[key] for key in keys}


def _suggest(trial: optuna.Trial, spec: SweepSpec) -> TrialConfig:
    space = spec.search.space
    chosen: dict[str, Any] = {}

    def choose(key: str, domain: Domain) -> Any:
        searched = distribution(domain)
        if isinstance(searched, FloatDistribution):
            return trial.suggest_float(
                key, searched.low, searched.high, log=searched.log, step=searched.step
            )
        if isinstance(searched, CategoricalDistribution):
            return trial.suggest_categorical(key, searched.choices)
        return values(domain)[0]

    optimizer = str(choose("optimizer", space["optimizer"]))
    loss = str(choose("loss", space["loss"]))
    for key, domain in active_keys(space, optimizer, loss).items():
        name = "lr" if key == f"{optimizer}.lr" else key
        chosen[name] = float(choose(key, domain))
    lr, l2 = chosen.pop("lr"), chosen.pop("l2", spec.train.l2)
    return TrialConfig.of(optimizer, loss, lr, l2, chosen)


def grid_points(spec: SweepSpec) -> list[dict[str, Any]]:
    """Every point of the grid once, in an order shuffled by the sweep's seed.

    Shuffled, so that a sweep of fewer trials than points is spread over the whole grid.
    """
    space = spec.search.space
    points = [
        {"optimizer": optimizer, "loss": loss, **dict(zip(keys, chosen, strict=True))}
        for optimizer in names(space, "optimizer")
        for loss in names(space, "loss")
        for keys in [active_keys(space, optimizer, loss)]
        for chosen in itertools.product(*(values(domain) for domain in keys.values()))
    ]
    order = np.random.default_rng([spec.seed, *b"grid"]).permutation(len(points))
    return [points[i] for i in order]


def cautions(spec: SweepSpec) -> list[str]:
    """What a user should know about the search before it starts."""
    entry = SAMPLERS[spec.search.sampler]
    found = [entry.caution] if entry.caution else []
    if spec.train.engine == "fused":
        slow = [n for n in names(spec.search.space, "optimizer") if OPTIMIZERS[n].rule is None]
        found += [
            f"{name} has no update rule, so its runs are trained one by one" for name in slow
        ]
    return found
