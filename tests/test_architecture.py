"""docs/architecture.md is the map of the code: what it names is there, and imports go one way."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "lrlab"
MAP = (ROOT / "docs" / "architecture.md").read_text("utf-8")
ROOMS = [
    re.findall(r"`([a-z_]+)(?:/|\.py)`", row.partition(" | ")[0])
    for row in MAP.partition("## Where is")[0].splitlines()
    if row.startswith("| `")
]
REPORT = ("analysis", "text", "figures", "render", "build")


@cache
def imports() -> dict[str, set[str]]:
    """The modules and packages of lrlab that each module imports, in functions too."""
    modules = {
        ".".join(("lrlab", *path.relative_to(PACKAGE).with_suffix("").parts)): path
        for path in PACKAGE.rglob("*.py")
    }
    modules = {name.removesuffix(".__init__"): path for name, path in modules.items()}
    return {
        name: {target for target in named(path) if target in modules} - {"lrlab", name}
        for name, path in modules.items()
    }


def named(path: Path) -> Iterator[str]:
    """What the imports of a file may name; those for type checkers alone aside."""
    waiting: list[ast.AST] = [ast.parse(path.read_text("utf-8"))]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            waiting += node.orelse
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        else:
            waiting += ast.iter_child_nodes(node)


def room_of(module: str) -> str:
    return module.split(".")[1]


def test_every_room_of_the_code_is_on_the_map() -> None:
    there = {path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" or path.is_dir()}
    private = {"__init__", "__main__", "__pycache__"}
    assert sorted(name for row in ROOMS for name in row) == sorted(there - private)


def test_every_file_that_the_map_names_is_there() -> None:
    places = MAP.partition("## Where is")[2]
    found = set(re.findall(r"`((?:[a-z_]+/)+(?:[a-z_]+\.py)?)`", places))
    assert len(found) > 20
    for name in found:
        assert any(path.exists() for path in (PACKAGE / name, ROOT / name)), name


def test_a_room_imports_only_from_rooms_above_it() -> None:
    order = {name: number for number, row in enumerate(ROOMS) for name in row}
    back = [
        (module, target)
        for module, targets in imports().items()
        for target in targets
        if module not in ("lrlab", "lrlab.__main__")
        and order[room_of(target)] > order[room_of(module)]
    ]
    assert back == []


def test_no_files_import_each_other_in_a_circle() -> None:
    faces = {path.parent.name for path in PACKAGE.rglob("__init__.py")}  # they hand names on
    files = {
        module: {target for target in targets if target.rpartition(".")[2] not in faces}
        for module, targets in imports().items()
        if module.rpartition(".")[2] not in faces
    }
    TopologicalSorter(files).prepare()  # raises CycleError


@pytest.mark.parametrize("part", REPORT)
def test_a_report_goes_from_numbers_to_words_to_figures_to_a_page(part: str) -> None:
    later = REPORT[REPORT.index(part) + 1 :]
    back = [
        (module, target)
        for module, targets in imports().items()
        for target in targets
        if module.startswith(f"lrlab.report.{part}")
        and target.startswith(tuple(f"lrlab.report.{name}" for name in later))
    ]
    assert back == []
