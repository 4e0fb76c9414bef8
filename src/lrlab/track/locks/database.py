"""A lock that PostgreSQL holds: as long as its connection stands, kill -9 included."""

from __future__ import annotations

from types import TracebackType

import sqlalchemy
from sqlalchemy.exc import DBAPIError

from lrlab.errors import LrlabError
from lrlab.track.address import without_password

_LOOK = sqlalchemy.text(
    "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 1 AND granted"
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    " AND classid::bigint = (:key >> 32) & 4294967295 AND objid::bigint = :key & 4294967295"
)


class LockLost(LrlabError):
    """The database went away, and the lock with it: another process may have it now."""


class DatabaseLock:
    """PostgreSQL's advisory lock on a number.

    Args:
        url: Of the database.
        key: The number, of 64 bits, signed.
        whose: Who holds it, for messages.
    """

    def __init__(self, url: str, key: int, whose: str) -> None:
        self.url, self.key, self.whose = url, key, whose
        self._engine = sqlalchemy.create_engine(
            url,
            isolation_level="AUTOCOMMIT",
            poolclass=sqlalchemy.pool.NullPool,
            connect_args={"connect_timeout": 5, "keepalives_idle": 10, "keepalives_interval": 5},
        )
        self._connection: sqlalchemy.Connection | None = None

    def acquire(self) -> bool:
        """Take the lock if nobody has it.

        Raises:
            LrlabError: If the database does not answer.
        """
        query = sqlalchemy.text("SELECT pg_try_advisory_lock(:key)")
        connection, taken = self._ask(query)
        if not taken:
            connection.close()
            return False
        self._connection = connection
        return True

    def holds(self) -> bool:
        """Whether this object has it still, or again: a connection may break and be made anew.

        Raises:
            LrlabError: If the database does not answer, so that nobody can tell.
        """
        try:
            self.check()
        except LockLost:
            return self.acquire()
        return True

    def is_taken(self) -> bool:
        """Whether somebody has it. Looking does not take it.

        Raises:
            LrlabError: If the database does not answer.
        """
        connection, count = self._ask(_LOOK)
        connection.close()
        return bool(count)

    def _ask(self, query: sqlalchemy.TextClause) -> tuple[sqlalchemy.Connection, object]:
        try:
            connection = self._engine.connect()
            return connection, connection.execute(query, {"key": self.key}).scalar()
        except DBAPIError as error:
            reason = str(error.orig).strip().splitlines()[-1:]
            raise LrlabError(
                f"the database {without_password(self.url)} does not answer: {reason}"
            ) from None

    def check(self) -> None:
        """Make sure that the lock is still held.

        Raises:
            LockLost: If it is not.
        """
        try:
            if self._connection is None:
                raise LockLost(f"{self.whose} does not hold its lock")
            self._connection.execute(sqlalchemy.text("SELECT 1"))
        except DBAPIError:
            self.release()
            raise LockLost(f"the connection that held the lock of {self.whose} is gone") from None

    def release(self) -> None:
        """Let go of the lock."""
        if self._connection is not None:
            connection, self._connection = self._connection, None
            try:
                connection.close()
            except DBAPIError:
                connection.invalidate()

    def __enter__(self) -> DatabaseLock:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()
