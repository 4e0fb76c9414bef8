"""What a user does with a team server: hand sweeps over, watch them, stop them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from lrlab.data import load_divided
from lrlab.errors import LrlabError, NotPermitted, UserError
from lrlab.server.submission import Accepted, refuse_test_file, with_uploaded_data
from lrlab.spec import SweepSpec, dump_spec
from lrlab.track import Store, SweepInfo, find_sweeps, load_sweep
from lrlab.track import mlflow_schema as schema
from lrlab.track.open_sweep import experiment_id, owner_explained
from lrlab.track.store import explained
from lrlab.track.writers import wire
from lrlab.track.writers.http import refused, request, server_info

PATIENCE = 600.0  # seconds that a server may be away while a sweep is followed
ENDED = (schema.FINISHED, schema.FAILED, schema.CANCELLED)


def submit(store: Store, spec: SweepSpec, *, new: bool = False) -> Accepted:
    """Hand a sweep over to a server, with its table; returns as soon as it is queued.

    A sweep of the same spec that is there already is resumed, or extended.

    Args:
        store: The server.
        spec: The sweep.
        new: Begin another, even if there is one.

    Raises:
        UserError: If the server is not a team server of lrlab, or refuses the sweep.
        LrlabError: If it does not answer.
    """
    if not store.is_server or server_info(store) is None:
        raise UserError(
            f"{store.shown} is not a team server of lrlab, so it cannot run sweeps; name one with "
            "--server, or run the sweep here with `lrlab sweep`"
        )
    refuse_test_file(spec)
    sent, table = with_uploaded_data(load_divided(spec)[0] if not spec.is_divided else spec)
    with owner_explained(store, spec):
        answer = request(
            store,
            "POST",
            wire.SWEEPS,
            params={"experiment_id": experiment_id(store, spec)},
            files={
                "spec": (None, dump_spec(sent)),
                "new": (None, "1" if new else "0"),
                **({"data": (table.name, table.content)} if table is not None else {}),
            },
        )
        if not answer.ok:
            raise refused(store, answer)
    said = answer.json()
    return Accepted(str(said["run_id"]), str(said["state"]))


def cancel(store: Store, info: SweepInfo) -> None:
    """Ask for a submitted sweep to be stopped; what it has recorded stays.

    Raises:
        UserError: If it was not submitted, or has ended, or the user may not change it.
    """
    if schema.SUBMITTED_BY not in info.tags:
        owner = info.tags.get(schema.OWNER, "another process")
        raise UserError(
            f"the sweep {info.name!r} was not submitted; it is {info.state}"
            + (f", run by {owner}: stop it there with Ctrl-C" if info.state == "running" else "")
        )
    if info.state in ENDED:
        raise UserError(f"the sweep {info.name!r} is {info.state} already")
    try:
        with explained(store.uri):
            store.client.set_tag(info.run_id, schema.CANCEL, "1")
    except NotPermitted as error:
        raise NotPermitted(
            f"the sweep {info.name!r} is {info.owner}'s; only who may edit the experiment "
            f"{info.experiment!r} is permitted to cancel it"
        ) from error


def find_cancellable(store: Store, wanted: str) -> SweepInfo:
    """The sweep that a name or id means, for who wants to cancel it.

    Raises:
        UserError: If there is none, or if several could be meant.
    """
    found = find_sweeps(store, wanted)
    going = [sweep for sweep in found if sweep.submitted_by and sweep.state not in ENDED]
    meant = [sweep for sweep in going if sweep.submitted_by == store.user] or going
    if len(meant) > 1:
        listed = ", ".join(f"{s.run_id[:8]} of {s.owner} ({s.state})" for s in meant)
        raise UserError(f"there are {len(meant)} sweeps {wanted!r}; name one by its id: {listed}")
    return meant[0] if meant else found[0]


def follow(
    store: Store, run_id: str, every: float, on_note: Callable[[str], None]
) -> Iterator[SweepInfo]:
    """Where a sweep stands, each time that has changed, until it ends.

    Args:
        store: The server.
        run_id: The sweep.
        every: Seconds between looks.
        on_note: Told when the server does not answer; it may be back soon.

    Raises:
        UserError: If there is no such sweep, or the user may not see it.
        LrlabError: If the server does not answer for `PATIENCE` seconds.
    """
    last, silent_since = None, None
    while True:
        try:
            now = load_sweep(store, run_id)
        except UserError:
            raise
        except LrlabError as error:
            if silent_since is None:
                silent_since = time.monotonic()
                on_note(f"{error} Waiting for it; the sweep does not depend on this")
            elif time.monotonic() - silent_since > PATIENCE:
                raise
            time.sleep(every)
            continue
        silent_since = None
        seen = (now.state, now.done, now.best)
        if seen != last:
            last = seen
            yield now
        if now.state in ENDED:
            return
        time.sleep(every)
