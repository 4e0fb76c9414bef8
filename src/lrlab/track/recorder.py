"""Recorder: one sweep's record in MLflow, from its first run to its report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lrlab.clock import now_ms
from lrlab.errors import LrlabError
from lrlab.notes import listed, note
from lrlab.scratch import scratch_folder
from lrlab.search import batches
from lrlab.spec import SweepSpec, dump_spec
from lrlab.track import mlflow_schema as schema
from lrlab.track.artifacts import DamagedArtifact, damaged_file, is_lost, whole_files
from lrlab.track.children import children, running
from lrlab.track.entities import MetricPoint
from lrlab.track.histories import by_batch, corners, curves_file, histories_table, history_writer
from lrlab.track.locks import Lease
from lrlab.track.read import load_history, note_faults
from lrlab.track.recorded import Fault, RecordedRun, Sorted, as_recorded, sort_out
from lrlab.track.store import Store, explained
from lrlab.track.sweeps import SweepInfo, load_sweep_spec
from lrlab.track.writers import choose_writer
from lrlab.track.writers.client import remove_run
from lrlab.train.artifacts import HISTORY_FILE, WEIGHTS_FILE

if TYPE_CHECKING:
    from lrlab.train import Finished, Trajectory

Key = tuple[int, int]
FILES_OF_A_RUN = (WEIGHTS_FILE, HISTORY_FILE)
RUNS_A_GROUP = 64  # whose histories are in memory as a table at a time


class Recorder:
    """Records runs of one sweep; made by `lrlab.track.open_sweep`.

    Attributes:
        info: The parent run.
        runs: What is recorded so far, by (trial, replicate).
    """

    def __init__(
        self, store: Store, spec: SweepSpec, info: SweepInfo, lease: Lease | None = None
    ) -> None:
        self.store, self.spec, self.info = store, spec, info
        self.runs: dict[Key, RecordedRun] = {}
        self._histories: dict[str, Trajectory] = {}
        self._lease = lease
        if lease is not None:
            lease.more = self._progress
        self._open = True
        self._best_steps: set[int] | None = None  # that have a point of the best objective
        self._curves: set[int] | None = None
        self._lost = is_lost(info.artifact_uri)
        self.writer_name, self._writer, self.why_not_faster = choose_writer(
            store, info.experiment_id
        )

    @property
    def in_order(self) -> list[RecordedRun]:
        """The runs by trial and replicate."""
        return [self.runs[key] for key in sorted(self.runs)]

    @property
    def is_finished(self) -> bool:
        """Whether the sweep ended, with every run that the spec asks for, and all is whole."""
        if self.info.state != schema.FINISHED or not self._asked() <= self.runs.keys():
            return False
        return not self._damaged_files()

    def read(self) -> None:
        """Read what is recorded, and change nothing."""
        _, faults = self._read()
        if self.is_finished:  # else `tidy_up` says what becomes of them
            note_faults(self.info, faults, "left out")

    def tidy_up(self) -> None:
        """Read what is recorded, and remove what cannot stay: it is trained again.

        That is what was cut off, what is there twice, what somebody changed so that it cannot be
        used, and what has lost an artifact. Warns of the latter two.
        """
        found, faults = self._read()
        for run_id in found.unfinished:
            remove_run(self.store, run_id)
        note_faults(self.info, faults, "moved to MLflow's trash and trained again")
        with self._writing():
            for run_id in (*found.repeated, *(fault.run_id for fault in faults)):
                self.store.client.delete_run(run_id)

    def _read(self) -> tuple[Sorted, list[Fault]]:
        """Take note of the runs that are whole; returns all runs, and those with faults."""
        self.info.refuse_newer_layout()
        below = children(self.store, self.info.run_id, self.info.experiment_id)
        found = sort_out(below, self.spec.search.replicates)
        where = {child.run_id: child.artifact_uri for child in below}
        faults = list(found.faults)
        if self._lost and found.runs:
            note(
                f"the artifacts of the sweep {self.info.name!r} are not in "
                f"{self.info.artifact_uri}, so lrlab does not check that they are complete"
            )
        self.runs = {}
        for run in found.runs:
            uri = where[run.run_id]
            damaged = "" if self._lost else damaged_file(self.store, uri, FILES_OF_A_RUN)
            if damaged:
                faults.append(Fault(run.run_id, f"{damaged} is missing or not whole"))
            else:
                self.runs[run.trial, run.replicate] = run
        return found, faults

    def _asked(self) -> set[Key]:
        """What the spec asks for."""
        replicates = range(self.spec.search.replicates)
        return {(trial, r) for trial in range(self.spec.n_trials) for r in replicates}

    def _damaged_files(self) -> list[str]:
        """Files of the sweep that are missing or not whole."""
        if self._lost:
            return []
        due = {batch.index for batch in batches(self.spec)}
        damaged = [curves_file(index) for index in sorted(due - self._whole_curves())]
        try:
            load_sweep_spec(self.store, self.info)
        except DamagedArtifact:
            damaged.append(schema.SPEC_FILE)
        return damaged

    def _whole_curves(self) -> set[int]:
        """Trial batches whose file of histories is whole, as of the first look."""
        if self._curves is None:
            info = self.info
            with explained(self.store.uri):
                whole = whole_files(
                    self.store, info.run_id, info.artifact_uri, schema.CURVES_FOLDER
                )
            self._curves = set(by_batch(whole))
        return self._curves

    def resume(self) -> None:
        """Mark the sweep as running, by this process, with the spec's number of trials."""
        tags = {
            schema.STATE: schema.RUNNING,
            schema.TRIALS: str(max(self.spec.n_trials, self.info.trials)),
            **self._progress(),
        }
        with self._writing():
            self.store.client.update_run(self.info.run_id, status="RUNNING")
            self._set_tags(tags)
            self.store.client.log_text(self.info.run_id, dump_spec(self.spec), schema.SPEC_FILE)

    def record(self, finished: Finished) -> None:
        """Write finished runs, in one transaction where the store allows it."""
        where = (self.info.experiment_id, self.info.run_id)
        with self._writing():
            ids = self._writer(self.store, *where, finished)
        for (run, trajectory), run_id in zip(finished, ids, strict=True):
            self.runs[run.key] = as_recorded(run, trajectory, run_id)
            self._histories[run_id] = replace(trajectory, files=None)

    def close_batch(self, index: int, keys: Sequence[Key], best: Mapping[int, float]) -> None:
        """Store a trial batch's histories in one file, and the best objective after each trial.

        Args:
            index: The batch.
            keys: Its runs.
            best: Best objective so far by trial number.
        """
        ids = [self.runs[key].run_id for key in keys]
        fresh = any(run_id in self._histories for run_id in ids)
        with self._writing():
            there = self._recorded_best()
            points = [point for point in corners(best) if point[0] not in there]
            if not fresh and not points and index in self._whole_curves():
                return
            self._log_histories(ids, curves_file(index))
            self._whole_curves().add(index)
            self._log_best(points)
            there.update(trial for trial, _ in points)
            self._set_tags({schema.DONE: str(len(self.runs))})

    def _recorded_best(self) -> set[int]:
        """The trials that the parent has a point of the best objective for."""
        if self._best_steps is None:
            name, client = f"best_{self.spec.objective}", self.store.client
            known = client.get_metric_history(self.info.run_id, name)
            self._best_steps = {point.step for point in known}
        return self._best_steps

    def _log_best(self, points: Sequence[tuple[int, float]]) -> None:
        name, now = f"best_{self.spec.objective}", now_ms()
        values = [MetricPoint(name, value, now, trial) for trial, value in points]
        for start in range(0, len(values), 1000):
            self.store.log(self.info.run_id, points=values[start : start + 1000])

    def finalize(
        self, folder: Path, description: str, verdict: str, best: RecordedRun | None
    ) -> None:
        """Log the report and mark the sweep as finished.

        Args:
            folder: Files of the report.
            description: Markdown for the run's description in the MLflow UI.
            verdict: What the report says, as text.
            best: The best run, if any run is finite.
        """
        for stray in running(self.store, self.info.run_id, self.info.experiment_id):
            remove_run(self.store, stray.run_id)  # created twice, as its first answer got lost
        with self._writing():
            self.store.client.log_artifacts(self.info.run_id, str(folder), schema.REPORT_FOLDER)
            tags = {
                "mlflow.note.content": description,
                schema.VERDICT: verdict[: schema.MOST_OF_A_TAG],
            }
            if best is not None:
                tags[schema.BEST_RUN] = best.run_id
            self._set_tags(tags)
        self.mark(schema.FINISHED, "FINISHED")
        self._open = False

    def log_text(self, text: str, name: str) -> None:
        """Log a text file to the parent run."""
        with self._writing():
            self.store.client.log_text(self.info.run_id, text, name)

    def mark(self, state: str, status: str) -> None:
        """Set the sweep's state and the parent run's status, in this order.

        A failing store is let be, unless the sweep is finished. Once that is recorded, it stays.
        """
        if not self._open:
            return
        try:
            with self._writing():
                if self._lease is not None:
                    self._lease.close()
                self._set_tags({schema.STATE: state, **self._progress()})
                for tag in (schema.OWNER, schema.LEASE, schema.HEARTBEAT):
                    self.store.client.delete_tag(self.info.run_id, tag)
                self.store.client.set_terminated(self.info.run_id, status)
        except LrlabError:
            if state == schema.FINISHED:
                raise  # on the way out of another failure that one is the news

    def _progress(self) -> dict[str, str]:
        return {schema.DONE: str(len(self.runs))}

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Around everything that writes: a sweep that another process has is left alone."""
        if self._lease is not None:
            self._lease.check()
        with explained(self.store.uri):
            yield

    def _set_tags(self, tags: Mapping[str, str]) -> None:
        self.store.log(self.info.run_id, tags=tags)

    def _log_histories(self, ids: Sequence[str], name: str) -> None:
        """Write a trial batch's histories to one file, a few runs at a time."""
        damaged: list[str] = []
        with scratch_folder() as folder:
            path = folder / name
            with history_writer(path) as writer:
                for start in range(0, len(ids), RUNS_A_GROUP):
                    histories = []
                    for run_id in ids[start : start + RUNS_A_GROUP]:
                        try:
                            histories.append((run_id, self._history(run_id)))
                        except DamagedArtifact:
                            damaged.append(run_id)
                    if histories:
                        writer.write_table(histories_table(histories))
            self.store.client.log_artifact(self.info.run_id, str(path), schema.CURVES_FOLDER)
        if damaged:
            note(f"{name} lacks these runs, whose {HISTORY_FILE} is damaged: {listed(damaged)}")

    def _history(self, run_id: str) -> dict[str, np.ndarray]:
        trajectory = self._histories.pop(run_id, None)
        if trajectory is not None:
            return trajectory.columns()
        read = load_history(self.store, run_id).drop(columns="run_id")
        return {str(name): read[name].to_numpy() for name in read}
