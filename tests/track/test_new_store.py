"""A new store is what MLflow would have made, whether its template was in the cache or not."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

from lrlab import cache
from lrlab.track import connect, new_store


@pytest.fixture(scope="module")
def template() -> bytes:
    return new_store.make()


@pytest.fixture
def makings(tmp_path: Path, template: bytes, monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """An empty cache; how often a template was made, which takes seconds and is copied here."""
    calls = []
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(new_store, "make", lambda: calls.append(1) or template)
    return lambda: len(calls)


def words(sql: str) -> list[str]:
    return sorted(re.findall(r"[\w']+|[^\s\w]", sql))


def content(path: Path) -> tuple[list[Any], dict[str, list[Any]]]:
    """The schema as SQLite has it, and every row without its times.

    Words of a table's definition are sorted: MLflow's migrations write the same checks in one
    order today and in another tomorrow.
    """
    with closing(sqlite3.connect(path)) as opened:
        found = opened.execute("SELECT type, name, tbl_name, sql FROM sqlite_master")
        schema = sorted((*rest, words(sql or "")) for *rest, sql in found)
        rows = {
            name: [
                tuple("a time" if isinstance(v, int) and v > 10**12 else v for v in row)
                for row in opened.execute(f"SELECT * FROM {name}")
            ]
            for kind, name, _, _ in schema
            if kind == "table"
        }
    return schema, rows


def test_it_has_the_schema_and_the_rows_that_mlflow_gives_it(
    tmp_path: Path, makings: Callable[[], int]
) -> None:
    theirs = tmp_path / "theirs.db"
    SqlAlchemyStore(f"sqlite:///{theirs}", str(tmp_path / "mlruns"))
    for name in ("made anew.db", "from the cache.db"):
        assert connect(f"sqlite:///{tmp_path}/{name}").own is not None
        assert content(tmp_path / name) == content(theirs)
    assert makings() == 1


@pytest.mark.parametrize(
    "spoil",
    [
        lambda path: path.write_bytes(path.read_bytes()[:-1]),
        lambda path: path.chmod(0o666),
        lambda path: path.parent.chmod(0o777),
    ],
    ids=["cut", "writable by all", "folder writable by all"],
)
def test_a_cache_that_others_may_write_or_that_is_damaged_is_not_used(
    spoil: Callable[[Path], None], tmp_path: Path, makings: Callable[[], int]
) -> None:
    connect(f"sqlite:///{tmp_path}/one.db")
    [kept] = cache.cache_folder().iterdir()
    spoil(kept)
    connect(f"sqlite:///{tmp_path}/two.db")
    assert makings() == 2


def test_a_template_is_made_beside_other_work_only_if_it_is_needed(
    tmp_path: Path, makings: Callable[[], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[list[str]] = []

    class Process:
        def __init__(self, command: list[str], **options: object) -> None:
            started.append(command)

        def wait(self) -> None:
            cache.write(new_store._name(), new_store.make())

    monkeypatch.setattr(new_store.subprocess, "Popen", Process)
    uri = f"sqlite:///{tmp_path}/new.db"
    new_store.prepare(uri)
    new_store.prepare(uri)
    connect(uri)
    for each in (uri, f"sqlite:///{tmp_path}/another.db", "http://host:5000"):
        new_store.prepare(each)
    assert len(started) == makings() == 1


def test_what_a_killed_process_has_left_is_made_anew(
    tmp_path: Path, makings: Callable[[], int]
) -> None:
    (tmp_path / ".mlflow.db.making").write_bytes(b"SQLite format 3, the first half")
    assert connect(f"sqlite:///{tmp_path}/mlflow.db").own is not None
    assert [path.name for path in tmp_path.glob("*mlflow.db*")] == ["mlflow.db"]
