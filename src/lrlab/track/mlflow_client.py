"""MLflow's own client: for servers, and for what lrlab does not do itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mlflow import MlflowClient
from mlflow.entities import LoggedModelOutput, Metric, Param, RunTag
from mlflow.entities import Run as MlflowRun
from mlflow.entities.dataset import Dataset
from mlflow.entities.dataset_input import DatasetInput
from mlflow.entities.input_tag import InputTag
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

from lrlab.errors import LrlabError
from lrlab.track import entities
from lrlab.track.entities import MetricPoint
from lrlab.track.location import ROOT, Moved, former, present, store_folder


def open_client(uri: str, moved: tuple[Moved, ...] = ()) -> MlflowClient:
    """MLflow's client on a store.

    Args:
        uri: Its tracking URI.
        moved: Former folders of an SQLite store that it still names.
    """
    client = MovedClient(uri, moved) if moved else MlflowClient(tracking_uri=uri)
    folder = store_folder(uri)
    if folder is not None:  # MLflow's default is wherever the command happens to run
        client._tracking_client.store.artifact_root_uri = str(folder / ROOT)
    return client


def log(
    client: MlflowClient,
    run_id: str,
    tags: Mapping[str, str],
    params: Mapping[str, str],
    points: Sequence[MetricPoint],
) -> None:
    """As `Store.log`."""
    client.log_batch(
        run_id,
        metrics=[Metric(*point) for point in points],
        params=[Param(key, value) for key, value in params.items()],
        tags=[RunTag(key, value) for key, value in tags.items()],
    )


def log_dataset(
    client: MlflowClient, run_id: str, data: entities.Dataset, tags: Mapping[str, str]
) -> None:
    """As `Store.log_dataset`."""
    dataset = Dataset(data.name, data.digest, data.source_type, data.source, profile=data.profile)
    own = [InputTag(key, value) for key, value in tags.items()]
    client.log_inputs(run_id, [DatasetInput(dataset, tags=own)])


def log_output(client: MlflowClient, run_id: str, model_id: str, step: int) -> None:
    """As `Store.log_output`."""
    client.log_outputs(run_id, [LoggedModelOutput(model_id, step=step)])


def log_of_model(
    client: MlflowClient,
    run_id: str,
    model_id: str,
    points: Sequence[MetricPoint],
    dataset: tuple[str, str] | None,
) -> None:
    """As `Store.log_of_model`."""
    name, digest = dataset or (None, None)
    about = {"dataset_name": name, "dataset_digest": digest, "model_id": model_id}
    client.log_batch(run_id, [Metric(*point, run_id=run_id, **about) for point in points])


class MovedClient(MlflowClient):  # type: ignore[misc]
    """MLflow's client for a store whose folder was moved: runs have their present places.

    So every reader finds the artifacts, and none is written to where they were.
    """

    def __init__(self, uri: str, moved: tuple[Moved, ...]) -> None:
        super().__init__(tracking_uri=uri)
        self.moved = moved

    def get_run(self, run_id: str) -> MlflowRun:
        """As MLflow's, with the present place of the artifacts."""
        return self._placed(super().get_run(run_id))

    def search_runs(self, *args: Any, **options: Any) -> Any:
        """As MLflow's, with the present places of the artifacts."""
        page = super().search_runs(*args, **options)
        for run in page:
            self._placed(run)
        return page

    def _placed(self, run: MlflowRun) -> MlflowRun:
        run.info._artifact_uri = present(self.moved, run.info.artifact_uri)
        return run

    def download_artifacts(self, run_id: str, path: str, dst_path: str | None = None) -> str:
        """As MLflow's."""
        uri = self.get_run(run_id).info.artifact_uri
        return str(get_artifact_repository(uri).download_artifacts(path, dst_path))

    def list_artifacts(self, run_id: str, path: str | None = None) -> list[Any]:
        """As MLflow's."""
        uri = self.get_run(run_id).info.artifact_uri
        return list(get_artifact_repository(uri).list_artifacts(path))

    def log_artifact(self, run_id: str, *args: Any, **options: Any) -> None:
        """As MLflow's, but never to a former place."""
        self._refuse(super().get_run(run_id).info.artifact_uri)
        super().log_artifact(run_id, *args, **options)

    def log_artifacts(self, run_id: str, *args: Any, **options: Any) -> None:
        """As MLflow's, but never to a former place."""
        self._refuse(super().get_run(run_id).info.artifact_uri)
        super().log_artifacts(run_id, *args, **options)

    def log_model_artifacts(self, model_id: str, *args: Any, **options: Any) -> None:
        """As MLflow's, but never to a former place."""
        self._refuse(self.get_logged_model(model_id).artifact_location)
        super().log_model_artifacts(model_id, *args, **options)

    def _refuse(self, uri: str) -> None:
        move = former(self.moved, uri)
        if move is not None:
            raise LrlabError(move.advice)
