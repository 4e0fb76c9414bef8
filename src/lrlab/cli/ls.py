"""`lrlab ls`."""

from __future__ import annotations

import click

from lrlab.cli.common import json_option, print_json, tracking_option, verbose_option
from lrlab.report.render.terminal import cell, table


@click.command()
@tracking_option
@json_option
@verbose_option
def ls(tracking_uri: str | None, as_json: bool, verbose: bool) -> int:
    """List the sweeps in the store, the latest first."""
    from lrlab import track

    track.quiet(verbose)
    store = track.connect(tracking_uri)
    sweeps = track.list_sweeps(store)
    if as_json:
        print_json(
            [
                {
                    "name": s.name,
                    "run_id": s.run_id,
                    "experiment": s.experiment,
                    "state": s.state,
                    "owner": s.owner,
                    "submitted_by": s.submitted_by,
                    "trials": s.trials,
                    "runs": s.done,
                    "of": s.total,
                    "objective": s.objective,
                    "best": s.best,
                    "base_rate": s.base_rate,
                    "started": s.started.isoformat(),
                }
                for s in sweeps
            ]
        )
        return 0
    if not sweeps:
        verb = "submit" if store.is_server else "sweep"
        click.echo(f"No sweeps in {store.shown}. Start one: lrlab {verb} SPEC.yaml")
        return 0
    several = store.user is not None
    rows = [
        (
            s.name,
            s.state,
            *((s.owner,) if several else ()),
            f"{s.done}/{s.total}",
            f"{s.objective} {cell(s.best)}",
            cell(s.base_rate),
            f"{s.started.astimezone():%Y-%m-%d %H:%M}",
            s.run_id[:8],
        )
        for s in sweeps
    ]
    by = ("by",) if several else ()
    click.echo(table(("sweep", "state", *by, "runs", "best", "base rate", "started", "id"), rows))
    return 0
