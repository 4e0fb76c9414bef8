"""How a sweep and its runs look in MLflow: names, tags, params, metrics, artifacts.

Writers of any kind log exactly what this module says, and readers rely on it.
"""

from __future__ import annotations

import getpass
import json
import math
import platform
import subprocess
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lrlab.data import baseline_of
from lrlab.metrics import START
from lrlab.spec import SweepSpec, flatten
from lrlab.spec.digest import settings_digest
from lrlab.track.entities import Dataset
from lrlab.train.artifacts import run_files
from lrlab.trial import Run

if TYPE_CHECKING:
    from lrlab.data import Problem
    from lrlab.train import Trajectory

KIND = "lrlab.kind"
LAYOUT = "lrlab.layout"
SPEC_DIGEST = "lrlab.spec_digest"
SETTINGS_DIGEST = "lrlab.settings_digest"  # as the spec's, without the table's bytes
DATA_DIGEST = "lrlab.data_digest"
DATA = "lrlab.data"
BASE_RATE = "lrlab.base_rate"
OBJECTIVE = "lrlab.objective"
VERSIONS = "lrlab.versions"
STATE = "lrlab.state"
TRIALS = "lrlab.trials"
SUBMITTED_BY = "lrlab.submitted_by"
CANCEL = "lrlab.cancel"
REASON = "lrlab.reason"
DONE = "lrlab.runs_done"
OWNER = "lrlab.owner"
HEARTBEAT = "lrlab.heartbeat"
LEASE = "lrlab.lease"  # tells one owner from another
BEST_RUN = "lrlab.best_run"
VERDICT = "lrlab.verdict"
MODEL = "lrlab.model_of"
LOGGED = "lrlab.logged_model"
TRIAL = "lrlab.trial"
REPLICATE = "lrlab.replicate"
OUTCOME = "lrlab.outcome"
STEPS = "lrlab.steps"
DIVERGED_AT = "lrlab.diverged_at"
PARENT = "mlflow.parentRunId"
SUBMITTED_AT = "lrlab.submitted_at"  # seconds since the epoch: the order of the queue
SPENT = "lrlab.seconds"  # that a submitted sweep has been running, over all starts
ATTEMPTS = "lrlab.attempts"  # starts that failed since the sweep last went on

SWEEP, RUN = "sweep", "run"  # kinds
DIVERGED = "diverged"
OUTCOMES = ("converged", "slow", DIVERGED)

# How a sweep is recorded, as a number that grows when an older lrlab could not read it any more.
# 1 is that of lrlab 0.1.0, which wrote no such tag.
CURRENT_LAYOUT = 2
TRAINED_ON = {"mlflow.data.context": "training"}  # tags of a dataset that is an input
# Characters; MLflow takes no more.
MOST_OF_A_KEY, MOST_OF_A_TAG, MOST_OF_A_PARAM = 250, 8000, 6000

Point = tuple[str, float, int]  # metric, value, step
Files = Iterable[tuple[str, bytes | memoryview]]  # name, content
CURVE_POINTS = 20  # of a run's curve in MLflow; the history artifact has every step

RUNNING, FINISHED, FAILED, CANCELLED = "running", "finished", "failed", "cancelled"
QUEUED, ARRIVING = "queued", "arriving"  # of a sweep that was handed to a server
STATES = (RUNNING, FINISHED, FAILED, CANCELLED, QUEUED, ARRIVING)

SPEC_FILE = "sweep.yaml"
CURVES_FOLDER = "curves"
REPORT_FOLDER = "report"
OPTIMA_FILE = "optima.json"
OPTIMA_FILE_0_1_0 = "landscape.json"  # as lrlab 0.1.0 called it
COLUMNS_FILE = "columns.json"  # how a table was read


def experiment_tags(spec: SweepSpec) -> dict[str, str]:
    """Tags of a new experiment: the MLflow UI then opens it on training runs, not on GenAI."""
    best = spec.metric.direction == "maximize"
    return {
        "mlflow.experimentKind": "custom_model_development",
        "mlflow.experiment.primaryMetric.name": spec.objective,
        "mlflow.experiment.primaryMetric.greaterIsBetter": str(best),
    }


def sweep_tags(spec: SweepSpec, user: str) -> dict[str, str]:
    """Tags of a new parent run, as far as the spec tells."""
    return {
        KIND: SWEEP,
        LAYOUT: str(CURRENT_LAYOUT),
        SPEC_DIGEST: spec.digest(),
        SETTINGS_DIGEST: settings_digest(spec),
        TRIALS: str(spec.n_trials),
        OBJECTIVE: spec.objective,
        "mlflow.user": user,
        "mlflow.source.name": "lrlab sweep",
        "mlflow.source.type": "LOCAL",
        "mlflow.note.content": spec.description,
    }


def data_tags(spec: SweepSpec, problem: Problem) -> dict[str, str]:
    """Tags of a parent run that tell on what, and with what, its runs train."""
    tags = {
        DATA_DIGEST: problem.digest(),
        DATA: problem.description,
        BASE_RATE: baseline_of(problem).to_json(),
        VERSIONS: f"lrlab {version('lrlab')}, torch {version('torch')}, "
        f"optuna {version('optuna')}, mlflow {version('mlflow')}, "
        f"python {platform.python_version()}",
        "mlflow.note.content": spec.description or f"Sweep over {problem.description}.",
    }
    commit = _git_commit()
    return tags | ({"mlflow.source.git.commit": commit} if commit else {})


