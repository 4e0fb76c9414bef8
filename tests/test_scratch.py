"""Temporary folders: who may remove whose."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from lrlab.scratch import remove_litter, scratch_folder


@pytest.fixture(autouse=True)
def tmpdir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


@pytest.fixture
def dead(tmpdir: Path) -> int:
    """The id of a process that is gone."""
    process = subprocess.Popen(["true"])
    process.wait()
    return process.pid


def test_a_folder_is_gone_after_its_use_whatever_happens(tmpdir: Path) -> None:
    def fill() -> None:
        with scratch_folder() as folder:
            (folder / "file").touch()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fill()
    assert list(tmpdir.iterdir()) == []


def test_what_a_killed_process_left_is_removed_and_what_a_living_one_uses_is_not(
    tmpdir: Path,
) -> None:
    program = (
        "from lrlab.scratch import scratch_folder\n"
        "with scratch_folder() as folder:\n"
        "    (folder / 'file').touch(); print(folder, flush=True); input()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program],
        env=os.environ | {"TMPDIR": str(tmpdir)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        folder = Path(process.stdout.readline().strip())
        assert folder.parent == tmpdir
        remove_litter()
        assert (folder / "file").exists()
        process.kill()
        process.wait()
        remove_litter()
        assert not folder.exists()


def test_a_folder_whose_lock_is_held_stays_though_its_process_is_not_seen(
    tmpdir: Path, dead: int
) -> None:
    folder = tmpdir / f"lrlab-{dead}-abc"  # of another container with the same /tmp
    folder.mkdir()
    descriptor = os.open(folder, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    remove_litter()
    assert folder.exists()
    os.close(descriptor)
    remove_litter()
    assert not folder.exists()


def test_nothing_else_is_touched(tmpdir: Path, dead: int) -> None:
    for name in ("lrlab-0", f"lrlab-{dead}", f"my-lrlab-{dead}-abc", "lrlab-notes", "other"):
        (tmpdir / name).mkdir()
    (tmpdir / f"lrlab-{dead}-file").touch()
    (tmpdir / f"lrlab-{dead}-link").symlink_to(tmpdir / "other")
    before = sorted(tmpdir.iterdir())
    remove_litter()
    assert sorted(tmpdir.iterdir()) == before
