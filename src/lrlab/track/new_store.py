"""A new SQLite store, from a template that MLflow has made once on this machine.

MLflow makes its tables in dozens of migrations, which take two seconds after two of importing.
The result is the same every time, so it is kept in the user's cache by MLflow's version.

This file runs as a program, too (see `prepare`).
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

import sqlalchemy
from sqlalchemy import insert

from lrlab import cache
from lrlab.clock import now_ms
from lrlab.scratch import scratch_folder
from lrlab.track.address import below, sqlite_path
from lrlab.track.database import is_made, revision
from lrlab.track.failures import explained
from lrlab.track.file_lock import FileLock
from lrlab.track.location import ROOT
from lrlab.track.mlflow_tables import EXPERIMENTS, tested_revision

_started: list[subprocess.Popen[bytes]] = []


def prepare(uri: str) -> None:
    """Begin to make the template beside other work, if a store is to be made and lacks it.

    In a process of its own: a thread would hold up all others.

    Args:
        uri: Of the store that will be asked for.
    """
    path = sqlite_path(uri)
    if path is None or is_made(path) or _started or cache.read(_name()) is not None:
        return
    quiet = subprocess.DEVNULL
    command = [sys.executable, "-P", "-m", "lrlab.track.new_store"]
    _started.append(subprocess.Popen(command, stdin=quiet, stdout=quiet, stderr=quiet))


def create_sqlite(uri: str) -> None:
    """Make an SQLite store that does not exist yet: whole, or not at all.

    A process that is killed on the way must not leave a database that neither MLflow nor lrlab
    can use. So it is made aside and moved into place.

    Raises:
        LrlabError: If it cannot be written.
    """
    path = sqlite_path(uri)
    with explained(uri):
        if path is None or is_made(path):
            return
        _refuse_unwritable(path)
    making = path.with_name(f".{path.name}.making")
    with explained(uri), FileLock(Path(f"{making}.lock")).waited_for():
        if is_made(path):
            return
        making.unlink(missing_ok=True)
        making.write_bytes(_template())
        if revision(f"sqlite:///{making}") == tested_revision():
            _add_default_experiment(making, str(path.resolve().parent / ROOT))
        making.rename(path)


def _name() -> str:
    return f"store-mlflow-{version('mlflow')}.db"


def _template() -> bytes:
    """A store without experiments, from the cache or made anew."""
    while _started:
        _started.pop().wait()
    found = cache.read(_name())
    if found is None:
        found = make()
        cache.write(_name(), found)
    return found


def make() -> bytes:
    """A store without experiments, as MLflow makes it."""
    from mlflow.store.db.utils import _initialize_tables, create_sqlalchemy_engine

    with scratch_folder() as folder:
        engine = create_sqlalchemy_engine(f"sqlite:///{folder}/mlflow.db")
        _initialize_tables(engine)
        engine.dispose()
        return (folder / "mlflow.db").read_bytes()


def _add_default_experiment(path: Path, root: str) -> None:
    """MLflow's own experiment, which its client and UI expect."""
    now = now_ms()
    engine = sqlalchemy.create_engine(f"sqlite:///{path}", poolclass=sqlalchemy.NullPool)
    with engine.begin() as connection:
        connection.execute(
            insert(EXPERIMENTS).values(
                experiment_id=0,
                name="Default",
                workspace="default",
                artifact_location=below(root, "0"),
                lifecycle_stage="active",
                creation_time=now,
                last_update_time=now,
            )
        )
    engine.dispose()


def _refuse_unwritable(path: Path) -> None:
    """Fail where no file can be made; a `FileLock` there would try forever.

    Raises:
        OSError: With the path of the store.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path.parent, prefix=f".{path.name}.making.lock"):
            pass
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error


if __name__ == "__main__":
    cache.write(_name(), make())
