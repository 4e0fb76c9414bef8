"""What the failures of a store mean, in a sentence each.

A failure is known by the types of its exceptions and by their codes (MLflow's, HTTP's, SQLite's,
PostgreSQL's, the system's), never by words or digits in a text: an experiment may be called "401".
`SENTENCES` is the table; the first entry that knows a failure explains it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import sqlalchemy.exc

from lrlab.errors import LrlabError
from lrlab.track.failures import databases, files, servers
from lrlab.track.failures.failure import MLFLOW, Failure, causes, first_line, loaded

KNOWN = (
    sqlalchemy.exc.SQLAlchemyError,
    sqlite3.Error,
    OSError,
    ImportError,  # of a database's driver
)
KNOWN_BY_NAME = (
    MLFLOW,
    "requests.exceptions.RequestException",
    "alembic.util.exc.CommandError",  # tables that somebody else is making
)
SENTENCES: tuple[Callable[[Failure], LrlabError | None], ...] = (
    databases.unknown_uri,
    databases.no_driver,
    files.disk_full,
    databases.postgres_full,
    files.no_temporary_folder,
    databases.sqlite_locked,
    databases.sqlite_damaged,
    databases.sqlite_gone,
    databases.sqlite_refused,
    databases.sqlite_broken_disk,
    servers.login_refused,
    databases.postgres_not_permitted,
    servers.not_permitted,
    databases.no_tables,
    databases.database_ends,
    databases.database_away,
    servers.certificate,
    servers.slow,
    servers.busy,
    servers.server_away,
    servers.no_mlflow,
    servers.not_there,
    files.no_permission,
    files.other_file,
)


@contextmanager
def explained(uri: str) -> Iterator[None]:
    """Turn the failures of a store into an LrlabError that says what to do."""
    try:
        yield
    except LrlabError:
        raise
    except Exception as error:
        if not isinstance(error, (*KNOWN, *loaded(*KNOWN_BY_NAME))):
            raise
        raise explain(error, uri) from error


def explain(error: BaseException, uri: str) -> LrlabError:
    """What a failure of a store means, and what to do."""
    failure = Failure(tuple(causes(error)), uri)
    for sentence in SENTENCES:
        said = sentence(failure)
        if said is not None:
            return said
    sql = failure.find(sqlalchemy.exc.SQLAlchemyError)  # whose own text is about itself
    reason = failure.reason if sql is not None else first_line(str(error))
    return LrlabError(f"the tracking store {failure.shown} failed: {reason}")
