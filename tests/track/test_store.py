"""Stores that cannot be used: one clear message each, and nothing half-written."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

import pytest
import yaml

from lrlab import LrlabError, UserError
from lrlab.track import connect
from lrlab.track.store import sqlite_path, without_password
from support import tiny


def set_revision(path: Path, revision: str) -> None:
    with sqlite3.connect(path) as database:
        database.execute("UPDATE alembic_version SET version_num = ?", (revision,))


def test_an_unreachable_server_fails_at_once_and_says_where_the_address_comes_from() -> None:
    with pytest.raises(LrlabError, match=r"127\.0\.0\.1:9 does not answer.*MLFLOW_TRACKING_URI"):
        connect("http://127.0.0.1:9")


def test_a_store_of_a_newer_mlflow_is_refused(workdir: Path) -> None:
    set_revision(workdir / "mlflow.db", "ffffffffffff")
    with pytest.raises(LrlabError, match=r"newer MLflow.*ffffffffffff"):
        connect()


def test_a_store_of_an_older_mlflow_names_the_upgrade_command(workdir: Path) -> None:
    set_revision(workdir / "mlflow.db", "451aebb31d03")
    with pytest.raises(LrlabError, match=r"older MLflow.*mlflow db upgrade sqlite"):
        connect()


def test_a_database_that_is_not_mlflows_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE accounts (name TEXT)")
    with pytest.raises(LrlabError, match="not MLflow's"):
        connect(f"sqlite:///{path}")
    with sqlite3.connect(path) as database:
        tables = database.execute("SELECT name FROM sqlite_master").fetchall()
    assert tables == [("accounts",)]


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "mlflow.db"
    path.write_text("just text, and enough of it to be no SQLite header" * 10)
    with pytest.raises(LrlabError, match="damaged or is not an SQLite"):
        connect(f"sqlite:///{path}")


def test_a_folder_that_does_not_exist_is_made(tmp_path: Path) -> None:
    connect(f"sqlite:///{tmp_path}/team/mlflow.db")
    assert [path.name for path in (tmp_path / "team").iterdir()] == ["mlflow.db"]


def test_passwords_are_never_shown() -> None:
    shown = without_password("postgresql://anna:secret@db.example/mlflow")
    assert shown == "postgresql://anna:***@db.example/mlflow"
    with pytest.raises(LrlabError) as caught:
        connect("http://anna:hunter2@127.0.0.1:9")
    assert "hunter2" not in str(caught.value)


def test_a_malformed_address_is_the_users_mistake() -> None:
    with pytest.raises(UserError, match="not a valid address"):
        connect("http://[bad")


def test_a_folder_with_spaces_and_percent_signs_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "my sweeps 100%"
    folder.mkdir()
    monkeypatch.chdir(folder)
    store = connect()
    assert (folder / "mlflow.db").exists()
    assert sqlite_path(store.uri) == folder / "mlflow.db"


def _sweep(folder: Path, *prefix: str) -> subprocess.CompletedProcess[str]:
    (folder / "spec.yaml").write_text(yaml.safe_dump(tiny(search={"trials": 4})))
    return subprocess.run(
        [*prefix, sys.executable, "-m", "lrlab", "sweep", "spec.yaml"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | ({"HOME": str(folder)} if prefix else {}),  # another user's is closed
    )


as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root to set the scene")


@as_root
def test_no_write_permission_is_said_in_one_line(tmp_path_factory) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "spec.yaml").touch()
        folder.chmod(0o555)
        done = _sweep(folder, "setpriv", "--reuid=65534", "--clear-groups")
    if "Permission denied" in done.stderr and "lrlab" not in done.stderr:
        pytest.skip("the interpreter itself is not readable for other users here")
    assert done.returncode == 1
    assert "no permission" in done.stderr
    assert "Traceback" not in done.stderr


def fill(path: Path) -> None:
    """Write until the disk is full."""
    with suppress(OSError), path.open("wb", buffering=0) as file:
        while True:
            file.write(b"x" * 4096)


@as_root
def test_a_full_disk_is_said_in_one_line_and_the_sweep_goes_on_after_it(tmp_path: Path) -> None:
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=5m", "tmpfs", tmp_path], check=False
    )
    if mounted.returncode:
        pytest.skip("cannot mount a small disk here")
    try:
        ballast = tmp_path / "ballast"
        first = _sweep(tmp_path)  # fits: 4 runs
        assert first.returncode == 0, first.stderr
        fill(ballast)
        full = subprocess.run(
            [sys.executable, "-m", "lrlab", "sweep", "spec.yaml", "--trials", "8"],
            cwd=tmp_path, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert full.returncode == 1, full.stderr
        assert "disk is full" in full.stderr
        assert "Traceback" not in full.stderr
        ballast.unlink()
        last = subprocess.run(
            [sys.executable, "-m", "lrlab", "sweep", "spec.yaml", "--trials", "8", "--json"],
            cwd=tmp_path, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert last.returncode == 0, last.stderr
        assert '"runs": 8' in last.stdout
    finally:
        subprocess.run(["umount", tmp_path], check=True)


def test_an_address_without_its_scheme_is_asked_for_it() -> None:
    with pytest.raises(UserError, match=r"http://localhost:5000 or https://localhost:5000\?"):
        connect("localhost:5000")


def test_a_host_that_does_not_exist_is_told_from_one_that_is_silent() -> None:
    with pytest.raises(LrlabError, match="there is no host of that name"):
        connect("http://lrlab.invalid:5000")


def test_a_uri_of_no_known_kind_is_the_users_mistake() -> None:
    with pytest.raises(UserError, match="not a tracking URI that MLflow knows"):
        connect("foo://bar")


def test_a_missing_database_driver_is_named() -> None:
    with pytest.raises(UserError, match="needs the Python package"):
        connect("mssql+pyodbc://u:pw@127.0.0.1:1/x")


UNUSABLE = {
    "/proc": ("sqlite:////proc/x.db", LrlabError, "cannot be used at /proc/x.db"),
    "a folder": ("sqlite:////", UserError, "names a folder; name a file in it"),
    "a file as a folder": ("sqlite:////etc/passwd/x.db", LrlabError, "cannot be used at"),
    "in memory": ("sqlite:///:memory:", UserError, "which ends with the command"),
    "no file": ("sqlite://", UserError, "which ends with the command"),
    "one slash": ("sqlite:/x.db", UserError, "not the address of an SQLite file"),
    "a NUL": ("sqlite:///a\0b.db", UserError, "holds a NUL character"),
    "a long name": (f"sqlite:///{'a' * 300}.db", LrlabError, "File name too long"),
    "a folder of runs": ("./mlruns", UserError, "keeps no stores in folders"),
    "a folder as a file URI": ("file:///tmp/mlruns", UserError, "mlflow migrate-filestore"),
    "no host": ("http://", UserError, "names no host"),
    "no port": ("http://localhost:99999", UserError, "not a valid address"),
    "PostgreSQL that is not there": (
        "postgresql+psycopg2://u:secret@127.0.0.1:9/db",
        LrlabError,
        r"u:\*\*\*@127.0.0.1:9/db cannot be used",
    ),
}


@pytest.mark.parametrize("kind", UNUSABLE)
def test_a_store_that_cannot_be_opened_is_told_at_once(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    uri, expected, words = UNUSABLE[kind]
    with pytest.raises(LrlabError, match=words) as caught:
        connect(uri)
    assert type(caught.value) is expected
    assert "secret" not in str(caught.value)
    assert not list(tmp_path.iterdir())
