"""The tracking store: where it is, whether it can be used, and what its failures mean."""

from __future__ import annotations

import errno
import logging
import os
import re
import sqlite3
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

# Before MLflow is imported: lrlab makes no connection that the user did not ask for.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")

import requests
import sqlalchemy.exc
from filelock import FileLock
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.utils.credentials import get_default_host_creds
from sqlalchemy.engine import make_url

from lrlab.errors import LrlabError, NotPermitted, UserError
from lrlab.notes import RecordWarning

if TYPE_CHECKING:
    from sqlalchemy.engine import Engine

PROBE_TIMEOUT = 5.0  # seconds
TALKATIVE = (
    *("mlflow", "alembic", "sqlalchemy", "optuna", "urllib3", "git"),
    *("distributed", "distributed.client", "distributed.gc", "tornado", "tornado.application"),
)


@dataclass(frozen=True)
class Store:
    """A tracking store that answered.

    Args:
        uri: Its tracking URI, as MLflow resolves it.
        client: MLflow's client on it.
    """

    uri: str
    client: MlflowClient

    @property
    def is_server(self) -> bool:
        """Whether it is reached over HTTP."""
        return is_server(self.uri)

    @property
    def user(self) -> str | None:
        """Who is signed in at a server; None without a login."""
        name = get_default_host_creds(self.uri).username if self.is_server else None
        return name or None

    @property
    def shown(self) -> str:
        """The URI without credentials."""
        return without_password(self.uri)


def quiet(verbose: bool = False) -> None:
    """Keep MLflow, Alembic, Optuna, SQLAlchemy and Dask from talking, unless `verbose`."""
    level = logging.INFO if verbose else logging.CRITICAL  # lrlab says what failed
    for name in TALKATIVE:
        logging.getLogger(name).setLevel(level)
    if not verbose:
        warnings.filterwarnings("ignore")
    warnings.filterwarnings("default", category=RecordWarning)


def resolve_uri(uri: str | None = None) -> str:
    """The tracking URI: as given, else MLFLOW_TRACKING_URI, else MLflow's default here."""
    import mlflow

    if uri:
        return uri.rstrip("/") if uri.startswith("http") else uri
    return str(mlflow.get_tracking_uri())


def is_server(uri: str) -> bool:
    """Whether a tracking URI is reached over HTTP."""
    return uri.startswith(("http://", "https://"))


def connect(uri: str | None = None) -> Store:
    """Open the tracking store, creating an SQLite one that does not exist yet.

    Raises:
        LrlabError: If it cannot be reached, or its schema is another MLflow version's.
        UserError: If the URI is malformed, or the server refuses the credentials.
    """
    uri = resolve_uri(uri)
    if re.fullmatch(r"[\w.-]+:\d+(/.*)?", uri):
        raise UserError(f"{uri} lacks its scheme: http://{uri} or https://{uri}?")
    if is_server(uri):
        _probe_server(uri)
    elif "://" in uri and not uri.startswith("file:"):
        _check_schema(uri)
        _create_sqlite(uri)
    with explained(uri):
        client = MlflowClient(tracking_uri=uri)
        client.search_experiments(max_results=1)
    return Store(uri, client)


def schema_revisions(uri: str) -> tuple[str | None, str]:
    """The database's schema revision (None if it has no tables yet) and the installed MLflow's.

    Raises:
        LrlabError: If the database cannot be opened.
    """
    from mlflow.store.db.utils import _get_latest_schema_revision, create_sqlalchemy_engine

    head = str(_get_latest_schema_revision())
    path = sqlite_path(uri)
    if path is not None and (not path.exists() or path.stat().st_size == 0):
        return None, head
    with explained(uri):
        return _revision(create_sqlalchemy_engine(uri)), head


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


def _check_schema(uri: str) -> None:
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


def _create_sqlite(uri: str) -> None:
    """Make an SQLite store that does not exist yet: whole, or not at all.

    MLflow makes its tables in dozens of transactions; a process killed between them would leave
    a database that neither MLflow nor lrlab can use. So it is made aside and moved into place.
    """
    from mlflow.store.db.utils import _initialize_tables, create_sqlalchemy_engine

    path = sqlite_path(uri)
    if path is None or path.name == ":memory:" or path.exists():
        return
    making = path.with_name(f".{path.name}.making")
    with explained(uri), FileLock(f"{making}.lock"):
        if path.exists():
            return
        making.unlink(missing_ok=True)
        aside = make_url(uri).set(database=str(making))
        engine = create_sqlalchemy_engine(aside.render_as_string(hide_password=False))
        _initialize_tables(engine)
        engine.dispose()
        making.rename(path)
    Path(f"{making}.lock").unlink(missing_ok=True)


def _known_revisions() -> set[str]:
    from alembic.script import ScriptDirectory
    from mlflow.store.db.utils import _get_alembic_config

    script = ScriptDirectory.from_config(_get_alembic_config(db_url=""))
    return {revision.revision for revision in script.walk_revisions()}


