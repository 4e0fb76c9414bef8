"""Sweeps deleted: what MLflow's own deletion does, in bulk, and nothing that is not lrlab's."""

from __future__ import annotations

import json
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient
from mlflow.entities import ViewType
from mlflow.tracking._tracking_service.utils import _get_store

import lrlab
from lrlab import UserError
from lrlab.track import connect, find_sweep, locks, recorded_runs, selection
from lrlab.track import remove as removing
from lrlab.track.mend import mend
from support import unpack

STORE = Path(__file__).parents[1] / "fixtures" / "store-0.1.0.tar.gz"
GC = ("runs", "tags", "params", "metrics", "latest_metrics", "logged_models",
      "logged_model_metrics", "logged_model_params", "logged_model_tags")  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store of 0.1.0: `old`, finished, 16 runs; `old-killed`, killed at its end, 12 runs."""
    unpack(STORE, tmp_path / "store")
    monkeypatch.chdir(tmp_path / "store")
    mend(uri_of(tmp_path / "store"))
    return tmp_path / "store"


def uri_of(folder: Path) -> str:
    return f"sqlite:///{folder / 'mlflow.db'}"


def stages(folder: Path) -> dict[str, str]:
    with sqlite3.connect(folder / "mlflow.db") as database:
        return dict(database.execute("SELECT run_uuid, lifecycle_stage FROM runs"))


def rows(folder: Path, table: str) -> list[Any]:
    with sqlite3.connect(folder / "mlflow.db") as database:
        return sorted(database.execute(f"SELECT * FROM {table}"), key=repr)


def files(folder: Path) -> set[str]:
    return {str(p.relative_to(folder)) for p in (folder / "mlruns").rglob("*") if p.is_file()}


def below(folder: Path, name: str) -> list[str]:
    store = connect(uri_of(folder))
    info = find_sweep(store, name)
    return [run.run_id for run in recorded_runs(store, info)] + [info.run_id]


def own_run(folder: Path, parent: str) -> str:
    """A run that a user put below a sweep."""
    client = MlflowClient(uri_of(folder))
    experiment = client.get_run(parent).info.experiment_id
    run = client.create_run(experiment, tags={"mlflow.parentRunId": parent})
    client.log_text(run.info.run_id, "mine", "mine.txt")
    return str(run.info.run_id)


@pytest.mark.parametrize("way", ["bulk", "client"])
def test_a_sweep_goes_to_the_trash_and_mlflow_brings_it_back(
    way: str, folder: Path, cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    if way == "client":
        monkeypatch.setattr(removing, "refuses", lambda store: "its schema is another")
    ids, before = below(folder, "old"), stages(folder)
    mine, artifacts = own_run(folder, ids[-1]), files(folder)
    done = cli("rm", "old", "--yes")
    assert done.code == 0, done.err
    assert "16 runs and 1 sweep" in done.out
    expected = {run: "deleted" if run in ids else stage for run, stage in before.items()}
    assert stages(folder) == expected | {mine: "active"}
    assert files(folder) >= artifacts - {f"mlruns/1/{mine}/artifacts/mine.txt"}
    listed = cli("ls").out
    assert "old-killed" in listed
    assert "old " not in listed
    client = MlflowClient(uri_of(folder))
    assert all(client.get_run(run).info.lifecycle_stage == "deleted" for run in ids)
    for run in ids:
        client.restore_run(run)
    assert below(folder, "old") == ids
    assert [row for row in rows(folder, "runs") if "deleted" in row] == []


def test_for_good_is_what_mlflow_gc_leaves(folder: Path, tmp_path: Path, cli) -> None:
    ids = below(folder, "old")
    copy = Path(shutil.copytree(folder, tmp_path / "copy"))
    mend(uri_of(copy))
    client, store = MlflowClient(uri_of(copy)), _get_store(uri_of(copy))
    for run in ids:
        client.delete_run(run)
        store._hard_delete_run(run)
        shutil.rmtree(copy / "mlruns" / "1" / run)
    [model] = client.search_logged_models(["1"])
    store._hard_delete_logged_model(model.model_id)
    shutil.rmtree(copy / "mlruns" / "1" / "models")
    done = cli("rm", "old", "--purge", "--yes")
    assert done.code == 0, done.err
    for table in GC:
        mine, theirs = rows(folder, table), rows(copy, table)
        assert repr(mine) == repr(theirs).replace(str(copy), str(folder)), table
    assert files(folder) == files(copy)
    with sqlite3.connect(folder / "mlflow.db") as database:
        inputs = database.execute("SELECT source_id, destination_id FROM inputs").fetchall()
    assert not {*ids, model.model_id} & {each for row in inputs for each in row}
    assert len(below(folder, "old-killed")) == 13


def test_what_a_user_put_below_a_sweep_stays_when_it_is_purged(folder: Path, cli) -> None:
    parent = below(folder, "old")[-1]
    mine = own_run(folder, parent)
    cli("rm", "old", "--yes")
    done = cli("rm", "old", "--purge", "--yes")  # from the trash
    assert done.code == 0, done.err
    run = MlflowClient(uri_of(folder)).get_run(mine)
    assert (run.info.lifecycle_stage, run.data.tags["mlflow.parentRunId"]) == ("active", parent)
    assert (folder / "mlruns" / "1" / mine / "artifacts" / "mine.txt").read_text() == "mine"
    assert parent not in stages(folder)


def test_keep_best_keeps_the_sweep_and_its_best_trials(folder: Path, cli) -> None:
    runs = lrlab.load_runs("old")
    means = runs.groupby("trial")["val_log_loss"].agg(lambda own: own.mean(skipna=False))
    best = runs[runs["trial"].isin(means.nsmallest(3).index)]
    done = cli("rm", "old", "--keep-best", "3", "--yes", "--json")
    assert done.code == 0, done.err
    [said] = json.loads(done.out)["sweeps"]
    assert (said["runs"], said["kept"], said["whole"]) == (10, 6, False)
    assert set(lrlab.load_runs("old")["run_id"]) == set(best["run_id"])
    assert find_sweep(connect(), "old").done == 6


def test_a_registered_model_is_not_taken_away(folder: Path, cli) -> None:
    client = MlflowClient(uri_of(folder))
    parent = below(folder, "old")[-1]
    [model] = client.search_logged_models(["1"])
    client.create_registered_model("churn")
    client.create_model_version("churn", f"models:/{model.model_id}", parent)
    before = stages(folder), files(folder)
    refused = cli("rm", "old", "--purge", "--yes")
    assert refused.code == 2
    assert "is registered as churn version 1" in refused.err
    assert (stages(folder), files(folder)) == before
    by_state = cli("rm", "--state", "finished", "--purge", "--yes")
    assert (by_state.code, stages(folder)) == (0, before[0])
    assert "left alone" in by_state.err
    trashed = cli("rm", "old", "--yes")
    assert trashed.code == 0
    assert "churn version 1 of MLflow's registry still works" in trashed.out


def test_what_a_user_registered_from_one_of_its_runs_is_not_taken_away(folder: Path, cli) -> None:
    client = MlflowClient(uri_of(folder))
    worst = lrlab.load_runs("old").sort_values("val_log_loss")["run_id"].iloc[-1]
    source = client.get_run(worst).info.artifact_uri
    client.create_registered_model("mine")
    client.create_model_version("mine", source, worst)
    before = stages(folder), files(folder)
    for options in (["--purge"], ["--purge", "--keep-best", "3"]):
        refused = cli("rm", "old", "--yes", *options)
        assert refused.code == 2
        assert "is registered as mine version 1" in refused.err
    assert (stages(folder), files(folder)) == before
    trashed = cli("rm", "old", "--yes", "--keep-best", "3")
    assert "mine version 1 of MLflow's registry still works" in trashed.out


def test_a_sweep_that_runs_is_refused(folder: Path, cli) -> None:
    store = connect()
    info = find_sweep(store, "old-killed")
    before = stages(folder)
    with locks.only_one(store.uri, info.run_id, info.name):
        refused = cli("rm", "old-killed", "--yes")
    assert refused.code == 2
    assert "is running" in refused.err
    assert stages(folder) == before


def test_nothing_is_deleted_without_a_yes(folder: Path, cli) -> None:
    before = stages(folder), files(folder)
    assert cli("rm", "old", "--dry-run").code == 0
    asked = cli("rm", "old")
    assert (asked.code, "--yes" in asked.err) == (2, True)
    for wrong in (("rm",), ("rm", "nothing", "--yes"), ("rm", "--older-than", "soon", "--yes")):
        assert cli(*wrong).code == 2, wrong
    assert cli("rm", "--older-than", "9999w", "--yes").out == "No sweep to delete.\n"
    assert (stages(folder), files(folder)) == before


def test_sweeps_are_chosen_by_state_and_age(folder: Path) -> None:
    store = connect()

    def named(*names: str, states: tuple[str, ...] = (), age: str | None = None) -> list[str]:
        span = None if age is None else selection.parse_age(age)
        return [info.name for info in selection.choose(store, names, states, span)]

    assert named(states=("interrupted",)) == ["old-killed"]
    assert named(states=("finished", "failed")) == ["old"]
    assert named("old", states=("failed",)) == []
    assert named(age="9999w") == []
    assert sorted(named(age="0m")) == ["old", "old-killed"]


def test_a_name_that_several_sweeps_have_is_not_enough(folder: Path) -> None:
    client = MlflowClient(uri_of(folder))
    client.update_run(find_sweep(connect(), "old-killed").run_id, name="old")
    with pytest.raises(UserError, match=r"2 sweeps are meant by 'old'; name those .* by id: "):
        selection.choose(connect(), ["old"])
    assert len(selection.choose(connect(), ["old"], ("finished",))) == 1
    assert len(client.search_runs(["1", "2"], run_view_type=ViewType.DELETED_ONLY)) == 0
