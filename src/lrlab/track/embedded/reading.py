"""Experiments and runs out of MLflow's tables, as MLflow's client gives them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.engine import Connection

from lrlab.track.entities import (
    Dataset,
    DatasetInput,
    Experiment,
    MetricPoint,
    ModelOutput,
    Run,
    RunData,
    RunInfo,
    RunInputs,
    RunOutputs,
    Tag,
)
from lrlab.track.mlflow_tables import (
    DATASETS,
    EXPERIMENTS,
    INPUTS,
    LATEST_METRICS,
    METRICS,
    PARAMS,
    RUNS,
    TAGS,
)

CHUNK = 500  # ids of one statement
STAGES = {"active": ("active",), "deleted": ("deleted",), "all": ("active", "deleted")}
_EXPERIMENT = (
    EXPERIMENTS.c.experiment_id,
    EXPERIMENTS.c.name,
    EXPERIMENTS.c.artifact_location,
    EXPERIMENTS.c.lifecycle_stage,
)


def experiments(connection: Connection, *conditions: Any) -> list[Experiment]:
    """Experiments, the latest first."""
    rows = connection.execute(
        select(*_EXPERIMENT)
        .where(*conditions)
        .order_by(EXPERIMENTS.c.creation_time.desc(), EXPERIMENTS.c.experiment_id)
    )
    return [Experiment(str(number), *rest) for number, *rest in rows]


def runs(connection: Connection, query: Select[Any]) -> list[Run]:
    """The runs that a query of `RUNS` gives, in its order, with all but their inputs."""
    infos = [_info(row._mapping) for row in connection.execute(query)]
    found = {info.run_id: Run(info, RunData({}, {}, {})) for info in infos}
    ids = list(found)
    for start in range(0, len(ids), CHUNK):
        some = ids[start : start + CHUNK]
        for table, name in ((TAGS, "tags"), (PARAMS, "params"), (LATEST_METRICS, "metrics")):
            own = [table.c.is_nan] if table is LATEST_METRICS else []
            rows = select(table.c.run_uuid, table.c.key, table.c.value, *own)
            for run_id, key, value, *nan in connection.execute(
                rows.where(table.c.run_uuid.in_(some))
            ):
                getattr(found[run_id].data, name)[key] = math.nan if any(nan) else value
    return list(found.values())


def _info(row: Any) -> RunInfo:
    return RunInfo(
        run_id=row["run_uuid"],
        run_name=row["name"],
        experiment_id=str(row["experiment_id"]),
        user_id=row["user_id"],
        status=row["status"],
        start_time=row["start_time"],
        end_time=row["end_time"],
        lifecycle_stage=row["lifecycle_stage"],
        artifact_uri=row["artifact_uri"],
    )


def matching(
    experiment_ids: Sequence[str],
    conditions: Sequence[Tag],
    *,
    view: str = "active",
    status: str = "",
    newest_first: bool = False,
) -> Select[Any]:
    """The query of runs that meet all conditions; see `lrlab.track.pages.all_runs`."""
    start = RUNS.c.start_time
    query = select(RUNS).where(
        RUNS.c.experiment_id.in_([int(each) for each in experiment_ids]),
        RUNS.c.lifecycle_stage.in_(STAGES[view]),
        *map(_meets, conditions),
    )
    if status:
        query = query.where(RUNS.c.status == status)
    return query.order_by(start.desc() if newest_first else start, RUNS.c.run_uuid)


def _meets(tag: Tag) -> Any:
    having = select(TAGS.c.run_uuid).where(TAGS.c.key == tag.name)
    if tag.how == "=":
        having = having.where(TAGS.c.value == tag.value)
    elif tag.how == "!=":
        having = having.where(TAGS.c.value != tag.value)
    within = RUNS.c.run_uuid.in_(having)
    return ~within if tag.how == "missing" else within


def inputs_of(connection: Connection, run_id: str) -> RunInputs:
    """The datasets that a run trained on."""
    rows = connection.execute(
        select(
            DATASETS.c.name,
            DATASETS.c.digest,
            DATASETS.c.dataset_source_type,
            DATASETS.c.dataset_source,
            DATASETS.c.dataset_profile,
            DATASETS.c.dataset_schema,
        )
        .join(INPUTS, INPUTS.c.source_id == DATASETS.c.dataset_uuid)
        .where(INPUTS.c.destination_type == "RUN", INPUTS.c.destination_id == run_id)
    )
    return RunInputs(tuple(DatasetInput(Dataset(*row)) for row in rows))


def outputs_of(connection: Connection, run_id: str) -> RunOutputs:
    """The logged models that a run came to."""
    rows = connection.execute(
        select(INPUTS.c.destination_id, INPUTS.c.step).where(
            INPUTS.c.source_type == "RUN_OUTPUT",
            INPUTS.c.source_id == run_id,
            INPUTS.c.destination_type == "MODEL_OUTPUT",
        )
    )
    return RunOutputs(tuple(ModelOutput(*row) for row in rows))


def history(connection: Connection, run_id: str, name: str) -> Iterator[MetricPoint]:
    """The points of a metric of a run, by time and step."""
    rows = connection.execute(
        select(METRICS)
        .where(METRICS.c.run_uuid == run_id, METRICS.c.key == name)
        .order_by(METRICS.c.timestamp, METRICS.c.step, METRICS.c.value)
    )
    for row in rows:
        value = math.nan if row.is_nan else row.value
        yield MetricPoint(row.key, value, row.timestamp, row.step)