def sweep_params(spec: SweepSpec) -> dict[str, str]:
    """The spec, flattened; not `search.trials`, which an extension may raise."""
    flat = flatten(spec.resolved())
    return {
        _permitted(key): value
        for key, value in flat.items()
        if key not in ("search.trials", "description") and value
    }


def _permitted(key: str) -> str:
    return "".join(c if c.isalnum() or c in "_-. /" else "_" for c in key)


def run_name(run: Run) -> str:
    """Such as `0007 adam bce lr=0.0123`, sorted as text by trial."""
    config = run.config
    replicate = f" #{run.replicate}" if run.replicate else ""
    return f"{run.trial:04d} {config.optimizer} {config.loss} lr={config.lr:.3g}{replicate}"


def run_tags(run: Run, parent: str, user: str) -> dict[str, str]:
    """Tags that a child run is created with: enough to tell which run of the sweep it is."""
    return {
        PARENT: parent,
        KIND: RUN,
        TRIAL: str(run.trial),
        REPLICATE: str(run.replicate),
        "mlflow.user": user,
        "mlflow.source.name": "lrlab sweep",
        "mlflow.source.type": "LOCAL",
    }


def run_params(run: Run) -> dict[str, str]:
    """Params of a child run; a number's text reads back to the same number."""
    params: dict[str, Any] = {**run.config.params(), "seed": run.seed}
    return {key: str(value) for key, value in params.items()}


def run_points(trajectory: Trajectory) -> list[Point]:
    """Thinned curves, and each final metric that has no curve once, at step 0.

    At step 0, because the MLflow UI then compares runs in a bar chart and not in a line of one
    point. The steps of a curve increase, so its last point is what MLflow holds as the latest.
    """
    count = len(trajectory.evaluated)
    kept = np.linspace(0, count - 1, min(CURVE_POINTS, count)).round().astype(int)
    return _points(trajectory, np.unique(kept))


def latest_points(trajectory: Trajectory) -> list[Point]:
    """The last of a run's points of every metric."""
    count = len(trajectory.evaluated)
    return _points(trajectory, np.arange(count)[-1:])


def _points(trajectory: Trajectory, kept: np.ndarray) -> list[Point]:
    steps = trajectory.evaluated[kept]
    curves = {"train_loss": trajectory.train_loss[steps - 1]}
    curves |= {name: values[kept] for name, values in trajectory.stepped.items()}
    numbers = steps.tolist()
    points = [
        (name, value, step)
        for name, values in curves.items()
        for value, step in zip(values.tolist(), numbers, strict=True)
    ]
    once = {name: value for name, value in trajectory.final.items() if name not in curves}
    if math.isfinite(trajectory.start):
        once[START] = trajectory.start
    return points + [(name, value, 0) for name, value in once.items()]


def outcome_tags(trajectory: Trajectory) -> dict[str, str]:
    """How the run ended."""
    tags = {OUTCOME: trajectory.outcome, STEPS: str(trajectory.steps)}
    if trajectory.diverged_at is not None:
        tags[DIVERGED_AT] = str(trajectory.diverged_at)
    return tags


@dataclass(frozen=True)
class RunRecord:
    """A finished run as MLflow is to have it.

    Args:
        run_id: MLflow's.
        name: The run's name.
        tags: All but the name; `mlflow.user` among them.
        params: As text.
        points: Of all metrics.
        latest: The last point of each metric.
        began: When its training began, in milliseconds since 1970.
        ended: When it ended; the time of its metrics, too.
        files: Forms the artifacts, one after another, as they may be large.
    """

    run_id: str
    name: str
    tags: Mapping[str, str]
    params: Mapping[str, str]
    points: Sequence[Point]
    latest: Sequence[Point]
    began: int
    ended: int
    files: Callable[[], Files]


def run_record(run_id: str, run: Run, trajectory: Trajectory, parent: str, user: str) -> RunRecord:
    """A run of a sweep as a record."""
    return RunRecord(
        run_id=run_id,
        name=run_name(run),
        tags=run_tags(run, parent, user) | outcome_tags(trajectory),
        params=run_params(run),
        points=run_points(trajectory),
        latest=latest_points(trajectory),
        began=trajectory.began,
        ended=trajectory.ended,
        files=partial(run_files, trajectory),
    )


def write_files(files: Files, folder: Path) -> None:
    """Write files to a folder, each at once: many small writes cost more than all the rest."""
    for name, content in files:
        (folder / name).write_bytes(content)


def dataset_of(spec: SweepSpec, problem: Problem) -> Dataset:
    """The data as a dataset of MLflow's, with a digest over every row."""
    source = spec.data.model_dump(mode="json", exclude_none=True)
    profile = {
        "rows": len(problem.y_train),
        "held_out_rows": len(problem.y_val),
        "test_rows": len(problem.y_test),
        "folds": getattr(spec.data, "folds", None) or 0,
        "columns": problem.n_features,
        "class_0": problem.classes[0],
        "class_1": problem.classes[1],
        "share_of_class_1": round(problem.share_of_class_1, 6),
    }
    return Dataset(
        name=problem.description.partition(":")[0],
        digest=problem.digest(),
        source_type=spec.data.source,
        source=json.dumps(source),
        profile=json.dumps(profile),
    )


def user() -> str:
    """The login name, for `mlflow.user`."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without a passwd entry
        return "unknown"


def _git_commit() -> str | None:
    try:
        done = subprocess.run(
            ["git", "rev-parse", "HEAD"], capture_output=True, text=True, timeout=5, check=False
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() or None if done.returncode == 0 else None
