"""Beginning a sweep in MLflow, or resuming the one that is there."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from typing import TYPE_CHECKING

from lrlab.data import TableReading
from lrlab.errors import LrlabError, NotPermitted, UserError
from lrlab.spec import SweepSpec
from lrlab.track import locks
from lrlab.track import mlflow_schema as schema
from lrlab.track.begun import find_begun, sweeps_of, why_another
from lrlab.track.gone import deletion_explained
from lrlab.track.location import FOLDER_TAG, store_folder
from lrlab.track.recorder import Recorder
from lrlab.track.store import Store, explained
from lrlab.track.sweeps import SweepInfo, load_sweep

if TYPE_CHECKING:
    from lrlab.data import Problem

DEFAULT_EXPERIMENT = "Default"  # MLflow's own


@contextmanager
def open_sweep(
    store: Store,
    spec: SweepSpec,
    problem: Problem,
    *,
    new: bool = False,
    run_id: str | None = None,
    on_note: Callable[[str], None] = lambda note: None,
) -> Iterator[Recorder]:
    """Begin a sweep, or resume the one that this spec began, and hold its lock.

    An exception marks the sweep as failed, Ctrl-C as cancelled; either can be resumed. A sweep
    that is finished, and has all the runs that the spec asks for, is only looked at: nothing is
    written to it, whatever ends the look.

    Args:
        store: Where to record.
        spec: What to run; all but `search.trials` identifies the sweep.
        problem: Its data, which identify it too.
        new: Begin another sweep even if there is one.
        run_id: Resume this sweep, which the caller knows that nobody else runs.
        on_note: Called with why this is not the sweep that the same settings began earlier.

    Raises:
        LrlabError: If another process runs this sweep, or the store fails.
        UserError: If the data are not those that the sweep `run_id` began on, or the experiment
            is another user's.
    """
    with owner_explained(store, spec), ExitStack() as stack:
        with locks.turn(store.uri, identity(spec)):
            info = _chosen(store, spec, problem.digest(), new, run_id)
            if info is None:
                if not new and (why := why_another(store, spec, problem.digest())):
                    on_note(why)
                alive = locks.sign_of_life(by_tags=store.is_server)
                info = create_sweep(store, spec, store.user or schema.user(), alive)
                if store.is_server and not new:
                    _give_way_to_a_twin(store, spec, info, problem.digest())
            _refuse_other_data(info, problem)
            looked_at = _finished(store, spec, info)
            if looked_at is None:
                held = stack.enter_context(locks.only_one(store.uri, info.run_id, spec.name))
                info = load_sweep(store, info.run_id)  # who had the lock may have ended it
                looked_at = _finished(store, spec, info)
        if looked_at is not None:
            yield looked_at
            return
        _refuse_former_place(store, info)
        stack.enter_context(deletion_explained(store, info))
        lease = stack.enter_context(closing(locks.Lease(store, info.run_id, held.holds)))
        lease.take()
        recorder = Recorder(store, spec, _complete_begin(store, spec, info, problem), lease)
        recorder.tidy_up()
        try:
            yield recorder
        except KeyboardInterrupt:
            recorder.mark(schema.CANCELLED, "KILLED")
            raise
        except BaseException:
            recorder.mark(schema.FAILED, "FAILED")
            raise


@contextmanager
def owner_explained(store: Store, spec: SweepSpec) -> Iterator[None]:
    """Where a server does not permit to record in an experiment, say what can be done."""
    try:
        yield
    except NotPermitted as error:
        user, name = store.user, spec.experiment_name
        raise NotPermitted(
            f"{store.shown} does not let {user or 'you'} record in the experiment {name!r}, which "
            "another user has made. Name one of your own, --set experiment=NAME, or ask its owner "
            f"or the administrator for: lrlab server user grant {user or 'YOU'} {name} EDIT"
        ) from error


def identity(spec: SweepSpec) -> str:
    """What two processes that would begin the same sweep in a store have in common."""
    return f"{spec.experiment_name}|{spec.digest()}"


def refuse_if_run_elsewhere(store: Store, info: SweepInfo) -> None:
    """Make sure that no other machine is running a sweep.

    Raises:
        LrlabError: If one gave a sign of life lately.
    """
    age = locks.running_elsewhere(store.uri, info.tags)
    if info.state == schema.RUNNING and age is not None:
        raise LrlabError(
            f"the sweep {info.name!r} is being run by {info.tags[schema.OWNER]} (last sign of "
            f"life {age:.0f} s ago); wait for it, or start a second one with --new. If that "
            f"process is gone, it can be resumed in {locks.STALE - age:.0f} s"
        )


def create_sweep(store: Store, spec: SweepSpec, user: str, more: dict[str, str]) -> SweepInfo:
    """A new parent run for a spec, in its experiment.

    Args:
        store: Where.
        spec: Of the sweep.
        user: Whose it is.
        more: Further tags.
    """
    with explained(store.uri):
        tags = schema.sweep_tags(spec, user) | {schema.STATE: schema.RUNNING} | more
        if folder := store_folder(store.uri):
            tags[FOLDER_TAG] = str(folder)
        run = store.client.create_run(experiment_id(store, spec), tags=tags, run_name=spec.name)
        store.log(run.info.run_id, params=schema.sweep_params(spec))
    return load_sweep(store, run.info.run_id)


def _give_way_to_a_twin(store: Store, spec: SweepSpec, info: SweepInfo, data: str) -> None:
    """Where no lock spans machines: of two sweeps that began at once, the first one stays.

    Raises:
        LrlabError: If this one was not the first; it is deleted.
    """
    time.sleep(locks.SETTLE)
    twins = [
        twin
        for twin in sweeps_of(store, spec)
        if twin.run_id != info.run_id
        and (twin.started, twin.run_id) < (info.started, info.run_id)
        and twin.tags.get(schema.DATA_DIGEST, data) == data
        and locks.running_elsewhere(store.uri, twin.tags) is not None
    ]
    for twin in twins:
        with explained(store.uri):
            store.client.delete_run(info.run_id)
        refuse_if_run_elsewhere(store, twin)


def experiment_id(store: Store, spec: SweepSpec) -> str:
    """The experiment of a spec, made if there is none.

    Raises:
        UserError: If it is deleted, or MLflow's own and not named as such in the spec.
        LrlabError: If the store fails, or was moved and its artifacts would go to the old place.
    """
    name = spec.experiment_name
    if name == DEFAULT_EXPERIMENT and spec.experiment is None:
        raise UserError(
            f"the sweep is named {name!r}, as is the experiment that MLflow keeps for runs of no "
            f"other; give it another name, or say `experiment: {name}` if you mean that one"
        )
    with explained(store.uri):
        experiment = store.client.get_experiment_by_name(name)
        if experiment is None:
            return str(store.client.create_experiment(name, tags=schema.experiment_tags(spec)))
    if experiment.lifecycle_stage != "active":
        raise UserError(
            f"the experiment {name!r} is deleted in MLflow; restore it, or name another with "
            "`experiment:` in the spec"
        )
    store.refuse_former_place(experiment.artifact_location)
    return str(experiment.experiment_id)


def _chosen(
    store: Store, spec: SweepSpec, data: str, new: bool, run_id: str | None
) -> SweepInfo | None:
    """The sweep to resume; None to begin one."""
    if run_id is not None:
        return load_sweep(store, run_id)
    info = None if new else find_begun(store, spec, data)
    if info is None:
        return None
    in_hand = info.state in (schema.QUEUED, schema.ARRIVING, schema.RUNNING)
    if schema.SUBMITTED_BY in info.tags and in_hand:
        raise LrlabError(
            f"the sweep {info.name!r} was submitted to {store.shown}, where it is {info.state}; "
            f"`lrlab show {info.run_id[:8]} --follow` watches it, `lrlab cancel` stops it, --new "
            "starts a second one here"
        )
    refuse_if_run_elsewhere(store, info)
    return info


def _refuse_other_data(info: SweepInfo, problem: Problem) -> None:
    begun = info.tags.get(schema.DATA_DIGEST)
    if begun not in (None, problem.digest()):
        raise UserError(
            f"the data have changed since the sweep {info.name!r} began, so its runs could not be "
            "compared; start another with --new"
        )


def _refuse_former_place(store: Store, info: SweepInfo) -> None:
    """Make sure that a sweep's artifacts are not where the store's folder was before."""
    with explained(store.uri):
        experiment = store.client.get_experiment(info.experiment_id)
    store.refuse_former_place(experiment.artifact_location)


def _finished(store: Store, spec: SweepSpec, info: SweepInfo) -> Recorder | None:
    """What is recorded of a sweep that is finished and has all runs asked for; else None."""
    if info.state != schema.FINISHED:
        return None
    recorder = Recorder(store, spec, info)
    recorder.read()
    return recorder if recorder.is_finished else None


def _complete_begin(store: Store, spec: SweepSpec, info: SweepInfo, problem: Problem) -> SweepInfo:
    """Record what a sweep is and trains on, as far as its parent run does not say so yet.

    A process may have been killed between the requests that begin a sweep.
    """
    with explained(store.uri):
        run = store.client.get_run(info.run_id)
        params = schema.sweep_params(spec)
        missing = {key: params[key] for key in params if key not in run.data.params}
        if missing:
            store.log(info.run_id, params=missing)
        inputs = run.inputs.dataset_inputs if run.inputs else []
        data = schema.dataset_of(spec, problem)
        if data.digest not in {each.dataset.digest for each in inputs}:
            store.log_dataset(info.run_id, data, schema.TRAINED_ON)
        if problem.reading:
            text = TableReading.of(problem).to_json()
            store.client.log_text(info.run_id, text, schema.COLUMNS_FILE)
        if schema.DATA_DIGEST not in info.tags:
            store.log(info.run_id, tags=schema.data_tags(spec, problem))
    return load_sweep(store, info.run_id)
