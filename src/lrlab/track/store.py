"""The tracking store: opened, and what the other modules need of it."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any

# Before MLflow is imported by anybody: lrlab makes no connection that the user did not ask for.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")

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
from lrlab.track.database import check_schema, is_embedded, schema_revisions
from lrlab.track.embedded.client import EmbeddedClient
from lrlab.track.entities import Dataset, MetricPoint
from lrlab.track.failures import explained
from lrlab.track.failures.servers import login_mistake
from lrlab.track.location import Moved, find_moved, former
from lrlab.track.new_store import create_sqlite

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
        moved: Former folders of an SQLite store that it still names.
    """

    uri: str
    moved: tuple[Moved, ...] = ()

    @cached_property
    def client(self) -> Any:
        """What has the methods of MLflow's client: lrlab's own where it can, else MLflow's."""
        if is_embedded(self.uri):
            return EmbeddedClient(self.uri, self.moved)
        from lrlab.track.mlflow_client import open_client

        return open_client(self.uri, self.moved)

    @property
    def own(self) -> EmbeddedClient | None:
        """The client, if it is lrlab's own."""
        return self.client if isinstance(self.client, EmbeddedClient) else None

    @property
    def mlflow(self) -> Any:
        """MLflow's own client."""
        return self.client if self.own is None else self.own.mlflow

    def log(
        self,
        run_id: str,
        *,
        tags: Mapping[str, str] = MappingProxyType({}),
        params: Mapping[str, str] = MappingProxyType({}),
        points: Sequence[MetricPoint] = (),
    ) -> None:
        """Log tags, params and points of metrics to a run.

        Args:
            run_id: The run.
            tags: New, or in place of those of the same names.
            params: New, or the same as before.
            points: At most 1,000.

        Raises:
            MlflowException, SQLAlchemyError: As the client's; see `explained`.
        """
        if self.own is not None and self.own.log(run_id, tags, params, points):
            return
        from lrlab.track.mlflow_client import log

        log(self.mlflow, run_id, tags, params, points)

    def log_dataset(self, run_id: str, dataset: Dataset, tags: Mapping[str, str]) -> None:
        """Log a dataset as an input of a run."""
        if self.own is not None and self.own.log_dataset(run_id, dataset, tags):
            return
        from lrlab.track.mlflow_client import log_dataset

        log_dataset(self.mlflow, run_id, dataset, tags)

    def log_output(self, run_id: str, model_id: str, step: int) -> None:
        """Log a logged model as an output of a run."""
        if self.own is not None and self.own.log_output(run_id, model_id, step):
            return
        from lrlab.track.mlflow_client import log_output

        log_output(self.mlflow, run_id, model_id, step)

    def log_of_model(
        self,
        run_id: str,
        model_id: str,
        points: Sequence[MetricPoint],
        dataset: tuple[str, str] | None,
    ) -> None:
        """Log points of metrics to a run and to its logged model.

        Args:
            run_id: The run.
            model_id: The model.
            points: At most 1,000.
            dataset: Name and digest of the data that they were taken on, if known.
        """
        if self.own is not None and self.own.log_of_model(run_id, model_id, points, dataset):
            return
        from lrlab.track.mlflow_client import log_of_model

        log_of_model(self.mlflow, run_id, model_id, points, dataset)

    @property
    def is_server(self) -> bool:
        """Whether it is reached over HTTP."""
        return is_server(self.uri)

    @property
    def user(self) -> str | None:
        """Who is signed in at a server; None without a login."""
        if not self.is_server:
            return None
        from mlflow.utils.credentials import get_default_host_creds

        return get_default_host_creds(self.uri).username or None

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
    if not verbose:  # for MLflow, which sets its own level when it is imported
        os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "CRITICAL")
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
        from lrlab.track.probe import probe_server

        probe_server(uri)
        return Store(uri)
    if is_database(uri):
        check_schema(uri)
        create_sqlite(uri)
    with explained(uri):
        if not is_embedded(uri):  # MLflow makes the tables of an empty database
            Store(uri).client.search_experiments(max_results=1)
        return Store(uri, find_moved(uri))
