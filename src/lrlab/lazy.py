"""Imports by need: `lrlab ls` and `lrlab show` answer before torch would have been imported."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any


class _OnUse:
    """Stands for a module, and imports it when the first of its names is asked for."""

    def __init__(self, module: str) -> None:
        self._module = module

    def __getattr__(self, name: str) -> Any:
        found = getattr(import_module(self._module), name)
        if not name.startswith("__"):
            setattr(self, name, found)  # the next look does not come here
        return found


def on_use(module: str) -> Any:
    """A module that is imported when it is first used.

    In place of an import at the top, for modules whose functions need it but which others import
    for their names; type checkers are given the import itself.

    Args:
        module: Its full name.
    """
    return _OnUse(module)


def exports(
    package: str, homes: Mapping[str, Sequence[str]]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """`__getattr__` and `__dir__` of a package that hands on names of its modules by need.

    Args:
        package: Its full name.
        homes: The names that it hands on, by the module, such as `lrlab.track.read`.
    """
    home_of = {name: home for home, names in homes.items() for name in names}

    def find(name: str) -> Any:
        if name not in home_of:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_module(home_of[name]), name)

    def names() -> list[str]:
        return sorted({*vars(import_module(package)), *home_of})

    return find, names
