"""The queue of submitted sweeps: what the record says of each, and whose turn it is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from mlflow.entities import ViewType

from lrlab.server.submission import SPENT, SUBMITTED_AT
from lrlab.track import Store
from lrlab.track import mlflow_schema as schema
from lrlab.track.store import explained

ATTEMPTS = "lrlab.attempts"  # starts that failed since the sweep last went on
PAGE = 1000


@dataclass(frozen=True)
class Queued:
    """A submitted sweep that is not ended.

    Args:
        run_id: Its parent run.
        name: Its name.
        user: Who submitted it.
        state: `queued` or `running`.
        submitted: When, in seconds since the epoch.
        done: Runs recorded, as far as the record says.
        spent: Seconds that it has run, over all starts.
        attempts: Starts that failed since it last went on.
        cancelled: Whether somebody asked to stop it.
    """

    run_id: str
    name: str
    user: str
    state: str
    submitted: float
    done: int = 0
    spent: float = 0.0
    attempts: int = 0
    cancelled: bool = False

    def __str__(self) -> str:
        return f"{self.name} of {self.user}"


def read_queue(store: Store) -> list[Queued]:
    """Every submitted sweep that is queued or running, in all experiments.

    Raises:
        LrlabError: If the store fails.
    """
    found: list[Queued] = []
    with explained(store.uri):
        experiments = [e.experiment_id for e in store.client.search_experiments()]
        for state in (schema.RUNNING, schema.QUEUED):
            runs = store.client.search_runs(
                experiments,
                f"tags.`{schema.STATE}` = '{state}' AND tags.`{schema.SUBMITTED_BY}` LIKE '%'",
                run_view_type=ViewType.ACTIVE_ONLY,
                max_results=PAGE,
                order_by=["attributes.start_time ASC"],
            )
            found += [_queued(run.info.run_id, run.info.run_name, run.data.tags) for run in runs]
    return found


def _queued(run_id: str, name: str, tags: Mapping[str, str]) -> Queued:
    return Queued(
        run_id=run_id,
        name=name,
        user=tags[schema.SUBMITTED_BY],
        state=tags[schema.STATE],
        submitted=float(tags.get(SUBMITTED_AT, 0)),
        done=int(tags.get(schema.DONE, 0)),
        spent=float(tags.get(SPENT, 0)),
        attempts=int(tags.get(ATTEMPTS, 0)),
        cancelled=schema.CANCEL in tags,
    )


def next_up(
    waiting: Sequence[Queued],
    running: Collection[Queued],
    served: Mapping[str, float],
) -> Queued | None:
    """The sweep to start: fair between users, first come first served for each.

    A sweep that was running when its dispatcher ended goes first. Then the user with the fewest
    sweeps running has the turn, among those the one who has waited longest for a start.

    Args:
        waiting: Sweeps that could be started.
        running: Sweeps that are running.
        served: When a sweep of each user was last started.
    """
    busy = Counter(sweep.user for sweep in running)
    return min(
        waiting,
        key=lambda sweep: (
            sweep.state != schema.RUNNING,
            busy[sweep.user],
            served.get(sweep.user, 0.0),
            sweep.submitted,
        ),
        default=None,
    )
