"""Beginning a sweep in MLflow, or resuming the one that is there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from lrlab.data import Problem
from lrlab.errors import LrlabError, NotPermitted, UserError
from lrlab.spec import SweepSpec
from lrlab.track import lock
from lrlab.track import mlflow_schema as schema
from lrlab.track.recorder import Recorder
from lrlab.track.store import Store, explained
from lrlab.track.sweeps import SweepInfo, list_sweeps, load_sweep


@contextmanager
def open_sweep(
    store: Store,
    spec: SweepSpec,
    problem: Problem,
    *,
    new: bool = False,
    run_id: str | None = None,
) -> Iterator[Recorder]:
    """Begin a sweep, or resume the one that this spec began, and hold its lock.

    An exception marks the sweep as failed, Ctrl-C as cancelled; either can be resumed.

    Args:
        store: Where to record.
        spec: What to run; all but `search.trials` identifies the sweep.
        problem: Its data; a sweep that began on other data is refused.
        new: Begin another sweep even if there is one.
        run_id: Resume this sweep, which the caller knows that nobody else runs.

    Raises:
        LrlabError: If another process runs this sweep, or the store fails.
        UserError: If the data are not those that the sweep began on, or the experiment is
            another user's.
    """
    with owner_explained(store, spec), ExitStack() as stack:
        with lock.turn(identity(store, spec)):
            info = _chosen(store, spec, new, run_id)
            if info is None:
                info = create_sweep(store, spec, store.user or schema.user(), lock.sign_of_life())
            info = _on_data(store, spec, info, problem)
            stack.enter_context(lock.only_one(info.run_id, spec.name))
        recorder = Recorder(store, spec, info)
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


def identity(store: Store, spec: SweepSpec) -> str:
    """What two processes that would begin the same sweep have in common."""
    return f"{store.uri}|{spec.experiment_name}|{spec.digest()}"


def find_begun(store: Store, spec: SweepSpec) -> SweepInfo | None:
    """The latest sweep of a spec in its experiment, however many trials it was asked for."""
    digest = f"tags.`{schema.SPEC_DIGEST}` = '{spec.digest()}'"
    found = [s for s in list_sweeps(store, digest) if s.experiment == spec.experiment_name]
    return found[0] if found else None


def refuse_if_run_elsewhere(info: SweepInfo) -> None:
    """Make sure that no other machine is running a sweep.

    Raises:
        LrlabError: If one gave a sign of life lately.
    """
    age = lock.alive_elsewhere(info.tags)
    if info.state == schema.RUNNING and age is not None:
        raise LrlabError(
            f"the sweep {info.name!r} is being run by {info.tags[schema.OWNER]} (last sign of "
            f"life {age:.0f} s ago); wait for it, or start a second one with --new. If that "
            f"process is gone, it can be resumed in {lock.STALE - age:.0f} s"
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
        run = store.client.create_run(experiment_id(store, spec), tags=tags, run_name=spec.name)
        store.client.log_batch(run.info.run_id, params=schema.sweep_params(spec))
    return load_sweep(store, run.info.run_id)


def experiment_id(store: Store, spec: SweepSpec) -> str:
    """The experiment of a spec, made if there is none.

    Raises:
        UserError: If it is deleted.
        LrlabError: If the store fails.
    """
    name = spec.experiment_name
    with explained(store.uri):
        experiment = store.client.get_experiment_by_name(name)
        if experiment is None:
            return str(store.client.create_experiment(name, tags=schema.experiment_tags(spec)))
    if experiment.lifecycle_stage != "active":
        raise UserError(
            f"the experiment {name!r} is deleted in MLflow; restore it, or name another with "
            "`experiment:` in the spec"
        )
    return str(experiment.experiment_id)


def _chosen(store: Store, spec: SweepSpec, new: bool, run_id: str | None) -> SweepInfo | None:
    """The sweep to resume; None to begin one."""
    if run_id is not None:
        return load_sweep(store, run_id)
    info = None if new else find_begun(store, spec)
    if info is None:
        return None
    in_hand = info.state in (schema.QUEUED, schema.ARRIVING, schema.RUNNING)
    if schema.SUBMITTED_BY in info.tags and in_hand:
        raise LrlabError(
            f"the sweep {info.name!r} was submitted to {store.shown}, where it is {info.state}; "
            f"`lrlab show {info.run_id[:8]} --follow` watches it, `lrlab cancel` stops it, --new "
            "starts a second one here"
        )
    refuse_if_run_elsewhere(info)
    return info


def _on_data(store: Store, spec: SweepSpec, info: SweepInfo, problem: Problem) -> SweepInfo:
    """Record what a sweep trains on, or make sure that it is what it began on."""
    begun = info.tags.get(schema.DATA_DIGEST)
    if begun == problem.digest():
        return info
    if begun is not None:
        raise UserError(
            f"the data have changed since the sweep {info.name!r} began, so its runs could not be "
            "compared; start another with --new"
        )
    with explained(store.uri):
        store.client.log_inputs(info.run_id, [schema.dataset_input(spec, problem)])
        tags = schema.data_tags(spec, problem)
        store.client.log_batch(info.run_id, tags=schema.as_tags(tags))
    return load_sweep(store, info.run_id)
