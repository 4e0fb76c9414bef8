"""The routes of lrlab's app: what the server is, runs in bulk, sweeps handed over."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import wraps
from importlib.metadata import version
from types import ModuleType

import sqlalchemy
from flask import Response, g, jsonify, request
from mlflow.exceptions import MlflowException
from mlflow.protos import databricks_pb2 as codes
from mlflow.server import ARTIFACTS_DESTINATION_ENV_VAR, BACKEND_STORE_URI_ENV_VAR, handlers
from mlflow.store.db.utils import _get_latest_schema_revision
from mlflow.store.tracking.dbmodels.models import SqlRun
from sqlalchemy.exc import IntegrityError

from lrlab.errors import LrlabError, UserError
from lrlab.server.settings import Limits
from lrlab.server.submission import Table, accept
from lrlab.track import mlflow_schema as schema
from lrlab.track.mlflow_tables import TESTED
from lrlab.track.store import Store
from lrlab.track.writers import bulk, wire
from lrlab.track.writers.http import PROXIED

View = Callable[[], Response]
Route = tuple[str, str, View, Callable[[], bool]]


def routes(auth: ModuleType, limits: Limits, bulk_bytes: int) -> Iterator[Route]:
    """Path, method, view, and who may call it (see `mlflow.server.auth`).

    Args:
        auth: MLflow's login app.
        limits: Of submitted sweeps.
        bulk_bytes: The largest request of runs.
    """

    def info() -> Response:
        head = str(_get_latest_schema_revision())
        tested = head in TESTED.values()
        refusal = None if tested else f"bulk writing was not tested with its schema {head}"
        return jsonify(
            {
                "lrlab": version("lrlab"),
                "format": wire.FORMAT,
                "max_bytes": bulk_bytes,
                "refusal": refusal,
                "limits": limits.model_dump(),
            }
        )

    def may_submit() -> bool:
        """As MLflow's own creation of a run, whose experiment is in the body."""
        experiment_id = request.args.get("experiment_id", "")
        return bool(auth._authorize_create_in_experiment(experiment_id, auth.RESOURCE_TYPE_RUN))

    yield wire.INFO, "GET", info, lambda: True
    yield wire.RUNS, "POST", _explained(record_runs), auth.validate_can_create_run
    yield wire.SWEEPS, "POST", _explained(lambda: submit(limits)), may_submit


def _explained(view: View) -> View:
    """A view whose errors are answers in MLflow's form."""

    @wraps(view)
    def called() -> Response:
        try:
            return view()
        except UserError as error:
            return _error(MlflowException(str(error), codes.INVALID_PARAMETER_VALUE))
        except LrlabError as error:
            return _error(MlflowException(str(error), codes.RESOURCE_CONFLICT))
        except MlflowException as error:
            return _error(error)
        except sqlalchemy.exc.OperationalError as error:  # the database is away: try again
            reason = f"the database does not answer: {type(error.orig).__name__}"
            return _error(MlflowException(reason, codes.TEMPORARILY_UNAVAILABLE))

    return called


def _error(error: MlflowException) -> Response:
    return Response(
        error.serialize_as_json(), error.get_http_status_code(), mimetype="application/json"
    )


def record_runs() -> Response:
    """POST a document of `lrlab.track.writers.wire`: its runs are recorded, all of them or none.

    Sent a second time it changes nothing: the runs are known by their ids.
    """
    sent, records = wire.decode(request.get_data())
    store = handlers._get_tracking_store()
    location = _location(sent.experiment_id)
    ids = {record.run_id for record in records}
    if not _runs(store.engine, sent.experiment_id, {sent.parent}):
        raise UserError(f"there is no run {sent.parent} in experiment {sent.experiment_id}")
    again = _runs(store.engine, sent.experiment_id, ids) == ids  # an earlier answer got lost
    if not again:
        root = proxied_root(location)
        try:
            bulk.insert_runs(store.engine, records, sent.experiment_id, location, root)
        except IntegrityError:
            again = _runs(store.engine, sent.experiment_id, ids) == ids  # or came too late
            if not again:
                raise LrlabError("some of these runs are recorded already") from None
    return jsonify({"recorded": len(ids), "again": again})


def _runs(engine: sqlalchemy.Engine, experiment_id: str, ids: set[str]) -> set[str]:
    """Those of the ids that are active runs of an experiment."""
    query = sqlalchemy.select(SqlRun.run_uuid).where(
        SqlRun.run_uuid.in_(ids),
        SqlRun.experiment_id == int(experiment_id),
        SqlRun.lifecycle_stage == "active",
    )
    with engine.connect() as connection:
        return set(connection.execute(query).scalars())


def _location(experiment_id: str) -> str:
    """Where an active experiment keeps its artifacts, if the server has them in hand."""
    experiment = handlers._get_tracking_store().get_experiment(experiment_id)
    if experiment.lifecycle_stage != "active":
        raise UserError(f"the experiment {experiment.name!r} is deleted")
    if not experiment.artifact_location.startswith(PROXIED):
        # Somebody may have made it with the path of a folder on this machine.
        raise UserError(f"the experiment {experiment.name!r} keeps its artifacts elsewhere")
    return str(experiment.artifact_location)


def proxied_root(location: str) -> str:
    """The folder or bucket behind an `mlflow-artifacts:` location."""
    path = handlers._get_proxied_run_artifact_destination_path(location)
    return f"{os.environ[ARTIFACTS_DESTINATION_ENV_VAR].rstrip('/')}/{path}"


def submit(limits: Limits) -> Response:
    """POST a spec (form field `spec`) with its table (file `data`), if it has one.

    The sweep is queued; a sweep of that spec which is there already is resumed.
    """
    experiment_id = request.args.get("experiment_id", "")
    location = _location(experiment_id)
    uploaded = request.files.get("data")
    table = None
    if uploaded is not None:
        table = Table(uploaded.filename or "", uploaded.read())
    store = Store(os.environ[BACKEND_STORE_URI_ENV_VAR])
    accepted = accept(
        store,
        experiment_id,
        request.form.get("spec", ""),
        table,
        user=str(g.get("mlflow_authenticated_user", schema.user())),
        new=request.form.get("new") == "1",
        limits=limits,
        root=proxied_root(location),
    )
    return jsonify({"run_id": accepted.run_id, "state": accepted.state})
