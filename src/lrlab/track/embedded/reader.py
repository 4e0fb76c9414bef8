"""Methods of MLflow's client that read an SQLite store."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from sqlalchemy import and_, select
from sqlalchemy.engine import Engine

from lrlab.track.address import local_folder
from lrlab.track.database import database
from lrlab.track.embedded import models, reading
from lrlab.track.entities import (
    ArtifactFile,
    Experiment,
    LoggedModel,
    MetricPoint,
    Run,
    Tag,
)
from lrlab.track.location import Moved, former, present
from lrlab.track.mlflow_tables import EXPERIMENTS, LOGGED_MODELS, MODEL_VERSIONS, RUNS


class EmbeddedReader:
    """What is unusual (a run that is not there, artifacts in a bucket) is left to MLflow's client.

    Args:
        uri: Of an SQLite store with a tested schema.
        moved: Former folders that it still names.
    """

    def __init__(self, uri: str, moved: tuple[Moved, ...] = ()) -> None:
        self.uri, self.moved = uri, moved

    @cached_property
    def mlflow(self) -> Any:
        """MLflow's client on the same store."""
        from lrlab.track.mlflow_client import open_client

        return open_client(self.uri, self.moved)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self.mlflow, name)

    @property
    def _engine(self) -> Engine:
        return database(self.uri)

    def experiments(self) -> list[Experiment]:
        """Every experiment that is not deleted."""
        with self._engine.connect() as connection:
            return reading.experiments(connection, EXPERIMENTS.c.lifecycle_stage == "active")

    def runs(
        self, experiment_ids: Sequence[str], conditions: Iterable[Tag], **options: Any
    ) -> list[Run]:
        """Runs that meet all conditions; see `lrlab.track.pages.all_runs`."""
        query = reading.matching(experiment_ids, tuple(conditions), **options)
        with self._engine.connect() as connection:
            return [self._placed(run) for run in reading.runs(connection, query)]

    def get_run(self, run_id: str) -> Any:
        """A run, deleted or not, with its inputs and outputs."""
        with self._engine.connect() as connection:
            found = reading.runs(connection, select(RUNS).where(RUNS.c.run_uuid == run_id))
            if not found:
                return self.mlflow.get_run(run_id)
            run = self._placed(found[0])
            inputs = reading.inputs_of(connection, run_id)
            return Run(run.info, run.data, inputs, reading.outputs_of(connection, run_id))

    def get_experiment(self, experiment_id: str) -> Any:
        """An experiment, deleted or not."""
        same = EXPERIMENTS.c.experiment_id == experiment_id
        return self._experiment(same) or self.mlflow.get_experiment(experiment_id)

    def get_experiment_by_name(self, name: str) -> Experiment | None:
        """An experiment, deleted or not; None if there is none."""
        return self._experiment(EXPERIMENTS.c.name == name)

    def _experiment(self, condition: Any) -> Experiment | None:
        with self._engine.connect() as connection:
            return next(iter(reading.experiments(connection, condition)), None)

    def get_metric_history(self, run_id: str, key: str) -> list[MetricPoint]:
        """The points of a metric."""
        with self._engine.connect() as connection:
            return list(reading.history(connection, run_id, key))

    def versions_of(self, run_ids: Collection[str]) -> list[tuple[str, int]]:
        """Registered versions of what runs hold: the model's name and the version."""
        mine = MODEL_VERSIONS.c
        query = select(mine.name, mine.version, mine.run_id).where(
            mine.run_id.is_not(None), mine.current_stage != "Deleted_Internal"
        )
        with self._engine.connect() as connection:
            rows = connection.execute(query.order_by(mine.name, mine.version))
            return [(name, version) for name, version, run_id in rows if run_id in run_ids]

    def _placed(self, run: Run) -> Run:
        if not self.moved:
            return run
        place = present(self.moved, run.info.artifact_uri)
        return Run(run.info._replace(artifact_uri=place), run.data, run.inputs)

    def logged_models_of(self, experiment_id: str, run_id: str) -> list[LoggedModel]:
        """The logged models that a run made, the latest first."""
        mine = LOGGED_MODELS.c
        condition = and_(mine.experiment_id == experiment_id, mine.source_run_id == run_id)
        with self._engine.connect() as connection:
            return models.find(connection, condition)

    def list_artifacts(self, run_id: str, path: str | None = None) -> list[Any]:
        """What a folder of a run's artifacts holds, by name; nothing if there is none."""
        folder = self._folder(run_id)
        if folder is None:
            return list(self.mlflow.list_artifacts(run_id, path))
        return list(_entries(folder, path or ""))

    def download_artifacts(self, run_id: str, path: str, dst_path: str | None = None) -> str:
        """A run's artifact as a file: in `dst_path`, else where it is."""
        folder = self._folder(run_id)
        if folder is None:
            return str(self.mlflow.download_artifacts(run_id, path, dst_path))
        found = folder / path
        if not found.exists():
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(found))
        if dst_path is None:
            return str(found.resolve())
        target = Path(dst_path) / path
        target.parent.mkdir(parents=True, exist_ok=True)
        if found.is_dir():
            shutil.copytree(found, target, dirs_exist_ok=True)
        else:
            shutil.copyfile(found, target)
        return str(target)

    def _folder(self, run_id: str, *, to_write: bool = False) -> Path | None:
        """Where a run's artifacts are on this machine; None if that is left to MLflow's client."""
        with self._engine.connect() as connection:
            query = select(RUNS.c.artifact_uri).where(RUNS.c.run_uuid == run_id)
            uri = connection.execute(query).scalar()
        if not uri or (to_write and former(self.moved, uri) is not None):
            return None
        return local_folder(present(self.moved, uri))


def _entries(folder: Path, path: str) -> Iterator[ArtifactFile]:
    if not (folder / path).is_dir():
        return
    for entry in sorted((folder / path).iterdir()):
        is_dir = entry.is_dir()
        size = None if is_dir else entry.stat().st_size
        yield ArtifactFile(entry.relative_to(folder).as_posix(), is_dir, size)
