"""Rows as MLflow's client writes them, into MLflow's tables.

Only what is plain is written here: `is_plain` says of names and values whether MLflow would take
them as they are. All else is left to MLflow's client, which says what is wrong.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from uuid import uuid4

from sqlalchemy import insert, select, update
from sqlalchemy.dialects import sqlite
from sqlalchemy.engine import Connection

from lrlab.clock import now_ms
from lrlab.track.address import below
from lrlab.track.entities import Dataset, MetricPoint
from lrlab.track.mlflow_schema import MOST_OF_A_KEY
from lrlab.track.mlflow_tables import (
    DATASETS,
    EXPERIMENT_TAGS,
    EXPERIMENTS,
    INPUT_TAGS,
    INPUTS,
    LATEST_METRICS,
    METRICS,
    PARAMS,
    RUNS,
    TAGS,
)

RUN_NAME = "mlflow.runName"
_PLAIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_. -]*(/[A-Za-z0-9_][A-Za-z0-9_. -]*)*")


def is_plain(values: Mapping[str, str], most: int) -> bool:
    """Whether MLflow takes all names and values as they are, and none is a run's own name."""
    return RUN_NAME not in values and all(
        len(name) <= MOST_OF_A_KEY
        and _PLAIN.fullmatch(name) is not None
        and isinstance(value, str)
        and len(value) <= most
        for name, value in values.items()
    )


def is_active(connection: Connection, run_id: str) -> bool:
    """Whether there is a run of that id that is not deleted; others are not written to."""
    stage = select(RUNS.c.lifecycle_stage).where(RUNS.c.run_uuid == run_id)
    return connection.execute(stage).scalar() == "active"


def create_experiment(
    connection: Connection, name: str, root: str, tags: Mapping[str, str]
) -> str:
    """A new experiment below the store's place of artifacts; returns its id."""
    now = now_ms()
    made = connection.execute(
        insert(EXPERIMENTS).values(
            name=name,
            workspace="default",
            lifecycle_stage="active",
            creation_time=now,
            last_update_time=now,
        )
    )
    number = made.lastrowid
    same = EXPERIMENTS.c.experiment_id == number
    connection.execute(
        update(EXPERIMENTS).where(same).values(artifact_location=below(root, str(number)))
    )
    if tags:
        rows = [{"key": k, "value": v, "experiment_id": number} for k, v in tags.items()]
        connection.execute(insert(EXPERIMENT_TAGS), rows)
    return str(number)


def create_run(
    connection: Connection, experiment_id: str, location: str, tags: Mapping[str, str], name: str
) -> str:
    """A new run; returns its id."""
    run_id = uuid4().hex
    connection.execute(
        insert(RUNS).values(
            run_uuid=run_id,
            name=name,
            source_type="UNKNOWN",
            source_name="",
            entry_point_name="",
            user_id=tags.get("mlflow.user", "unknown"),
            status="RUNNING",
            start_time=now_ms(),
            source_version="",
            lifecycle_stage="active",
            artifact_uri=below(location, run_id, "artifacts"),
            experiment_id=int(experiment_id),
        )
    )
    set_tags(connection, run_id, {**tags, RUN_NAME: name})
    return run_id


def set_tags(connection: Connection, run_id: str, tags: Mapping[str, str]) -> None:
    """Tags of a run, new or with new values."""
    if tags:
        rows = [{"key": k, "value": v, "run_uuid": run_id} for k, v in tags.items()]
        new = sqlite.insert(TAGS)
        changed = {"value": new.excluded.value}
        connection.execute(
            new.on_conflict_do_update(index_elements=["key", "run_uuid"], set_=changed), rows
        )


def add_params(connection: Connection, run_id: str, params: Mapping[str, str]) -> bool:
    """Params of a run; False if one is there with another value, and then none is written."""
    known: dict[str, str] = {}
    there = select(PARAMS.c.key, PARAMS.c.value).where(PARAMS.c.run_uuid == run_id)
    for key, value in connection.execute(there):
        known[key] = value
    if any(known.get(key, value) != value for key, value in params.items()):
        return False
    rows = [
        {"key": k, "value": v, "run_uuid": run_id} for k, v in params.items() if k not in known
    ]
    if rows:
        connection.execute(insert(PARAMS), rows)
    return True


def add_points(connection: Connection, run_id: str, points: Sequence[MetricPoint]) -> None:
    """Points of metrics of a run that are finite; what is there already stays once."""
    rows = [{**p._asdict(), "is_nan": False, "run_uuid": run_id} for p in points]
    if not rows:
        return
    connection.execute(sqlite.insert(METRICS).on_conflict_do_nothing(), rows)
    for point in _latest(points):
        same = (LATEST_METRICS.c.run_uuid == run_id, LATEST_METRICS.c.key == point.key)
        known = connection.execute(select(LATEST_METRICS).where(*same)).first()
        order = (point.step, point.timestamp, point.value)
        if known is None or order > (known.step, known.timestamp, known.value):
            row = {**point._asdict(), "is_nan": False, "run_uuid": run_id}
            if known is None:
                connection.execute(insert(LATEST_METRICS).values(row))
            else:
                connection.execute(update(LATEST_METRICS).where(*same).values(row))


def _latest(points: Iterable[MetricPoint]) -> list[MetricPoint]:
    last: dict[str, MetricPoint] = {}
    for point in sorted(points, key=lambda p: (p.step, p.timestamp, p.value)):
        last[point.key] = point
    return list(last.values())


def add_dataset(
    connection: Connection, run_id: str, dataset: Dataset, tags: Mapping[str, str]
) -> None:
    """A dataset as an input of a run; each is there once in an experiment, and once for a run."""
    experiment = connection.execute(
        select(RUNS.c.experiment_id).where(RUNS.c.run_uuid == run_id)
    ).scalar_one()
    same = select(DATASETS.c.dataset_uuid).where(
        DATASETS.c.experiment_id == experiment,
        DATASETS.c.name == dataset.name,
        DATASETS.c.digest == dataset.digest,
    )
    source = connection.execute(same).scalar()
    if source is None:
        source = uuid4().hex
        connection.execute(
            insert(DATASETS).values(
                dataset_uuid=source,
                experiment_id=experiment,
                name=dataset.name,
                digest=dataset.digest,
                dataset_source_type=dataset.source_type,
                dataset_source=dataset.source,
                dataset_schema=dataset.schema,
                dataset_profile=dataset.profile,
            )
        )
    link = {
        "source_type": "DATASET",
        "source_id": source,
        "destination_type": "RUN",
        "destination_id": run_id,
    }
    if connection.execute(select(INPUTS).filter_by(**link)).first() is None:
        number = uuid4().hex
        connection.execute(insert(INPUTS).values(input_uuid=number, step=0, **link))
        rows = [{"input_uuid": number, "name": k, "value": v} for k, v in tags.items()]
        connection.execute(insert(INPUT_TAGS), rows)
