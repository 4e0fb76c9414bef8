"""Samplers: which configurations a batch of trials gets.

A batch depends on the sweep's seed, the batch's index and the results of the batches before
it, and on nothing else: every sampler is made anew for every batch. So a sweep that was
interrupted asks again exactly what it would have asked, and one that gets more trials goes on
as it would have.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from lrlab.errors import LrlabError
from lrlab.lazy import on_use
from lrlab.optimizers import OPTIMIZERS
from lrlab.search.cube import axes, configs_at
from lrlab.search.results import TrialBatch
from lrlab.search.study import Proposal, distribution
from lrlab.seeds import derived_seed
from lrlab.spec import Domain, SweepSpec
from lrlab.spec.space import active_keys, exact, names, values
from lrlab.trial import TrialConfig

if TYPE_CHECKING:
    import optuna
    from optuna.samplers import BaseSampler
else:
    optuna = on_use("optuna")

Propose = Callable[["optuna.Study", SweepSpec, TrialBatch], list[Proposal]]


@dataclass(frozen=True)
class SamplerEntry:
    """One entry of `SAMPLERS`.

    Args:
        propose: `(study, spec, batch) -> proposals`, one a trial, in the order of trial numbers.
        replays: Whether the sampler keeps state that finished trials do not show, so that
            resuming must ask for every batch again.
        learns: Whether it asks for what did well before; its first trial batch, before which there
            is nothing, is drawn at random.
        caution: What a user should know when choosing it; empty if nothing.
    """

    propose: Propose
    replays: bool = False
    learns: bool = False
    caution: str = ""


def ask(study: optuna.Study, spec: SweepSpec, batch: TrialBatch) -> list[Proposal]:
    """Ask for a batch; the study must hold all earlier trials, finished, and no others.

    Returns:
        One proposal a trial, in the order of trial numbers.
    """
    if len(study.get_trials(deepcopy=False)) != batch.start:
        raise LrlabError(f"the study does not end before trial {batch.start}; cannot ask")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # experimental features, spaces that need a fallback
        return SAMPLERS[spec.search.sampler].propose(study, spec, batch)


def random_trials(spec: SweepSpec) -> int | None:
    """How many of the first trials are drawn at random, whatever came before; None: all of them.

    They alone are a fair sample of the space, if the sampler learns.
    """
    return spec.search.batch if SAMPLERS[spec.search.sampler].learns else None


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


def _tpe(study: optuna.Study, spec: SweepSpec, batch: TrialBatch) -> list[Proposal]:
    if len(study.get_trials(deepcopy=False)) == 0:
        return _random(study, spec, batch)
    from lrlab.search.tpe import propose_tpe

    return [Proposal(config) for config in propose_tpe(study, spec, batch)]


def _random(study: optuna.Study, spec: SweepSpec, batch: TrialBatch) -> list[Proposal]:
    return [Proposal(config) for config in drawn(spec, batch)]


def drawn(spec: SweepSpec, batch: TrialBatch) -> list[TrialConfig]:
    """What the sampler `random` proposes for a batch; it asks no study."""
    rng = np.random.default_rng([spec.seed, batch.index])
    points = rng.random((batch.stop - batch.start, len(axes(spec.search.space))))
    return configs_at(spec, points)


def _qmc(study: optuna.Study, spec: SweepSpec, batch: TrialBatch) -> list[Proposal]:
    """The next points of one scrambled Sobol sequence over every axis, conditional ones too."""
    from scipy.stats.qmc import Sobol  # half a second to import

    sequence = Sobol(len(axes(spec.search.space)), scramble=True, rng=spec.seed)
    if batch.start:  # scipy overflows on 0
        sequence.fast_forward(batch.start)
    points = sequence.random(batch.stop - batch.start)
    return [Proposal(config) for config in configs_at(spec, points)]


def _grid(study: optuna.Study, spec: SweepSpec, batch: TrialBatch) -> list[Proposal]:
    return [Proposal(config) for config in grid_points(spec, range(batch.start, batch.stop))]


def grid_points(spec: SweepSpec, trials: Iterable[int]) -> Iterator[TrialConfig]:
    """The grid's points of some trials: each once, in an order shuffled by the sweep's seed.

    Shuffled, so that a sweep of fewer trials than points is spread over the whole grid.
    """
    space = spec.search.space
    blocks = []  # of points with one optimizer and loss
    for optimizer, loss in product(names(space, "optimizer"), names(space, "loss")):
        domains = active_keys(space, optimizer, loss)
        blocks.append((optimizer, loss, {key: values(d) for key, d in domains.items()}))
    shapes = [tuple(len(choices) for choices in keys.values()) for _, _, keys in blocks]
    ends = np.cumsum([math.prod(shape) for shape in shapes])
    order = _shuffled(spec.seed, int(ends[-1]))
    for trial in trials:
        which = int(np.searchsorted(ends, order[trial], side="right"))
        optimizer, loss, keys = blocks[which]
        within = order[trial] - (ends[which - 1] if which else 0)
        at = np.unravel_index(within, shapes[which])
        chosen = {key: choices[i] for (key, choices), i in zip(keys.items(), at, strict=True)}
        yield TrialConfig.of_space(optimizer, loss, chosen, spec.train.l2)


@lru_cache(maxsize=4)
def _shuffled(seed: int, size: int) -> np.ndarray:
    return np.random.default_rng([seed, *b"grid"]).permutation(size)


def _asks(build: Callable[[int], BaseSampler]) -> Propose:
    """A sampler of Optuna's own, asked trial by trial."""

    def propose(study: optuna.Study, spec: SweepSpec, batch: TrialBatch) -> list[Proposal]:
        study.sampler = build(derived_seed(spec.seed, batch.index))
        trials = [study.ask() for _ in range(batch.start, batch.stop)]
        return [Proposal(_suggest(trial, spec), trial) for trial in trials]

    return propose


