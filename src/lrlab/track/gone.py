"""A sweep that somebody deletes in MLflow while it runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from lrlab.errors import LrlabError
from lrlab.track.store import Store, explained
from lrlab.track.sweeps import SweepInfo


@contextmanager
def deletion_explained(store: Store, info: SweepInfo) -> Iterator[None]:
    """Where a write fails, look whether what is written to is still there.

    Raises:
        LrlabError: Of the deletion if there was one, else as it came.
    """
    try:
        yield
    except LrlabError as error:
        what, restore = _deleted(store, info)
        if not what:
            raise
        raise LrlabError(
            f"{what} was deleted in MLflow during the sweep. Restore it (`{restore}`) and run "
            "the same command again, which continues; or begin another sweep with --new"
        ) from error


def _deleted(store: Store, info: SweepInfo) -> tuple[str, str]:
    """What is deleted, and the command that restores it; empty texts if nothing is."""
    with suppress(LrlabError), explained(store.uri):
        run = store.client.get_run(info.run_id).info
        experiment = store.client.get_experiment(run.experiment_id)
        if experiment.lifecycle_stage != "active":
            number = experiment.experiment_id
            command = f"mlflow experiments restore --experiment-id {number}"
            return f"the experiment {info.experiment!r}", command
        if run.lifecycle_stage != "active":
            return f"the sweep {info.name!r}", f"mlflow runs restore --run-id {info.run_id}"
    return "", ""
