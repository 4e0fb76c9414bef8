"""What makes two specs the same sweep."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from lrlab import UserError, make_spec
from lrlab.data import load_divided
from lrlab.spec import SweepSpec, TrainSpec, dump_spec, parse_dumped_spec
from lrlab.spec import digest as digests
from lrlab.spec.digest import digest_by_path, settings_digest, table_digest

TABLE = {"source": "csv", "path": "a.csv", "target": "y"}
# It had no test rows, and held out a quarter of a table where the spec did not say how much.
OLD_BLOBS: dict[str, Any] = {"data": {"source": "blobs", "test_sizes": [0, 0]}}
OLD_SPLIT = {"val_fraction": 0.25, "test_fraction": 0}
# As lrlab 0.1.0 made them: no release may change these, or users' sweeps are not found any more.
RECORDED: dict[str, tuple[dict[str, Any], str]] = {
    "minimal": (OLD_BLOBS, "31a3f23246694c5d6b47d3c6699939e7fbabfc324faf94333b5e0a85f2d286b5"),
    "full space": (
        OLD_BLOBS
        | {
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
                **OLD_SPLIT,
            }
        },
        "57781b6fb78f369b15baf296e07ac77e3ab47e7722037985b7b34576a51bbdb6",
    ),
    "class true": (
        {"data": {"source": "csv", "path": "a.csv", "target": "y", "positive": True, **OLD_SPLIT}},
        "dac913f194e88d644a96c72b07f9b41ec8a3f95b9a024ae3fdf037b43d5e8957",
    ),
    "parquet": (
        {"data": {"source": "parquet", "path": "/d/é.parquet", "target": "ž", **OLD_SPLIT}},
        "4b88d8f043e87cf62ae602ec1eaf8a4080443df82b4723cf4d1e63b589758b49",
    ),
    "sklearn": (
        {"data": {"source": "sklearn", "dataset": "wine", "positive": "class_1", **OLD_SPLIT}},
        "ea714b29be2a74ef6246b40125cdbe69dbf2ce5ab47dfe9d98348cb8e75d84bb",
    ),
    "batch size": (
        OLD_BLOBS | {"train": {"batch_size": 5}},
        "1f84d1f9776553f89f70750a459d07d45d6f208c1f42482bd7f9cb5dcf64c501",
    ),
    "separator": (
        {"data": {"source": "csv", "path": "a.csv", "target": "y", "separator": ";", **OLD_SPLIT}},
        "1c184ad4cb5f37a8ff5450e4a622894d298efe3d00dd99025a0c55bc1c34acf0",
    ),
}


@pytest.mark.parametrize(("tree", "recorded"), RECORDED.values(), ids=RECORDED.keys())
def test_digests_are_those_that_an_earlier_release_recorded(
    tree: dict[str, Any], recorded: str
) -> None:
    assert digest_by_path(make_spec({"name": "t", **tree})) == recorded


def test_without_a_table_the_digest_is_still_that_of_the_first_release() -> None:
    spec = make_spec({"name": "t", **OLD_BLOBS})
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


def test_what_an_earlier_release_recorded_has_no_test_rows() -> None:
    """It said nothing of them; later releases record them always."""
    old = "name: t\ndata: {source: csv, path: a.csv, target: y, val_fraction: 0.25}\n"
    assert parse_dumped_spec(old) == make_spec({"name": "t", "data": TABLE | OLD_SPLIT})
    blobs = parse_dumped_spec("name: t\ndata: {source: blobs, sizes: [9, 9]}\n")
    assert blobs == make_spec({"name": "t", "data": {"sizes": [9, 9], "test_sizes": [0, 0]}})


def test_a_spec_that_leaves_the_division_open_keeps_its_digest_when_it_is_filled_in() -> None:
    spec = make_spec({"name": "t", "data": {"source": "sklearn", "dataset": "breast_cancer"}})
    divided, _ = load_divided(spec)
    assert (spec.is_divided, divided.is_divided) == (False, True)
    assert (divided.data.folds, divided.search.replicates) == (5, 5)
    assert divided.digest() == spec.digest()
    assert parse_dumped_spec(dump_spec(divided)) == divided
    data = {"source": "sklearn", "dataset": "breast_cancer", "folds": 5}
    assert make_spec({"name": "t", "data": data}).digest() != spec.digest()


def test_test_rows_in_a_file_of_their_own_are_part_of_the_digest_by_their_bytes(
    tmp_path: Path,
) -> None:
    (tmp_path / "a.csv").write_text("x,y\n1,0\n")

    def of(content: str, name: str) -> SweepSpec:
        (tmp_path / name).write_text(content)
        paths = {"path": str(tmp_path / "a.csv"), "test": str(tmp_path / name)}
        return make_spec({"name": "t", "data": TABLE | paths})

    one, moved, other = of("x,y\n", "b.csv"), of("x,y\n", "c.csv"), of("x,y\n2,1\n", "d.csv")
    assert one.digest() == moved.digest() != other.digest()
    assert settings_digest(one) == settings_digest(other)
    without = one.model_copy(update={"data": one.data.model_copy(update={"test": None})})
    assert without.digest() != one.digest()
