"""The report that a finished sweep recorded, in place of one that would be the same."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lrlab import track
from lrlab.report import recorded
from support import Finished

Cli = Callable[..., Any]


def _files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture
def sweep(finished: Finished) -> Iterator[tuple[track.Store, track.SweepInfo]]:
    store = track.connect(finished.uri)
    return store, track.find_sweep(store, finished.run_id)


def test_it_is_byte_for_byte_what_is_made_anew(
    finished: Finished, cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def report(name: str) -> tuple[dict[str, bytes], str]:
        out = str(tmp_path / name)
        told = cli("report", "-o", out, "--json", "--tracking-uri", finished.uri)
        assert told.code == 0, told.err
        return _files(tmp_path / name), told.out.replace(out, "")

    with monkeypatch.context() as patch:
        patch.setattr("lrlab.report.build.build_report", None)  # not needed
        handed_out = report("recorded")
    monkeypatch.setattr("lrlab.report.recorded.recorded_report", lambda *args: None)
    assert report("anew") == handed_out


def test_only_what_was_asked_for_is_written(finished: Finished, cli: Cli, tmp_path: Path) -> None:
    cli("report", "-o", str(tmp_path), "--format", "html", "--tracking-uri", finished.uri)
    assert _files(tmp_path).keys() == {"report.html", "verdict.json"}


def _other_version(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(recorded, "_version", lambda name: "0")


def _other_code(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(recorded, "_code", lambda: "")


def _a_run_fewer(patch: pytest.MonkeyPatch) -> None:
    real = recorded.recorded_runs
    patch.setattr(recorded, "recorded_runs", lambda *args: real(*args)[1:])


def _a_metric_changed(patch: pytest.MonkeyPatch) -> None:
    def changed(*args: Any) -> list[track.RecordedRun]:
        first, *others = real(*args)
        return [replace(first, latest={**first.latest, "val_log_loss": 0.0}), *others]

    real = recorded.recorded_runs
    patch.setattr(recorded, "recorded_runs", changed)


def _a_changed_page(patch: pytest.MonkeyPatch) -> None:
    real = recorded._content
    patch.setattr(recorded, "_content", lambda *args: real(*args) + b" ")


def _a_folder_of_others(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(recorded, "is_own", lambda path: path.name != "report")


def _a_server(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(track.Store, "is_server", property(lambda store: True))


def _a_name_that_leads_elsewhere(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(recorded.json, "loads", lambda text: {"of": "", "files": {"../x.csv": ""}})


@pytest.mark.parametrize(
    "change",
    [
        _other_version,
        _other_code,
        _a_run_fewer,
        _a_metric_changed,
        _a_changed_page,
        _a_folder_of_others,
        _a_server,
        _a_name_that_leads_elsewhere,
    ],
)
def test_after_any_change_it_is_made_anew(
    change: Callable[[pytest.MonkeyPatch], None], sweep: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert recorded.recorded_report(*sweep)
    change(monkeypatch)
    assert recorded.recorded_report(*sweep) is None


def test_of_a_sweep_that_is_not_finished_there_is_none(sweep: Any) -> None:
    store, info = sweep
    assert recorded.recorded_report(store, replace(info, state="running")) is None


def test_a_verdict_on_runs_that_were_changed_since_is_not_told(
    sweep: Any, finished: Finished, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    def show(*options: str) -> str:
        return str(cli("show", finished.run_id, *options, "--tracking-uri", finished.uri).out)

    def changed(*args: Any) -> list[track.RecordedRun]:
        return [replace(first, latest={**first.latest, "val_log_loss": 0.0}), *others]

    first, *others = track.recorded_runs(*sweep)
    assert json.loads(show("--json"))["changed_since_verdict"] is False
    assert "changed since" not in show()
    monkeypatch.setattr("lrlab.track.recorded_runs", changed)
    told = json.loads(show("--json"))
    assert (told["changed_since_verdict"], told["verdict"]) == (True, {"text": None})
    assert "The runs have changed since the verdict was made" in show()
