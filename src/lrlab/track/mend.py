"""A moved store made to name its present place: every location in the database, or none."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import sqlalchemy
from mlflow.store.model_registry.dbmodels.models import SqlModelVersion
from mlflow.store.tracking.dbmodels.models import (
    SqlExperiment,
    SqlLoggedModel,
    SqlRun,
    SqlTag,
    SqlTraceTag,
)
from sqlalchemy import func, or_, select, update
from sqlalchemy.engine import Connection

from lrlab.errors import LrlabError
from lrlab.track.failures import explained
from lrlab.track.location import FOLDER_TAG, ROOT, Moved, find_moved

# Wherever MLflow records an absolute place of artifacts.
_PLACES: tuple[tuple[Any, str], ...] = (
    (SqlExperiment, "artifact_location"),
    (SqlRun, "artifact_uri"),
    (SqlLoggedModel, "artifact_location"),
    (SqlModelVersion, "source"),
    (SqlModelVersion, "storage_location"),
    (SqlTraceTag, "value"),
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
    for model, name in _PLACES:
        column = getattr(model, name)
        for before, after in _prefixes(move):
            changed = update(model).where(func.substr(column, 1, len(before)) == before)
            if model is SqlTraceTag:
                changed = changed.where(SqlTraceTag.key == "mlflow.artifactLocation")
            value = after + func.substr(column, len(before) + 1)
            count += connection.execute(changed.values({name: value})).rowcount
    connection.execute(
        update(SqlTag)
        .where(SqlTag.key == FOLDER_TAG, SqlTag.value == str(move.old))
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
        select(SqlRun.artifact_uri).where(
            or_(
                *(func.substr(SqlRun.artifact_uri, 1, len(p)) == p for p, _ in _prefixes(move)),
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
