"""A batch of trials: proposed, or restored from the record, and told to the search."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lrlab import search
from lrlab.errors import LrlabError
from lrlab.spec import SweepSpec
from lrlab.track import RecordedRun, trial_result
from lrlab.trial import Run, TrialConfig

if TYPE_CHECKING:
    import optuna

Key = tuple[int, int]
Results = Mapping[Key, RecordedRun]


@dataclass(frozen=True)
class BatchTrial:
    """A trial of the batch at hand; `proposal` is None if it was restored without asking."""

    runs: tuple[Run, ...]
    proposal: search.Proposal | None


def propose(
    study: optuna.Study, spec: SweepSpec, batch: search.TrialBatch, results: Results
) -> list[BatchTrial]:
    """The batch's trials: from the record if all are there, else as the sampler proposes."""
    numbers = range(batch.start, batch.stop)
    recorded = {n: _replicates(spec, n, results) for n in numbers}
    whole = all(len(runs) == spec.search.replicates for runs in recorded.values())
    if whole and not search.SAMPLERS[spec.search.sampler].replays:
        configs = [recorded[n][0].config() for n in numbers]
        ended = [trial_result(recorded[n], spec.objective) for n in numbers]
        search.restore(study, spec, configs, ended)
        return [
            BatchTrial(runs_of(spec, n, config), None)
            for n, config in zip(numbers, configs, strict=True)
        ]
    proposals = search.ask(study, spec, batch)
    for n, proposal in zip(numbers, proposals, strict=True):
        for run in recorded[n]:
            _check_same(n, search.on_steps(spec, run.config()), proposal.config)
    return [
        BatchTrial(runs_of(spec, n, proposal.config), proposal)
        for n, proposal in zip(numbers, proposals, strict=True)
    ]


def _check_same(trial: int, recorded: TrialConfig, proposed: TrialConfig) -> None:
    if not _alike(recorded, proposed):
        raise LrlabError(
            f"trial {trial} is recorded as {recorded.params()}, but the sampler now proposes "
            f"{proposed.params()}: the sweep cannot be continued as it began. Was it started with "
            "other versions of lrlab or Optuna? Start another with --new"
        )


def _alike(recorded: TrialConfig, proposed: TrialConfig) -> bool:
    """Whether they differ by rounding at most, which other versions do in another way."""
    one, other = recorded.params(), proposed.params()
    return one.keys() == other.keys() and all(
        value == other[key]
        or (not isinstance(value, str) and math.isclose(value, float(other[key]), rel_tol=1e-12))
        for key, value in one.items()
    )


def runs_of(spec: SweepSpec, trial: int, config: TrialConfig) -> tuple[Run, ...]:
    return tuple(Run(trial, r, spec.seed + r, config) for r in range(spec.search.replicates))


def _replicates(spec: SweepSpec, trial: int, results: Results) -> list[RecordedRun]:
    keys = ((trial, r) for r in range(spec.search.replicates))
    return [results[key] for key in keys if key in results]


def tell(
    study: optuna.Study, spec: SweepSpec, trials: Sequence[BatchTrial], results: Results
) -> None:
    for trial in trials:
        if trial.proposal is not None:
            ended = [results[run.key] for run in trial.runs]
            search.tell(study, spec, trial.proposal, trial_result(ended, spec.objective))


def best_after(
    spec: SweepSpec, batch: search.TrialBatch, results: Results, best: float | None
) -> Iterator[tuple[int, float]]:
    """The best objective so far after each trial of a batch, from the first finite one on."""
    for trial in range(batch.start, batch.stop):
        value = trial_result(_replicates(spec, trial, results), spec.objective).value
        best = search.better(best, value, spec.metric.direction)
        if best is not None:
            yield trial, best
