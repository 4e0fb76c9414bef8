"""`lrlab submit` and `cancel`: sweeps in the hands of a team server."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from lrlab.cli.common import (
    json_option,
    print_json,
    quote,
    read_specs,
    server_uri,
    spec_arguments,
    tracking_option,
    verbose_option,
)
from lrlab.report.render.terminal import wrapped

if TYPE_CHECKING:
    from lrlab.track import Store

LOOK_EVERY = 1.0  # seconds


@click.command(
    epilog="""
\b
Examples:
  lrlab submit sweeps/quickstart.yaml --server https://lrlab.example.org
  lrlab submit my.yaml --set search.trials=500 --follow
The server is given by --server, else by MLFLOW_TRACKING_URI. Sign in with
MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD.
"""
)
@spec_arguments
@click.option("--new", is_flag=True, help="Submit another sweep, even if this spec has one.")
@click.option("-f", "--follow", is_flag=True, help="Wait, and show its progress.")
@tracking_option
@json_option
@verbose_option
def submit(
    spec_file: str,
    trials: int | None,
    overrides: tuple[str, ...],
    new: bool,
    follow: bool,
    tracking_uri: str | None,
    as_json: bool,
    verbose: bool,
) -> int:
    """Submit the sweep of SPEC to a team server.

    The server runs it on its workers.

    A CSV or Parquet table is uploaded with it. The command returns at once;
    the sweep does not need this machine, and survives restarts of the server.
    """
    from lrlab import track
    from lrlab.server import client
    from lrlab.track.begun import find_begun, why_another

    track.quiet(verbose)
    specs = read_specs(spec_file, trials, overrides)
    store = track.connect(server_uri(tracking_uri))
    accepted = []
    for spec in specs:
        if not new and not find_begun(store, spec) and (why := why_another(store, spec)):
            click.echo(f"Note: {why}.", err=True)
        accepted.append((spec, client.submit(store, spec, new=new)))
    if as_json:
        print_json([{"name": s.name, "run_id": a.run_id, "state": a.state} for s, a in accepted])
    server = f" --server {quote(tracking_uri)}" if tracking_uri else ""
    for spec, it in accepted if not as_json else ():
        ended = it.state == "finished"
        hint = "--trials N extends it, --new begins another" if ended else "run " + it.run_id
        click.echo(f"{spec.name}: {it.state} ({hint})")
        command = "report" if ended else "show --follow"
        if ended or not follow:
            click.echo(f"  lrlab {command} {it.run_id[:8]}{server}")
    if not follow:
        return 0
    codes = [show_progress(store, it.run_id) for _, it in accepted]
    for (_, it), code in zip(accepted, codes, strict=True):
        if code == 0 and not as_json:
            verdict = track.load_sweep(store, it.run_id).verdict
            click.echo(f"\n{wrapped(verdict)}\n" if verdict else "")
            click.echo(f"Report: lrlab report {it.run_id[:8]}{server}")
    return max(codes)


def show_progress(store: Store, run_id: str) -> int:
    """Show on standard error how a sweep goes on, until it ends; 1 if it did not finish."""
    from lrlab.report.render.terminal import cell
    from lrlab.server import client

    # MLflow's own retries are silent for minutes.
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")

    def note(text: str) -> None:
        click.echo(f"Note: {text}.", err=True)

    state = ""
    try:
        for info in client.follow(store, run_id, LOOK_EVERY, note):
            state = info.state
            line = f"{info.name}: {state}, {info.done}/{info.total} runs"
            if state == "running" and info.done == info.total:
                line += ", making the report"
            if info.best is not None:
                line += f", best {info.objective} {cell(info.best)}"
            click.echo(line + (f": {info.reason}" if info.reason else ""), err=True)
    except KeyboardInterrupt:
        click.echo(
            f"The sweep goes on. lrlab show --follow {run_id[:8]} watches it again, "
            f"lrlab cancel {run_id[:8]} stops it.",
            err=True,
        )
        raise
    return 0 if state == "finished" else 1


@click.command(
    epilog="""
\b
Examples:
  lrlab cancel quickstart --server https://lrlab.example.org
  lrlab cancel 3f2a91c0
"""
)
@click.argument("sweep")
@tracking_option
@verbose_option
def cancel(sweep: str, tracking_uri: str | None, verbose: bool) -> int:
    """Stop a submitted sweep. SWEEP is a name or run id; what is recorded stays."""
    from lrlab import track
    from lrlab.server import client

    track.quiet(verbose)
    store = track.connect(server_uri(tracking_uri))
    info = client.find_cancellable(store, sweep)
    client.cancel(store, info)
    click.echo(
        f"{info.name} ({info.run_id[:8]}) will be stopped. Submitting the same spec again "
        "resumes it."
    )
    return 0
