"""`lrlab ui`."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

import click

from lrlab.cli.common import (
    tracking_option,
    verbose_option,
)

if TYPE_CHECKING:
    from lrlab.track import Store

UI_START = 60.0  # seconds to wait for the MLflow server


@click.command(
    epilog="""
\b
Examples:
  lrlab ui                   the store of this folder, at http://127.0.0.1:5000
  lrlab ui --port 8080
"""
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to serve on.")
@click.option("--port", type=click.IntRange(1, 65535), default=5000, show_default=True)
@tracking_option
@verbose_option
def ui(host: str, port: int, tracking_uri: str | None, verbose: bool) -> int:
    """Open the MLflow UI on the store; Ctrl-C stops it."""
    from lrlab import track
    from lrlab.server.local import refuse_taken_port
    from lrlab.server.services import QUIET

    track.quiet(verbose)
    store = track.connect(tracking_uri)
    if store.is_server:
        click.echo(f"The store is a server: open {store.shown}")
        return 0
    for move in store.moved:
        click.echo(f"Note: {move.advice}.", err=True)
    refuse_taken_port(host, port, f"--port {port + 1}")
    command = [
        sys.executable,
        "-m",
        "mlflow",
        "server",
        "--backend-store-uri",
        store.uri,
        "--host",
        host,
        "--port",
        str(port),
        "--workers",
        "1",
    ]
    environment = os.environ | QUIET
    click.echo("Starting the MLflow server ...", err=True)
    output = None if verbose else subprocess.DEVNULL
    server = subprocess.Popen(
        command, env=environment, stdout=output, stderr=output, start_new_session=True
    )
    try:
        _wait_until_up(server, host, port)
        click.echo(f"MLflow UI: {_first_page(store, host, port)}\nCtrl-C stops it.")
        return server.wait()
    except KeyboardInterrupt:
        return 0
    finally:
        with suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGTERM)  # the server and its worker
        server.wait()


def _wait_until_up(server: subprocess.Popen[bytes], host: str, port: int) -> None:
    from lrlab.errors import LrlabError
    from lrlab.server.local import answers

    if not answers(server, f"http://{host}:{port}/health", UI_START):
        raise LrlabError("the MLflow server did not start; `lrlab ui -v` shows what it says")


def _first_page(store: Store, host: str, port: int) -> str:
    """The latest sweep's runs with their curves, or the start page of an empty store."""
    from lrlab import track
    from lrlab.report.inputs import charts_path

    sweeps = track.list_sweeps(store)
    return f"http://{host}:{port}/{charts_path(sweeps[0]) if sweeps else ''}"
