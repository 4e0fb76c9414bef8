"""Bulk deletion: runs moved to MLflow's trash, or deleted for good, through MLflow's own tables.

As `bulk.py` writes: only for schemas that it was tested with, and to the same result as MLflow's
client, or `mlflow gc`, run by run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from mlflow.store.tracking.dbmodels.models import (
    SqlEntityAssociation,
    SqlInput,
    SqlInputTag,
    SqlIssue,
    SqlLatestMetric,
    SqlLoggedModel,
    SqlLoggedModelMetric,
    SqlLoggedModelParam,
    SqlLoggedModelTag,
    SqlMetric,
    SqlParam,
    SqlRun,
    SqlTag,
)
from sqlalchemy import delete, or_, select, update
from sqlalchemy.engine import Connection, Engine

from lrlab.track import mlflow_schema as schema

CHUNK = 500  # ids of one statement
Progress = Callable[[int], None]  # how many runs more are done


def runs_below(engine: Engine, parent: str, *, trashed: bool) -> list[tuple[str, str]]:
    """Id and artifact location of lrlab's runs below a parent, oldest first.

    Args:
        engine: MLflow's database.
        parent: The parent run.
        trashed: Those in the trash too.
    """
    below = select(SqlTag.run_uuid).where(SqlTag.key == schema.PARENT, SqlTag.value == parent)
    ours = select(SqlTag.run_uuid).where(SqlTag.key == schema.KIND, SqlTag.value == schema.RUN)
    runs = (
        select(SqlRun.run_uuid, SqlRun.artifact_uri)
        .where(SqlRun.run_uuid.in_(below), SqlRun.run_uuid.in_(ours))
        .order_by(SqlRun.start_time, SqlRun.run_uuid)
    )
    if not trashed:
        runs = runs.where(SqlRun.lifecycle_stage == "active")
    with engine.connect() as connection:
        return [(run_id, uri or "") for run_id, uri in connection.execute(runs)]


def trash(engine: Engine, run_ids: Sequence[str], now: int, progress: Progress) -> None:
    """Mark runs as deleted, all or none; MLflow can restore them.

    Args:
        engine: MLflow's database.
        run_ids: Which; those that are in the trash already keep their time.
        now: Milliseconds since the epoch.
        progress: Called after every few.
    """
    with engine.begin() as connection:
        for some in _chunks(run_ids):
            connection.execute(
                update(SqlRun)
                .where(SqlRun.run_uuid.in_(some), SqlRun.lifecycle_stage == "active")
                .values(lifecycle_stage="deleted", deleted_time=now)
            )
            progress(len(some))


def purge(
    engine: Engine, run_ids: Sequence[str], model_ids: Sequence[str], progress: Progress
) -> None:
    """Delete the rows of runs and of logged models, all or none.

    Args:
        engine: MLflow's database.
        run_ids: Which runs.
        model_ids: Which logged models.
        progress: Called after every few runs.
    """
    with engine.begin() as connection:
        _purge_models(connection, model_ids)
        for some in _chunks(run_ids):
            _purge_links(connection, some)
            _delete(connection, SqlLoggedModelMetric, SqlLoggedModelMetric.run_id.in_(some))
            for model in (SqlMetric, SqlLatestMetric, SqlParam, SqlTag):
                _delete(connection, model, model.run_uuid.in_(some))
            connection.execute(
                update(SqlIssue).where(SqlIssue.source_run_id.in_(some)).values(source_run_id=None)
            )
            _delete(connection, SqlRun, SqlRun.run_uuid.in_(some))
            progress(len(some))


def _purge_models(connection: Connection, model_ids: Sequence[str]) -> None:
    for some in _chunks(model_ids):
        _purge_links(connection, some)
        for model in (
            SqlLoggedModelMetric,
            SqlLoggedModelParam,
            SqlLoggedModelTag,
            SqlLoggedModel,
        ):
            _delete(connection, model, model.model_id.in_(some))


def _purge_links(connection: Connection, ids: Sequence[str]) -> None:
    """What ties runs or models to data sets and to each other; the data sets stay."""
    mine = or_(SqlInput.source_id.in_(ids), SqlInput.destination_id.in_(ids))
    uuids = select(SqlInput.input_uuid).where(mine)
    _delete(connection, SqlInputTag, SqlInputTag.input_uuid.in_(uuids))
    _delete(connection, SqlInput, mine)
    link = SqlEntityAssociation
    _delete(connection, link, or_(link.source_id.in_(ids), link.destination_id.in_(ids)))


def _delete(connection: Connection, model: type, condition: Any) -> None:
    connection.execute(delete(model).where(condition))


def _chunks(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(ids), CHUNK):
        yield ids[start : start + CHUNK]
