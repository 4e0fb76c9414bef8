"""The queue of submitted sweeps: what the record says of each, and whose turn it is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from lrlab.track import Store
from lrlab.track import mlflow_schema as schema
from lrlab.track.entities import Tag
from lrlab.track.pages import all_experiments, all_runs
from lrlab.track.store import explained
from lrlab.track.tags import sound_tags


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

    A tag that somebody broke counts as absent; what lrlab did not write is no sweep.

    Raises:
        LrlabError: If the store fails.
    """
    with explained(store.uri):
        experiments = [e.experiment_id for e in all_experiments(store)]
        return [
            _queued(run.info.run_id, run.info.run_name, state, run.data.tags)
            for state in (schema.RUNNING, schema.QUEUED)
            for run in all_runs(
                store,
                experiments,
                (
                    Tag(schema.KIND, schema.SWEEP),
                    Tag(schema.STATE, state),
                    Tag(schema.SUBMITTED_BY, how="there"),
                ),
            )
        ]


def _queued(run_id: str, name: str, state: str, all_tags: Mapping[str, str]) -> Queued:
    tags, _ = sound_tags(all_tags)
    return Queued(
        run_id=run_id,
        name=name,
        user=tags[schema.SUBMITTED_BY],
        state=state,
        submitted=float(tags.get(schema.SUBMITTED_AT, 0)),
        done=int(tags.get(schema.DONE, 0)),
        spent=float(tags.get(schema.SPENT, 0)),
        attempts=int(tags.get(schema.ATTEMPTS, 0)),
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
