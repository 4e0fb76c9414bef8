"""A store that was moved or copied with its folder: nothing is written where it was."""

from __future__ import annotations

import os
import shutil
import sqlite3
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.tracking._tracking_service import utils

from lrlab import LrlabError
from lrlab.data import load_problem
from lrlab.spec import load_spec
from lrlab.track import connect, find_sweep, recorded_runs
from lrlab.track.artifacts import fetched
from lrlab.track.children import children
from lrlab.track.location import find_moved
from lrlab.track.mend import mend
from lrlab.track.open_sweep import open_sweep
from support import unpack

STORE = Path(__file__).parents[1] / "fixtures" / "store-0.1.0.tar.gz"


def uri_of(folder: Path) -> str:
    return f"sqlite:///{folder / 'mlflow.db'}"


def content(folder: Path) -> dict[str, tuple[int, int]]:
    """Every file below a folder, with size and time."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(p.relative_to(folder)): (p.stat().st_size, p.stat().st_mtime_ns) for p in files}


@pytest.fixture
def original(tmp_path: Path) -> Path:
    """A store of lrlab 0.1.0 whose places are right."""
    utils._artifact_repos_cache.clear()  # by run id: copies in one process would share it
    folder = tmp_path / "original"
    unpack(STORE, folder)
    mend(uri_of(folder))
    return folder


@pytest.fixture
def copy(original: Path, tmp_path: Path) -> Path:
    """A copy beside it."""
    return Path(shutil.copytree(original, tmp_path / "a copy"))


def test_a_store_in_its_place_is_not_taken_for_moved(original: Path, tmp_path: Path) -> None:
    assert find_moved(uri_of(original)) == ()
    (tmp_path / "link").symlink_to(original)
    assert find_moved(uri_of(tmp_path / "link")) == ()


def test_a_moved_and_a_copied_store_are_known_by_their_runs(copy: Path, original: Path) -> None:
    [move] = find_moved(uri_of(copy))
    assert (move.old, move.new, move.experiments) == (original, copy, 3)
    shutil.rmtree(original)
    assert find_moved(uri_of(copy)) == (move,)


def test_artifacts_that_were_put_elsewhere_on_purpose_stay_there(
    original: Path, tmp_path: Path
) -> None:
    """As MLflow does where a command runs in another folder than the database's."""
    other = tmp_path / "databases"
    other.mkdir()
    shutil.copy(original / "mlflow.db", other)
    assert find_moved(uri_of(other)) == ()
    runs = other / "mlruns" / "1" / ("f" * 32)  # of another database in the same folder
    runs.mkdir(parents=True)
    assert find_moved(uri_of(other)) == ()


def test_a_database_that_was_copied_alone_is_known_by_what_a_sweep_says(
    original: Path, tmp_path: Path
) -> None:
    sweep = find_sweep(connect(uri_of(original)), "old")
    MlflowClient(uri_of(original)).set_tag(sweep.run_id, "lrlab.folder", str(original))
    other = tmp_path / "alone"
    other.mkdir()
    shutil.copy(original / "mlflow.db", other)
    assert [move.old for move in find_moved(uri_of(other))] == [original]
    with pytest.raises(LrlabError, match=r"artifacts of \d+ runs .* copy them first: cp -an "):
        mend(uri_of(other))
    shutil.copytree(original / "mlruns", other / "mlruns")
    mend(uri_of(other))
    tags = MlflowClient(uri_of(other)).get_run(sweep.run_id).data.tags
    assert tags["lrlab.folder"] == str(other)


def test_a_copy_is_read_from_the_copy(copy: Path, original: Path) -> None:
    store = connect(uri_of(copy))
    info = find_sweep(store, "old")
    assert Path(info.artifact_uri).is_relative_to(copy)
    assert len(recorded_runs(store, info)) == 16
    below = children(store, info.run_id, info.experiment_id)
    assert all(Path(child.artifact_uri).is_relative_to(copy) for child in below)
    (copy / "mlruns" / "1" / info.run_id / "artifacts" / "sweep.yaml").write_text("of the copy")
    with fetched(store, info.run_id, "sweep.yaml") as path:
        assert path.read_text() == "of the copy"


def test_nothing_is_written_to_the_old_place_and_the_message_says_how_to_go_on(
    copy: Path, original: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(copy)
    before = content(original)
    before_test_rows = ["data.test_sizes=[0, 0]"]
    spec = load_spec("oldb.yaml", before_test_rows)  # its sweep was killed at its end
    store = connect(uri_of(copy))
    info, runs = find_sweep(store, "old-killed"), content(copy / "mlruns")
    for new in (False, True):
        with (
            pytest.raises(LrlabError, match=r"moved or copied: .*`lrlab doctor --fix`.* again"),
            open_sweep(store, spec, load_problem(spec), new=new),
        ):
            pytest.fail("it was opened")
    with pytest.raises(LrlabError, match="moved or copied"):
        store.client.log_text(info.run_id, "text", "file.txt")
    assert (content(original), content(copy / "mlruns")) == (before, runs)
    assert len(store.client.search_runs(["2"], "tags.`lrlab.kind` = 'sweep'")) == 1
    mend(uri_of(copy))
    store = connect(uri_of(copy))
    with open_sweep(store, spec, load_problem(spec)) as recorder:
        recorder.log_text("text", "file.txt")
    assert content(original) == before
    with fetched(store, info.run_id, "file.txt") as path:
        assert path.read_text() == "text"


def test_doctor_says_that_a_folder_was_moved_and_mends_it(copy: Path, cli) -> None:
    uri = uri_of(copy)
    assert "moved or copied" in cli("doctor", "--tracking-uri", uri).out
    fixed = cli("doctor", "--fix", "--tracking-uri", uri)
    assert (fixed.code, find_moved(uri)) == (0, ())
    with sqlite3.connect(copy / "mlflow.db") as database:
        places = {
            *database.execute("SELECT artifact_location FROM experiments"),
            *database.execute("SELECT artifact_uri FROM runs"),
            *database.execute("SELECT artifact_location FROM logged_models"),
        }
    assert all(place.startswith(f"{copy}/mlruns/") for (place,) in places)
    again = cli("doctor", "--fix", "--tracking-uri", uri)
    assert "fixed" not in again.out


def test_a_new_store_keeps_its_artifacts_beside_the_database(
    empty_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """MLflow's default is wherever the command happens to run."""
    database, elsewhere = tmp_path / "data" / "mlflow.db", tmp_path / "work"
    database.parent.mkdir()
    elsewhere.mkdir()
    shutil.copy(empty_store, database)
    monkeypatch.chdir(elsewhere)
    relative = f"sqlite:///{os.path.relpath(database)}"
    client = connect(relative).client
    made = client.get_experiment(client.create_experiment("new"))
    assert made.artifact_location == str(database.parent / "mlruns" / made.experiment_id)
