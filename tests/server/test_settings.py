"""Settings come from the environment; the secrets are generated, and there are no others."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from dotenv import dotenv_values

from lrlab.errors import UserError
from lrlab.server.settings import SECRETS, read_settings, variable

GIVEN = {variable(secret): "s" * 20 for secret in SECRETS}


def test_init_writes_secrets_of_its_own_that_only_the_user_reads(tmp_path: Path, cli) -> None:
    files = [tmp_path / "one.env", tmp_path / "two.env"]
    for file in files:
        assert cli("server", "init", str(file)).code == 0
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    one, two = ({k: v or "" for k, v in dotenv_values(file).items()} for file in files)
    read_settings(one)
    for secret in SECRETS:
        assert len(one[variable(secret)]) >= 32
        assert one[variable(secret)] != two[variable(secret)]


def test_init_does_not_overwrite_the_secrets_of_a_running_server(tmp_path: Path, cli) -> None:
    file = tmp_path / ".env"
    cli("server", "init", str(file))
    before = file.read_text()
    again = cli("server", "init", str(file))
    assert again.code == 2
    assert "--force" in again.err
    assert file.read_text() == before


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("value", ["", "short"])
def test_without_a_secret_nothing_starts(secret: str, value: str) -> None:
    with pytest.raises(UserError, match=variable(secret)):
        read_settings(GIVEN | {variable(secret): value})


def test_a_secret_may_come_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("from a file, long enough\n")
    name = variable("db_password")
    given = GIVEN | {name: "", f"{name}_FILE": str(tmp_path / "secret")}
    settings = read_settings(given)
    assert settings.db_password.get_secret_value() == "from a file, long enough"
    assert "from a file" not in repr(settings)
    with pytest.raises(UserError, match="both set"):
        read_settings(given | {name: "s" * 20})


def test_a_password_with_every_sign_survives_the_database_s_url() -> None:
    from sqlalchemy.engine import make_url

    password = "a@b:c/d%e#f?g h&i"
    settings = read_settings(GIVEN | {variable("db_password"): password})
    assert make_url(settings.database("mlflow")).password == password


def test_a_wrong_value_is_told_by_its_variable() -> None:
    with pytest.raises(UserError, match="LRLAB_PORT"):
        read_settings(GIVEN | {"LRLAB_PORT": "http"})
