"""Sweeps deleted with all their runs: into MLflow's trash, or for good.

Only runs that lrlab wrote are touched; what a user put below a sweep stays where it is.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lrlab.clock import now_ms
from lrlab.errors import LrlabError, UserError
from lrlab.metrics import METRICS
from lrlab.notes import listed
from lrlab.search import best_trials
from lrlab.track import locks
from lrlab.track import mlflow_schema as schema
from lrlab.track.address import local_folder
from lrlab.track.database import database
from lrlab.track.entities import Tag
from lrlab.track.pages import all_runs, logged_models
from lrlab.track.paging import pages
from lrlab.track.read import recorded_runs
from lrlab.track.store import Store, explained
from lrlab.track.study import score_of
from lrlab.track.sweeps import SweepInfo
from lrlab.track.writers.bulk import refuses
from lrlab.track.writers.delete import purge, runs_below, trash

BUSY = (schema.QUEUED, schema.ARRIVING, schema.RUNNING)
MOST_VERSIONS = 1_000  # of a page
REQUESTS = 8  # at a time, to a server or a bucket
_MODEL_NAME = "model"  # that lrlab 0.1.0 gave a logged model; later ones carry a tag


@dataclass(frozen=True)
class Removal:
    """What deleting a sweep comes to.

    Args:
        info: The sweep.
        runs: Id and artifact location of its runs that go.
        kept: How many of its runs stay.
        whole: Whether the sweep goes as well, with its model and report.
        versions: Registered versions of what goes, such as `churn version 3`.
    """

    info: SweepInfo
    runs: tuple[tuple[str, str], ...]
    kept: int
    whole: bool
    versions: tuple[str, ...]

    @property
    def run_ids(self) -> list[str]:
        """Everything that goes, the sweep's own run last."""
        return [run_id for run_id, _ in self.runs] + ([self.info.run_id] if self.whole else [])


def refuse_purge(store: Store) -> None:
    """Make sure that a store can delete for good.

    Raises:
        UserError: If it cannot.
    """
    why = refuses(store)
    if why is not None:
        raise UserError(
            f"--purge does not work here, because {why}; without it the runs go to MLflow's "
            "trash, which `mlflow gc` empties where the store is"
        )


def plan(store: Store, info: SweepInfo, keep_best: int = 0, *, trashed: bool = False) -> Removal:
    """What deleting a sweep comes to.

    Args:
        store: Where.
        info: The sweep.
        keep_best: How many of its best trials stay, and with them the sweep; 0 if all of it goes.
        trashed: Runs in the trash go too.
    """
    with explained(store.uri):
        if refuses(store) is None:
            below = runs_below(database(store.uri), info.run_id, trashed=trashed)
        else:
            ours = (Tag(schema.PARENT, info.run_id), Tag(schema.KIND, schema.RUN))
            runs = all_runs(store, [info.experiment_id], ours)
            below = [(run.info.run_id, run.info.artifact_uri) for run in runs]
    keep = _best(store, info, keep_best) if keep_best else set()
    going = tuple(pair for pair in below if pair[0] not in keep)
    removal = Removal(info, going, len(keep), keep_best == 0, ())
    return replace(removal, versions=_versions(store, removal.run_ids))


def _versions(store: Store, run_ids: Sequence[str]) -> tuple[str, ...]:
    """Registered versions of what the runs hold, whoever registered them."""
    going = set(run_ids)
    with explained(store.uri):
        if store.own is not None:
            return tuple(f"{name} version {n}" for name, n in store.own.versions_of(going))
        found = pages(
            lambda token: store.client.search_model_versions(
                max_results=MOST_VERSIONS, page_token=token
            )
        )
        return tuple(f"{v.name} version {v.version}" for v in found if v.run_id in going)


def _best(store: Store, info: SweepInfo, count: int) -> set[str]:
    """The runs of the best trials, and the one whose model is the sweep's."""
    runs = recorded_runs(store, info)
    scores = [score_of(run, info.objective) for run in runs]
    order = best_trials(scores, info.replicates or 1, METRICS[info.objective].direction)
    best = {trial.trial for trial in order[:count]}
    chosen = info.tags.get(schema.BEST_RUN, "")
    return {run.run_id for run in runs if run.trial in best or run.run_id == chosen}


