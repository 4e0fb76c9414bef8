"""What Optuna's study holds: trials with their ends, told or taken from a record."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lrlab.lazy import on_use
from lrlab.search.results import TrialResult
from lrlab.spec import Domain, Range, SweepSpec
from lrlab.spec.space import active_keys, exact
from lrlab.trial import TrialConfig

if TYPE_CHECKING:
    import optuna
    from optuna.distributions import BaseDistribution
else:
    optuna = on_use("optuna")


def new_study(spec: SweepSpec) -> optuna.Study:
    """An empty study in memory."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)  # what it warns of is dealt with here
    return optuna.create_study(direction=spec.metric.direction, study_name=spec.name)


@dataclass(frozen=True)
class Proposal:
    """A proposed configuration; `trial` is Optuna's, if its sampler keeps one while it runs."""

    config: TrialConfig
    trial: optuna.Trial | None = None


def tell(study: optuna.Study, spec: SweepSpec, proposal: Proposal, result: TrialResult) -> None:
    """Tell how a trial ended; a batch's trials are told in the order of their numbers."""
    if proposal.trial is None:
        study.add_trial(_frozen(spec, proposal.config, result))
        return
    state, trial = _state(result), proposal.trial
    if state is optuna.trial.TrialState.PRUNED and result.last_value is not None:
        trial.report(result.last_value, result.last_step)
    study.tell(
        trial, result.value if state is optuna.trial.TrialState.COMPLETE else None, state=state
    )


def _state(result: TrialResult) -> optuna.trial.TrialState:
    """Divergence is pruning; an objective that is not a number teaches the sampler nothing."""
    if result.value is None:
        return optuna.trial.TrialState.PRUNED
    return (
        optuna.trial.TrialState.COMPLETE
        if math.isfinite(result.value)
        else optuna.trial.TrialState.FAIL
    )


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
    params = params_of(on_steps(spec, config), distributions)
    state = _state(result)
    reported = state is optuna.trial.TrialState.PRUNED and result.last_value is not None
    value = {
        optuna.trial.TrialState.COMPLETE: result.value,
        optuna.trial.TrialState.PRUNED: result.last_value,
    }
    return optuna.trial.create_trial(
        state=state,
        value=value.get(state),
        params=params,
        distributions=distributions,
        intermediate_values={result.last_step: result.last_value} if reported else {},
    )


def distribution(domain: Domain) -> BaseDistribution | None:
    """Optuna's distribution of a domain; None where there is nothing to choose."""
    if isinstance(domain, Range):
        return optuna.distributions.FloatDistribution(
            domain.low, domain.top, log=domain.log, step=domain.step
        )
    if isinstance(domain, tuple) and len(domain) > 1:
        return optuna.distributions.CategoricalDistribution(domain)
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


def on_steps(spec: SweepSpec, config: TrialConfig) -> TrialConfig:
    """A configuration with exactly the values that ranges with `step` have.

    Early versions recorded 0.30000000000000004 for 0.3.
    """
    keys = active_keys(spec.search.space, config.optimizer, config.loss)
    recorded = params_of(config, keys)
    moved = {key: exact(domain, recorded[key]) for key, domain in keys.items()}
    if moved == recorded:
        return config
    chosen = {**config.hyperparameters, **moved}
    return TrialConfig.of_space(config.optimizer, config.loss, chosen, config.l2)
