"""Where the artifacts of an SQLite store are, after its folder was moved or copied too.

MLflow records absolute places: experiments and runs of `/old/mlflow.db` name `/old/mlruns/...` for
ever. A place is taken for a former one of this folder, and not for one chosen on purpose, if

- it is `OLD/mlruns/ID`, as MLflow and lrlab choose it by themselves, for the experiment ID;
- `OLD` is not the folder that the database is in now, by whatever name; and
- the folder of at least one recorded run lies in `mlruns/ID` beside the database, or a sweep says
  that the database was in `OLD` when it began (`lrlab.folder`).

Run ids are unique, so the folder of a run beside the database is this store's, be the old place
there still (a copy) or not. What is anywhere else, a bucket or another disk, is left as it is.
From a former place nothing is read that is beside the database as well, and nothing is ever
written to it; `mend` makes the database name the present one.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import sqlalchemy
from mlflow import MlflowClient
from mlflow.entities import Run as MlflowRun
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
from mlflow.store.tracking.dbmodels.models import SqlExperiment, SqlRun, SqlTag
from mlflow.utils.file_utils import local_file_uri_to_path
from mlflow.utils.uri import is_local_uri
from sqlalchemy import select
from sqlalchemy.engine import Connection

from lrlab.errors import LrlabError
from lrlab.track.address import sqlite_path

ROOT = "mlruns"
FOLDER_TAG = "lrlab.folder"  # of a sweep: the folder of its SQLite file when it began
SAMPLE = 500  # entries of a folder that are looked at for a run of the store


@dataclass(frozen=True)
class Moved:
    """A folder that a store's database was in before.

    Args:
        old: That folder.
        new: The one it is in now.
        experiments: How many experiments still name the old one.
    """

    old: Path
    new: Path
    experiments: int

    @property
    def advice(self) -> str:
        """What happened, and what to do."""
        return (
            f"this folder was moved or copied: the database in {self.new} still names "
            f"{self.old / ROOT} for the artifacts; `lrlab doctor --fix` makes it name "
            f"{self.new / ROOT}"
        )


def store_folder(uri: str) -> Path | None:
    """The folder of an SQLite file, without links; None for any other store."""
    path = sqlite_path(uri)
    return None if path is None else path.resolve().parent


def find_moved(uri: str) -> tuple[Moved, ...]:
    """The former folders of a store that its experiments name.

    Raises:
        sqlalchemy.exc.SQLAlchemyError: If the database cannot be read.
    """
    here = store_folder(uri)
    if here is None:
        return ()
    with _connection(uri) as connection:
        rows = connection.execute(
            select(SqlExperiment.experiment_id, SqlExperiment.artifact_location)
        )
        named: dict[Path, list[str]] = {}
        for experiment_id, location in rows:
            old = _default_folder(str(experiment_id), location or "")
            if old is not None and old != here and Path(os.path.realpath(old)) != here:
                named.setdefault(old, []).append(str(experiment_id))
        return tuple(
            Moved(old, here, len(ids))
            for old, ids in sorted(named.items())
            if _was_here(connection, old, here, ids)
        )


@contextmanager
def _connection(uri: str) -> Iterator[Connection]:
    """One that leaves no engine behind."""
    engine = sqlalchemy.create_engine(uri, poolclass=sqlalchemy.NullPool)
    with closing(engine.connect()) as connection:
        yield connection
    engine.dispose()


def _default_folder(experiment_id: str, location: str) -> Path | None:
    """The folder OLD of `OLD/mlruns/ID`; None if a location is of another form."""
    if not is_local_uri(location):
        return None
    path = Path(local_file_uri_to_path(location))
    is_default = path.is_absolute() and (path.parent.name, path.name) == (ROOT, experiment_id)
    return path.parent.parent if is_default else None


def _was_here(connection: Connection, old: Path, here: Path, experiments: list[str]) -> bool:
    """Whether a database in `here` was in `old` before."""
    if any(_has_a_run(connection, here / ROOT / each, each) for each in experiments):
        return True
    said = select(SqlTag.value).where(SqlTag.key == FOLDER_TAG, SqlTag.value == str(old)).limit(1)
    return connection.execute(said).first() is not None


def _has_a_run(connection: Connection, folder: Path, experiment_id: str) -> bool:
    """Whether a folder holds that of a run which the database has in an experiment."""
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in islice(entries, SAMPLE)]
    except OSError:
        return False
    known = select(SqlRun.run_uuid).where(
        SqlRun.run_uuid.in_(names), SqlRun.experiment_id == int(experiment_id)
    )
    return connection.execute(known.limit(1)).first() is not None


def former(moved: tuple[Moved, ...], uri: str) -> Moved | None:
    """The move that a place of artifacts is from; None if it is no former place."""
    if not moved or not is_local_uri(uri):
        return None
    path = Path(local_file_uri_to_path(uri))
    return next((each for each in moved if path.is_relative_to(each.old / ROOT)), None)


def present(moved: tuple[Moved, ...], uri: str) -> str:
    """Where artifacts are now: beside the database, if they are there, else as recorded."""
    move = former(moved, uri)
    if move is None:
        return uri
    below = Path(local_file_uri_to_path(uri)).relative_to(move.old)
    return str(move.new / below) if (move.new / below).exists() else uri


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
