"""What the commands share: options, tables, JSON."""

from __future__ import annotations

import json
import math
import shlex
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from lrlab.spec import SweepSpec

F = TypeVar("F", bound=Callable[..., Any])


def tracking_option(function: F) -> F:
    """`--tracking-uri`, also called `--server`."""
    return click.option(
        "--tracking-uri",
        "--server",
        "tracking_uri",
        metavar="URI",
        help="MLflow store or server. Default: MLFLOW_TRACKING_URI, else mlflow.db here.",
    )(function)


def verbose_option(function: F) -> F:
    """`-v`."""
    return click.option(
        "-v", "--verbose", is_flag=True, help="Show what MLflow and Optuna say, and tracebacks."
    )(function)


def spec_arguments(function: F) -> F:
    """SPEC, `--trials` and `--set`."""
    for decorate in (
        click.option(
            "--set",
            "overrides",
            metavar="KEY=VALUE",
            multiple=True,
            help="Override any key of the spec, such as train.steps=200. Repeatable.",
        ),
        click.option("--trials", type=click.IntRange(min=1), help="Override search.trials."),
        click.argument("spec_file", metavar="SPEC"),
    ):
        function = decorate(function)
    return function


def read_specs(
    spec_file: str, trials: int | None, overrides: Sequence[str]
) -> tuple[SweepSpec, ...]:
    """The sweeps that `spec_arguments` describe."""
    from lrlab.spec import load_specs

    more = (f"search.trials={trials}",) if trials else ()
    return load_specs(spec_file, (*overrides, *more))


def server_uri(uri: str | None) -> str:
    """The server that `--server` or MLFLOW_TRACKING_URI names.

    Raises:
        UserError: If that is no server, but a file or a database.
    """
    from lrlab.errors import UserError
    from lrlab.track.store import is_server, resolve_uri, without_password

    found = resolve_uri(uri)
    if not is_server(found):
        raise UserError(
            f"{without_password(found)} is not a server; name one with --server or "
            "MLFLOW_TRACKING_URI, such as http://localhost:5000"
        )
    return found


def json_option(function: F) -> F:
    """`--json`."""
    return click.option(
        "--json", "as_json", is_flag=True, help="Print JSON on standard output, for scripts."
    )(function)


def print_json(value: Any) -> None:
    """Print a value as JSON; what is not finite becomes null."""
    click.echo(json.dumps(_plain(value), indent=2, default=str))


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if hasattr(value, "item"):  # a NumPy number
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def quote(text: str) -> str:
    """A word as the shell needs it."""
    return shlex.quote(text)


def shortened(text: str, most: int) -> str:
    """A text of at most so many characters: its begin and its end."""
    if len(text) <= most:
        return text
    tail = most // 4
    return f"{text[: most - tail - 5]} ... {text[-tail:]}"
