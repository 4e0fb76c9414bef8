"""A moved store made to name its present place: every location in the database, or none."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import sqlalchemy
from sqlalchemy import Table, func, or_, select, update
from sqlalchemy.engine import Connection

from lrlab.errors import LrlabError
from lrlab.track.failures import explained
from lrlab.track.location import FOLDER_TAG, ROOT, Moved, find_moved
from lrlab.track.mlflow_tables import (
    EXPERIMENTS,
    LOGGED_MODELS,
    MODEL_VERSIONS,
    RUNS,
    TAGS,
    TRACE_TAGS,
)

# Wherever MLflow records an absolute place of artifacts.
_PLACES: tuple[tuple[Table, str], ...] = (
    (EXPERIMENTS, "artifact_location"),
    (RUNS, "artifact_uri"),
    (LOGGED_MODELS, "artifact_location"),
    (MODEL_VERSIONS, "source"),
    (MODEL_VERSIONS, "storage_location"),
    (TRACE_TAGS, "value"),
)


def mend(uri: str) -> tuple[tuple[Moved, int], ...]:
    """Make a store that was moved or copied name its present place.

    Locations that name a former folder's `mlruns` name the one beside the database afterwards;
    all others stay. It is one transaction.

    Returns:
        What was mended: the move, and how many locations.

    Raises:
        LrlabError: If artifacts are only at the former place, or the database cannot be written;
            nothing is changed then.
    """
    with explained(uri):
        moves = find_moved(uri)
        engine = sqlalchemy.create_engine(uri, poolclass=sqlalchemy.NullPool)
        with engine.begin() as connection:
            done = tuple((move, _mend(connection, move)) for move in moves)
        engine.dispose()
    return done


def _mend(connection: Connection, move: Moved) -> int:
    _refuse_left_behind(connection, move)
    count = 0
    for table, name in _PLACES:
        column = table.c[name]
        for before, after in _prefixes(move):
            changed = update(table).where(func.substr(column, 1, len(before)) == before)
            if table is TRACE_TAGS:
                changed = changed.where(TRACE_TAGS.c.key == "mlflow.artifactLocation")
            value = after + func.substr(column, len(before) + 1)
            count += connection.execute(changed.values({name: value})).rowcount
    connection.execute(
        update(TAGS)
        .where(TAGS.c.key == FOLDER_TAG, TAGS.c.value == str(move.old))
        .values(value=str(move.new))
    )
    return count


def _prefixes(move: Moved) -> Iterator[tuple[str, str]]:
    """As MLflow writes places: plainly, or as URIs."""
    old, new = f"{move.old / ROOT}/", f"{move.new / ROOT}/"
    yield old, new
    old_uri, new_uri = (Path(path).as_uri() + "/" for path in (old, new))
    yield old_uri, new_uri


def _refuse_left_behind(connection: Connection, move: Moved) -> None:
    """Make sure that no run's artifacts are at the former place only.

    Raises:
        LrlabError: If some are.
    """
    prefix = f"{move.old / ROOT}/"
    uris = connection.execute(
        select(RUNS.c.artifact_uri).where(
            or_(
                *(func.substr(RUNS.c.artifact_uri, 1, len(p)) == p for p, _ in _prefixes(move)),
            )
        )
    ).scalars()
    left = 0
    for uri in uris:
        old = Path(uri.removeprefix("file://"))
        new = move.new / ROOT / old.as_posix().removeprefix(prefix)
        left += old.exists() and not new.exists()
    if left:
        raise LrlabError(
            f"the artifacts of {left:,} runs are at {move.old / ROOT} and not beside the "
            f"database; copy them first: cp -an {move.old / ROOT} {move.new}"
        )
