"""TPE by the batch: Optuna's Parzen estimators, fitted once a batch and drawn from for all of it.

`optuna.samplers.TPESampler` fits its two mixtures anew for every trial, and that takes longer the
more trials there are. Between two trials of one batch no result comes in, so here both are fitted
once; each trial takes the best of its own candidates. As with Optuna's constant liar, trials of
the batch that are chosen already count as bad, so that the next ones look elsewhere. The mixture
of the worse trials is built from at most `MOST` of them, spread evenly over time.

Source: Bergstra et al. 2011, Algorithms for Hyper-Parameter Optimization, section 4; multivariate
with conditional groups as in Optuna (Watanabe 2023, arXiv:2304.11127).
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers._tpe.parzen_estimator import _ParzenEstimator, _ParzenEstimatorParameters
from optuna.samplers._tpe.sampler import default_gamma, default_weights
from optuna.trial import FrozenTrial, TrialState

from lrlab.search.results import TrialBatch
from lrlab.search.study import distribution
from lrlab.spec import SweepSpec
from lrlab.spec.space import Space, active_keys, exact, names, values
from lrlab.trial import TrialConfig

CANDIDATES = 24  # a trial, as Optuna has it
MOST = 128
Group = Mapping[str, BaseDistribution]


def propose_tpe(study: optuna.Study, spec: SweepSpec, batch: TrialBatch) -> list[TrialConfig]:
    """Configurations of a batch, learned from the study's finished trials.

    A short last batch is the beginning of a full one, so that more trials continue it.
    """
    better, worse = _split(study)
    return _Batch(spec, batch.index, better, worse).configs()[: batch.stop - batch.start]


def _split(study: optuna.Study) -> tuple[list[FrozenTrial], list[FrozenTrial]]:
    """The best tenth of the trials, at most 25, and the rest, as Optuna splits them.

    Trials that were pruned come after those that were not: later ones first, then by value.
    """
    states = (TrialState.COMPLETE, TrialState.PRUNED)
    trials = study.get_trials(deepcopy=False, states=states)
    sign = 1.0 if study.direction is optuna.study.StudyDirection.MINIMIZE else -1.0

    def rank(trial: FrozenTrial) -> tuple[int, int, float]:
        if trial.state is TrialState.COMPLETE:
            return 0, 0, sign * trial.value
        reported = trial.intermediate_values
        return (1, -max(reported), sign * reported[max(reported)]) if reported else (2, 0, 0.0)

    ranked = sorted(range(len(trials)), key=[rank(trial) for trial in trials].__getitem__)
    best = set(ranked[: default_gamma(len(trials))])
    return (
        [trial for i, trial in enumerate(trials) if i in best],
        [trial for i, trial in enumerate(trials) if i not in best],
    )


class _Batch:
    def __init__(
        self,
        spec: SweepSpec,
        index: int,
        better: Sequence[FrozenTrial],
        worse: Sequence[FrozenTrial],
    ) -> None:
        self.spec, self.index = spec, index
        self.better, self.worse = better, worse

    def configs(self) -> list[TrialConfig]:
        """Optimizer and loss with all that every trial has; then what belongs to either."""
        space = self.spec.search.space
        shared, owned = groups(self.spec)
        chosen: list[dict[str, Any]] = [{} for _ in range(self.spec.search.batch)]
        self._choose("", shared, chosen)
        for params in chosen:
            for key in ("optimizer", "loss"):
                params.setdefault(key, values(space[key])[0])
        for owner, group in owned.items():
            self._choose(owner, group, [p for p in chosen if owner in (p["optimizer"], p["loss"])])
        return [self._config(params) for params in chosen]

    def _choose(self, owner: str, group: Group, chosen: Sequence[dict[str, Any]]) -> None:
        """Choose a group's values for some of the batch's trials."""
        if not group or not chosen:
            return
        better, worse = (_having(trials, group) for trials in (self.better, self.worse))
        words = [self.spec.seed, self.index, zlib.crc32(owner.encode())]
        rng = np.random.RandomState(np.random.MT19937(np.random.SeedSequence(words)))
        density = _estimator(_columns(better, group), group)
        drawn = density.sample(rng, CANDIDATES * len(chosen))
        gains = density.log_pdf(drawn).reshape(-1, CANDIDATES)
        candidates = np.stack([drawn[key] for key in group]).reshape(len(group), -1, CANDIDATES)
        bad = _columns(_thinned(worse), group)
        for i, params in enumerate(chosen):
            own = dict(zip(group, candidates[:, i], strict=True))
            best = int((gains[i] - _estimator(bad, group).log_pdf(own)).argmax())
            for key, searched in group.items():
                bad[key] = np.append(bad[key], own[key][best])
                params[key] = searched.to_external_repr(own[key][best].item())

    def _config(self, params: Mapping[str, Any]) -> TrialConfig:
        keys = active_keys(self.spec.search.space, params["optimizer"], params["loss"])
        chosen = {
            key: exact(domain, params[key]) if key in params else values(domain)[0]
            for key, domain in keys.items()
        }
        return TrialConfig.of_space(
            params["optimizer"], params["loss"], chosen, self.spec.train.l2
        )


def groups(spec: SweepSpec) -> tuple[Group, dict[str, Group]]:
    """Keys that every trial has, and those that come with an optimizer or loss, by its name."""
    space = spec.search.space
    pairs = list(product(names(space, "optimizer"), names(space, "loss")))
    shared = {key: distribution(space[key]) for key in ("optimizer", "loss")}
    shared |= _common(space, pairs)
    owned = {
        owner: _common(space, [pair for pair in pairs if owner in pair])
        for owner in dict.fromkeys(name for pair in pairs for name in pair)
    }
    return _searched(shared), {
        owner: _searched({key: keys[key] for key in keys if key not in shared})
        for owner, keys in owned.items()
    }


def _common(space: Space, pairs: Sequence[tuple[str, str]]) -> dict[str, BaseDistribution | None]:
    """Keys that exist with every one of some pairs of optimizer and loss."""
    first, *others = (active_keys(space, *pair) for pair in pairs)
    return {
        key: distribution(domain)
        for key, domain in first.items()
        if all(key in keys for keys in others)
    }


def _searched(group: Mapping[str, BaseDistribution | None]) -> Group:
    return {key: searched for key, searched in group.items() if searched is not None}


def _having(trials: Sequence[FrozenTrial], group: Group) -> list[dict[str, Any]]:
    """Params of the trials that have a group's keys."""
    found = [trial.params for trial in trials]
    return [params for params in found if group.keys() <= params.keys()]


def _thinned(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    if len(found) <= MOST:
        return found
    return [found[i] for i in np.linspace(0, len(found) - 1, MOST).round().astype(int)]


def _columns(found: Sequence[Mapping[str, Any]], group: Group) -> dict[str, np.ndarray]:
    return {
        key: np.array([searched.to_internal_repr(params[key]) for params in found], dtype=float)
        for key, searched in group.items()
    }


def _estimator(observed: Mapping[str, np.ndarray], group: Group) -> _ParzenEstimator:
    parameters = _ParzenEstimatorParameters(
        prior_weight=1.0,
        consider_magic_clip=True,
        consider_endpoints=False,
        weights=default_weights,
        multivariate=True,
    )
    return _ParzenEstimator(observed, group, parameters)
