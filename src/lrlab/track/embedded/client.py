"""MLflow's client for an SQLite store, as far as lrlab uses it for most of what it does."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any

from sqlalchemy import and_, delete, select, update
from sqlalchemy.engine import Engine
from sqlalchemy.exc import IntegrityError

from lrlab.clock import now_ms
from lrlab.track.address import local_folder
from lrlab.track.database import database
from lrlab.track.embedded import models, reading, writing
from lrlab.track.entities import (
    ArtifactFile,
    Dataset,
    Experiment,
    LoggedModel,
    MetricPoint,
    Run,
    Tag,
)
from lrlab.track.location import ROOT, Moved, former, present, store_folder
from lrlab.track.mlflow_schema import MOST_OF_A_PARAM, MOST_OF_A_TAG
from lrlab.track.mlflow_tables import EXPERIMENTS, LOGGED_MODELS, MODEL_VERSIONS, RUNS, TAGS


class EmbeddedClient:
    """Methods of `MlflowClient`, with the same result in the store.

    What is unusual (a run that is not there, a name that MLflow does not take, artifacts in a
    bucket) is left to MLflow's own client, as is every method that is not here.

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

    # Experiments and runs, read

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

    # Experiments and runs, written

    def create_experiment(
        self, name: str, tags: Mapping[str, str] | None = None, **more: Any
    ) -> str:
        """A new experiment; returns its id."""
        folder, tags = None if more else store_folder(self.uri), tags or {}
        if folder is not None and 0 < len(name) <= 200 and writing.is_plain(tags, 200):
            with suppress(IntegrityError), self._engine.begin() as connection:  # MLflow explains
                return writing.create_experiment(connection, name, str(folder / ROOT), tags)
        return str(self.mlflow.create_experiment(name, tags=tags, **more))

    def create_run(
        self,
        experiment_id: str,
        tags: Mapping[str, str] | None = None,
        run_name: str = "",
        **more: Any,
    ) -> Any:
        """A new run, RUNNING."""
        tags, experiment = tags or {}, self.get_experiment(experiment_id)
        plain = writing.is_plain(tags, MOST_OF_A_TAG) and 0 < len(run_name) <= 250
        if more or not plain or experiment.lifecycle_stage != "active":
            return self.mlflow.create_run(
                experiment_id, tags=tags, run_name=run_name or None, **more
            )
        with self._engine.begin() as connection:
            place = experiment.artifact_location
            run_id = writing.create_run(connection, experiment_id, place, tags, run_name)
        return self.get_run(run_id)

    def log(
        self,
        run_id: str,
        tags: Mapping[str, str],
        params: Mapping[str, str],
        points: Sequence[MetricPoint],
    ) -> bool:
        """Log as `Store.log` does, all or nothing; False if that is left to MLflow's client."""
        named = {point.key: "" for point in points}
        plain = writing.is_plain(tags, MOST_OF_A_TAG) and writing.is_plain(named, 0)
        plain = plain and writing.is_plain(params, MOST_OF_A_PARAM)
        finite = all(abs(point.value) <= 1e300 for point in points)
        if not (plain and finite):
            return False
        with self._engine.begin() as connection:
            if not writing.is_active(connection, run_id):
                return False
            if not writing.add_params(connection, run_id, params):
                return False
            writing.add_points(connection, run_id, points)
            writing.set_tags(connection, run_id, tags)
        return True

    def log_dataset(self, run_id: str, dataset: Dataset, tags: Mapping[str, str]) -> bool:
        """Log a dataset as an input; False if that is left to MLflow's client."""
        short = len(dataset.name) <= 500 and len(dataset.digest) <= 36
        texts = (dataset.source, dataset.profile or "")
        if not (dataset.name and short and all(len(text) < 65_536 for text in texts)):
            return False
        with self._engine.begin() as connection:
            if not writing.is_active(connection, run_id):
                return False
            writing.add_dataset(connection, run_id, dataset, tags)
        return True

    def set_tag(self, run_id: str, key: str, value: str) -> None:
        """Set one tag."""
        if not self.log(run_id, {key: value}, {}, ()):
            self.mlflow.set_tag(run_id, key, value)

    def delete_tag(self, run_id: str, key: str) -> None:
        """Delete one tag, which must be there."""
        with self._engine.begin() as connection:
            mine = delete(TAGS).where(TAGS.c.run_uuid == run_id, TAGS.c.key == key)
            if writing.is_active(connection, run_id) and connection.execute(mine).rowcount == 1:
                return
        self.mlflow.delete_tag(run_id, key)

    def update_run(self, run_id: str, status: str) -> None:
        """Set a run's status."""
        if not self._update(run_id, status=status):
            self.mlflow.update_run(run_id, status=status)

    def set_terminated(self, run_id: str, status: str = "FINISHED") -> None:
        """Set a run's status and its end, which is now."""
        if not self._update(run_id, status=status, end_time=now_ms()):
            self.mlflow.set_terminated(run_id, status)

    def _update(self, run_id: str, **values: Any) -> bool:
        with self._engine.begin() as connection:
            mine = update(RUNS).where(RUNS.c.run_uuid == run_id)
            active = mine.where(RUNS.c.lifecycle_stage == "active")
            return connection.execute(active.values(values)).rowcount == 1

    def delete_run(self, run_id: str) -> None:
        """Move a run to the trash."""
        with self._engine.begin() as connection:
            mine = update(RUNS).where(RUNS.c.run_uuid == run_id)
            values = {"lifecycle_stage": "deleted", "deleted_time": now_ms()}
            if connection.execute(mine.values(values)).rowcount == 1:
                return
        self.mlflow.delete_run(run_id)

    # Logged models

    def logged_models_of(self, experiment_id: str, run_id: str) -> list[LoggedModel]:
        """The logged models that a run made, the latest first."""
        mine = LOGGED_MODELS.c
        condition = and_(mine.experiment_id == experiment_id, mine.source_run_id == run_id)
        with self._engine.connect() as connection:
            return models.find(connection, condition)

    def create_logged_model(
        self,
        experiment_id: str,
        name: str,
        source_run_id: str,
        tags: Mapping[str, str],
        params: Mapping[str, str],
    ) -> Any:
        """A new logged model, PENDING."""
        experiment = self.get_experiment(experiment_id)
        if experiment.lifecycle_stage != "active" or not writing.is_plain({name: ""}, 0):
            given = {"source_run_id": source_run_id, "tags": tags, "params": params}
            return self.mlflow.create_logged_model(experiment_id, name, **given)
        place = experiment.artifact_location
        with self._engine.begin() as connection:
            model_id = models.create(
                connection, experiment_id, place, name, source_run_id, tags, params
            )
            [made] = models.find(connection, LOGGED_MODELS.c.model_id == model_id)
        return made

    def set_logged_model_tags(self, model_id: str, tags: Mapping[str, str]) -> None:
        """Set tags of a logged model."""
        with self._engine.begin() as connection:
            for model in models.find(connection, LOGGED_MODELS.c.model_id == model_id):
                models.set_tags(connection, model_id, int(model.experiment_id), tags)
                return
        self.mlflow.set_logged_model_tags(model_id, tags)

    def log_output(self, run_id: str, model_id: str, step: int) -> bool:
        """Log a model as an output of a run; False if that is left to MLflow's client."""
        with self._engine.begin() as connection:
            if not writing.is_active(connection, run_id):
                return False
            models.add_output(connection, run_id, model_id, step)
        return True

    def log_of_model(
        self,
        run_id: str,
        model_id: str,
        points: Sequence[MetricPoint],
        dataset: tuple[str, str] | None,
    ) -> bool:
        """Log metrics of a run as its model's, too; False if that is left to MLflow's client."""
        if not self.log(run_id, {}, {}, points):
            return False
        with self._engine.begin() as connection:
            models.add_points(connection, run_id, model_id, points, dataset)
        return True

    def log_model_artifacts(self, model_id: str, local_dir: str) -> None:
        """Log a folder's content as a logged model's."""
        with self._engine.connect() as connection:
            query = select(LOGGED_MODELS.c.artifact_location)
            uri = connection.execute(query.where(LOGGED_MODELS.c.model_id == model_id)).scalar()
        folder = local_folder(uri) if uri and former(self.moved, uri) is None else None
        if folder is None:
            self.mlflow.log_model_artifacts(model_id, local_dir)
            return
        shutil.copytree(local_dir, folder, dirs_exist_ok=True)

    def finalize_logged_model(self, model_id: str, status: str) -> None:
        """Set a logged model's status."""
        with self._engine.begin() as connection:
            if models.finish(connection, model_id, status):
                return
        self.mlflow.finalize_logged_model(model_id, status)

    # Artifacts

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

    def log_text(self, run_id: str, text: str, artifact_file: str) -> None:
        """Log a text file."""
        folder = self._folder(run_id, to_write=True)
        if folder is None:
            self.mlflow.log_text(run_id, text, artifact_file)
            return
        path = folder / artifact_file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")

    def log_artifact(self, run_id: str, local_path: str, artifact_path: str = "") -> None:
        """Log a file."""
        folder = self._folder(run_id, to_write=True)
        if folder is None:
            self.mlflow.log_artifact(run_id, local_path, artifact_path or None)
            return
        (folder / artifact_path).mkdir(parents=True, exist_ok=True)
        shutil.copy2(local_path, folder / artifact_path / Path(local_path).name)

    def log_artifacts(self, run_id: str, local_dir: str, artifact_path: str = "") -> None:
        """Log a folder's content."""
        folder = self._folder(run_id, to_write=True)
        if folder is None:
            self.mlflow.log_artifacts(run_id, local_dir, artifact_path or None)
            return
        shutil.copytree(local_dir, folder / artifact_path, dirs_exist_ok=True)

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
