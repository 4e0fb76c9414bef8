"""MLflow's client for an SQLite store, as far as lrlab uses it for most of what it does."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.exc import IntegrityError

from lrlab.clock import now_ms
from lrlab.track.address import local_folder
from lrlab.track.embedded import models, writing
from lrlab.track.embedded.reader import EmbeddedReader
from lrlab.track.entities import (
    Dataset,
    MetricPoint,
)
from lrlab.track.location import ROOT, former, store_folder
from lrlab.track.mlflow_schema import MOST_OF_A_PARAM, MOST_OF_A_TAG
from lrlab.track.mlflow_tables import LOGGED_MODELS, RUNS, TAGS


class EmbeddedClient(EmbeddedReader):
    """Methods of `MlflowClient`, with the same result in the store.

    What is unusual (a run that is not there, a name that MLflow does not take, artifacts in a
    bucket) is left to MLflow's own client, as is every method that is not here.

    Args:
        uri: Of an SQLite store with a tested schema.
        moved: Former folders that it still names.
    """

    # Experiments and runs

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
