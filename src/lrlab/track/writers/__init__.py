"""Writers: how finished runs get into MLflow.

A writer takes runs of one sweep and leaves them FINISHED, each wholly recorded or not at all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

from lrlab.track.store import Store
from lrlab.track.writers import bulk, client, http
from lrlab.trial import Run

if TYPE_CHECKING:
    from lrlab.train import Trajectory


class Writer(Protocol):
    """Records finished runs under a parent; returns their MLflow run ids, in order."""

    def __call__(
        self,
        store: Store,
        experiment_id: str,
        parent: str,
        finished: Sequence[tuple[Run, Trajectory]],
    ) -> list[str]: ...


# By name, fastest first; each with the reason why an experiment cannot be written so.
WRITERS: dict[str, tuple[Writer, Callable[[Store, str], str | None]]] = {
    "bulk": (bulk.write_in_bulk, lambda store, experiment_id: bulk.refuses(store)),
    "http": (http.write_over_http, http.refuses),
    "client": (client.write_with_client, lambda store, experiment_id: None),
}


def choose_writer(store: Store, experiment_id: str) -> tuple[str, Writer, str]:
    """Name and function of the fastest writer that works, and why not a faster one."""
    reasons: list[str] = []
    for name, (writer, refusal) in WRITERS.items():
        reason = refusal(store, experiment_id)
        if reason is None:
            return name, writer, "; ".join(filter(None, reasons))
        reasons.append(reason)
    raise AssertionError("the client writes to any store")
