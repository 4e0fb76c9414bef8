"""lrlab's runs below a parent, read in a few queries where the database can be reached.

`MlflowClient.search_runs` needs a good millisecond a run; a sweep of 10,000 runs is read by plain
queries in about a second, to the same values.

A user's own child runs are none of lrlab's: only `lrlab.kind` makes a run one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import sqlalchemy
from mlflow.store.tracking.dbmodels.models import SqlLatestMetric, SqlParam, SqlRun, SqlTag
from sqlalchemy import select

from lrlab.notes import listed, note
from lrlab.track import mlflow_schema as schema
from lrlab.track.location import present
from lrlab.track.pages import all_runs
from lrlab.track.store import Store, explained
from lrlab.track.tags import equals
from lrlab.track.writers.bulk import database, refuses


@dataclass(frozen=True)
class Child:
    """A run as the store has it: status, where its artifacts are, and everything by name."""

    run_id: str
    status: str
    artifact_uri: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    params: Mapping[str, str] = field(default_factory=dict)
    latest: Mapping[str, float] = field(default_factory=dict)

    @property
    def is_ours(self) -> bool:
        """Whether lrlab wrote it as a run of a sweep."""
        return self.tags.get(schema.KIND) == schema.RUN

    @property
    def was_ours(self) -> bool:
        """Whether lrlab seems to have written it, but its kind is lost."""
        return not self.is_ours and {schema.TRIAL, schema.REPLICATE} <= self.tags.keys()


def children(store: Store, parent: str, experiment_id: str) -> list[Child]:
    """lrlab's runs below a parent that are not deleted, whatever their status, oldest first.

    Warns of runs that have lost the tag that makes them lrlab's.
    """
    with explained(store.uri):
        if refuses(store) is None:
            found = _by_query(store, parent)
        else:
            found = _by_client(store, experiment_id, f"tags.`{schema.PARENT}` = '{parent}'")
    lost = [
        f"{child.run_id} ({equals(schema.KIND, child.tags.get(schema.KIND))})"
        for child in found
        if child.was_ours
    ]
    if lost:
        note(
            f"runs without the tag {schema.KIND} = {schema.RUN!r} are not lrlab's and are left "
            f"alone: {listed(lost)}"
        )
    return [child for child in found if child.is_ours]


def running(store: Store, parent: str, experiment_id: str) -> list[Child]:
    """lrlab's runs below a parent that are still marked as running."""
    with explained(store.uri):
        return _by_client(
            store,
            experiment_id,
            f"tags.`{schema.PARENT}` = '{parent}' AND tags.`{schema.KIND}` = '{schema.RUN}' "
            "AND attributes.status = 'RUNNING'",
        )


def _by_client(store: Store, experiment_id: str, condition: str) -> list[Child]:
    return [
        Child(
            run.info.run_id,
            run.info.status,
            run.info.artifact_uri,
            run.data.tags,
            run.data.params,
            {name: value for name, value in run.data.metrics.items() if not math.isnan(value)},
        )
        for run in all_runs(store, [experiment_id], condition, "attributes.start_time ASC")
    ]


def _by_query(store: Store, parent: str) -> list[Child]:
    below = select(SqlTag.run_uuid).where(SqlTag.key == schema.PARENT, SqlTag.value == parent)
    runs = (
        select(SqlRun.run_uuid, SqlRun.status, SqlRun.artifact_uri)
        .where(SqlRun.run_uuid.in_(below), SqlRun.lifecycle_stage == "active")
        .order_by(SqlRun.start_time, SqlRun.run_uuid)
    )
    with database(store.uri).connect() as connection:
        found = {
            run_id: Child(run_id, status, present(store.moved, uri or ""), {}, {}, {})
            for run_id, status, uri in connection.execute(runs)
        }
        for model, name in ((SqlTag, "tags"), (SqlParam, "params"), (SqlLatestMetric, "latest")):
            own = getattr(model, "run_uuid")  # noqa: B009
            rows = select(own, model.key, model.value).where(own.in_(below))
            if model is SqlLatestMetric:
                rows = rows.where(sqlalchemy.not_(SqlLatestMetric.is_nan))
            for run_id, key, value in connection.execute(rows):
                if run_id in found:
                    getattr(found[run_id], name)[key] = value
    return list(found.values())
