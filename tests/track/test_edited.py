"""People change what lrlab recorded: in the UI, in a notebook, on the disk."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from mlflow import MlflowClient
from mlflow.tracking._tracking_service import utils

import lrlab
from lrlab.notes import RecordWarning
from lrlab.scratch import scratch_folder
from lrlab.server.queue import read_queue
from lrlab.spec import make_spec
from lrlab.sweep import SweepResult, run_sweep
from lrlab.track import Recorder, Store, connect, find_sweep, list_sweeps
from lrlab.track.entities import Run
from lrlab.track.open_sweep import experiment_id
from support import move_store, tiny

SPEC = make_spec(tiny(search={"replicates": 2}))
STATUSES = ("RUNNING", "SCHEDULED", "FAILED", "KILLED", "FINISHED")


class Edited:
    """A finished sweep, and what a person can do to it."""

    def __init__(self, folder: Path, parent: str) -> None:
        self.uri = f"sqlite:///{folder}/mlflow.db"
        self.client = MlflowClient(self.uri)
        self.parent = parent
        self.before = lrlab.load_runs(None, self.uri)
        self.experiment = self.client.get_run(self.parent).info.experiment_id

    def sweep(self) -> SweepResult:
        """Run the sweep again."""
        return run_sweep(SPEC, tracking_uri=self.uri)

    def run(self, trial: int, replicate: int = 0) -> str:
        """The id of a run."""
        chosen = self.before[
            (self.before["trial"] == trial) & (self.before["replicate"] == replicate)
        ]
        return str(chosen["run_id"].iloc[0])

    def tag(self, run_id: str, name: str, value: str | None) -> None:
        """Change a tag of lrlab's, or delete it."""
        if value is None:
            self.client.delete_tag(run_id, f"lrlab.{name}")
        else:
            self.client.set_tag(run_id, f"lrlab.{name}", value)

    def file(self, run_id: str, name: str) -> Path:
        """An artifact."""
        return Path(str(self.client.get_run(run_id).info.artifact_uri)) / name

    def add_children(self) -> list[str]:
        """A person's own runs below the sweep, one of every status."""
        ids = []
        for status in STATUSES:
            tags = {"mlflow.parentRunId": self.parent, "lrlab.outcome": "converged"}
            run_id = self.client.create_run(self.experiment, tags=tags).info.run_id
            self.client.log_param(run_id, "who", "anna")
            self.client.log_metric(run_id, "val_log_loss", -5.0)
            self.client.update_run(run_id, status=status)
            ids.append(run_id)
        return ids

    def see(self, ids: list[str]) -> list[dict[str, object]]:
        """All that MLflow knows of runs."""
        return [self.client.get_run(run_id).to_dictionary() for run_id in ids]


def end(recorder: Recorder, *rest: object) -> tuple[None, str]:
    """The end of a sweep without a model and a report, which cost more than all else."""
    with scratch_folder() as folder:
        recorder.finalize(folder, "", "", None)
    return None, ""


@pytest.fixture(scope="module")
def untouched(tmp_path_factory: pytest.TempPathFactory, empty_store: Path) -> tuple[Path, str]:
    """The folder of a finished sweep, and its parent run."""
    folder = tmp_path_factory.mktemp("untouched")
    shutil.copy(empty_store, folder / "mlflow.db")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("lrlab.sweep.finalize.finalize", end)
        patch.chdir(folder)
        return folder, run_sweep(SPEC, tracking_uri=f"sqlite:///{folder}/mlflow.db").run_id


