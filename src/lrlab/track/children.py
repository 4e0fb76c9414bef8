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
from sqlalchemy import select

from lrlab.notes import listed, note
from lrlab.track import mlflow_schema as schema
from lrlab.track.database import database
from lrlab.track.entities import Tag
from lrlab.track.location import present
from lrlab.track.mlflow_tables import LATEST_METRICS, PARAMS, RUNS, TAGS
from lrlab.track.pages import all_runs
from lrlab.track.store import Store, explained
from lrlab.track.tags import equals
from lrlab.track.writers.bulk import refuses


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
            found = _by_client(store, experiment_id, Tag(schema.PARENT, parent))
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
        ours = (Tag(schema.PARENT, parent), Tag(schema.KIND, schema.RUN))
        return _by_client(store, experiment_id, *ours, status="RUNNING")


def _by_client(
    store: Store, experiment_id: str, *conditions: Tag, status: str = ""
) -> list[Child]:
    return [
        Child(
            run.info.run_id,
            run.info.status,
            run.info.artifact_uri,
            run.data.tags,
            run.data.params,
            {name: value for name, value in run.data.metrics.items() if not math.isnan(value)},
        )
        for run in all_runs(store, [experiment_id], conditions, status=status)
    ]


def _by_query(store: Store, parent: str) -> list[Child]:
    below = select(TAGS.c.run_uuid).where(TAGS.c.key == schema.PARENT, TAGS.c.value == parent)
    runs = (
        select(RUNS.c.run_uuid, RUNS.c.status, RUNS.c.artifact_uri)
        .where(RUNS.c.run_uuid.in_(below), RUNS.c.lifecycle_stage == "active")
        .order_by(RUNS.c.start_time, RUNS.c.run_uuid)
    )
    with database(store.uri).connect() as connection:
        found = {
            run_id: Child(run_id, status, present(store.moved, uri or ""), {}, {}, {})
            for run_id, status, uri in connection.execute(runs)
        }
        for table, name in ((TAGS, "tags"), (PARAMS, "params"), (LATEST_METRICS, "latest")):
            own = table.c.run_uuid
            rows = select(own, table.c.key, table.c.value).where(own.in_(below))
            if table is LATEST_METRICS:
                rows = rows.where(sqlalchemy.not_(LATEST_METRICS.c.is_nan))
            for run_id, key, value in connection.execute(rows):
                if run_id in found:
                    getattr(found[run_id], name)[key] = value
    return list(found.values())
