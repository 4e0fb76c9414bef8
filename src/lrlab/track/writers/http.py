"""Bulk writing over HTTP, to a server that has lrlab's endpoint for it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from lrlab.errors import LrlabError, NotPermitted, UserError
from lrlab.track.store import Store, explained, login_mistake
from lrlab.track.writers import wire
from lrlab.track.writers.bulk import run_records
from lrlab.trial import Run

if TYPE_CHECKING:
    import requests

    from lrlab.train import Trajectory

TIMEOUT = 300.0  # seconds for one request; a large trial batch takes a busy server a while
PROXIED = "mlflow-artifacts:"  # where experiments keep artifacts that go through the server
SHARE = 0.9  # of the largest request that a server takes: the document's frame needs some


@dataclass(frozen=True)
class ServerInfo:
    """What lrlab's part of a server says of itself.

    Args:
        version: The lrlab that it runs.
        max_bytes: The largest request that it takes.
        refusal: Why it does not take runs in bulk; None if it does.
    """

    version: str
    max_bytes: int
    refusal: str | None


@lru_cache(maxsize=8)  # one trial batch after the other is sent to the same server
def server_info(store: Store) -> ServerInfo | None:
    """What a server says of itself; None if it is not a team server of lrlab.

    Raises:
        LrlabError: If it does not answer, or refuses the login.
    """
    answer = request(store, "GET", wire.INFO)
    if answer.status_code in (401, 407) or answer.status_code >= 500:
        raise refused(store, answer)
    try:
        found = answer.json()
        refusal = found["refusal"]
        if found["format"] != wire.FORMAT:
            refusal = f"the server reads runs in format {found['format']}, not {wire.FORMAT}"
        return ServerInfo(
            version=str(found["lrlab"]), max_bytes=int(found["max_bytes"]), refusal=refusal
        )
    except (ValueError, KeyError, TypeError):  # some other server's page
        return None


def refuses(store: Store, experiment_id: str) -> str | None:
    """Why runs of an experiment cannot be written in bulk over HTTP; None if they can."""
    if not store.is_server:
        return ""  # the other writers have said why
    info = server_info(store)
    if info is None:
        return "the server has no bulk endpoint (it is MLflow's own, not lrlab's team server)"
    if info.refusal:
        return info.refusal
    with explained(store.uri):
        location = store.client.get_experiment(experiment_id).artifact_location
    if not location.startswith(PROXIED):
        return f"the experiment keeps its artifacts at {location}, not on the server"
    return None


def write_over_http(
    store: Store,
    experiment_id: str,
    parent: str,
    finished: Sequence[tuple[Run, Trajectory]],
) -> list[str]:
    """Record finished runs in as few requests as their size allows, each as a whole.

    A request that is answered by no one, or by a server that is busy or gone for a while, is
    sent again; run ids are made here, so that the server knows runs that it has already.

    Raises:
        LrlabError: If the server stays away or refuses; runs of that request are not recorded.
    """
    info = server_info(store)
    most = int((info.max_bytes if info else 2**20) * SHARE)
    records = run_records(parent, finished)
    for runs in _groups((json.dumps(wire.encode(record)) for record in records), most):
        frame = json.dumps(wire.document(experiment_id, parent, []))
        body = frame.removesuffix("]}") + ",".join(runs) + "]}"
        answer = request(store, "POST", wire.RUNS, body=body.encode())
        if not answer.ok:
            raise refused(store, answer)
    return [record.run_id for record in records]


def _groups(runs: Iterable[str], most: int) -> Iterator[list[str]]:
    """Divide encoded runs so that no group is larger than a request may be, if possible."""
    group: list[str] = []
    size = 0
    for run in runs:
        if group and size + len(run) > most:
            yield group
            group, size = [], 0
        group.append(run)
        size += len(run) + 1
    if group:
        yield group


def request(
    store: Store,
    method: str,
    path: str,
    *,
    body: bytes | None = None,
    params: Mapping[str, str] | None = None,
    files: Mapping[str, Any] | None = None,
) -> requests.Response:
    """One request to lrlab's part of a server, with MLflow's credentials and retries.

    Raises:
        LrlabError: If no answer comes.
    """
    from mlflow.utils.rest_utils import http_request

    more: dict[str, Any] = {"data": body, "params": params, "files": files}
    if body is not None:
        more["extra_headers"] = {"Content-Type": "application/json"}
    given = {key: value for key, value in more.items() if value is not None}
    credentials = store.client._tracking_client.store.get_host_creds()
    with explained(store.uri):
        response: requests.Response = http_request(
            credentials, path, method, timeout=TIMEOUT, raise_on_status=False, **given
        )
        return response


def refused(store: Store, answer: requests.Response) -> LrlabError:
    """An answer that is a refusal, as an error that says why."""
    try:
        said = str(answer.json()["message"]).partition(" Error: (")[0]  # of the database
    except (ValueError, KeyError, TypeError):
        said = " ".join(answer.text.split())[:300]
    kind = UserError if answer.status_code < 500 else LrlabError
    if answer.status_code == 401:
        said = f"the login, {login_mistake(store.uri)}"
    elif answer.status_code == 403:
        kind, said = NotPermitted, f"no permission ({said})"
    return kind(f"the server {store.shown} refuses: {said}")
