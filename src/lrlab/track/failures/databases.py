"""SQLite, PostgreSQL and what reaches them."""

from __future__ import annotations

import sqlite3
from contextlib import closing, suppress

import sqlalchemy.exc

from lrlab.errors import LrlabError, NotPermitted, UserError
from lrlab.track.address import KINDS, sqlite_path
from lrlab.track.failures.failure import CONTINUES, Failure


def unknown_uri(failure: Failure) -> LrlabError | None:
    if not failure.find(sqlalchemy.exc.NoSuchModuleError, sqlalchemy.exc.ArgumentError):
        return None
    return UserError(f"{failure.shown} is not a tracking URI that MLflow knows; {KINDS}")


def no_driver(failure: Failure) -> LrlabError | None:
    missing = failure.find(ImportError)
    if missing is None:
        return None
    remedy = "install it"
    if failure.uri.startswith("postgres"):
        remedy = (
            "pip install psycopg2-binary, and begin the URI with postgresql+psycopg2://, or "
            "install it"
        )
    return UserError(
        f"the tracking store {failure.shown} needs the Python package {missing.name!r}, which is "
        f"not installed; {remedy}"
    )


def sqlite_locked(failure: Failure) -> LrlabError | None:
    if failure.sqlite not in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return None
    return LrlabError(
        f"the tracking store {failure.shown} is locked: another program has been writing to it "
        f"for longer than lrlab waits. Find it (lsof FILE), let it end, and {CONTINUES}. For "
        "many writers at a time use PostgreSQL or a team server"
    )


def sqlite_damaged(failure: Failure) -> LrlabError | None:
    if failure.sqlite not in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT):
        return None
    return LrlabError(
        f"the tracking store {failure.shown} is damaged or is not an SQLite database. Restore a "
        "backup, or choose another store with --tracking-uri"
    )


def sqlite_gone(failure: Failure) -> LrlabError | None:
    """SQLite makes an empty database where the file is gone, and then misses its tables."""
    path = sqlite_path(failure.uri)
    if failure.sqlite != sqlite3.SQLITE_ERROR or path is None:
        return None
    with suppress(OSError, sqlite3.Error):
        if path.exists() and path.stat().st_size:
            with closing(sqlite3.connect(path)) as database:
                tables = {row[0] for row in database.execute("SELECT name FROM sqlite_master")}
            if {"experiments", "runs", "tags", "params", "metrics"} <= tables:
                return None
    return _deleted_file(failure)


def sqlite_refused(failure: Failure) -> LrlabError | None:
    refused = (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_CANTOPEN)
    if failure.sqlite not in refused:
        return None
    if failure.attribute("sqlite_errorcode") == sqlite3.SQLITE_READONLY_DBMOVED:
        return _deleted_file(failure)
    return LrlabError(
        f"cannot write the tracking store {failure.shown}: no permission for the file or its "
        "folder. Change the permissions or choose another store with --tracking-uri"
    )


def sqlite_broken_disk(failure: Failure) -> LrlabError | None:
    if failure.sqlite != sqlite3.SQLITE_IOERR:
        return None
    return LrlabError(
        f"the disk cannot read or write the tracking store {failure.shown} ({failure.reason}). "
        "Look whether the disk (or the network folder) is available, or choose another "
        "store with --tracking-uri"
    )


def postgres_full(failure: Failure) -> LrlabError | None:
    if failure.postgres != "53100":
        return None
    return LrlabError(
        f"the disk of the database {failure.shown} is full. Free some space there and {CONTINUES}"
    )


def postgres_not_permitted(failure: Failure) -> LrlabError | None:
    if failure.postgres != "42501":
        return None
    return NotPermitted(
        f"the database {failure.shown} does not permit this: {failure.reason}. Ask who owns it "
        "for permission, or sign in as another user"
    )


def no_tables(failure: Failure) -> LrlabError | None:
    if failure.postgres not in ("42P01", "3D000", "3F000"):
        return None
    return LrlabError(
        f"the database {failure.shown} lacks MLflow's tables ({failure.reason}): they were "
        "deleted while in use, or it is another database"
    )


def database_ends(failure: Failure) -> LrlabError | None:
    """PostgreSQL's classes 57P (it is stopped or started) and 53 (it lacks a resource)."""
    if failure.postgres is None or not failure.postgres.startswith(("57P", "53")):
        return None
    return LrlabError(
        f"the database {failure.shown} is too busy now: {failure.reason}. "
        f"When it is not, {CONTINUES}"
    )


def database_away(failure: Failure) -> LrlabError | None:
    found = failure.find(sqlalchemy.exc.OperationalError, sqlalchemy.exc.InterfaceError)
    if found is None or failure.sqlite is not None or failure.postgres is not None:
        return None
    return LrlabError(
        f"the database {failure.shown} cannot be used: {failure.reason}. Is it running, and are "
        "host, port, user, password and database right? Then run the same command again"
    )


def _deleted_file(failure: Failure) -> LrlabError:
    return LrlabError(
        f"the tracking store {failure.shown} was deleted or moved while it was in use. Put it "
        "back, or start again: what was recorded is where the file is now"
    )
