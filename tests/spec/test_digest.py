"""What makes two specs the same sweep."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from lrlab import UserError, make_spec
from lrlab.spec import SweepSpec, TrainSpec
from lrlab.spec import digest as digests
from lrlab.spec.digest import digest_by_path, settings_digest, table_digest

TABLE = {"source": "csv", "path": "a.csv", "target": "y"}
# As lrlab 0.1.0 made them: no release may change these, or users' sweeps are not found any more.
RECORDED: dict[str, tuple[dict[str, Any], str]] = {
    "minimal": ({}, "31a3f23246694c5d6b47d3c6699939e7fbabfc324faf94333b5e0a85f2d286b5"),
    "full space": (
        {
            "search": {
                "trials": 7,
                "sampler": "random",
                "space": {
                    "optimizer": ["momentum", "adam"],
                    "loss": "focal",
                    "lr": {"low": 1e-05, "high": 1, "log": True, "points": 3},
                    "l2": {"low": 0, "high": 1, "step": 0.25},
                    "momentum.beta": [0.5, 0.9],
                    "adam.eps": 1e-08,
                    "focal.gamma": 2,
                },
            }
        },
        "048174cf98ffcaecd68f5cb20e2be1d61cd8da6d62f6eb70c9206c3be02d2e9f",
    ),
    "csv": (
        {
            "data": {
                "source": "csv",
                "path": "a.csv",
                "target": "y",
                "positive": "yes",
                "numeric": ["a"],
                "drop": ["b"],
            }
        },
        "57781b6fb78f369b15baf296e07ac77e3ab47e7722037985b7b34576a51bbdb6",
    ),
    "class true": (
        {"data": {"source": "csv", "path": "a.csv", "target": "y", "positive": True}},
        "dac913f194e88d644a96c72b07f9b41ec8a3f95b9a024ae3fdf037b43d5e8957",
    ),
    "parquet": (
        {"data": {"source": "parquet", "path": "/d/é.parquet", "target": "ž"}},
        "4b88d8f043e87cf62ae602ec1eaf8a4080443df82b4723cf4d1e63b589758b49",
    ),
    "sklearn": (
        {"data": {"source": "sklearn", "dataset": "wine", "positive": "class_1"}},
        "ea714b29be2a74ef6246b40125cdbe69dbf2ce5ab47dfe9d98348cb8e75d84bb",
    ),
    "batch size": (
        {"train": {"batch_size": 5}},
        "1f84d1f9776553f89f70750a459d07d45d6f208c1f42482bd7f9cb5dcf64c501",
    ),
    "separator": (
        {"data": {"source": "csv", "path": "a.csv", "target": "y", "separator": ";"}},
        "1c184ad4cb5f37a8ff5450e4a622894d298efe3d00dd99025a0c55bc1c34acf0",
    ),
}


@pytest.mark.parametrize(("tree", "recorded"), RECORDED.values(), ids=RECORDED.keys())
def test_digests_are_those_that_an_earlier_release_recorded(
    tree: dict[str, Any], recorded: str
) -> None:
    assert digest_by_path(make_spec({"name": "t", **tree})) == recorded


def test_without_a_table_the_digest_is_still_that_of_the_first_release() -> None:
    spec = make_spec({"name": "t"})
    assert spec.digest() == settings_digest(spec) == digest_by_path(spec)


def test_a_new_key_at_its_default_changes_no_digest(monkeypatch: pytest.MonkeyPatch) -> None:
    class Newer(TrainSpec):
        momentum_of_a_later_release: float = 0.5

    spec = make_spec({"name": "t"})

    def newer(value: float) -> SweepSpec:
        train = Newer(momentum_of_a_later_release=value)
        return spec.model_copy(update={"train": train})

    assert newer(0.5).digest() == spec.digest()
    assert newer(0.6).digest() != spec.digest()


def test_the_table_s_bytes_are_part_of_the_digest_and_its_path_is_not(tmp_path: Path) -> None:
    def of(name: str, content: str) -> str:
        (tmp_path / name).write_text(content, "utf-8")
        return make_spec({"name": "t", "data": {**TABLE, "path": str(tmp_path / name)}}).digest()

    assert of("a.csv", "x,y\n1,0\n") == of("b.csv", "x,y\n1,0\n")
    assert of("a.csv", "x,y\n1,0\n") != of("c.csv", "x,y\n1,1\n")


def test_a_file_s_digest_is_its_sha_256_and_notices_a_change(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    for content in (b"x" * 3_000_000, b"", b"y"):
        path.write_bytes(content)
        assert table_digest(path) == hashlib.sha256(content).hexdigest()


def test_a_table_that_a_server_keeps_is_known_by_its_name() -> None:
    sha = "5" * 64
    assert table_digest(Path(f"data/{sha}/t.csv")) == sha


def test_a_table_that_is_not_there_is_the_user_s_mistake(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"gone\.csv: cannot read: .*data\.path"):
        table_digest(tmp_path / "gone.csv")
    with pytest.raises(UserError, match="cannot read: Is a directory"):
        table_digest(tmp_path)


def test_every_section_of_a_spec_has_its_first_keys_named() -> None:
    """A section that is missing there would put only what is not at its default into a digest."""
    spec = make_spec({"name": "t"})
    sections = {"sweep", "range", "blobs", "csv", "parquet", "sklearn"}
    sections |= {name for name in ("train", "search") if name in type(spec).model_fields}
    assert sections == set(digests.FIRST_KEYS)