def _probe_server(uri: str) -> None:
    """One quick request, so that a wrong address fails in seconds and not after all retries."""
    tls = get_default_host_creds(uri)  # as MLFLOW_TRACKING_SERVER_CERT_PATH and the like say
    try:
        answer = requests.get(
            f"{uri}/health", timeout=PROBE_TIMEOUT, verify=tls.verify, cert=tls.client_cert_path
        )
    except requests.exceptions.InvalidURL as error:
        raise UserError(f"{without_password(uri)} is not a valid address: {error}") from None
    except requests.exceptions.SSLError as error:
        shown = without_password(uri)
        if "CERTIFICATE_VERIFY_FAILED" in str(error):
            raise UserError(
                f"the certificate of {shown} is not one that this machine trusts. If it is your "
                "team's own, name the authority's file: "
                "export MLFLOW_TRACKING_SERVER_CERT_PATH=ca.crt"
            ) from None
        raise UserError(
            f"{shown} answers, but not in TLS; is it http:// instead of https://?"
        ) from None
    except requests.exceptions.RequestException as error:
        reason = type(error).__name__
        if "NameResolutionError" in str(error):
            reason = "there is no host of that name"
        raise LrlabError(
            f"the tracking server {without_password(uri)} does not answer ({reason}). Is it "
            "running, and is the address right? It comes from --server, --tracking-uri or "
            "MLFLOW_TRACKING_URI"
        ) from None
    except OSError as error:  # a certificate's file that is not there
        raise UserError(f"{error} (MLFLOW_TRACKING_SERVER_CERT_PATH and its like)") from None
    if answer.status_code >= 400:
        raise LrlabError(
            f"{without_password(uri)} answers, but /health says {answer.status_code}; is it an "
            "MLflow server, and is this all of its address, such as http://host:5000?"
        )


def sqlite_path(uri: str) -> Path | None:
    """The file of an SQLite URI; None for any other."""
    if not uri.startswith("sqlite:///"):
        return None
    return Path(make_url(uri).database or ":memory:")


def without_password(uri: str) -> str:
    """The URI with its password, if any, replaced by `***`."""
    scheme, separator, rest = uri.partition("://")
    credentials, at, host = rest.rpartition("@")
    if not at:
        return uri
    user = credentials.partition(":")[0]
    return f"{scheme}{separator}{user}:***@{host}"


@contextmanager
def explained(uri: str) -> Iterator[None]:
    """Turn the failures of a store into an LrlabError that says what to do."""
    try:
        yield
    except LrlabError:
        raise
    except (
        MlflowException,
        sqlalchemy.exc.SQLAlchemyError,
        sqlite3.Error,
        requests.exceptions.RequestException,
        OSError,
        ImportError,  # of a database's driver
    ) as error:
        raise _explain(error, without_password(uri)) from error


def _explain(error: Exception, uri: str) -> LrlabError:
    text = str(error)
    low = text.lower()
    if isinstance(error, sqlalchemy.exc.NoSuchModuleError | sqlalchemy.exc.ArgumentError):
        return UserError(
            f"{uri} is no tracking URI that MLflow knows; use http(s)://server:port, "
            "sqlite:///file.db or postgresql+psycopg2://user:password@host/database"
        )
    if isinstance(error, ImportError):
        return UserError(
            f"the tracking store {uri} needs the Python package {error.name!r}, which is not "
            "installed (for PostgreSQL: pip install psycopg2-binary, and a URI that begins with "
            "postgresql+psycopg2://)"
        )
    if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT) or (
        "database or disk is full" in low or "no space left" in low
    ):
        return LrlabError(
            f"the disk is full while writing to {uri}. Free some space and run the same command "
            "again: it continues where it stopped"
        )
    if getattr(error, "errno", None) in (errno.EACCES, errno.EPERM, errno.EROFS):
        where = getattr(error, "filename", None) or uri
        return LrlabError(
            f"no permission to write {where}. Change the permissions, run from another folder, "
            "or choose another store with --tracking-uri"
        )
    if "readonly database" in low or "unable to open database file" in low:
        return LrlabError(
            f"cannot write the tracking store {uri}: no permission for the file or its folder. "
            "Change the permissions or choose another store with --tracking-uri"
        )
    if "not a database" in low or "malformed" in low:
        return LrlabError(
            f"the tracking store {uri} is damaged or no SQLite database. Restore a backup, or "
            "choose another store with --tracking-uri"
        )
    if re.search(r"\b401\b", text) or "unauthorized" in low or "unauthenticated" in low:
        return UserError(f"the tracking server {uri} refuses the login: {login_mistake(uri)}")
    if re.search(r"\b403\b", text) or "permission_denied" in low or "permission denied" in low:
        return NotPermitted(f"the tracking server {uri} does not permit this: {_request(text)}")
    if "max retries exceeded" in low or isinstance(error, requests.exceptions.ConnectionError):
        return LrlabError(f"the tracking server {uri} does not answer any more. Is it running?")
    return LrlabError(f"the tracking store {uri} failed: {_first_line(text)}")


def login_mistake(uri: str) -> str:
    """What is probably wrong with the login that a server refuses."""
    user = get_default_host_creds(uri).username
    if not user:
        return "set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD"
    return (
        f"no such user as {user!r}, or another password "
        "(MLFLOW_TRACKING_USERNAME, MLFLOW_TRACKING_PASSWORD)"
    )


def _request(text: str) -> str:
    """The request that an error of MLflow's client is about."""
    found = re.search(r"API request to (?:endpoint )?\S*/api/[\d.]+/([\w/-]+)", text)
    return found[1] if found else _first_line(text)


def _first_line(text: str) -> str:
    return next((line for line in text.splitlines() if line.strip()), "no reason given")[:300]


def now_ms() -> int:
    """Milliseconds since the epoch, MLflow's unit of time."""
    return int(time.time() * 1000)