@pytest.fixture
def edited(untouched: tuple[Path, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Edited:
    folder, parent = untouched
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    move_store(tmp_path, str(folder))
    utils._artifact_repos_cache.clear()  # by run id, and these ids are in every copy
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("lrlab.sweep.finalize.finalize", end)
    return Edited(tmp_path, parent)


def same_numbers(frame: pd.DataFrame, other: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(frame.drop(columns="run_id"), other.drop(columns="run_id"))


def test_a_person_s_own_child_runs_are_neither_read_nor_touched(edited: Edited, cli) -> None:
    ids = edited.add_children()
    before = edited.see(ids)
    pd.testing.assert_frame_equal(lrlab.load_runs(None, edited.uri), edited.before)
    assert edited.sweep().already_finished
    edited.tag(edited.parent, "state", "failed")  # so that the sweep is resumed and ended again
    result = edited.sweep()
    assert (len(result.runs), result.resumed) == (16, 16)
    assert edited.see(ids) == before
    shown = cli("show")
    assert "16 of 16 runs" in shown.out
    assert shown.err == ""


def test_what_a_person_adds_changes_nothing(edited: Edited, cli) -> None:
    run_id, client = edited.run(3), edited.client
    for owner in (run_id, edited.parent):
        client.log_param(owner, "reviewed_by", "anna")
        client.log_param(owner, "sgd.note", "x")
        client.log_param(owner, "momentum.note", "3")
        client.log_metric(owner, "score", float("nan"))
        client.set_tag(owner, "mlflow.note.content", "# seen")
        client.log_text(owner, "x", "notes.txt")
        client.log_text(owner, "x", "curves/mine.parquet")
        client.update_run(owner, name="the good one")
    pd.testing.assert_frame_equal(lrlab.load_runs(None, edited.uri), edited.before)
    assert len(lrlab.load_study(None, edited.uri).trials) == 8
    assert lrlab.load_curves(None, edited.uri)["run_id"].nunique() == 16
    for command in (["ls"], ["show", "the good one"]):
        done = cli(*command)
        assert (done.code, done.err) == (0, ""), command
    assert edited.sweep().already_finished


BROKEN = {
    "trial": ("abc", None, "", "-1", "1.5", "9" * 30),
    "replicate": ("abc", "7"),
    "outcome": ("fine", None, "diverged"),
    "steps": ("many", None),
}


def test_a_run_whose_tag_is_broken_is_named_left_out_and_trained_again(edited: Edited) -> None:
    edits = [(name, value) for name, values in BROKEN.items() for value in values]
    finite = edited.before[edited.before["outcome"] != "diverged"]["run_id"].tolist()
    broken = finite[: len(edits)]
    edits = edits[: len(broken)]
    for run_id, (name, value) in zip(broken, edits, strict=True):
        edited.tag(run_id, name, value)
    with pytest.warns(RecordWarning, match="left out") as warned:
        left = lrlab.load_runs(None, edited.uri)
    [line] = {str(warning.message) for warning in warned}
    named = [(run_id, f"lrlab.{name}") for run_id, (name, _) in zip(broken, edits, strict=True)]
    assert all(f"{run_id} ({tag}" in line for run_id, tag in sorted(named)[:1])
    assert "\n" not in line
    assert line.count("(") <= 11, "ten runs at most, and how many more"
    assert set(left["run_id"]) == set(edited.before["run_id"]) - set(broken)
    with pytest.warns(RecordWarning, match="trained again"):
        result = edited.sweep()
    assert result.resumed == 16 - len(broken)
    same_numbers(lrlab.load_runs(None, edited.uri), edited.before)
    assert {edited.client.get_run(run_id).info.lifecycle_stage for run_id in broken} == {"deleted"}


def test_two_runs_that_claim_the_same_trial_are_both_trained_again(edited: Edited) -> None:
    edited.tag(edited.run(2), "trial", "3")
    with pytest.warns(RecordWarning, match=r"lrlab.trial = '3', as another run has it"):
        assert edited.sweep().resumed == 14
    same_numbers(lrlab.load_runs(None, edited.uri), edited.before)


def test_a_run_that_lost_its_kind_is_a_person_s_own_from_then_on(edited: Edited) -> None:
    run_id = edited.run(5, 1)
    edited.tag(run_id, "kind", None)
    before = edited.see([run_id])
    with pytest.warns(RecordWarning, match=rf"left alone: {run_id} \(lrlab.kind is missing\)"):
        assert edited.sweep().resumed == 15
    assert edited.see([run_id]) == before
    with pytest.warns(RecordWarning, match="left alone"):
        same_numbers(lrlab.load_runs(None, edited.uri), edited.before)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("trials", "many"),
        ("runs_done", "all"),
        ("heartbeat", "soon"),
        ("data_digest", "new"),
        ("objective", "beauty"),
        ("state", "fine"),
        ("state", None),
        ("base_rate", "[" * 5000),
        ("layout", "first"),
    ],
)
def test_a_sweep_whose_tag_is_broken_is_listed_with_a_line_that_names_it(
    name: str, value: str | None, finished, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lrlab.track import sweeps

    def changed(store: Store, run: Run, experiment: str) -> object:
        tags = {k: v for k, v in run.data.tags.items() if k != f"lrlab.{name}"}
        tags |= {f"lrlab.{name}": value} if value is not None else {}
        edited = replace(run, data=replace(run.data, tags=tags))
        return original(store, edited, experiment)

    original = sweeps.sweep_info
    monkeypatch.setattr(sweeps, "sweep_info", changed)
    with pytest.warns(RecordWarning, match=rf"{finished.run_id}: lrlab.{name}") as warned:
        [info] = list_sweeps(connect(finished.uri))
    assert len({str(each.message) for each in warned}) == 1
    assert (info.name, info.objective, info.state) == ("tiny", "val_log_loss", "finished")
    assert max(len(str(each.message)) for each in warned) < 300


def test_mlflow_s_own_experiment_is_used_only_by_its_name(workdir: Path) -> None:
    store = connect()
    with pytest.raises(lrlab.UserError, match="say `experiment: Default` if you mean that one"):
        experiment_id(store, make_spec(tiny(name="Default")))
    assert experiment_id(store, make_spec(tiny(name="Default", experiment="mine"))) != "0"
    assert experiment_id(store, make_spec(tiny(experiment="Default"))) == "0"


def test_the_queue_takes_broken_tags_for_absent_and_only_lrlab_s_runs(edited: Edited) -> None:
    own = edited.client.create_run(
        edited.experiment, tags={"lrlab.state": "queued", "lrlab.submitted_by": "anna"}
    )
    for name in ("submitted_at", "seconds", "attempts", "runs_done"):
        edited.tag(edited.parent, name, "lots")
    edited.tag(edited.parent, "submitted_by", "ben")
    edited.tag(edited.parent, "state", "queued")
    [queued] = read_queue(connect(edited.uri))
    assert (queued.run_id, queued.user) == (edited.parent, "ben")
    assert (queued.submitted, queued.spent, queued.attempts, queued.done) == (0, 0, 0, 0)
    assert edited.client.get_run(own.info.run_id).data.tags["lrlab.state"] == "queued"


DAMAGE: dict[str, Callable[[Path], object]] = {
    "missing": Path.unlink,
    "empty": lambda path: path.write_bytes(b""),
    "cut off": lambda path: path.write_bytes(path.read_bytes()[:-9]),
    "zeros": lambda path: path.write_bytes(bytes(path.stat().st_size)),
}


def test_runs_with_a_damaged_file_are_named_and_trained_again(edited: Edited) -> None:
    damaged = [edited.run(trial) for trial in range(4)] + [edited.run(t, 1) for t in range(4)]
    names = ["weights.pt", "history.parquet"]
    for run_id, (name, how) in zip(damaged, [(n, h) for n in names for h in DAMAGE], strict=True):
        DAMAGE[how](edited.file(run_id, name))
    curves = lrlab.load_curves(None, edited.uri)  # from the batches' files, which are whole
    with pytest.warns(RecordWarning, match=r"weights.pt is missing or not whole"):
        assert edited.sweep().resumed == 8
    after = lrlab.load_runs(None, edited.uri)
    same_numbers(after, edited.before)
    for run_id in after["run_id"]:
        assert len(pd.read_parquet(edited.file(run_id, "history.parquet"))) > 0
    again = lrlab.load_curves(None, edited.uri)
    assert np.array_equal(np.sort(again["value"]), np.sort(curves["value"]))


@pytest.mark.parametrize("how", ["missing", "cut off"])
def test_a_damaged_file_of_curves_is_read_around_and_made_anew(how: str, edited: Edited) -> None:
    curves = lrlab.load_curves(None, edited.uri)
    path = edited.file(edited.parent, "curves/batch-00001.parquet")
    whole = path.read_bytes()
    DAMAGE[how](path)
    expected = set(map(tuple, curves.itertuples(index=False)))
    if how == "missing":
        assert set(map(tuple, lrlab.load_curves(None, edited.uri).itertuples(index=False))) == (
            expected
        )
    else:
        with pytest.warns(RecordWarning, match=r"curves/batch-00001.parquet of run"):
            read = lrlab.load_curves(None, edited.uri)
        assert set(map(tuple, read.itertuples(index=False))) == expected
    assert edited.sweep().resumed == 16
    assert path.read_bytes() == whole


def test_curves_named_as_lrlab_0_1_0_named_them_are_read_and_not_written_again(
    edited: Edited,
) -> None:
    curves = lrlab.load_curves(None, edited.uri)
    folder = edited.file(edited.parent, "curves")
    for path in folder.iterdir():
        path.rename(folder / path.name.replace("batch", "cohort"))
    old = {path.name for path in folder.iterdir()}
    assert edited.sweep().already_finished
    assert {path.name for path in folder.iterdir()} == old
    DAMAGE["cut off"](folder / "cohort-00000.parquet")
    assert edited.sweep().resumed == 16  # the damaged one is written anew, under today's name
    assert {path.name for path in folder.iterdir()} == old | {"batch-00000.parquet"}
    pd.testing.assert_frame_equal(lrlab.load_curves(None, edited.uri), curves)


def test_where_the_artifacts_are_gone_altogether_nothing_is_trained_again(
    edited: Edited, tmp_path: Path
) -> None:
    (tmp_path / "mlruns").rename(tmp_path / "elsewhere")  # or on another machine
    with pytest.warns(RecordWarning, match="lrlab does not check that they are complete"):
        assert edited.sweep().already_finished
    assert len(lrlab.load_runs(None, edited.uri)) == 16


def test_what_cannot_be_read_at_all_is_left_out_of_the_curves(edited: Edited) -> None:
    DAMAGE["cut off"](edited.file(edited.parent, "curves/batch-00000.parquet"))
    run_id = edited.run(1)
    DAMAGE["zeros"](edited.file(run_id, "history.parquet"))
    with pytest.warns(RecordWarning) as warned:
        curves = lrlab.load_curves(None, edited.uri)
    assert set(edited.before["run_id"]) - set(curves["run_id"]) == {run_id}
    notes = [str(each.message) for each in warned]
    assert len(notes) == 2
    assert "batch-00000.parquet" in notes[0]
    assert f"no curves of these runs: {run_id}" in notes[1]


def test_a_lost_spec_is_one_line_and_written_again(edited: Edited, cli) -> None:
    path = edited.file(edited.parent, "sweep.yaml")
    spec = path.read_text()
    for how in (Path.unlink, lambda p: p.write_bytes(b"\x00\xff"), lambda p: p.write_text("a: b")):
        how(path)
        shown = cli("show")
        assert shown.code in (1, 2)
        assert len(shown.err.splitlines()) == 1
        assert f"sweep.yaml of run {edited.parent}" in shown.err
    edited.sweep()
    assert path.read_text() == spec
    assert cli("show").code == 0


def test_a_spec_that_ends_too_early_is_not_taken_for_another_one(edited: Edited, cli) -> None:
    path = edited.file(edited.parent, "sweep.yaml")
    whole = path.read_text()
    path.write_text(whole[: whole.index("search:")])  # valid, with the defaults for the rest
    assert f"sweep.yaml of run {edited.parent} is cut off or changed" in cli("show").err
    edited.sweep()
    assert path.read_text() == whole


def test_a_renamed_experiment_keeps_its_sweep(edited: Edited) -> None:
    edited.client.rename_experiment(edited.experiment, "archive")
    again = edited.sweep()
    assert (again.run_id, again.already_finished) == (edited.parent, True)
    assert edited.client.get_experiment_by_name("tiny") is None


def test_a_broken_digest_of_the_data_does_not_begin_another_sweep(edited: Edited) -> None:
    edited.tag(edited.parent, "data_digest", "new")
    with pytest.warns(RecordWarning, match="lrlab.data_digest = 'new'"):
        assert edited.sweep().run_id == edited.parent


def test_a_sweep_that_lost_its_kind_is_named_where_another_begins(edited: Edited, cli) -> None:
    edited.tag(edited.parent, "kind", None)
    assert f"{edited.parent} (lrlab.kind is missing)" in cli("ls").err
    notes: list[str] = []
    assert run_sweep(SPEC, tracking_uri=edited.uri, on_note=notes.append).run_id != edited.parent
    assert notes == [
        f"this sweep was begun as {edited.parent} (lrlab.kind is missing), which is no sweep any "
        "more"
    ]


def test_a_newer_layout_is_one_line_for_that_sweep(edited: Edited, cli) -> None:
    assert find_sweep(connect(edited.uri)).tags["lrlab.layout"] == "2"
    edited.tag(edited.parent, "layout", "3")
    assert "tiny" in cli("ls").out
    for command in ("show", "report"):
        done = cli(command)
        assert done.code == 2
        assert "recorded in layout 3" in done.err
        assert "upgrade lrlab" in done.err
        assert len(done.err.splitlines()) == 1
    with pytest.raises(lrlab.UserError, match="layout 3"):
        edited.sweep()
