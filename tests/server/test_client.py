"""Following a sweep, whatever the server does meanwhile."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Any

import pytest

from lrlab.cli.submit import show_progress
from lrlab.errors import LrlabError, UserError
from lrlab.server import client


@dataclass
class Looked:
    """What a look at a sweep finds."""

    name: str = "tiny"
    state: str = "running"
    done: int = 0
    total: int = 8
    best: float | None = None
    objective: str = "val_log_loss"
    reason: str = ""


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What one look after the other finds, or raises."""
    found: list[Any] = []

    def look(*_: object) -> Any:
        now = found.pop(0)
        if isinstance(now, BaseException):
            raise now
        return now

    monkeypatch.setattr(client, "load_sweep", look)
    # By its name, as `lrlab.cli.submit` is also the command.
    monkeypatch.setattr(import_module("lrlab.cli.submit"), "LOOK_EVERY", 0.0)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    return found


def test_a_server_that_is_away_for_a_while_is_waited_for_with_one_word(
    looks: list[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    away = LrlabError("the tracking server http://x no longer answers. Is it running?")
    looks += [Looked(), away, away, Looked(), Looked(state="finished", done=8)]
    assert show_progress(None, "0123456789") == 0
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(":")[0] for line in lines] == ["tiny", "Note", "tiny"]
    assert "no longer answers" in lines[1]
    assert lines[2] == "tiny: finished, 8/8 runs"


def test_a_server_that_stays_away_is_given_up(
    looks: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "PATIENCE", 0.0)
    looks += [LrlabError("away")] * 9
    with pytest.raises(LrlabError, match="away"):
        show_progress(None, "0123456789")


def test_what_the_user_may_not_see_is_not_waited_for(looks: list[Any]) -> None:
    looks.append(UserError("no permission"))
    with pytest.raises(UserError):
        show_progress(None, "0123456789")


def test_ctrl_c_says_that_the_sweep_goes_on(
    looks: list[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    looks += [Looked(), KeyboardInterrupt()]
    with pytest.raises(KeyboardInterrupt):
        show_progress(None, "0123456789")
    err = capsys.readouterr().err
    assert "The sweep goes on. lrlab show --follow 01234567" in err
    assert "lrlab cancel 01234567" in err


def test_a_sweep_that_fails_says_why_and_is_no_success(
    looks: list[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    looks.append(Looked(state="failed", reason="no column label"))
    assert show_progress(None, "0123456789") == 1
    assert "tiny: failed, 0/8 runs: no column label" in capsys.readouterr().err