def why_not(removal: Removal, purge: bool) -> str:
    """Why a sweep cannot be deleted; empty if it can."""
    info = removal.info
    if info.state in BUSY:
        stop = "`lrlab cancel` stops it" if info.submitted_by else "stop it first"
        return f"the sweep {info.name!r} ({info.run_id[:8]}) is {info.state}; {stop}"
    if purge and removal.versions:
        several = len(removal.versions) > 1
        return (
            f"a model of the sweep {info.name!r} ({info.run_id[:8]}) is registered as "
            f"{listed(removal.versions)}, which could not be loaded any more; delete "
            f"{'those versions' if several else 'that version'} in MLflow first"
        )
    return ""


def remove(
    store: Store,
    removals: Sequence[Removal],
    *,
    for_good: bool = False,
    progress: Callable[[int], None] = lambda count: None,
) -> None:
    """Delete sweeps: into MLflow's trash, from where `mlflow runs restore` brings them back.

    Interrupted, the same again completes it. The sweeps' locks are held meanwhile.

    Args:
        store: Where.
        removals: What `plan` says.
        for_good: Then delete artifacts, logged models and rows as well.
        progress: Called with how many runs more are done.

    Raises:
        LrlabError: If a process runs one of the sweeps, or the store fails.
    """
    for removal in removals:
        with ExitStack() as stack:
            stack.enter_context(locks.only_one(store.uri, removal.info.run_id, removal.info.name))
            if for_good:
                _purge(store, removal, progress)
            else:
                _trash(store, removal, progress)
            if not removal.whole:
                with explained(store.uri):
                    store.client.set_tag(removal.info.run_id, schema.DONE, str(removal.kept))


def _trash(store: Store, removal: Removal, progress: Callable[[int], None]) -> None:
    with explained(store.uri):
        if refuses(store) is None:
            trash(database(store.uri), removal.run_ids, now_ms(), progress)
            return

        def one(run_id: str) -> None:
            store.client.delete_run(run_id)
            progress(1)

        *below, last = removal.run_ids or [""]
        with ThreadPoolExecutor(REQUESTS if store.is_server else 1) as pool:
            list(pool.map(one, below))
        if last:  # the sweep itself: interrupted before, it is found again
            one(last)


def _purge(store: Store, removal: Removal, progress: Callable[[int], None]) -> None:
    info, engine = removal.info, database(store.uri)
    with explained(store.uri):
        store.refuse_former_place(
            store.client.get_experiment(info.experiment_id).artifact_location
        )
        trash(engine, removal.run_ids, now_ms(), lambda count: None)
        models = _models(store, info) if removal.whole else []
        places = list(removal.runs)
        if removal.whole:
            places.append((info.run_id, info.artifact_uri))
        places += [(model.model_id, model.artifact_location) for model in models]
        with ThreadPoolExecutor(REQUESTS) as pool:
            list(pool.map(lambda place: _delete_artifacts(*place), places))
        purge(engine, removal.run_ids, [model.model_id for model in models], progress)


def _models(store: Store, info: SweepInfo) -> list[Any]:
    """The logged models that lrlab made for a sweep."""
    found = logged_models(store, info.experiment_id, info.run_id)
    first_layout = schema.LAYOUT not in info.tags
    return [
        model
        for model in found
        if schema.MODEL in model.tags or (first_layout and model.name == _MODEL_NAME)
    ]


def _delete_artifacts(owner: str, uri: str) -> None:
    """Delete the artifacts of a run or a model, and the folder that is named after it."""
    folder = local_folder(uri) if uri else None
    if folder is None:
        if uri:
            from mlflow.store.artifact.artifact_repository_registry import (
                get_artifact_repository,
            )

            get_artifact_repository(uri).delete_artifacts()
        return
    if (folder.parent.name, folder.name) != (owner, "artifacts"):
        raise LrlabError(
            f"the artifacts of {owner} are at {folder}, which is not a folder of its own"
        )
    if folder.exists():
        shutil.rmtree(folder)
    _remove_if_empty(folder.parent)


def _remove_if_empty(folder: Path) -> None:
    if folder.exists() and not any(folder.iterdir()):
        folder.rmdir()
