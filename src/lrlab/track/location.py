"""Where the artifacts of an SQLite store are, after its folder was moved or copied too.

MLflow records absolute places: experiments and runs of `/old/mlflow.db` name `/old/mlruns/...` for
ever. A place is taken for a former one of this folder, and not for one chosen on purpose, if

- it is `OLD/mlruns/ID`, as MLflow and lrlab choose it by themselves, for the experiment ID;
- `OLD` is not the folder that the database is in now, by whatever name; and
- the folder of at least one recorded run lies in `mlruns/ID` beside the database, or a sweep says
  that the database was in `OLD` when it began (`lrlab.folder`).

Run ids are unique, so the folder of a run beside the database is this store's, be the old place
there still (a copy) or not. What is anywhere else, a bucket or another disk, is left as it is.
From a former place nothing is read that is beside the database as well, and nothing is ever
written to it; `mend` makes the database name the present one.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import sqlalchemy
from sqlalchemy import select
from sqlalchemy.engine import Connection

from lrlab.track.address import local_folder, sqlite_path
from lrlab.track.mlflow_tables import EXPERIMENTS, RUNS, TAGS

ROOT = "mlruns"
FOLDER_TAG = "lrlab.folder"  # of a sweep: the folder of its SQLite file when it began
SAMPLE = 500  # entries of a folder that are looked at for a run of the store


@dataclass(frozen=True)
class Moved:
    """A folder that a store's database was in before.

    Args:
        old: That folder.
        new: The one it is in now.
        experiments: How many experiments still name the old one.
    """

    old: Path
    new: Path
    experiments: int

    @property
    def advice(self) -> str:
        """What happened, and what to do."""
        return (
            f"this folder was moved or copied: the database in {self.new} still names "
            f"{self.old / ROOT} for the artifacts; `lrlab doctor --fix` makes it name "
            f"{self.new / ROOT}"
        )


def store_folder(uri: str) -> Path | None:
    """The folder of an SQLite file, without links; None for any other store."""
    path = sqlite_path(uri)
    return None if path is None else path.resolve().parent


def find_moved(uri: str) -> tuple[Moved, ...]:
    """The former folders of a store that its experiments name.

    Raises:
        sqlalchemy.exc.SQLAlchemyError: If the database cannot be read.
    """
    here = store_folder(uri)
    if here is None:
        return ()
    with _connection(uri) as connection:
        rows = connection.execute(
            select(EXPERIMENTS.c.experiment_id, EXPERIMENTS.c.artifact_location)
        )
        named: dict[Path, list[str]] = {}
        for experiment_id, location in rows:
            old = _default_folder(str(experiment_id), location or "")
            if old is not None and old != here and Path(os.path.realpath(old)) != here:
                named.setdefault(old, []).append(str(experiment_id))
        return tuple(
            Moved(old, here, len(ids))
            for old, ids in sorted(named.items())
            if _was_here(connection, old, here, ids)
        )


@contextmanager
def _connection(uri: str) -> Iterator[Connection]:
    """One that leaves no engine behind."""
    engine = sqlalchemy.create_engine(uri, poolclass=sqlalchemy.NullPool)
    with closing(engine.connect()) as connection:
        yield connection
    engine.dispose()


def _default_folder(experiment_id: str, location: str) -> Path | None:
    """The folder OLD of `OLD/mlruns/ID`; None if a location is of another form."""
    path = local_folder(location)
    if path is None:
        return None
    is_default = path.is_absolute() and (path.parent.name, path.name) == (ROOT, experiment_id)
    return path.parent.parent if is_default else None


def _was_here(connection: Connection, old: Path, here: Path, experiments: list[str]) -> bool:
    """Whether a database in `here` was in `old` before."""
    if any(_has_a_run(connection, here / ROOT / each, each) for each in experiments):
        return True
    said = select(TAGS.c.value).where(TAGS.c.key == FOLDER_TAG, TAGS.c.value == str(old)).limit(1)
    return connection.execute(said).first() is not None


def _has_a_run(connection: Connection, folder: Path, experiment_id: str) -> bool:
    """Whether a folder holds that of a run which the database has in an experiment."""
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in islice(entries, SAMPLE)]
    except OSError:
        return False
    known = select(RUNS.c.run_uuid).where(
        RUNS.c.run_uuid.in_(names), RUNS.c.experiment_id == int(experiment_id)
    )
    return connection.execute(known.limit(1)).first() is not None


def former(moved: tuple[Moved, ...], uri: str) -> Moved | None:
    """The move that a place of artifacts is from; None if it is no former place."""
    path = local_folder(uri) if moved else None
    if path is None:
        return None
    return next((each for each in moved if path.is_relative_to(each.old / ROOT)), None)


def present(moved: tuple[Moved, ...], uri: str) -> str:
    """Where artifacts are now: beside the database, if they are there, else as recorded."""
    move, path = former(moved, uri), local_folder(uri)
    if move is None or path is None:
        return uri
    below = path.relative_to(move.old)
    return str(move.new / below) if (move.new / below).exists() else uri
