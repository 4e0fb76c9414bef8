"""Bulk writing: a cohort of runs in one transaction, through MLflow's own table definitions.

MLflow's client needs about 35 SQL statements a run. A database whose schema is one that lrlab was
tested with takes a whole cohort at once, and is the same afterwards: `MlflowClient` and the UI
cannot tell runs written in bulk from those written by the client, except for their times.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory

import sqlalchemy
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
from mlflow.store.db.utils import create_sqlalchemy_engine
from mlflow.store.tracking.dbmodels.models import (
    SqlLatestMetric,
    SqlMetric,
    SqlParam,
    SqlRun,
    SqlTag,
)
from mlflow.utils.file_utils import local_file_uri_to_path
from mlflow.utils.uri import append_to_uri_path, is_local_uri
from sqlalchemy.engine import Connection, Engine

from lrlab.track import layout
from lrlab.track.store import Store, explained, now_ms, schema_revisions, sqlite_path
from lrlab.train import Trajectory
from lrlab.trial import Run

TESTED_REVISIONS = frozenset({"dc11669786a5"})  # MLflow 3.17
BUSY_TIMEOUT = 60  # seconds to wait for another writer of an SQLite file
CACHE_KIB = 65536  # of SQLite's pages
UPLOADS = 8  # artifact uploads at a time
Row = tuple[object, ...]


def refuses(store: Store) -> str | None:
    """Why a store cannot be written in bulk; None if it can."""
    if store.is_server:
        return "it is reached over HTTP"
    if "://" not in store.uri or store.uri.startswith(("file:", "databricks")):
        return "it is no database"
    found, _ = schema_revisions(store.uri)
    if found not in TESTED_REVISIONS:
        return f"its schema {found} is not one that bulk writing was tested with"
    return None


def write_in_bulk(
    store: Store,
    experiment_id: str,
    parent: str,
    finished: Sequence[tuple[Run, Trajectory]],
) -> list[str]:
    """Record finished runs: all of them, or none.

    Artifacts are written first, so that a run that is recorded has them; if the process dies in
    between, files stay behind that no run refers to.

    Returns:
        MLflow's run ids, in order.

    Raises:
        LrlabError: If the store fails; nothing is recorded then.
    """
    with explained(store.uri):
        location = store.client.get_experiment(experiment_id).artifact_location
        user, now = layout.user(), now_ms()
        records = [
            _Record(run_id, run, trajectory, location)
            for run_id, (run, trajectory) in zip(
                _new_ids(len(finished), now), finished, strict=True
            )
        ]
        _write_artifacts(records)
        with database(store.uri).begin() as connection:
            for table, rows in _rows(records, experiment_id, parent, user, now):
                _insert(connection, table, rows)
    return [record.run_id for record in records]


def _new_ids(count: int, now: int) -> list[str]:
    """Run ids in increasing order: the time in milliseconds, then chance, as UUIDs of version 7.

    Increasing, so that the indexes of a large database grow at their end (RFC 9562, 5.7).
    """
    return sorted(f"{now:012x}7{secrets.token_hex(10)[1:]}" for _ in range(count))


@dataclass(frozen=True)
class _Record:
    run_id: str
    run: Run
    trajectory: Trajectory
    location: str

    @property
    def artifact_uri(self) -> str:
        """Where the run's artifacts go, as MLflow's store decides it."""
        return str(append_to_uri_path(self.location, self.run_id, "artifacts"))


def _write_artifacts(records: Sequence[_Record]) -> None:
    if all(is_local_uri(record.artifact_uri) for record in records):
        Path(local_file_uri_to_path(records[0].location)).mkdir(parents=True, exist_ok=True)
        for record in records:
            folder = Path(local_file_uri_to_path(record.artifact_uri))
            folder.parent.mkdir()  # a folder too few and `parents=True` tries everything twice
            folder.mkdir()
            layout.write_run_files(record.trajectory, folder)
        return
    with ThreadPoolExecutor(UPLOADS) as pool:
        list(pool.map(_upload, records))


def _upload(record: _Record) -> None:
    with TemporaryDirectory(prefix="lrlab-") as folder:
        layout.write_run_files(record.trajectory, Path(folder))
        get_artifact_repository(record.artifact_uri).log_artifacts(folder)


def _rows(
    records: Sequence[_Record], experiment_id: str, parent: str, user: str, now: int
) -> Iterator[tuple[type, list[Row]]]:
    """Rows by table, in the order that foreign keys ask for; columns as in `_COLUMNS`."""
    yield SqlRun, [_run_row(record, experiment_id, user, now) for record in records]
    tags: list[Row] = []
    params: list[Row] = []
    metrics: list[Row] = []
    latest: list[Row] = []
    for record in records:
        run_id = record.run_id
        found = layout.run_tags(record.run, parent, user)
        found |= {"mlflow.runName": layout.run_name(record.run)}
        found |= {tag.key: tag.value for tag in layout.outcome_tags(record.trajectory)}
        tags += [(key, value, run_id) for key, value in found.items()]
        params += [(param.key, param.value, run_id) for param in layout.run_params(record.run)]
        points = layout.run_points(record.trajectory)
        metrics += [(name, value, now, step, False, run_id) for name, value, step in points]
        last = layout.latest_points(record.trajectory)
        latest += [(name, value, now, step, False, run_id) for name, value, step in last]
    yield SqlTag, tags
    yield SqlParam, params
    yield SqlMetric, metrics
    yield SqlLatestMetric, latest


def _run_row(record: _Record, experiment_id: str, user: str, now: int) -> Row:
    return (
        record.run_id, layout.run_name(record.run), "UNKNOWN", "", "", user, "FINISHED", now, now,
        None, "", "active", record.artifact_uri, int(experiment_id),
    )  # fmt: skip


_COLUMNS: dict[type, tuple[str, ...]] = {
    SqlRun: (
        "run_uuid", "name", "source_type", "source_name", "entry_point_name", "user_id", "status",
        "start_time", "end_time", "deleted_time", "source_version", "lifecycle_stage",
        "artifact_uri", "experiment_id",
    ),
    SqlTag: ("key", "value", "run_uuid"),
    SqlParam: ("key", "value", "run_uuid"),
    SqlMetric: ("key", "value", "timestamp", "step", "is_nan", "run_uuid"),
    SqlLatestMetric: ("key", "value", "timestamp", "step", "is_nan", "run_uuid"),
}  # fmt: skip


def _insert(connection: Connection, model: type, rows: Sequence[Row]) -> None:
    """Insert rows of one table; SQLite's driver takes tuples as they are, which is faster."""
    if not rows:  # runs that diverged at once have no metrics
        return
    table, columns = model.__table__, _COLUMNS[model]  # type: ignore[attr-defined]
    if connection.dialect.name == "sqlite":
        quoted = connection.dialect.identifier_preparer.quote
        names = ", ".join(quoted(table.c[name].name) for name in columns)
        marks = ", ".join("?" * len(columns))
        sql = f"INSERT INTO {quoted(table.name)} ({names}) VALUES ({marks})"
        connection.exec_driver_sql(sql, list(rows))
    else:
        statement = sqlalchemy.insert(table)
        connection.execute(statement, [dict(zip(columns, row, strict=True)) for row in rows])


@lru_cache(maxsize=8)
def database(uri: str) -> Engine:
    """The engine for a store's database, one a process."""
    engine: Engine
    if sqlite_path(uri) is not None:
        engine = sqlalchemy.create_engine(uri, connect_args={"timeout": BUSY_TIMEOUT})
        # The pages of a large index must stay in memory, or every insertion reads some back.
        sqlalchemy.event.listen(
            engine, "connect", lambda raw, _: raw.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
        )
        return engine
    engine = create_sqlalchemy_engine(uri)
    return engine
