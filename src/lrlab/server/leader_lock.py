"""One dispatcher in the whole installation: a lock that the database holds."""

from __future__ import annotations

from types import TracebackType

import sqlalchemy
from sqlalchemy.exc import DBAPIError

from lrlab.errors import LrlabError
from lrlab.track.store import without_password

KEY = 0x6C726C6162  # "lrlab": the number that PostgreSQL knows the lock by


class LockLost(LrlabError):
    """The database went away, and the lock with it: another dispatcher may have it now."""


class DatabaseLock:
    """PostgreSQL's advisory lock, held as long as the connection stands, kill -9 included.

    Args:
        url: Of the database.
    """

    def __init__(self, url: str) -> None:
        self.url = url
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
        try:
            connection = self._engine.connect()
            taken = connection.execute(
                sqlalchemy.text("SELECT pg_try_advisory_lock(:key)"), {"key": KEY}
            ).scalar()
        except DBAPIError as error:
            reason = str(error.orig).strip().splitlines()[-1:]
            raise LrlabError(
                f"the database {without_password(self.url)} does not answer: {reason}"
            ) from None
        if not taken:
            connection.close()
            return False
        self._connection = connection
        return True

    def check(self) -> None:
        """Make sure that the lock is still held.

        Raises:
            LockLost: If it is not.
        """
        try:
            assert self._connection is not None
            self._connection.execute(sqlalchemy.text("SELECT 1"))
        except DBAPIError:
            self.release()
            raise LockLost("the connection that held the dispatcher's lock is gone") from None

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
