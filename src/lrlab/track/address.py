"""Where a tracking store is: its URI, read and shown."""

from __future__ import annotations

import os
import posixpath
import re
import sys
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from lrlab.errors import UserError

DEFAULT = "mlflow.db"
KINDS = (
    "use http(s)://server:port, sqlite:///file.db or "
    "postgresql+psycopg2://user:password@host/database"
)


def resolve_uri(uri: str | None = None) -> str:
    """The tracking URI: as given, else MLFLOW_TRACKING_URI, else MLflow's default here."""
    uri = uri.strip() if uri else uri
    if uri:
        return uri.rstrip("/") if is_server(uri) else uri
    if "mlflow" in sys.modules or any(Path("mlruns").glob("*/meta.yaml")):
        import mlflow  # a program may have set it; an old store in a folder stays the default

        return str(mlflow.get_tracking_uri())
    given = os.environ.get("MLFLOW_TRACKING_URI")
    return given or f"sqlite:///{quote(str(Path.cwd() / DEFAULT))}"


def is_server(uri: str) -> bool:
    """Whether a tracking URI is reached over HTTP."""
    return uri.startswith(("http://", "https://"))


def is_database(uri: str) -> bool:
    """Whether a tracking URI is a database's."""
    return "://" in uri and not is_server(uri) and not uri.startswith("file:")


def sqlite_path(uri: str) -> Path | None:
    """The file of an SQLite URI; None for any other."""
    if not uri.startswith("sqlite:///"):
        return None
    return Path(make_url(uri).database or ":memory:")


def without_password(uri: str) -> str:
    """The URI with its password, if any, replaced by `***`, fit to be printed."""
    scheme, separator, rest = uri.partition("://")
    credentials, at, host = rest.rpartition("@")
    if at:
        uri = f"{scheme}{separator}{credentials.partition(':')[0]}:***@{host}"
    return uri


def refuse_unusable(uri: str) -> None:
    """Make sure that a URI can be a tracking store's, before anything is opened.

    Raises:
        UserError: If it lacks its scheme, or names a folder or a database in memory.
    """
    shown = without_password(uri)
    if re.fullmatch(r"[\w.-]+:\d+(/.*)?", uri):
        raise UserError(f"{shown} has no scheme: http://{shown} or https://{shown}?")
    if "\0" in uri:
        raise UserError(f"{shown!r} is not a tracking URI: it holds a NUL character; {KINDS}")
    scheme, separator, rest = uri.partition(":")
    if separator and scheme.lower() in ("http", "https", "") and not rest.strip("/"):
        raise UserError(f"{shown} names no host; {KINDS}")
    folder = uri.startswith("file:") or not re.match(r"[A-Za-z][\w+.-]*:|databricks$", uri)
    if folder and os.environ.get("MLFLOW_ALLOW_FILE_STORE", "").lower() not in ("true", "1"):
        raise UserError(
            f"{shown} names a folder, and MLflow keeps no stores in folders any more; name a "
            "database, such as sqlite:///mlflow.db (`mlflow migrate-filestore` moves an old "
            "store into one)"
        )
    if uri.startswith("sqlite:"):
        _refuse_unusable_sqlite(uri)


def _refuse_unusable_sqlite(uri: str) -> None:
    """As `refuse_unusable`, for SQLite."""
    try:
        database = make_url(uri).database
    except ArgumentError:
        raise UserError(
            f"{uri} is not the address of an SQLite file; write sqlite:///file.db, or "
            "sqlite:////folder/file.db for a path from the root"
        ) from None
    if not database or database == ":memory:":
        raise UserError(
            f"{uri} is a database in memory, which ends with the command; name a file, such as "
            "sqlite:///mlflow.db"
        )
    if database.startswith("file:"):
        raise UserError(f"{uri}: name the file itself, such as sqlite:///mlflow.db")
    path = Path(database)
    try:
        is_folder = path.is_dir()
    except OSError:  # a closed folder on the way, a name too long: opening it will say so
        return
    if is_folder:
        raise UserError(f"{uri} names a folder; name a file in it: sqlite:///{path / 'mlflow.db'}")


def local_folder(uri: str) -> Path | None:
    """The folder of this machine that a place of artifacts is; None if it is elsewhere.

    As MLflow reads it: a path, or a URI that begins with `file:`.
    """
    parts = urlsplit(uri)
    if uri == "databricks" or parts.scheme not in ("", "file"):
        return None
    host = parts.hostname if parts.scheme else None
    if host and host != "." and not host.startswith(("localhost", "127.0.0.1")):
        return None
    return Path(unquote(parts.path if parts.scheme else uri))


def below(place: str, *names: str) -> str:
    """A place below a place of artifacts, as MLflow writes it."""
    parts = urlsplit(place)
    if not parts.scheme:
        return posixpath.join(place, *names)
    path = posixpath.join(parts.path, *names)
    if parts.path.startswith("/"):
        return parts._replace(path=path).geturl()
    return f"{parts.scheme}:{parts._replace(scheme='', path=path).geturl()}"
