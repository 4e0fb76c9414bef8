"""`lrlab server`: the team server, its parts and its users."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

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
        help="Settings, one VARIABLE=value a line; the environment's own variables win.",
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
docs/team-server.md has the whole story.
"""
)
def server() -> None:
    """The team server: one MLflow for all, and sweeps that outlive the laptop."""


@server.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path), default=".env")
@click.option("--force", is_flag=True, help="Overwrite the file; its secrets are lost.")
def init(file: Path, force: bool) -> int:
    """Write FILE (.env by default) with generated secrets, readable by you alone."""
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
    from lrlab.catalogue import did_you_mean
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
    """Make databases, tables and administrator; upgrade them only with --upgrade."""
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

    load_dotenv(env_file, override=False, interpolate=False)
    return read_settings(os.environ, SECRETS if secrets is None else secrets)
