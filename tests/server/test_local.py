"""What keeps two servers on one machine apart, and secrets to oneself."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from filelock import FileLock

from lrlab.cli.server import settings_from
from lrlab.errors import UserError
from lrlab.server import local
from lrlab.server.settings import Settings, variable
from support import free_port


@pytest.fixture
def settings() -> Settings:
    return Settings(
        port=free_port(), db_port=free_port(), scheduler=f"tcp://127.0.0.1:{free_port()}"
    )


def test_a_folder_has_one_server_at_a_time(settings: Settings, tmp_path: Path) -> None:
    held = FileLock(tmp_path / ".lock")
    refused = pytest.raises(UserError, match=r"running on .* already")
    with held, refused, local.running(settings, tmp_path):
        pass


@pytest.mark.parametrize("field", ["port", "db_port", "scheduler"])
def test_a_taken_port_is_said_before_anything_starts(
    field: str, settings: Settings, tmp_path: Path
) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", int(str(getattr(settings, field)).rpartition(":")[2])))
        other.listen()
        refused = pytest.raises(UserError, match=rf"in use; .*{variable(field)}")
        with refused, local.running(settings, tmp_path):
            pass
    assert list((tmp_path / "logs").iterdir()) == []


@pytest.mark.parametrize(("mode", "warned"), [(0o600, False), (0o640, True), (0o604, True)])
def test_secrets_that_others_may_read_are_warned_of(
    mode: int, warned: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / ".env"
    file.touch()
    file.chmod(mode)
    settings_from(file, ())
    assert (f"chmod 600 {file}" in capsys.readouterr().err) == warned
