"""Bulk deletion: runs moved to MLflow's trash, or deleted for good, through MLflow's own tables.

As `bulk.py` writes: only for schemas that it was tested with, and to the same result as MLflow's
client, or `mlflow gc`, run by run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from sqlalchemy import Table, delete, or_, select, update
from sqlalchemy.engine import Connection, Engine

from lrlab.track import mlflow_schema as schema
from lrlab.track.mlflow_tables import (
    ENTITY_ASSOCIATIONS,
    INPUT_TAGS,
    INPUTS,
    ISSUES,
    LATEST_METRICS,
    LOGGED_MODEL_METRICS,
    LOGGED_MODEL_PARAMS,
    LOGGED_MODEL_TAGS,
    LOGGED_MODELS,
    METRICS,
    PARAMS,
    RUNS,
    TAGS,
)

CHUNK = 500  # ids of one statement
Progress = Callable[[int], None]  # how many runs more are done


def runs_below(engine: Engine, parent: str, *, trashed: bool) -> list[tuple[str, str]]:
    """Id and artifact location of lrlab's runs below a parent, oldest first.

    Args:
        engine: MLflow's database.
        parent: The parent run.
        trashed: Those in the trash too.
    """
    below = select(TAGS.c.run_uuid).where(TAGS.c.key == schema.PARENT, TAGS.c.value == parent)
    ours = select(TAGS.c.run_uuid).where(TAGS.c.key == schema.KIND, TAGS.c.value == schema.RUN)
    runs = (
        select(RUNS.c.run_uuid, RUNS.c.artifact_uri)
        .where(RUNS.c.run_uuid.in_(below), RUNS.c.run_uuid.in_(ours))
        .order_by(RUNS.c.start_time, RUNS.c.run_uuid)
    )
    if not trashed:
        runs = runs.where(RUNS.c.lifecycle_stage == "active")
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
                update(RUNS)
                .where(RUNS.c.run_uuid.in_(some), RUNS.c.lifecycle_stage == "active")
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
            _delete(connection, LOGGED_MODEL_METRICS, LOGGED_MODEL_METRICS.c.run_id.in_(some))
            for table in (METRICS, LATEST_METRICS, PARAMS, TAGS):
                _delete(connection, table, table.c.run_uuid.in_(some))
            connection.execute(
                update(ISSUES).where(ISSUES.c.source_run_id.in_(some)).values(source_run_id=None)
            )
            _delete(connection, RUNS, RUNS.c.run_uuid.in_(some))
            progress(len(some))


def _purge_models(connection: Connection, model_ids: Sequence[str]) -> None:
    for some in _chunks(model_ids):
        _purge_links(connection, some)
        for table in (
            LOGGED_MODEL_METRICS,
            LOGGED_MODEL_PARAMS,
            LOGGED_MODEL_TAGS,
            LOGGED_MODELS,
        ):
            _delete(connection, table, table.c.model_id.in_(some))


def _purge_links(connection: Connection, ids: Sequence[str]) -> None:
    """What ties runs or models to data sets and to each other; the data sets stay."""
    mine = or_(INPUTS.c.source_id.in_(ids), INPUTS.c.destination_id.in_(ids))
    uuids = select(INPUTS.c.input_uuid).where(mine)
    _delete(connection, INPUT_TAGS, INPUT_TAGS.c.input_uuid.in_(uuids))
    _delete(connection, INPUTS, mine)
    link = ENTITY_ASSOCIATIONS.c
    _delete(
        connection, ENTITY_ASSOCIATIONS, or_(link.source_id.in_(ids), link.destination_id.in_(ids))
    )


def _delete(connection: Connection, table: Table, condition: Any) -> None:
    connection.execute(delete(table).where(condition))


def _chunks(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(ids), CHUNK):
        yield ids[start : start + CHUNK]
