"""Bulk writing: a trial batch of runs in one transaction, through MLflow's own table definitions.

MLflow's client needs about 35 SQL statements a run. A database whose schema is one that lrlab was
tested with takes a whole batch at once, and is the same afterwards: `MlflowClient` and the UI
cannot tell runs written in bulk from those written by the client, except for their times. The
team server writes what clients send it in the same way.
"""

from __future__ import annotations

import io
import secrets
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import lru_cache
from itertools import chain
from typing import TYPE_CHECKING, Any

import sqlalchemy
from sqlalchemy import Table
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import IntegrityError, OperationalError

from lrlab.clock import now_ms
from lrlab.scratch import scratch_folder
from lrlab.track import mlflow_schema as schema
from lrlab.track.address import below, local_folder
from lrlab.track.database import database, revision
from lrlab.track.mlflow_schema import RunRecord
from lrlab.track.mlflow_tables import LATEST_METRICS, METRICS, PARAMS, RUNS, TAGS, TESTED
from lrlab.track.store import Store, explained
from lrlab.trial import Run

if TYPE_CHECKING:
    from lrlab.train import Trajectory

UPLOADS = 8  # artifact uploads at a time
VALUES = 3000  # of one INSERT into SQLite; a statement a row would hand over the interpreter each
Row = tuple[object, ...]


def refuses(store: Store) -> str | None:
    """Why a store cannot be written in bulk; None if it can."""
    if store.is_server:
        return "it is reached over HTTP"
    if "://" not in store.uri or store.uri.startswith(("file:", "databricks")):
        return "it is no database"
    found = revision(store.uri)
    if found not in TESTED.values():
        return f"its schema {found} is not one that bulk writing was tested with"
    return None


def write_in_bulk(
    store: Store,
    experiment_id: str,
    parent: str,
    finished: Sequence[tuple[Run, Trajectory]],
) -> list[str]:
    """Record finished runs: all of them, or none.

    Returns:
        MLflow's run ids, in order.

    Raises:
        LrlabError: If the store fails; nothing is recorded then.
    """
    with explained(store.uri):
        location = store.client.get_experiment(experiment_id).artifact_location
        records = run_records(parent, finished)
        insert_runs(database(store.uri), records, experiment_id, location, location)
    return [record.run_id for record in records]


def run_records(parent: str, finished: Sequence[tuple[Run, Trajectory]]) -> list[RunRecord]:
    """Finished runs as MLflow is to have them, with new run ids."""
    user = schema.user()
    ids = _new_ids(len(finished), now_ms())
    return [
        schema.run_record(run_id, run, trajectory, parent, user)
        for run_id, (run, trajectory) in zip(ids, finished, strict=True)
    ]


def insert_runs(
    engine: Engine, records: Sequence[RunRecord], experiment_id: str, location: str, root: str
) -> None:
    """Write records and their artifacts: all of them, or none.

    Artifacts are written first, so that a run that is recorded has them; if the process dies in
    between, files stay behind that no run refers to.

    Args:
        engine: MLflow's database.
        records: What to write, as FINISHED.
        experiment_id: Where to.
        location: The experiment's artifact location, as the runs refer to it.
        root: The same place as this process reaches it: a server's clients see
            `mlflow-artifacts:/...`, the server itself a folder or a bucket.

    Raises:
        sqlalchemy.exc.SQLAlchemyError, OSError, MlflowException: If database or artifact store
            fail; no run is recorded then.
    """
    _write_artifacts(records, root)
    with engine.begin() as connection:
        for table, rows in _rows(records, experiment_id, location):
            _insert(connection, table, rows)


def _new_ids(count: int, now: int) -> list[str]:
    """Run ids in increasing order: the time in milliseconds, then chance, as UUIDs of version 7.

    Increasing, so that the indexes of a large database grow at their end (RFC 9562, 5.7).
    """
    return sorted(f"{now:012x}7{secrets.token_hex(10)[1:]}" for _ in range(count))


def _artifact_uri(location: str, record: RunRecord) -> str:
    """Where a run's artifacts go, as MLflow's store decides it."""
    return below(location, record.run_id, "artifacts")


