"""Logged models, read from MLflow's tables and written to them as MLflow's client does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import uuid4

from sqlalchemy import insert, select, update
from sqlalchemy.dialects import sqlite
from sqlalchemy.engine import Connection

from lrlab.clock import now_ms
from lrlab.track.address import below
from lrlab.track.entities import LoggedModel, MetricPoint
from lrlab.track.mlflow_tables import (
    INPUTS,
    LOGGED_MODEL_METRICS,
    LOGGED_MODEL_PARAMS,
    LOGGED_MODEL_TAGS,
    LOGGED_MODELS,
    RUNS,
)

STATUSES = ("UNSPECIFIED", "PENDING", "READY", "FAILED")  # by MLflow's number


def find(connection: Connection, condition: Any) -> list[LoggedModel]:
    """The logged models that meet a condition and are not deleted, the latest first."""
    query = select(LOGGED_MODELS).where(condition, LOGGED_MODELS.c.lifecycle_stage == "active")
    order = (LOGGED_MODELS.c.creation_timestamp_ms.desc(), LOGGED_MODELS.c.model_id)
    return [_model(connection, row) for row in connection.execute(query.order_by(*order)).all()]


def _model(connection: Connection, row: Any) -> LoggedModel:
    about = []
    for table, key, value in (
        (LOGGED_MODEL_TAGS, "tag_key", "tag_value"),
        (LOGGED_MODEL_PARAMS, "param_key", "param_value"),
    ):
        pairs = select(table.c[key], table.c[value]).where(table.c.model_id == row.model_id)
        about.append({row[0]: row[1] for row in connection.execute(pairs)})
    return LoggedModel(
        row.model_id,
        str(row.experiment_id),
        row.name,
        row.artifact_location,
        STATUSES[row.status],
        row.source_run_id,
        *about,
    )


def create(
    connection: Connection,
    experiment_id: str,
    location: str,
    name: str,
    run_id: str,
    tags: Mapping[str, str],
    params: Mapping[str, str],
) -> str:
    """A new logged model, PENDING, below an experiment's place of artifacts; returns its id."""
    model_id, now = f"m-{uuid4().hex}", now_ms()
    connection.execute(
        insert(LOGGED_MODELS).values(
            model_id=model_id,
            experiment_id=int(experiment_id),
            name=name,
            artifact_location=below(location, "models", model_id, "artifacts"),
            creation_timestamp_ms=now,
            last_updated_timestamp_ms=now,
            status=STATUSES.index("PENDING"),
            lifecycle_stage="active",
            source_run_id=run_id,
        )
    )
    own = {"model_id": model_id, "experiment_id": int(experiment_id)}
    if params:
        rows = [{**own, "param_key": k, "param_value": v} for k, v in params.items()]
        connection.execute(insert(LOGGED_MODEL_PARAMS), rows)
    set_tags(connection, model_id, int(experiment_id), tags)
    return model_id


def set_tags(
    connection: Connection, model_id: str, experiment_id: int, tags: Mapping[str, str]
) -> None:
    """Tags of a logged model, new or with new values."""
    if tags:
        own = {"model_id": model_id, "experiment_id": experiment_id}
        rows = [{**own, "tag_key": k, "tag_value": v} for k, v in tags.items()]
        new = sqlite.insert(LOGGED_MODEL_TAGS)
        connection.execute(
            new.on_conflict_do_update(
                index_elements=["model_id", "tag_key"], set_={"tag_value": new.excluded.tag_value}
            ),
            rows,
        )


def finish(connection: Connection, model_id: str, status: str) -> bool:
    """Set a logged model's status; False if there is none of that id."""
    mine = update(LOGGED_MODELS).where(LOGGED_MODELS.c.model_id == model_id)
    values = {"status": STATUSES.index(status), "last_updated_timestamp_ms": now_ms()}
    return connection.execute(mine.values(values)).rowcount == 1


def add_output(connection: Connection, run_id: str, model_id: str, step: int) -> None:
    """A logged model as an output of a run."""
    link = {"source_type": "RUN_OUTPUT", "destination_type": "MODEL_OUTPUT"}
    ids = {"input_uuid": uuid4().hex, "source_id": run_id, "destination_id": model_id}
    connection.execute(insert(INPUTS).values(**link, **ids, step=step))


def add_points(
    connection: Connection,
    run_id: str,
    model_id: str,
    points: Sequence[MetricPoint],
    dataset: tuple[str, str] | None,
) -> None:
    """Metrics of a logged model, as a run logged them on a dataset (name and digest)."""
    experiment = connection.execute(
        select(RUNS.c.experiment_id).where(RUNS.c.run_uuid == run_id)
    ).scalar_one()
    name, digest = dataset or (None, None)
    own = {"model_id": model_id, "run_id": run_id, "experiment_id": experiment}
    rows = [
        {
            **own,
            "metric_name": point.key,
            "metric_timestamp_ms": point.timestamp,
            "metric_step": point.step,
            "metric_value": point.value,
            "dataset_name": name,
            "dataset_digest": digest,
        }
        for point in points
    ]
    if rows:
        connection.execute(sqlite.insert(LOGGED_MODEL_METRICS).on_conflict_do_nothing(), rows)
