"""The database of a tracking store: its schema, and making one that is not there yet."""

from __future__ import annotations

import tempfile
from pathlib import Path

import sqlalchemy
from sqlalchemy.engine import Engine, make_url

from lrlab.errors import LrlabError
from lrlab.track.address import sqlite_path, without_password
from lrlab.track.failures import explained
from lrlab.track.file_lock import FileLock

CONNECT_TIMEOUT = 10  # seconds for a database on the network to be reached


def schema_revisions(uri: str) -> tuple[str | None, str]:
    """The database's schema revision (None if it has no tables yet) and the installed MLflow's.

    Raises:
        LrlabError: If the database cannot be opened.
    """
    from mlflow.store.db.utils import _get_latest_schema_revision

    head = str(_get_latest_schema_revision())
    path = sqlite_path(uri)
    with explained(uri):
        if path is not None and not _is_made(path):
            return None, head
        return _revision(_engine(uri)), head


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
    import mlflow

    found, expected = schema_revisions(uri)
    if found is None or found == expected:
        return
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


def create_sqlite(uri: str) -> None:
    """Make an SQLite store that does not exist yet: whole, or not at all.

    MLflow makes its tables in dozens of transactions; a process killed between them would leave
    a database that neither MLflow nor lrlab can use. So it is made aside and moved into place.
    """
    from mlflow.store.db.utils import _initialize_tables, create_sqlalchemy_engine

    path = sqlite_path(uri)
    with explained(uri):
        if path is None or _is_made(path):
            return
        _refuse_unwritable(path)
    making = path.with_name(f".{path.name}.making")
    with explained(uri), FileLock(Path(f"{making}.lock")).waited_for():
        if _is_made(path):
            return
        making.unlink(missing_ok=True)
        aside = make_url(uri).set(database=str(making))
        engine = create_sqlalchemy_engine(aside.render_as_string(hide_password=False))
        _initialize_tables(engine)
        engine.dispose()
        making.rename(path)


def _is_made(path: Path) -> bool:
    """Whether there is more than an empty file, such as SQLite makes where it only looks."""
    return path.exists() and (not path.is_file() or path.stat().st_size > 0)


def _refuse_unwritable(path: Path) -> None:
    """Fail where no file can be made; a `FileLock` there would try for ever.

    Raises:
        OSError: With the path of the store.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path.parent, prefix=f".{path.name}.making.lock"):
            pass
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error


def _known_revisions() -> set[str]:
    from alembic.script import ScriptDirectory
    from mlflow.store.db.utils import _get_alembic_config

    script = ScriptDirectory.from_config(_get_alembic_config(db_url=""))
    return {revision.revision for revision in script.walk_revisions()}
