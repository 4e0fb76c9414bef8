"""The database of a tracking store: its schema, and making one that is not there yet."""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path

import sqlalchemy
from sqlalchemy.engine import Engine, make_url

from lrlab.errors import LrlabError
from lrlab.track.address import sqlite_path, without_password
from lrlab.track.failures import explained
from lrlab.track.mlflow_tables import tested_revision

BUSY_TIMEOUT = 60  # seconds to wait for another writer of an SQLite file
CACHE_KIB = 65536  # of SQLite's pages
CONNECT_TIMEOUT = 10  # seconds for a database on the network to be reached


def schema_revisions(uri: str) -> tuple[str | None, str]:
    """The database's schema revision (None if it has no tables yet) and the installed MLflow's.

    Raises:
        LrlabError: If the database cannot be opened.
    """
    return revision(uri), expected_revision()


def expected_revision() -> str:
    """The schema revision of the installed MLflow."""
    known = tested_revision()
    if known is not None:
        return known
    from mlflow.store.db.utils import _get_latest_schema_revision

    return str(_get_latest_schema_revision())


def revision(uri: str) -> str | None:
    """The database's schema revision; None if it has no tables yet.

    Raises:
        LrlabError: If the database cannot be opened.
    """
    path = sqlite_path(uri)
    with explained(uri):
        if path is not None and not is_made(path):
            return None
        return _revision(_engine(uri))


def is_embedded(uri: str) -> bool:
    """Whether lrlab reads and writes a store itself: an SQLite file with a tested schema.

    Raises:
        LrlabError: If the database cannot be opened.
    """
    several = os.environ.get("MLFLOW_ENABLE_WORKSPACES", "").lower() in ("true", "1")
    if sqlite_path(uri) is None or several:
        return False
    known = tested_revision()
    return known is not None and revision(uri) == known


def _engine(uri: str) -> Engine:
    """An engine that gives up soon where nobody answers; MLflow's tries for minutes."""
    networked = make_url(uri).get_backend_name() in ("postgresql", "mysql")
    more = {"connect_timeout": CONNECT_TIMEOUT} if networked else {}
    return sqlalchemy.create_engine(uri, connect_args=more)


def _revision(engine: Engine) -> str | None:
    tables = set(sqlalchemy.inspect(engine).get_table_names())
    if "alembic_version" not in tables:
        if tables:
            raise LrlabError(
                f"{without_password(str(engine.url))} is a database, but not MLflow's; "
                "choose another with --tracking-uri or MLFLOW_TRACKING_URI"
            )
        return None
    with engine.connect() as connection:
        query = sqlalchemy.text("SELECT version_num FROM alembic_version")
        revision = connection.execute(query).scalar()
    engine.dispose()
    return None if revision is None else str(revision)


def check_schema(uri: str) -> None:
    """Refuse a schema that is not the installed MLflow's; MLflow would migrate some silently."""
    found = revision(uri)
    if found is None or found == (expected := expected_revision()):
        return
    import mlflow

    known = _known_revisions()
    shown = without_password(uri)
    if found in known:
        raise LrlabError(
            f"the tracking store {shown} was made by an older MLflow (schema {found}; MLflow "
            f"{mlflow.__version__} needs {expected}). Back it up, then run: "
            f"mlflow db upgrade {shown}"
        )
    raise LrlabError(
        f"the tracking store {shown} was made by another, probably newer MLflow (schema {found} "
        f"is unknown to MLflow {mlflow.__version__}). Use the MLflow that made it, or another "
        "store: --tracking-uri sqlite:///other.db"
    )


def is_made(path: Path) -> bool:
    """Whether there is more than an empty file, such as SQLite makes where it only looks."""
    return path.exists() and (not path.is_file() or path.stat().st_size > 0)


def _known_revisions() -> set[str]:
    from alembic.script import ScriptDirectory
    from mlflow.store.db.utils import _get_alembic_config

    script = ScriptDirectory.from_config(_get_alembic_config(db_url=""))
    return {revision.revision for revision in script.walk_revisions()}


@lru_cache(maxsize=8)
def database(uri: str) -> Engine:
    """The engine for a store's database, one a process."""
    if sqlite_path(uri) is None:
        from mlflow.store.db.utils import create_sqlalchemy_engine

        networked: Engine = create_sqlalchemy_engine(uri)
        return networked
    engine = sqlalchemy.create_engine(uri, connect_args={"timeout": BUSY_TIMEOUT})
    # The pages of a large index must stay in memory, or every insertion reads some back.
    sqlalchemy.event.listen(
        engine, "connect", lambda raw, _: raw.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
    )
    return engine
