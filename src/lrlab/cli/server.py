"""`lrlab server`: the team server and its parts; its users are in `server_users.py`."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from lrlab.cli.common import json_option, print_json, server_uri
from lrlab.cli.server_users import users

if TYPE_CHECKING:
    from lrlab.server.settings import Settings

F = TypeVar("F", bound=Callable[..., Any])


def env_file_option(function: F) -> F:
    """`--env-file`."""
    return click.option(
        "--env-file",
        type=click.Path(dir_okay=False, path_type=Path),
        default=".env",
        show_default=True,
        help="Settings, one VARIABLE=value per line; environment variables take precedence.",
    )(function)


@click.group(
    epilog="""
\b
Examples:
  lrlab server init                  write .env with generated secrets
  docker compose up -d --wait        the whole server, in containers
  lrlab server up --local            the same services as plain processes
  lrlab server user add alice
  lrlab server check http://localhost:5000
docs/team-server.md explains all of it.
"""
)
def server() -> None:
    """The team server: one MLflow for all.

    It also runs submitted sweeps.
    """


@server.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path), default=".env")
@click.option("--force", is_flag=True, help="Overwrite the file; its secrets are lost.")
def init(file: Path, force: bool) -> int:
    """Write FILE (.env by default) with generated secrets.

    It is readable by you alone.
    """
    from lrlab.server.init import write_environment

    write_environment(file, force=force)
    click.echo(
        f"Wrote {file} (mode 0600): the administrator's password and the other secrets are in "
        "it.\nNext, with Docker:    docker compose up -d --wait\n"
        "or without:           lrlab server up --local"
    )
    return 0


@server.command()
@click.argument("service", metavar="SERVICE")
@env_file_option
def run(service: str, env_file: Path) -> int:
    """Run one SERVICE in the foreground.

    migrate, mlflow, scheduler, worker, dispatcher or dashboard. Containers are started with this
    command; settings come from the environment.
    """
    from lrlab.registry import did_you_mean
    from lrlab.server.services import SERVICES, become, secrets_of

    if service not in SERVICES:
        known = ", ".join(SERVICES)
        raise click.UsageError(
            f"no service {service!r}{did_you_mean(service, tuple(SERVICES))}; there are {known}"
        )
    become(SERVICES[service](settings_from(env_file, secrets_of(service))))
    return 0


@server.command()
@click.option("--upgrade", is_flag=True, help="Upgrade tables that an older MLflow made.")
@env_file_option
def migrate(upgrade: bool, env_file: Path) -> int:
    """Make databases, tables and administrator.

    Those that are there are upgraded only with --upgrade.
    """
    from lrlab.server.migrate import UPGRADE
    from lrlab.server.services import SERVICES, Command, become

    command = SERVICES["migrate"](settings_from(env_file))
    more = (UPGRADE,) if upgrade else ()
    become(Command((*command.argv, *more), command.environment))
    return 0


def settings_from(env_file: Path, secrets: Sequence[str] | None = None) -> Settings:
    """The settings of the environment, and of a file for what that does not set.

    Args:
        env_file: The file; it may be missing.
        secrets: Those that must be there; None for all.
    """
    from dotenv import load_dotenv

    from lrlab.server.settings import SECRETS, read_settings

    with suppress(OSError):
        if env_file.stat().st_mode & 0o077:
            click.echo(
                f"Warning: others on this machine may read the secrets in {env_file}: "
                f"chmod 600 {env_file}",
                err=True,
            )
    load_dotenv(env_file, override=False, interpolate=False)
    return read_settings(os.environ, SECRETS if secrets is None else secrets)


@server.command()
@click.option(
    "--local", is_flag=True, help="Plain processes on this machine instead of containers."
)
@click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    default="lrlab-server",
    show_default=True,
    help="Folder for database, artifacts and logs.",
)
@click.option("--workers", type=click.IntRange(min=1), help="Training processes.")
@click.option("--upgrade", is_flag=True, help="Upgrade tables that an older MLflow made.")
@env_file_option
def up(local: bool, data: Path, workers: int | None, upgrade: bool, env_file: Path) -> int:
    """Run the whole server with --local.

    Ctrl-C or SIGTERM stops it; its data stay.
    """
    from lrlab.server.local import address, running, watch

    if not local:
        raise click.UsageError(
            "with Docker the server is started by `docker compose up -d --wait`; --local runs "
            "it without"
        )
    settings = settings_from(env_file)
    if workers is not None:
        settings = settings.model_copy(update={"workers": workers})

    def say(line: str) -> None:
        click.echo(line, err=True)

    try:
        with running(settings, data, say, upgrade=upgrade) as services:
            click.echo(
                f"The server is up: {address(settings)}\nSign in as {settings.admin_user} "
                f"with LRLAB_ADMIN_PASSWORD of {env_file}. Logs: {data / 'logs'}. Ctrl-C stops it."
            )
            watch(services, data, say)
    except KeyboardInterrupt:
        click.echo("Stopped.", err=True)
    return 0


@server.command()
@click.argument("url", required=False)
@json_option
def check(url: str | None, as_json: bool) -> int:
    """Check the server at URL, and time it.

    Logs in, writes, reads back and deletes. Exit code 1 on failure.

    Without URL: MLFLOW_TRACKING_URI. Sign in with MLFLOW_TRACKING_USERNAME and
    MLFLOW_TRACKING_PASSWORD.
    """
    from lrlab.server.check import check_server
    from lrlab.track.store import quiet

    quiet()
    uri = server_uri(url)
    findings = []
    for finding in check_server(uri):
        findings.append(finding)
        if not as_json:
            click.echo(f"{'ok  ' if finding.ok else 'FAIL'}  {finding.check:<10}  {finding.found}")
    if as_json:
        print_json([{"check": f.check, "ok": f.ok, "found": f.found} for f in findings])
    return 0 if all(f.ok for f in findings) else 1


server.add_command(users)
