"""From recorded runs to what the search is told, and back to an Optuna study."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lrlab.search import Score, TrialResult, combine
from lrlab.spec import SweepSpec
from lrlab.track.read import recorded_runs
from lrlab.track.recorded import RecordedRun
from lrlab.track.store import connect
from lrlab.track.sweeps import find_sweep, load_sweep_spec
from lrlab.trial import TrialConfig

if TYPE_CHECKING:
    import optuna


def result_of(run: RecordedRun, objective: str) -> TrialResult:
    """One run's result: its objective, or where it diverged and its last finite objective."""
    value = run.latest.get(objective, float("nan"))
    if run.outcome != "diverged":
        return TrialResult(value)
    last = value if value == value else None
    return TrialResult(None, last, run.diverged_at or 0)


def score_of(run: RecordedRun, objective: str) -> Score:
    """A run's objective, for `lrlab.search.best_trials`."""
    return Score(run.trial, run.replicate, result_of(run, objective).value)


def trial_result(runs: Sequence[RecordedRun], objective: str) -> TrialResult:
    """The result of a trial from all its replicates."""
    return combine([result_of(run, objective) for run in runs])


def complete_trials(
    runs: Sequence[RecordedRun], spec: SweepSpec
) -> list[tuple[TrialConfig, TrialResult]]:
    """The leading trials whose replicates are all there, in the order of their numbers."""
    by_trial: dict[int, list[RecordedRun]] = {}
    for run in runs:
        by_trial.setdefault(run.trial, []).append(run)
    complete = []
    for number in range(len(by_trial)):
        replicates = by_trial.get(number, [])
        if len(replicates) < spec.search.replicates:
            break
        complete.append((replicates[0].config(), trial_result(replicates, spec.objective)))
    return complete


def load_study(sweep: str | None = None, tracking_uri: str | None = None) -> optuna.Study:
    """The sweep as an Optuna study in memory, rebuilt from its runs.

    Trials are those whose replicates are all recorded, from trial 0 without a gap. Export it
    with `optuna.copy_study` to any Optuna storage.

    Args:
        sweep: Name or run id; the latest sweep if None.
        tracking_uri: The store; as MLflow resolves it if None.
    """
    from lrlab.search import new_study, restore

    store = connect(tracking_uri)
    info = find_sweep(store, sweep)
    spec = load_sweep_spec(store, info)
    study = new_study(spec)
    trials = complete_trials(recorded_runs(store, info), spec)
    restore(study, spec, [config for config, _ in trials], [r for _, r in trials])
    return study
