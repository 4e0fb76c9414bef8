"""`lrlab server init`: a .env file with generated secrets."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from lrlab.errors import LrlabError, UserError
from lrlab.server.settings import Limits, variable

SECRET_BYTES = 24  # of chance: 192 bits


def write_environment(file: Path, *, force: bool = False) -> None:
    """Write a .env file that docker compose and `lrlab server up --local` read, mode 0600.

    Args:
        file: Where to.
        force: Overwrite an existing file, whose secrets are lost then.

    Raises:
        UserError: If the file exists.
        LrlabError: If it cannot be written.
    """
    flags = os.O_WRONLY | os.O_CREAT | (os.O_TRUNC if force else os.O_EXCL)
    try:
        with os.fdopen(os.open(file, flags, 0o600), "w", encoding="utf-8") as out:
            os.fchmod(out.fileno(), 0o600)  # an overwritten file keeps its old mode otherwise
            out.write(environment_text())
    except FileExistsError:
        raise UserError(
            f"{file} exists, and its secrets belong to the data of a server that uses it; "
            "--force overwrites it, or name another file"
        ) from None
    except OSError as error:
        raise LrlabError(f"{file}: cannot write: {error.strerror or error}") from None


def environment_text() -> str:
    """The file's text, with fresh secrets."""
    limits = Limits()

    def secret(field: str) -> str:
        return f"{variable(field)}={secrets.token_urlsafe(SECRET_BYTES)}"

    return f"""\
# Settings of the lrlab team server. Keep this file to yourself: it holds secrets.
# What each means: docs/team-server.md

# The administrator signs in with these; they are used when the server starts for the first time.
{variable("admin_user")}=admin
{secret("admin_password")}
{secret("db_password")}
{secret("secret_key")}

# Where the UI is published. Others reach it only if this is an address of the network, which
# should be behind TLS (profile tls): passwords travel with every request.
LRLAB_PUBLISH=127.0.0.1
{variable("port")}=5000
# Without Docker: ports of PostgreSQL and of Dask's scheduler
# {variable("db_port")}=5432
# {variable("scheduler")}=tcp://127.0.0.1:8786
# Host names, besides localhost, by which people reach the server, such as lrlab.example.org
{variable("allowed_hosts")}=
LRLAB_DOMAIN=localhost

# What users may do in experiments that are not theirs: READ, USE, EDIT, MANAGE,
# NO_PERMISSIONS
{variable("default_permission")}=READ

# Limits of one submitted sweep
{variable("max_trials")}={limits.trials}
{variable("max_rows")}={limits.rows}
{variable("max_minutes")}={limits.minutes}
{variable("max_upload_mb")}={limits.upload_mb}
# Sweeps that run at the same time
{variable("slots")}=2
"""
