"""Migrations: databases, tables and administrator, made once; upgraded only when told to."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence

import sqlalchemy
from sqlalchemy.exc import OperationalError, ProgrammingError

from lrlab.errors import LrlabError
from lrlab.server.settings import AUTH, STUDIES, TRACKING, Settings, read_settings
from lrlab.track.store import quiet, schema_revisions, without_password

PATIENCE = 60.0  # seconds to wait for the database
UPGRADE = "--upgrade"


def prepare(settings: Settings, *, upgrade: bool = False) -> list[str]:
    """Make what is missing: databases, MLflow's tables, the login database, the administrator.

    Args:
        settings: The server's; the environment has MLflow's variables for its login app.
        upgrade: Upgrade tables that an older MLflow made.

    Returns:
        What was done, a line each.

    Raises:
        LrlabError: If the database does not answer, or its tables need an upgrade that was not
            asked for.
    """
    _wait(settings.database("postgres"))
    done = [
        f"database {name}: made"
        for name in (TRACKING, AUTH, STUDIES)
        if _create_database(settings.database("postgres"), name)
    ]
    done.append(_tracking(settings.database(TRACKING), upgrade))
    done.append(_login(settings))
    return done


def _wait(url: str) -> None:
    deadline = time.monotonic() + PATIENCE
    engine = sqlalchemy.create_engine(url)
    while True:
        try:
            engine.connect().close()
            return
        except OperationalError as error:
            if "authentication failed" in str(error) or time.monotonic() > deadline:
                reason = str(error.orig).strip().splitlines()[-1]
                raise LrlabError(f"{without_password(url)} cannot be used: {reason}") from None
            time.sleep(0.5)
        finally:
            engine.dispose()


def _create_database(url: str, name: str) -> bool:
    engine = sqlalchemy.create_engine(url, isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as connection:
            there = sqlalchemy.text("SELECT 1 FROM pg_database WHERE datname = :name")
            if connection.execute(there, {"name": name}).scalar():
                return False
            quoted = engine.dialect.identifier_preparer.quote(name)
            connection.execute(sqlalchemy.text(f"CREATE DATABASE {quoted}"))
            return True
    except ProgrammingError as error:
        raise LrlabError(f"cannot make the database {name!r}: {error.orig}") from None
    finally:
        engine.dispose()


def _tracking(url: str, upgrade: bool) -> str:
    from mlflow.store.db.utils import (
        _initialize_tables,
        _upgrade_db,
        create_sqlalchemy_engine,
    )

    found, expected = schema_revisions(url)
    if found == expected:
        return f"tracking tables: {found}, as the installed MLflow's"
    engine = create_sqlalchemy_engine(url)
    try:
        if found is None:
            _initialize_tables(engine)
            return f"tracking tables: made ({expected})"
        if not upgrade:
            raise LrlabError(
                f"the tracking tables are of another MLflow (schema {found}; this one needs "
                f"{expected}). Make a backup, then upgrade them: `lrlab server migrate {UPGRADE}` "
                f"(docker compose run --rm migrate lrlab server migrate {UPGRADE}; without Docker "
                f"lrlab server up --local {UPGRADE})"
            )
        _upgrade_db(engine)
        return f"tracking tables: upgraded from {found} to {expected}"
    finally:
        engine.dispose()


def _login(settings: Settings) -> str:
    from mlflow.exceptions import MlflowException
    from mlflow.server.auth import bootstrap_admin_user

    try:
        bootstrap_admin_user()  # migrates the login tables as well
    except MlflowException as error:
        raise LrlabError(f"the administrator cannot be made: {error.message}") from None
    return f"login tables and administrator {settings.admin_user!r}: there"


def main(arguments: Sequence[str]) -> int:
    """Prepare as the environment says; returns the exit code."""
    quiet()
    try:
        for line in prepare(read_settings(os.environ), upgrade=UPGRADE in arguments):
            print(line, flush=True)
    except LrlabError as error:
        print(f"Error: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
