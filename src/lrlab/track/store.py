"""The tracking store: opened, and what the other modules need of it."""

from __future__ import annotations

import logging
import os
import warnings
from dataclasses import dataclass

# Before MLflow is imported: lrlab makes no connection that the user did not ask for.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")

from mlflow import MlflowClient
from mlflow.utils.credentials import get_default_host_creds

from lrlab.errors import LrlabError
from lrlab.notes import RecordWarning
from lrlab.track.address import (
    is_database,
    is_server,
    refuse_unusable,
    resolve_uri,
    sqlite_path,
    without_password,
)
from lrlab.track.database import check_schema, create_sqlite, schema_revisions
from lrlab.track.failures import explained
from lrlab.track.failures.servers import login_mistake
from lrlab.track.location import ROOT, Moved, MovedClient, find_moved, former, store_folder
from lrlab.track.probe import probe_server

__all__ = [
    "Store",
    "connect",
    "explained",
    "is_server",
    "login_mistake",
    "quiet",
    "resolve_uri",
    "schema_revisions",
    "sqlite_path",
    "without_password",
]
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
        moved: Former folders of an SQLite store that it still names.
    """

    uri: str
    client: MlflowClient
    moved: tuple[Moved, ...] = ()

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

    def refuse_former_place(self, location: str) -> None:
        """Make sure that a place of artifacts is none that the store's folder was in before.

        Raises:
            LrlabError: If it is; the message says how to go on.
        """
        move = former(self.moved, location)
        if move is not None:
            raise LrlabError(f"{move.advice}. Then run the same command again")


def quiet(verbose: bool = False) -> None:
    """Keep MLflow, Alembic, Optuna, SQLAlchemy and Dask from talking, unless `verbose`."""
    level = logging.INFO if verbose else logging.CRITICAL  # lrlab says what failed
    for name in TALKATIVE:
        logging.getLogger(name).setLevel(level)
    if not verbose:
        warnings.filterwarnings("ignore")
    warnings.filterwarnings("default", category=RecordWarning)


def connect(uri: str | None = None) -> Store:
    """Open the tracking store, creating an SQLite one that does not exist yet.

    Raises:
        LrlabError: If it cannot be reached, or its schema is another MLflow version's.
        UserError: If the URI is malformed, or the server refuses the credentials.
    """
    uri = resolve_uri(uri)
    refuse_unusable(uri)
    if is_server(uri):
        probe_server(uri)
        return Store(uri, MlflowClient(tracking_uri=uri))
    if is_database(uri):
        check_schema(uri)
        create_sqlite(uri)
    with explained(uri):
        client = MlflowClient(tracking_uri=uri)
        client.search_experiments(max_results=1)
        folder = store_folder(uri)
        if folder is not None:  # MLflow's default is wherever the command happens to run
            client._tracking_client.store.artifact_root_uri = str(folder / ROOT)
        moved = find_moved(uri)
    return Store(uri, MovedClient(uri, moved) if moved else client, moved)
