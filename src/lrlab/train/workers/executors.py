"""Executors: workers on other machines, by the scheme of their address."""

from __future__ import annotations

from collections.abc import Callable

from lrlab.data import Problem
from lrlab.errors import UserError
from lrlab.spec import TrainSpec
from lrlab.train.fused.workers import Note, Workers

Opener = Callable[[str, Problem, TrainSpec, Note], Workers]


def _dask(address: str, problem: Problem, settings: TrainSpec, note: Note) -> Workers:
    from lrlab.train.workers.dask.cluster import Cluster

    return Cluster(address, problem, settings, note)


EXECUTORS: dict[str, Opener] = {"dask": _dask, "tcp": _dask, "tls": _dask}


def open_executor(
    executor: str, problem: Problem, settings: TrainSpec, note: Note = lambda text: None
) -> Workers:
    """Workers at an address.

    Args:
        executor: Where they are, such as `dask://host:8786`; the scheme says what they are.
        problem: What they train on.
        settings: How.
        note: Told what the user should know while they train.

    Raises:
        UserError: If the scheme is unknown, what it needs is not installed, or the workers have
            other versions.
        LrlabError: If nothing answers there.
    """
    scheme, separator, _ = executor.partition("://")
    if not separator or scheme not in EXECUTORS:
        raise UserError(
            f"unknown executor {executor!r}: its scheme is none of {', '.join(EXECUTORS)}; write "
            "SCHEME://HOST:PORT, as in dask://localhost:8786"
        )
    return EXECUTORS[scheme](executor, problem, settings, note)