def _write_artifacts(records: Sequence[RunRecord], root: str) -> None:
    here = local_folder(root)
    if here is not None:
        here.mkdir(parents=True, exist_ok=True)
        for record in records:
            folder = here / record.run_id / "artifacts"
            # `parents=True` would try everything twice; a client that tries again finds folders
            folder.parent.mkdir(exist_ok=True)
            folder.mkdir(exist_ok=True)
            schema.write_files(record.files(), folder)
        return

    from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

    def upload(record: RunRecord) -> None:
        with scratch_folder() as folder:
            schema.write_files(record.files(), folder)
            get_artifact_repository(_artifact_uri(root, record)).log_artifacts(str(folder))

    with ThreadPoolExecutor(UPLOADS) as pool:
        list(pool.map(upload, records))


def _rows(
    records: Sequence[RunRecord], experiment_id: str, location: str
) -> Iterator[tuple[Table, list[Row]]]:
    """Rows by table, in the order that foreign keys ask for; columns in the tables' order."""
    yield RUNS, [_run_row(record, experiment_id, location) for record in records]
    tags: list[Row] = []
    params: list[Row] = []
    metrics: list[Row] = []
    latest: list[Row] = []
    for record in records:
        run_id, at = record.run_id, record.ended
        tags += [(key, value, run_id) for key, value in record.tags.items()]
        tags.append(("mlflow.runName", record.name, run_id))
        params += [(key, value, run_id) for key, value in record.params.items()]
        metrics += [(name, value, at, step, False, run_id) for name, value, step in record.points]
        latest += [(name, value, at, step, False, run_id) for name, value, step in record.latest]
    yield TAGS, tags
    yield PARAMS, params
    yield METRICS, metrics
    yield LATEST_METRICS, latest


def _run_row(record: RunRecord, experiment_id: str, location: str) -> Row:
    return (
        record.run_id, record.name, "UNKNOWN", "", "", record.tags["mlflow.user"], "FINISHED",
        record.began, record.ended, None, "", "active", _artifact_uri(location, record),
        int(experiment_id),
    )  # fmt: skip


def _insert(connection: Connection, table: Table, rows: Sequence[Row]) -> None:
    """Insert rows of one table, in the way that is fastest with the database at hand.

    SQLite takes many rows as one statement; PostgreSQL copies them from a stream of text.
    """
    if not rows:  # runs that diverged at once have no metrics
        return
    columns = table.c.keys()
    quoted = connection.dialect.identifier_preparer.quote
    names = ", ".join(quoted(table.c[name].name) for name in columns)
    if connection.dialect.name == "sqlite":
        marks, most = f"({', '.join('?' * len(columns))})", VALUES // len(columns)
        sql = f"INSERT INTO {quoted(table.name)} ({names}) VALUES "
        for start in range(0, len(rows), most):
            some = rows[start : start + most]
            values = tuple(chain.from_iterable(some))
            connection.exec_driver_sql(sql + ", ".join([marks] * len(some)), values)
    elif connection.dialect.driver == "psycopg2":
        _copy(connection, f"COPY {quoted(table.name)} ({names}) FROM STDIN", rows)
    else:
        statement = sqlalchemy.insert(table)
        connection.execute(statement, [dict(zip(columns, row, strict=True)) for row in rows])


def _copy(connection: Connection, sql: str, rows: Sequence[Row]) -> None:
    """Send rows through psycopg2's own cursor; its errors become SQLAlchemy's."""
    driver: Any = connection.dialect.dbapi
    cursor: Any = connection.connection.cursor()
    with closing(cursor):
        try:
            cursor.copy_expert(sql, io.StringIO("".join(map(_copied, rows))))
        except driver.IntegrityError as error:
            raise IntegrityError(sql, None, error) from error
        except driver.Error as error:
            raise OperationalError(sql, None, error) from error


_ESCAPED = str.maketrans({"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"})


def _copied(row: Row) -> str:
    """A row in the text format of PostgreSQL's COPY."""
    return "\t".join(map(_copied_field, row)) + "\n"


def _copied_field(value: object) -> str:
    if isinstance(value, str):
        return _escaped(value)
    return r"\N" if value is None else str(value)


@lru_cache(maxsize=4096)  # names and ids come again and again
def _escaped(text: str) -> str:
    return text.translate(_ESCAPED)
