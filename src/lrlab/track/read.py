"""Reading back: the runs of a sweep and their curves, from the tracking store alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq

from lrlab.catalogue import did_you_mean
from lrlab.errors import UserError
from lrlab.measures import MEASURES, STEPPED
from lrlab.optimum.record import Optima
from lrlab.scratch import scratch_folder
from lrlab.track import mlflow_schema as schema
from lrlab.track.children import Child, children
from lrlab.track.store import Store, connect, explained
from lrlab.track.sweeps import SweepInfo, find_sweep
from lrlab.train.artifacts import HISTORY_FILE
from lrlab.trial import TrialConfig

_NUMBERS = ("lr", "l2")
_LABELS = ("optimizer", "loss")


@dataclass(frozen=True)
class RecordedRun:
    """A finished run as the store has it.

    Args:
        run_id: MLflow's.
        trial: Number of its trial.
        replicate: Which replicate of the trial.
        params: As logged.
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
            UserError: If its loss or optimizer is not in the catalogue (any more).
        """
        known = (*_LABELS, *_NUMBERS, "seed")
        rest = {key: float(value) for key, value in self.params.items() if key not in known}
        return TrialConfig.of(
            self.params["optimizer"],
            self.params["loss"],
            float(self.params["lr"]),
            float(self.params["l2"]),
            rest,
        )


def recorded_run(run: Child) -> RecordedRun:
    """A child run as RecordedRun."""
    diverged_at = run.tags.get(schema.DIVERGED_AT)
    return RecordedRun(
        run_id=run.run_id,
        trial=int(run.tags[schema.TRIAL]),
        replicate=int(run.tags[schema.REPLICATE]),
        params=run.params,
        latest=run.latest,
        outcome=run.tags[schema.OUTCOME],
        steps=int(run.tags[schema.STEPS]),
        diverged_at=int(diverged_at) if diverged_at else None,
    )


def recorded_runs(store: Store, info: SweepInfo) -> list[RecordedRun]:
    """The finished runs of a sweep, by trial and replicate."""
    finished = (
        recorded_run(run)
        for run in children(store, info.run_id, info.experiment_id)
        if run.status == "FINISHED" and schema.OUTCOME in run.tags
    )
    return sorted(finished, key=lambda run: (run.trial, run.replicate))


def runs_frame(runs: Sequence[RecordedRun]) -> pd.DataFrame:
    """One row a run: ids, params as numbers, outcome, steps done and final measures.

    A diverged run has no final measures (NaN); its curves end at its last finite values.
    """
    rows = []
    for run in runs:
        row: dict[str, Any] = {
            "run_id": run.run_id,
            "trial": run.trial,
            "replicate": run.replicate,
        }
        row |= {k: v if k in _LABELS else float(v) for k, v in run.params.items()}
        row["outcome"] = run.outcome
        row["steps"] = run.steps
        row["diverged_at"] = run.diverged_at
        diverged = run.outcome == "diverged"
        row |= {m: float("nan") if diverged else run.latest.get(m) for m in MEASURES}
        rows.append(row)
    first = ["run_id", "trial", "replicate", "seed", *_LABELS, *_NUMBERS]
    last = ["outcome", "steps", "diverged_at", *MEASURES]
    frame = pd.DataFrame(rows, columns=None if rows else [*first, *last])
    middle = sorted(c for c in frame.columns if c not in first and c not in last)
    frame = frame[[*first, *middle, *last]]
    return frame.astype(
        {
            "seed": "int64",
            "steps": "int64",
            "diverged_at": "Int64",
            **dict.fromkeys(MEASURES, float),
        }
    )


def load_runs(sweep: str | None = None, tracking_uri: str | None = None) -> pd.DataFrame:
    """The runs of a sweep, one row each.

    Args:
        sweep: Name or run id; the latest sweep if None.
        tracking_uri: The store; as MLflow resolves it if None.

    Returns:
        Columns run_id, trial, replicate, seed, optimizer, loss, lr, l2, the hyperparameters
        (`momentum.beta`, NaN where they do not apply), outcome, diverged_at, and every final
        measure of `lrlab.measures`.

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
        metrics: Which metrics; `train_loss` and the stepped measures if None.

    Returns:
        Columns run_id, step, metric, value. `train_loss` is the loss of a step's batch before
        its update, the other measures are taken after it, at about 60 log-spaced steps.

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
    """Histories, wide: run_id (categorical), step, train_loss and the stepped measures.

    Whole batches come from the parent's files; runs of a batch that is not complete yet, from
    their own.

    Args:
        store: Where they are.
        info: The sweep.
        runs: Which runs.
        every_step: Every step; else only those at which the stepped measures were taken.
    """
    known = pd.CategoricalDtype([run.run_id for run in runs])
    columns = no_histories().columns
    frames: list[pd.DataFrame] = []
    covered: set[str] = set()

    def add(frame: pd.DataFrame) -> None:
        frame = frame.assign(run_id=frame["run_id"].astype(known))  # missing if it is unknown
        frame = frame[frame["run_id"].notna()]
        covered.update(frame["run_id"].unique())
        frames.append((frame if every_step else _evaluated(frame)).reindex(columns=columns))

    with scratch_folder() as folder:
        for frame in _batch_files(store, info.run_id, folder):
            add(frame)
    for run in runs:
        if run.run_id not in covered:
            add(load_history(store, run.run_id))
    return pd.concat(frames, ignore_index=True) if frames else no_histories()


def no_histories() -> pd.DataFrame:
    """The frame of histories, without rows."""
    return pd.DataFrame(columns=["run_id", "step", "train_loss", *STEPPED])


def load_history(store: Store, run_id: str) -> pd.DataFrame:
    """The history of one run, with its run_id as first column."""
    with explained(store.uri), scratch_folder() as folder:
        path = store.client.download_artifacts(run_id, HISTORY_FILE, str(folder))
        frame = pd.read_parquet(path)
    frame.insert(0, "run_id", run_id)
    return frame


def _batch_files(store: Store, run_id: str, folder: Path) -> Iterator[pd.DataFrame]:
    with explained(store.uri):
        files = store.client.list_artifacts(run_id, schema.CURVES_FOLDER)
        for file in sorted(files, key=lambda file: str(file.path)):
            path = Path(store.client.download_artifacts(run_id, file.path, str(folder)))
            frame = pq.read_table(path, read_dictionary=["run_id"]).to_pandas()
            if path.is_relative_to(folder):
                path.unlink()
            yield frame


def _evaluated(history: pd.DataFrame) -> pd.DataFrame:
    """The steps at which the stepped measures were taken."""
    taken = [name for name in STEPPED if name in history]
    return history.dropna(subset=taken, how="all") if taken else history.iloc[:0]


def read_optima(store: Store, info: SweepInfo) -> Optima | None:
    """The optima recorded with a sweep; None if there are none, or they are of other data."""
    for name in (schema.OPTIMA_FILE, schema.OPTIMA_FILE_0_1_0):
        text = read_text(store, info.run_id, name)
        try:
            found = None if text is None else Optima.from_json(text)
        except ValueError:  # half written, or somebody's own file
            continue
        if found and found.data_digest in ("", info.tags.get(schema.DATA_DIGEST)):
            return found
    return None


def read_text(store: Store, run_id: str, name: str) -> str | None:
    """A text artifact of a run; None if there is none of that name."""
    with explained(store.uri), scratch_folder() as folder:
        files = {str(file.path) for file in store.client.list_artifacts(run_id)}
        if name not in files:
            return None
        return Path(store.client.download_artifacts(run_id, name, str(folder))).read_text("utf-8")
