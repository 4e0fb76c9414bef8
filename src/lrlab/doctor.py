"""Checks of an installation: versions, store, schema, disk."""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

from packaging.requirements import Requirement

from lrlab.errors import LrlabError
from lrlab.track.location import ROOT, find_moved
from lrlab.track.store import (
    connect,
    explained,
    is_server,
    resolve_uri,
    schema_revisions,
    sqlite_path,
    without_password,
)

NAMED = ("torch", "mlflow", "optuna", "pandas")
LEAST_FREE = 200 * 1024**2  # bytes


@dataclass(frozen=True)
class Finding:
    """One check: whether it is well, and what was found (and how to mend it)."""

    check: str
    ok: bool
    found: str


def examine(tracking_uri: str | None = None) -> list[Finding]:
    """Every check, in an order in which each makes sense after the ones before."""
    return [*_versions(), *_store(resolve_uri(tracking_uri)), _disk()]


def _versions() -> Iterator[Finding]:
    yield Finding("python", True, f"{platform.python_version()}, {os.cpu_count()} cores")
    yield Finding("lrlab", True, version("lrlab"))
    for text in requires("lrlab") or []:
        requirement = Requirement(text)
        if requirement.marker and not requirement.marker.evaluate({"extra": ""}):
            continue
        try:
            found = version(requirement.name)
        except PackageNotFoundError:
            yield Finding(requirement.name, False, f"missing; pip install '{text}'")
            continue
        ok = requirement.specifier.contains(found, prereleases=True)
        if requirement.name in NAMED or not ok:
            remedy = (
                "" if ok else f", but lrlab needs {requirement.specifier}; pip install '{text}'"
            )
            yield Finding(requirement.name, ok, found + remedy)


def _store(uri: str) -> Iterator[Finding]:
    shown = without_password(uri)
    if is_server(uri):
        yield _try("store", lambda: f"{connect(uri).shown} answers")
        return
    path = sqlite_path(uri)
    if path is not None and not path.exists():
        writable = os.access(path.parent, os.W_OK)
        remedy = "will be made by the first sweep" if writable else "folder not writable"
        yield Finding("store", writable, f"{shown}: none yet; {remedy}")
        return

    def schema() -> str:
        found, expected = schema_revisions(uri)
        same = "as the installed MLflow's" if found == expected else f"MLflow has {expected}"
        return f"{found or 'empty'}, {same}"

    yield _try("schema", schema)
    yield _try("store", lambda: f"{connect(uri).shown} answers")
    if path is not None:
        yield _artifacts(uri)
        writable = os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)
        yield Finding("writable", writable, "yes" if writable else f"no permission for {path}")


def _artifacts(uri: str) -> Finding:
    """Whether the places of artifacts that the database names are still right."""
    try:
        with explained(uri):
            moved = find_moved(uri)
    except LrlabError as error:
        return Finding("artifacts", False, str(error))
    found = "; ".join(move.advice for move in moved)
    return Finding("artifacts", not moved, found or "where the database says")


def fix(tracking_uri: str | None = None) -> list[Finding]:
    """Mend what can be mended: a store that was moved or copied. What was done.

    Raises:
        LrlabError: If it cannot be; nothing is changed then.
    """
    from lrlab.track.mend import mend

    return [
        Finding(
            "fixed", True, f"{count:,} locations in {move.old / ROOT} are in {move.new / ROOT}"
        )
        for move, count in mend(resolve_uri(tracking_uri))
    ]


def _try(check: str, probe: Callable[[], str]) -> Finding:
    try:
        return Finding(check, True, probe())
    except LrlabError as error:
        return Finding(check, False, str(error))


def _disk() -> Finding:
    free = shutil.disk_usage(Path.cwd()).free
    enough = free >= LEAST_FREE
    found = f"{free / 1024**3:.1f} GiB free here"
    return Finding("disk", enough, found if enough else f"{found}; free some space")
