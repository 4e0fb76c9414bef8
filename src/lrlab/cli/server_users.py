"""`lrlab server user`: who may sign in at a team server, and to what."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from lrlab.cli.common import server_uri, tracking_option

if TYPE_CHECKING:
    from lrlab.track import Store

F = TypeVar("F", bound=Callable[..., Any])


@click.group(
    name="user",
    epilog="""
\b
Examples (as administrator: MLFLOW_TRACKING_USERNAME, MLFLOW_TRACKING_PASSWORD):
  lrlab server user add alice --server http://localhost:5000
  lrlab server user grant bob quickstart EDIT
""",
)
def users() -> None:
    """Users of the server and what they may do."""


def _password_option(function: F) -> F:
    return click.option(
        "--password-stdin",
        is_flag=True,
        help="Read the password from standard input instead of generating one.",
    )(function)


def _connected(tracking_uri: str | None) -> Store:
    from lrlab import track

    track.quiet()
    return track.connect(server_uri(tracking_uri))


def _given(password_stdin: bool) -> str | None:
    if not password_stdin:
        return None
    password = sys.stdin.readline().rstrip("\n")
    if not password:
        raise click.UsageError("there is no password on standard input (--password-stdin)")
    return password


@users.command()
@click.argument("name")
@_password_option
@tracking_option
def add(name: str, password_stdin: bool, tracking_uri: str | None) -> int:
    """Make the user NAME and print a generated password."""
    from lrlab.server import users as accounts

    password = accounts.add_user(_connected(tracking_uri), name, _given(password_stdin))
    _show_password(name, password, password_stdin)
    return 0


@users.command()
@click.argument("name")
@_password_option
@tracking_option
def passwd(name: str, password_stdin: bool, tracking_uri: str | None) -> int:
    """Give the user NAME another password.

    It is printed. NAME may be oneself.
    """
    from lrlab.server import users as accounts

    store = _connected(tracking_uri)
    password = accounts.set_password(store, name, _given(password_stdin))
    _show_password(name, password, password_stdin)
    if name == store.user:
        click.echo("Set MLFLOW_TRACKING_PASSWORD to the new one.", err=True)
    return 0


def _show_password(name: str, password: str, given: bool) -> None:
    click.echo(f"{name}: the password is set." if given else f"{name}: {password}")


@users.command()
@click.argument("name")
@tracking_option
def rm(name: str, tracking_uri: str | None) -> int:
    """Remove the user NAME; what the user recorded stays."""
    from lrlab.server import users as accounts

    accounts.remove_user(_connected(tracking_uri), name)
    click.echo(f"{name}: removed.")
    return 0


@users.command()
@click.argument("name")
@click.argument("experiment")
@click.argument(
    "permission",
    type=click.Choice(["READ", "USE", "EDIT", "MANAGE", "NO_PERMISSIONS"], case_sensitive=False),
)
@tracking_option
def grant(name: str, experiment: str, permission: str, tracking_uri: str | None) -> int:
    """Let the user NAME do something with an EXPERIMENT.

    The experiment may be somebody else's.
    """
    from lrlab.server import users as accounts

    accounts.grant(_connected(tracking_uri), name, experiment, permission)
    click.echo(f"{name}: {permission} on {experiment}.")
    return 0


@users.command("ls")
@tracking_option
def list_(tracking_uri: str | None) -> int:
    """List the users."""
    from lrlab.server import users as accounts

    for name, administrator in accounts.list_users(_connected(tracking_uri)):
        click.echo(f"{name} (administrator)" if administrator else name)
    return 0