def _suggest(trial: optuna.Trial, spec: SweepSpec) -> TrialConfig:
    space = spec.search.space

    def choose(key: str, domain: Domain) -> Any:
        searched = distribution(domain)
        if isinstance(searched, optuna.distributions.FloatDistribution):
            value = trial.suggest_float(
                key, searched.low, searched.high, log=searched.log, step=searched.step
            )
            at = exact(domain, value)
            if at != value:  # the study holds what is recorded, so that a resumed one is equal
                trial.storage.set_trial_param(trial._trial_id, key, at, searched)
            return at
        if isinstance(searched, optuna.distributions.CategoricalDistribution):
            return trial.suggest_categorical(key, searched.choices)
        return values(domain)[0]

    optimizer = str(choose("optimizer", space["optimizer"]))
    loss = str(choose("loss", space["loss"]))
    keys = active_keys(space, optimizer, loss)
    chosen = {key: choose(key, domain) for key, domain in keys.items()}
    return TrialConfig.of_space(optimizer, loss, chosen, spec.train.l2)


def _cmaes(seed: int) -> BaseSampler:
    return optuna.samplers.CmaEsSampler(
        seed=seed,
        independent_sampler=optuna.samplers.RandomSampler(seed=seed),
        warn_independent_sampling=False,
    )


def _gp(seed: int) -> BaseSampler:
    return optuna.samplers.GPSampler(
        seed=seed,
        independent_sampler=optuna.samplers.RandomSampler(seed=seed),
        warn_independent_sampling=False,
    )


SAMPLERS: dict[str, SamplerEntry] = {
    "tpe": SamplerEntry(_tpe, learns=True),
    "random": SamplerEntry(_random),
    "qmc": SamplerEntry(_qmc),
    "grid": SamplerEntry(_grid),
    "cmaes": SamplerEntry(
        _asks(_cmaes),
        replays=True,
        learns=True,
        caution="cmaes adapts the numbers that every trial has, if there are two or more; "
        "optimizer, loss and conditional hyperparameters are drawn at random",
    ),
    "gp": SamplerEntry(
        _asks(_gp),
        learns=True,
        caution="gp needs about half a second a trial, and more as trials add up",
    ),
}
