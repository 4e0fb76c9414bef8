"""The script that draws: where it comes from, and when its cache is trusted."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lrlab import cache
from lrlab.report.render import bundle

MADE = "window.vega = 1; // \u00e4"


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """An empty cache; what vl-convert would take a second to bundle is a line here."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "lrlab"


@pytest.fixture
def makings(monkeypatch) -> list[str]:
    calls: list[str] = []

    def make() -> str:
        calls.append("made")
        return MADE

    monkeypatch.setattr(bundle, "make", make)
    return calls


def test_the_script_is_made_once_and_then_read_from_the_users_cache(folder, makings):
    assert [bundle.bundle() for _ in range(3)] == [MADE] * 3
    assert makings == ["made"]
    (path,) = folder.iterdir()
    assert folder.stat().st_mode & 0o777 == 0o700
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"",
        lambda data: data[:-1],
        lambda data: data + b" ",
        lambda data: data.replace(b"= 1", b"= 2"),
        lambda data: b"\xff" * len(data),
    ],
    ids=["empty", "cut", "longer", "changed", "not text"],
)
def test_a_damaged_cache_is_made_anew(folder, makings, damage):
    bundle.bundle()
    (path,) = folder.iterdir()
    path.write_bytes(damage(path.read_bytes()))
    assert bundle.bundle() == MADE
    assert bundle.bundle() == MADE
    assert makings == ["made"] * 2
    assert list(folder.iterdir()) == [path]


@pytest.mark.parametrize("who", ["folder", "file"])
def test_what_others_may_write_is_not_trusted(folder, makings, who):
    bundle.bundle()
    (path,) = folder.iterdir()
    (folder if who == "folder" else path).chmod(0o777 if who == "folder" else 0o666)
    bundle.bundle()
    assert makings == ["made"] * 2


def test_what_belongs_to_somebody_else_is_not_trusted(folder, makings, monkeypatch):
    bundle.bundle()
    monkeypatch.setattr(os, "getuid", lambda: 12345)
    bundle.bundle()
    assert makings == ["made"] * 2


def test_a_link_is_not_followed(folder, makings, tmp_path):
    bundle.bundle()
    (path,) = folder.iterdir()
    path.rename(tmp_path / "elsewhere.js")
    path.symlink_to(tmp_path / "elsewhere.js")
    bundle.bundle()
    assert makings == ["made"] * 2


def test_without_a_place_for_the_cache_the_script_is_made_each_time(
    tmp_path, makings, monkeypatch
):
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert bundle.bundle() == bundle.bundle() == MADE
    assert makings == ["made"] * 2


def test_a_relative_cache_folder_counts_as_none(monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", "cache")
    assert cache.cache_folder().is_absolute()


def test_it_can_be_made_beside_other_work_and_has_what_the_page_uses(folder, makings):
    bundle.prepare()
    bundle.prepare()
    script = bundle.bundle()
    assert makings == []
    assert "window.vegaEmbed=" in script[-50:]
    assert "</script" not in script
    assert "<!--" not in script
    assert "\r" not in script
    bundle.prepare()
    assert bundle.bundle() == script
