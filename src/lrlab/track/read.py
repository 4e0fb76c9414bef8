"""Reading back: the runs of a sweep and their curves, from the tracking store alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from lrlab.errors import UserError
from lrlab.metrics import METRICS, START, STEPPED
from lrlab.notes import listed, note
from lrlab.optimum.record import Optima
from lrlab.registry import did_you_mean
from lrlab.track import mlflow_schema as schema
from lrlab.track.artifacts import DamagedArtifact, fetched
from lrlab.track.children import children
from lrlab.track.histories import by_batch, read_histories
from lrlab.track.recorded import LABELS, NUMBERS, Fault, RecordedRun, sort_out
from lrlab.track.store import Store, connect, explained
from lrlab.track.sweeps import SweepInfo, find_sweep
from lrlab.train.artifacts import HISTORY_FILE, WEIGHTS_FILE, read_weights


def recorded_runs(store: Store, info: SweepInfo) -> list[RecordedRun]:
    """The finished runs of a sweep, by trial and replicate.

    Warns of runs that are left out because somebody changed what lrlab wrote of them.

    Raises:
        LrlabError: If the store fails.
        UserError: If a newer lrlab recorded the sweep.
    """
    info.refuse_newer_layout()
    found = sort_out(children(store, info.run_id, info.experiment_id), info.replicates or None)
    note_faults(info, found.faults, "left out")
    return found.runs


def note_faults(info: SweepInfo, faults: Sequence[Fault], fate: str) -> None:
    """Warn of runs that cannot be used: what became of them, and why."""
    if faults:
        named = listed([str(fault) for fault in faults])
        note(f"of the sweep {info.name!r} these runs are {fate}: {named}")


def runs_frame(runs: Sequence[RecordedRun]) -> pd.DataFrame:
    """One row a run: ids, params as numbers, outcome, steps done and final metrics.

    A diverged run has no final metrics (NaN); its curves end at its last finite values. What it
    began with, `start_objective`, is NaN only where it is not recorded (lrlab 0.1.0).
    """
    rows = []
    for run in runs:
        row: dict[str, Any] = {
            "run_id": run.run_id,
            "trial": run.trial,
            "replicate": run.replicate,
        }
        row |= {k: v if k in LABELS else float(v) for k, v in run.params.items()}
        row["outcome"] = run.outcome
        row["steps"] = run.steps
        row["diverged_at"] = run.diverged_at
        diverged = run.outcome == "diverged"
        row |= {m: float("nan") if diverged else run.latest.get(m) for m in METRICS}
        row[START] = run.latest.get(START)
        rows.append(row)
    first = ["run_id", "trial", "replicate", "seed", *LABELS, *NUMBERS]
    last = ["outcome", "steps", "diverged_at", *METRICS, START]
    frame = pd.DataFrame(rows, columns=None if rows else [*first, *last])
    middle = sorted(c for c in frame.columns if c not in first and c not in last)
    frame = frame[[*first, *middle, *last]]
    return frame.astype(
        {
            "seed": "int64",
            "steps": "int64",
            "diverged_at": "Int64",
            **dict.fromkeys((*METRICS, START), float),
        }
    )


def load_runs(sweep: str | None = None, tracking_uri: str | None = None) -> pd.DataFrame:
    """The runs of a sweep, one row each.

    Args:
        sweep: Name or run id; the latest sweep if None.
        tracking_uri: The store; as MLflow resolves it if None.

    Returns:
        Columns run_id, trial, replicate, seed, optimizer, loss, lr, l2, the hyperparameters
        (`momentum.beta`, NaN where they do not apply), outcome, diverged_at, every final metric
        of `lrlab.metrics`, and start_objective.

    Raises:
        UserError: If there is no such sweep.
    """
    store = connect(tracking_uri)
    return runs_frame(recorded_runs(store, find_sweep(store, sweep)))


def load_curves(
    sweep: str | None = None,
    tracking_uri: str | None = None,
    metrics: Sequence[str] | None = None,
) -> pd.DataFrame:
    """The curves of a sweep at full resolution, in long form.

    Args:
        sweep: Name or run id; the latest sweep if None.
        tracking_uri: The store; as MLflow resolves it if None.
        metrics: Which metrics; `train_loss` and the stepped metrics if None.

    Returns:
        Columns run_id, step, metric, value. `train_loss` is the loss of a step's batch before
        its update, the other metrics are taken after it, at about 60 log-spaced steps.

    Raises:
        UserError: If there is no such sweep.
    """
    store = connect(tracking_uri)
    info = find_sweep(store, sweep)
    curves = curves_frame(load_histories(store, info, recorded_runs(store, info)), metrics)
    return curves.astype({"run_id": "str", "metric": "str"})


def curves_frame(histories: pd.DataFrame, metrics: Sequence[str] | None = None) -> pd.DataFrame:
    """Long form (run_id, step, metric, value) of histories; values never NaN.

    `metric` is categorical, and `run_id` is if it is so in the histories: there are many rows.
    """
    wanted = list(metrics or ("train_loss", *STEPPED))
    unknown = [name for name in wanted if name not in ("train_loss", *STEPPED)]
    if unknown:
        raise UserError(
            f"no curve of {unknown[0]!r}{did_you_mean(unknown[0], ('train_loss', *STEPPED))}"
        )
    metric_type = pd.CategoricalDtype(wanted)
    parts = []
    for name in wanted:
        taken = histories.loc[histories[name].notna(), ["run_id", "step", name]]
        taken.insert(2, "metric", pd.Series(name, taken.index, metric_type))
        parts.append(taken.rename(columns={name: "value"}))
    return pd.concat(parts, ignore_index=True)


def load_histories(
    store: Store, info: SweepInfo, runs: Sequence[RecordedRun], *, every_step: bool = True
) -> pd.DataFrame:
    """Histories, wide: run_id (categorical), step, train_loss and the stepped metrics.

    Whole batches come from the parent's files; runs of a batch that is not complete yet, or whose
    file is damaged, from their own. Warns of what cannot be read.

    Args:
        store: Where they are.
        info: The sweep.
        runs: Which runs.
        every_step: Every step; else only those at which the stepped metrics were taken.
    """
    known = pd.CategoricalDtype([run.run_id for run in runs])
    columns = no_histories().columns
    frames: list[pd.DataFrame] = []
    covered: set[str] = set()
    damaged: list[str] = []

    def add(frame: pd.DataFrame) -> None:
        frame = frame.assign(run_id=frame["run_id"].astype(known))  # missing if it is unknown
        frame = frame[frame["run_id"].notna()]
        covered.update(frame["run_id"].unique())
        frames.append(frame.reindex(columns=columns))

    for name in batch_files(store, info.run_id):
        with fetched(store, info.run_id, name, info.artifact_uri) as path:
            try:
                add(read_histories(path, info.run_id, name, of_many=True, every_step=every_step))
            except DamagedArtifact as error:
                note(f"{error}; the histories of its runs are read instead")
    for run in runs:
        if run.run_id not in covered:
            try:
                uri = info.artifacts_of(run.run_id)
                add(load_history(store, run.run_id, uri, every_step=every_step))
            except DamagedArtifact:
                damaged.append(run.run_id)
    if damaged:
        note(
            f"{HISTORY_FILE} is missing or damaged, so no curves of these runs: {listed(damaged)}"
        )
    return pd.concat(frames, ignore_index=True) if frames else no_histories()


def no_histories() -> pd.DataFrame:
    """The frame of histories, without rows."""
    return pd.DataFrame(columns=["run_id", "step", "train_loss", *STEPPED])


def load_history(
    store: Store, run_id: str, uri: str = "", *, every_step: bool = True
) -> pd.DataFrame:
    """The history of one run, with its run_id as first column; `uri` as for `fetched`.

    Raises:
        DamagedArtifact: If it is missing or not whole.
        LrlabError: If the store fails.
    """
    with fetched(store, run_id, HISTORY_FILE, uri) as path:
        frame = read_histories(path, run_id, HISTORY_FILE, every_step=every_step)
    frame.insert(0, "run_id", run_id)
    return frame


def load_weights(store: Store, run_id: str, uri: str = "") -> tuple[np.ndarray, float]:
    """Weights [d] and bias that a run ended with, float64; `uri` as for `fetched`.

    Raises:
        DamagedArtifact: If the file is missing, not whole, or something else.
        LrlabError: If the store fails.
    """
    with fetched(store, run_id, WEIGHTS_FILE, uri) as path:
        try:
            return read_weights(path)
        except (ValueError, OSError) as error:
            raise DamagedArtifact(run_id, WEIGHTS_FILE, "cannot be read") from error


def batch_files(store: Store, run_id: str) -> list[str]:
    """The artifacts with the histories of whole batches, in order."""
    with explained(store.uri):
        files = store.client.list_artifacts(run_id, schema.CURVES_FOLDER)
    return [name for _, name in sorted(by_batch(str(file.path) for file in files).items())]


def read_optima(store: Store, info: SweepInfo) -> Optima | None:
    """The optima recorded with a sweep; None if there are none, or they are of other data."""
    for name in (schema.OPTIMA_FILE, schema.OPTIMA_FILE_0_1_0):
        text = read_text(store, info.run_id, name, info.artifact_uri)
        try:
            found = None if text is None else Optima.from_json(text)
        except ValueError:  # half written, or somebody's own file
            continue
        if found and found.data_digest in ("", info.tags.get(schema.DATA_DIGEST)):
            return found
    return None


def read_text(store: Store, run_id: str, name: str, uri: str = "") -> str | None:
    """A text artifact of a run; None if there is none of that name; `uri` as for `fetched`.

    Raises:
        LrlabError: If the store fails.
    """
    try:
        with fetched(store, run_id, name, uri) as path:
            return path.read_text("utf-8", "replace")
    except DamagedArtifact:
        return None
