"""One writer a sweep: locks beside the store, and leases where there is nothing but tags."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lrlab import LrlabError
from lrlab.track import mlflow_schema as schema
from lrlab.track.file_lock import FileLock
from lrlab.track.locks import Lease, is_alive, lease, lock_of, only_one, running_elsewhere

HOLD = """
import sys, time
from pathlib import Path
from lrlab.track.file_lock import FileLock
lock = FileLock(Path(sys.argv[1]))
print(lock.acquire(), flush=True)
time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds a lock, with a TMPDIR of its own."""
    other = tmp_path / "other"
    other.mkdir()
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path / "a.lock")],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"TMPDIR": str(other)},
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "True\n"
    yield process
    process.kill()
    process.wait()


def test_a_lock_is_seen_without_being_taken_and_goes_with_its_process(
    tmp_path: Path, holder: subprocess.Popen[str]
) -> None:
    lock = FileLock(tmp_path / "a.lock")
    assert lock.is_taken()
    assert not lock.acquire()
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    assert not lock.is_taken()
    assert not lock.holds()  # the looks did not take it
    assert lock.acquire()
    assert lock.holds()
    lock.release()


def test_two_objects_of_one_process_exclude_each_other_and_nothing_is_left_behind(
    tmp_path: Path,
) -> None:
    first, second = FileLock(tmp_path / "a.lock"), FileLock(tmp_path / "a.lock")
    assert first.acquire()
    assert second.is_taken()
    assert not second.acquire()
    first.release()
    assert second.acquire()
    second.release()
    assert list(tmp_path.iterdir()) == []
    assert not first.is_taken()


def test_others_may_take_a_lock_where_they_may_write_the_folder(tmp_path: Path) -> None:
    tmp_path.chmod(0o770)
    lock = FileLock(tmp_path / "a.lock")
    assert lock.acquire()
    assert (tmp_path / "a.lock").stat().st_mode & 0o777 == 0o660
    lock.release()


def test_the_lock_of_a_sweep_lies_beside_its_database_however_the_path_is_spelt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mlflow.db").touch()
    (tmp_path / "link.db").symlink_to("mlflow.db")
    with only_one(f"sqlite:///{tmp_path}/mlflow.db", "run", "tiny"):
        locks = [path.name for path in tmp_path.iterdir() if path.suffix == ".lock"]
        assert len(locks) == 1
        assert locks[0].startswith(".mlflow.db.lrlab-")
        monkeypatch.setenv("TMPDIR", str(tmp_path / "elsewhere"))
        for uri in ("sqlite:///mlflow.db", "sqlite:///link.db"):
            assert lock_of(uri, "run").is_taken()
            assert is_alive(uri, "run", {})
            assert not is_alive(uri, "another", {})
    assert not lock_of("sqlite:///mlflow.db", "run").is_taken()


def test_a_second_process_is_told_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lrlab.track.locks.PATIENCE", 0.0)
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    with (
        only_one(uri, "run", "tiny"),
        pytest.raises(LrlabError, match=r"'tiny' is being run by another process; .* --new"),
        only_one(uri, "run", "tiny"),
    ):
        pass


# --- leases ---------------------------------------------------------------------------------

SERVER = "http://server:5000"


def test_a_live_owner_on_a_server_is_seen_and_a_dead_one_of_this_machine_is_not() -> None:
    tags = lease.sign_of_life()
    assert running_elsewhere(SERVER, tags) is not None
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    machine, _, _, token = tags[schema.LEASE].rsplit(" ", 3)
    gone = tags | {schema.LEASE: f"{machine} {child.pid} 1 {token}"}
    assert running_elsewhere(SERVER, gone) is None
    elsewhere = tags | {schema.LEASE: f"another boot {child.pid} 1 {token}"}
    assert running_elsewhere(SERVER, elsewhere) is not None
    stale = elsewhere | {schema.HEARTBEAT: f"{time.time() - lease.STALE - 1:.0f}"}
    assert running_elsewhere(SERVER, stale) is None


def test_the_lease_of_another_machine_counts_for_a_file_that_both_reach() -> None:
    uri, tags = "sqlite:///mlflow.db", lease.sign_of_life()
    assert running_elsewhere(uri, tags) is None  # the lock tells
    of_0_1_0 = {schema.OWNER: "laptop:7", schema.HEARTBEAT: f"{time.time():.0f}"}
    assert running_elsewhere(uri, of_0_1_0) is not None


@pytest.mark.parametrize("uri", ["postgresql://user@host/mlflow", "sqlite:////data/mlflow.db"])
def test_an_owner_that_reaches_the_store_over_http_is_seen_in_the_database(uri: str) -> None:
    assert running_elsewhere(uri, lease.sign_of_life(by_tags=True)) is not None
    assert running_elsewhere(uri, lease.sign_of_life()) is None


class Tags:
    """An MLflow client that holds the tags of one run."""

    def __init__(self) -> None:
        self.tags: dict[str, str] = {}
        self.fails = False
        self.written = 0

    def log(self, run_id: str, tags: dict[str, str]) -> None:
        if self.fails:
            raise OSError("gone for a while")
        self.tags |= tags
        self.written += 1

    def get_run(self, run_id: str) -> Any:
        return SimpleNamespace(data=SimpleNamespace(tags=dict(self.tags)))


def a_lease(client: Tags, server: bool = False, holds: bool = True) -> Lease:
    store: Any = SimpleNamespace(client=client, log=client.log, uri=SERVER, is_server=server)
    return Lease(store, "run", lambda: holds)


def wait_for(condition: Any) -> None:
    until = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.005)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "BEAT", 0.01)
    monkeypatch.setattr(lease, "SETTLE", 0.01)


@pytest.mark.usefixtures("quick")
def test_a_lease_is_renewed_by_itself_through_a_failure_of_the_store() -> None:
    client = Tags()
    mine = a_lease(client)
    mine.more = lambda: {schema.DONE: "7"}
    mine.take()
    wait_for(lambda: client.written > 2)
    assert client.tags[schema.DONE] == "7"
    client.fails = True
    time.sleep(0.05)
    client.fails, seen = False, client.written
    wait_for(lambda: client.written > seen)
    mine.check()
    mine.close()
    seen = client.written
    time.sleep(0.05)
    assert client.written == seen


@pytest.mark.usefixtures("quick")
def test_who_has_lost_the_sweep_to_another_stops_and_says_so() -> None:
    client = Tags()
    mine = a_lease(client)
    mine.take()
    client.tags |= lease.sign_of_life()
    wait_for(lambda: mine.is_lost)
    with pytest.raises(LrlabError, match="another process has taken over this sweep"):
        mine.check()
    mine.close()


def test_after_a_stall_nothing_is_written_before_a_look_at_the_record() -> None:
    client = Tags()
    mine = a_lease(client)
    mine.take()
    mine.check()
    client.tags |= lease.sign_of_life()  # another process, while this one stood still
    mine._renewed -= lease.STALE
    with pytest.raises(LrlabError, match="another process has taken over this sweep"):
        mine.check()
    mine.close()


def test_a_deleted_lease_is_written_again_unless_another_process_has_ended_the_sweep() -> None:
    client = Tags()
    mine = a_lease(client)
    mine.take()
    ours = client.tags.pop(schema.LEASE)
    client.tags[schema.STATE] = schema.RUNNING
    mine._beat()
    assert client.tags[schema.LEASE] == ours
    del client.tags[schema.LEASE]
    client.tags[schema.STATE] = schema.FINISHED
    mine._beat()
    assert mine.is_lost
    assert schema.LEASE not in client.tags
    mine.close()


@pytest.mark.usefixtures("quick")
def test_a_lock_that_is_gone_loses_the_sweep() -> None:
    mine = a_lease(Tags(), holds=False)
    mine.take()
    wait_for(lambda: mine.is_lost)
    mine.close()


@pytest.mark.usefixtures("quick")
def test_of_two_that_take_a_lease_at_once_the_later_one_has_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    client = Tags()
    first, second = a_lease(client, server=True), a_lease(client, server=True)
    monkeypatch.setattr(lease.time, "sleep", lambda seconds: client.log("run", {}))
    first._write()
    second.take()
    monkeypatch.setattr(lease.time, "sleep", lambda seconds: second._write())
    with pytest.raises(LrlabError, match="at the same time"):
        first.take()
    second.check()
    second.close()
    first.close()
