"""Writing finished runs through MlflowClient: any store, some 35 statements a run."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING

from lrlab.errors import LrlabError
from lrlab.scratch import scratch_folder
from lrlab.track import mlflow_schema as schema
from lrlab.track.entities import MetricPoint
from lrlab.track.store import Store, explained
from lrlab.train.artifacts import run_files
from lrlab.trial import Run

if TYPE_CHECKING:
    from lrlab.train import Trajectory

MAX_METRICS = 1000  # of one log_batch request
REQUESTS = 8  # to a server at a time


def write_with_client(
    store: Store,
    experiment_id: str,
    parent: str,
    finished: Sequence[tuple[Run, Trajectory]],
) -> list[str]:
    """Run by run through MlflowClient: any store, about 35 statements a run.

    Over HTTP several runs at a time; MLflow's client itself waits and tries again when a server
    is busy or gone for a while.

    Raises:
        LrlabError: If the store fails; runs that were being written are removed, if they can be.
    """
    user = schema.user()

    def write(pair: tuple[Run, Trajectory]) -> str:
        return _write_run(store, experiment_id, parent, *pair, user)

    if not store.is_server:
        return [write(pair) for pair in finished]
    with ThreadPoolExecutor(REQUESTS, thread_name_prefix="lrlab-http") as pool:
        return list(pool.map(write, finished))


def _write_run(
    store: Store, experiment_id: str, parent: str, run: Run, trajectory: Trajectory, user: str
) -> str:
    from lrlab.track.mlflow_client import log

    client = store.mlflow
    run_id = None
    try:
        with explained(store.uri), scratch_folder() as folder:
            schema.write_files(run_files(trajectory), folder)
            created = client.create_run(
                experiment_id,
                start_time=trajectory.began,
                tags=schema.run_tags(run, parent, user),
                run_name=schema.run_name(run),
            )
            run_id = str(created.info.run_id)
            client.log_artifacts(run_id, str(folder))
            points = [
                MetricPoint(name, value, trajectory.ended, step)
                for name, value, step in schema.run_points(trajectory)
            ]
            tags = schema.outcome_tags(trajectory)
            log(client, run_id, tags, schema.run_params(run), points[:MAX_METRICS])
            for start in range(MAX_METRICS, len(points), MAX_METRICS):
                log(client, run_id, {}, {}, points[start : start + MAX_METRICS])
            client.set_terminated(run_id, end_time=trajectory.ended)
            return run_id
    except BaseException:  # Ctrl-C included: half a run must not stay behind as RUNNING
        if run_id is not None:
            remove_run(store, run_id)
        raise


def remove_run(store: Store, run_id: str) -> None:
    """Take a half-written run out of sight: KILLED, then deleted.

    A store that fails here too is left to the next start of the sweep, which looks for such runs.
    """
    with suppress(LrlabError), explained(store.uri):
        store.client.set_terminated(run_id, "KILLED")
        store.client.delete_run(run_id)
