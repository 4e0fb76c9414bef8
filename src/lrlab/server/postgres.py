"""PostgreSQL as a process of this machine, on a folder of its own."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
from pathlib import Path

from lrlab.errors import LrlabError, UserError
from lrlab.server.service_process import Service, as_user
from lrlab.server.services import Command
from lrlab.server.settings import Settings

POSTGRES = "postgres"


def postgres(settings: Settings, folder: Path, host: str) -> Service:
    """PostgreSQL on a folder of its own, which is made the first time.

    Raises:
        UserError: If it is not installed, or would run as root.
        LrlabError: If its folder cannot be made.
    """
    programs, user = find_programs(), _database_user()
    data = folder / POSTGRES
    if not (data / "PG_VERSION").exists():
        _initdb(programs, data, settings, user)
    # fmt: off
    argv = (
        str(programs / "postgres"), "-D", str(data), "-p", str(settings.db_port),
        "-c", f"listen_addresses={host}", "-c", f"unix_socket_directories={data}",
    )
    # fmt: on
    return Service(POSTGRES, Command(argv), stop=signal.SIGINT, user=user)  # a fast shutdown


def find_programs() -> Path:
    """The folder of PostgreSQL's programs, which Debian keeps out of the path."""
    found = shutil.which("postgres")
    if found:
        return Path(found).parent
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    if not installed:
        raise UserError(
            "PostgreSQL is not installed here: sudo apt-get install postgresql (or use "
            "`docker compose up`)"
        )
    return installed[-1].parent


def _database_user() -> str | None:
    """PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam(POSTGRES).pw_name
    except KeyError:
        raise UserError("PostgreSQL does not run as root: use another user") from None


def _initdb(programs: Path, data: Path, settings: Settings, user: str | None) -> None:
    """Make the database's folder: whole, or not at all."""
    making = data.with_name(f".{data.name}.making")
    shutil.rmtree(making, ignore_errors=True)
    making.mkdir(mode=0o700)
    if user is not None:
        shutil.chown(making, user, pwd.getpwnam(user).pw_gid)
    password = data.with_name(f".{data.name}.password")
    password.touch(mode=0o600)
    password.write_text(settings.db_password.get_secret_value())
    if user is not None:
        shutil.chown(password, user)
    # fmt: off
    done = subprocess.run(
        [
            str(programs / "initdb"), "-D", str(making), "-U", settings.db_user, "-E", "UTF8",
            "--locale", "C.UTF-8", "--auth", "scram-sha-256", "--pwfile", str(password),
        ],
        capture_output=True, text=True, check=False,
        **as_user(user),
    )
    # fmt: on
    password.unlink()
    if done.returncode:
        raise LrlabError(f"PostgreSQL cannot be set up: {done.stderr.strip()[-300:]}")
    making.rename(data)
