"""Runs of a sweep as they are recorded; people may have changed them, so they are read with care.

A person may add params, tags, metrics and artifacts to any run. What lrlab wrote is read, all
else is ignored; where lrlab's own is changed or missing, the run is a fault and is left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lrlab.losses import LOSSES
from lrlab.metrics import METRICS, START
from lrlab.optimizers import OPTIMIZERS
from lrlab.registry import Registry
from lrlab.track import mlflow_schema as schema
from lrlab.track.children import Child
from lrlab.track.tags import equals, is_count, is_number
from lrlab.trial import Run, TrialConfig

if TYPE_CHECKING:
    from lrlab.train import Trajectory

KEPT = {*METRICS, START}
LABELS = ("optimizer", "loss")
NUMBERS = ("lr", "l2")


@dataclass(frozen=True)
class RecordedRun:
    """A finished run as the store has it.

    Args:
        run_id: MLflow's.
        trial: Number of its trial.
        replicate: Which replicate of the trial.
        params: As logged: optimizer, loss, lr, l2, seed and the hyperparameters of the trial.
        latest: Value of each metric at its last step.
        outcome: `converged`, `slow` or `diverged`.
        steps: Steps whose loss was finite.
        diverged_at: The step at which it diverged, if it did.
    """

    run_id: str
    trial: int
    replicate: int
    params: Mapping[str, str]
    latest: Mapping[str, float]
    outcome: str
    steps: int
    diverged_at: int | None = None

    def config(self) -> TrialConfig:
        """The configuration that the params describe.

        Raises:
            UserError: If its loss or optimizer is not in the registry (any more).
        """
        known = (*LABELS, *NUMBERS, "seed")
        rest = {key: float(value) for key, value in self.params.items() if key not in known}
        return TrialConfig.of(
            self.params["optimizer"],
            self.params["loss"],
            float(self.params["lr"]),
            float(self.params["l2"]),
            rest,
        )


@dataclass(frozen=True)
class Fault:
    """A run that cannot be used, and why, such as `lrlab.trial = 'abc'`."""

    run_id: str
    what: str

    def __str__(self) -> str:
        return f"{self.run_id} ({self.what})"


@dataclass(frozen=True)
class Sorted:
    """The runs below a parent, by what can be done with them.

    Args:
        runs: Finished and whole, by trial and replicate; each trial and replicate once.
        faults: Changed by somebody, so that they cannot be used.
        repeated: Ids of runs that are in `runs` already, under another id.
        unfinished: Ids of runs that were cut off.
    """

    runs: list[RecordedRun]
    faults: list[Fault]
    repeated: list[str]
    unfinished: list[str]


class _Broken(Exception):
    """What of a run is not as lrlab wrote it."""


def sort_out(children: Iterable[Child], replicates: int | None = None) -> Sorted:
    """Read the runs of a sweep.

    Args:
        children: lrlab's runs below its parent.
        replicates: Of each trial, if that is known.
    """
    same: dict[tuple[int, int], list[RecordedRun]] = {}
    faults: list[Fault] = []
    unfinished: list[str] = []
    for child in children:
        if child.status not in ("FINISHED", "FAILED"):  # lrlab's own never end as FAILED
            unfinished.append(child.run_id)
            continue
        try:
            run = _recorded_run(child, replicates)
        except _Broken as broken:
            faults.append(Fault(child.run_id, str(broken)))
        else:
            same.setdefault((run.trial, run.replicate), []).append(run)
    runs: list[RecordedRun] = []
    repeated: list[str] = []
    for key in sorted(same):
        first, *others = same[key]
        if all(other.params == first.params for other in others):
            runs.append(first)
            repeated += [other.run_id for other in others]
        else:  # somebody changed the number of one of them, and nothing tells of which
            faults += [
                Fault(run.run_id, f"{schema.TRIAL} = '{run.trial}', as another run has it")
                for run in (first, *others)
            ]
    return Sorted(runs, faults, repeated, unfinished)


def as_recorded(run: Run, trajectory: Trajectory, run_id: str) -> RecordedRun:
    """What reading the run back from the store will give."""
    latest = schema.latest_points(trajectory)
    return RecordedRun(
        run_id=run_id,
        trial=run.trial,
        replicate=run.replicate,
        params=schema.run_params(run),
        latest={name: value for name, value, _ in latest},
        outcome=trajectory.outcome,
        steps=trajectory.steps,
        diverged_at=trajectory.diverged_at,
    )


def _recorded_run(run: Child, replicates: int | None) -> RecordedRun:
    if run.status != "FINISHED":
        raise _Broken(f"status {run.status}")
    outcome = run.tags.get(schema.OUTCOME)
    if outcome not in schema.OUTCOMES or (
        (outcome == schema.DIVERGED) != (schema.DIVERGED_AT in run.tags)
    ):
        raise _Broken(equals(schema.OUTCOME, outcome))
    replicate = _count(run.tags, schema.REPLICATE)
    if replicates is not None and replicate >= replicates:
        raise _Broken(equals(schema.REPLICATE, str(replicate)))
    return RecordedRun(
        run_id=run.run_id,
        trial=_count(run.tags, schema.TRIAL),
        replicate=replicate,
        params=_trial_params(run.params),
        latest={name: value for name, value in run.latest.items() if name in KEPT},
        outcome=outcome,
        steps=_count(run.tags, schema.STEPS),
        diverged_at=_count(run.tags, schema.DIVERGED_AT) if outcome == schema.DIVERGED else None,
    )


def _count(tags: Mapping[str, str], name: str) -> int:
    text = tags.get(name)
    if text is None or not is_count(text):
        raise _Broken(equals(name, text))
    return int(text)


def _trial_params(params: Mapping[str, str]) -> dict[str, str]:
    """Those of the params that a trial has, whatever a person added."""
    for name in (*LABELS, *NUMBERS, "seed"):
        if name not in params:
            raise _Broken(f"the param {name} is missing")
    owners: dict[str, Registry[Any]] = {params["optimizer"]: OPTIMIZERS, params["loss"]: LOSSES}
    kept = {name: params[name] for name in LABELS}
    for name, text in params.items():
        if name in (*NUMBERS, "seed") or _is_hyperparameter(name, text, owners):
            if not (is_count(text) if name == "seed" else is_number(text)):
                raise _Broken(f"the param {equals(name, text)}")
            kept[name] = text
    return kept


def _is_hyperparameter(key: str, text: str, owners: Mapping[str, Registry[Any]]) -> bool:
    """Whether a param is one of the trial's optimizer or loss.

    Of an owner that is not in the registry (any more), every number with its name may be one.
    """
    owner, dot, name = key.partition(".")
    if not dot or owner not in owners:
        return False
    registry = owners[owner]
    if owner not in registry:
        return is_number(text)
    return any(name == known.name for known in registry[owner].hyperparameters)
