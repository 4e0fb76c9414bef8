"""A failure with all that it came from, and the codes by which it is known."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

import sqlalchemy.exc

from lrlab.track.address import without_password

E = TypeVar("E", bound=BaseException)
CONTINUES = "run the same command again: it continues where it stopped"

MLFLOW = "mlflow.exceptions.MlflowException"


def loaded(*names: str) -> tuple[type[BaseException], ...]:
    """Types of exceptions by full name, as far as their modules are imported.

    What nobody has imported, nobody has raised; so a library need not be imported to be blamed.
    """
    found = (
        (sys.modules.get(module), name) for module, _, name in (n.rpartition(".") for n in names)
    )
    types = (getattr(module, name, None) for module, name in found)
    return tuple(each for each in types if each is not None)


@dataclass(frozen=True)
class Failure:
    """What went wrong with a store.

    Args:
        errors: The exception and all that it came from, outermost first.
        uri: The store's URI, with its password.
    """

    errors: tuple[BaseException, ...]
    uri: str

    @property
    def shown(self) -> str:
        """The store's URI without its password."""
        return without_password(self.uri)

    def find(self, *kinds: type[E]) -> E | None:
        """The outermost exception of one of these types."""
        return next((error for error in self.errors if isinstance(error, kinds)), None)

    def find_of(self, *names: str) -> BaseException | None:
        """As `find`, of types that are named as `loaded` takes them."""
        return self.find(*loaded(*names))

    def attribute(self, name: str) -> Any:
        """The outermost value that is set of an attribute of the exceptions."""
        values = (getattr(error, name, None) for error in self.errors)
        return next((value for value in values if value is not None), None)

    @cached_property
    def errno(self) -> int | None:
        """The system's error number."""
        numbers = (error.errno for error in self.errors if isinstance(error, OSError))
        return next((number for number in numbers if number is not None), None)

    @cached_property
    def sqlite(self) -> int | None:
        """SQLite's primary result code (the low byte of the extended one)."""
        code = self.attribute("sqlite_errorcode")
        return None if code is None else int(code) & 0xFF

    @cached_property
    def postgres(self) -> str | None:
        """PostgreSQL's SQLSTATE, of any driver; None also where no connection was made."""
        code = self.attribute("pgcode") or self.attribute("sqlstate")
        return str(code) if code and self.find(sqlalchemy.exc.DBAPIError) else None

    @cached_property
    def mlflow(self) -> str | None:
        """MLflow's error code, such as RESOURCE_DOES_NOT_EXIST."""
        found = self.find_of(MLFLOW)
        return None if found is None else str(getattr(found, "error_code"))  # noqa: B009

    @cached_property
    def reason(self) -> str:
        """The first line of what the innermost exception says."""
        return first_line(str(self.errors[-1]) or type(self.errors[-1]).__name__)


def causes(error: BaseException) -> Iterator[BaseException]:
    """An exception and all that it came from, outermost first, each once."""
    seen: set[int] = set()
    waiting: list[Any] = [error]
    while waiting:
        found = waiting.pop(0)
        if not isinstance(found, BaseException) or id(found) in seen:
            continue
        seen.add(id(found))
        yield found
        # MLflow's client raises without `from`; of others the context may be another story.
        unsaid = isinstance(found, loaded(MLFLOW)) and not found.__suppress_context__
        context = found.__context__ if unsaid else None
        inner = (getattr(found, name, None) for name in ("orig", "reason"))
        waiting += [found.__cause__ or context, *inner, *found.args]


def first_line(text: str) -> str:
    """The first line of a text that has something in it, at most 300 characters."""
    return next((line.strip() for line in text.splitlines() if line.strip()), "no reason given")[
        :300
    ]
