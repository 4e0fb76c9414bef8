"""`lrlab rm`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from lrlab.cli.common import json_option, print_json, tracking_option, verbose_option
from lrlab.report.render.terminal import table

if TYPE_CHECKING:
    from lrlab.track import Store
    from lrlab.track.remove import Removal

MOST_SHOWN = 10
STATES = ("finished", "failed", "cancelled", "interrupted")


@click.command(
    epilog="""
\b
Examples:
  lrlab rm quickstart                     to MLflow's trash, after confirmation
  lrlab rm 3f2a91c0 b81d0c11 --yes        by id, without confirmation
  lrlab rm --state failed --older-than 30d --dry-run
  lrlab rm quickstart --keep-best 20      all but its 20 best trials
  lrlab rm quickstart --purge             for good, with its artifacts
`mlflow runs restore --run-id ID` restores a run from the trash. Exit codes: 0 done, or
nothing to do; 1 failure; 2 a mistake, or a sweep that cannot be deleted (then none is).
"""
)
@click.argument("sweeps", metavar="[SWEEP]...", nargs=-1)
@click.option(
    "--older-than",
    metavar="AGE",
    help="Only sweeps that ended longer ago than 90m, 12h, 30d or 8w.",
)
@click.option(
    "--state",
    "states",
    type=click.Choice(STATES),
    multiple=True,
    help="Only sweeps in this state. Repeatable.",
)
@click.option(
    "--keep-best",
    type=click.IntRange(min=1),
    metavar="K",
    help="Keep the sweep and its K best trials; delete its other runs.",
)
@click.option(
    "--purge",
    is_flag=True,
    help="Delete for good: rows, artifacts, logged models; also of sweeps that are in the trash.",
)
@click.option("-y", "--yes", is_flag=True, help="Do not ask for confirmation.")
@click.option("--dry-run", is_flag=True, help="Show what would be deleted; delete nothing.")
@tracking_option
@json_option
@verbose_option
def rm(
    sweeps: tuple[str, ...],
    older_than: str | None,
    states: tuple[str, ...],
    keep_best: int | None,
    purge: bool,
    yes: bool,
    dry_run: bool,
    tracking_uri: str | None,
    as_json: bool,
    verbose: bool,
) -> int:
    """Delete sweeps with all their runs. SWEEP is a name or run id.

    Only what lrlab wrote is deleted: your own runs below a sweep stay. A sweep that is running is
    refused. Without --purge the runs go to MLflow's trash.
    """
    from lrlab import track
    from lrlab.errors import UserError
    from lrlab.track import remove, selection

    if not sweeps and not states and older_than is None:
        raise click.UsageError("name the sweeps, or say which by --state or --older-than")
    age = None if older_than is None else selection.parse_age(older_than)
    track.quiet(verbose)
    store = track.connect(tracking_uri)
    if purge:
        remove.refuse_purge(store)
    trashed = purge and keep_best is None
    infos = selection.choose(store, sweeps, states, age, trashed=trashed)
    plans = [remove.plan(store, info, keep_best or 0, trashed=trashed) for info in infos]
    refused = {why: plan for plan in plans if (why := remove.why_not(plan, purge))}
    if refused and sweeps:
        raise UserError("; ".join(list(refused)[:MOST_SHOWN]))
    for why in list(refused)[:MOST_SHOWN]:
        click.echo(f"Note: left alone: {why}.", err=True)
    left = [plan.info.run_id for plan in refused.values()]
    plans = [plan for plan in plans if plan.info.run_id not in left]
    if not as_json:
        _show(plans, purge)
    done = bool(plans) and not dry_run and (yes or _agreed(plans))
    if done:
        _remove(store, plans, purge)
    if as_json:
        print_json(_document(plans, purge, done))
    elif plans:
        click.echo(_outcome(plans, purge, done))
    return 0


def _show(plans: Sequence[Removal], purge: bool) -> None:
    if not plans:
        click.echo("No sweep to delete.")
        return
    rows = [
        (
            plan.info.name,
            plan.info.state,
            f"{len(plan.runs):,}",
            f"{plan.kept:,}",
            f"{plan.info.started.astimezone():%Y-%m-%d %H:%M}",
            plan.info.run_id[:8],
        )
        for plan in plans[:MOST_SHOWN]
    ]
    click.echo(table(("sweep", "state", "runs to delete", "kept", "started", "id"), rows))
    if len(plans) > MOST_SHOWN:
        click.echo(f"... and {len(plans) - MOST_SHOWN:,} more")
    versions = [version for plan in plans for version in plan.versions]
    if versions and not purge:
        more = f" and {len(versions) - MOST_SHOWN:,} more" if len(versions) > MOST_SHOWN else ""
        verb = "works" if len(versions) == 1 else "work"
        click.echo(
            f"Note: {', '.join(versions[:MOST_SHOWN])}{more} of MLflow's registry still {verb}, "
            "as long as `mlflow gc` does not empty the trash."
        )


def _agreed(plans: Sequence[Removal]) -> bool:
    if not sys.stdin.isatty():
        raise click.UsageError(
            "there is nobody to ask for confirmation here; --yes deletes without asking"
        )
    return click.confirm("Delete?", err=True)


def _remove(store: Store, plans: Sequence[Removal], purge: bool) -> None:
    from tqdm import tqdm

    from lrlab.track import remove

    total = sum(len(plan.run_ids) for plan in plans)
    with tqdm(total=total, unit="run", disable=None, leave=False, file=sys.stderr) as bar:

        def progress(count: int) -> None:
            bar.update(count)

        remove.remove(store, plans, for_good=purge, progress=progress)


def _document(plans: Sequence[Removal], purge: bool, done: bool) -> dict[str, Any]:
    return {
        "deleted": done,
        "for_good": done and purge,
        "sweeps": [
            {
                "name": plan.info.name,
                "run_id": plan.info.run_id,
                "state": plan.info.state,
                "runs": len(plan.runs),
                "kept": plan.kept,
                "whole": plan.whole,
                "model_versions": plan.versions,
            }
            for plan in plans
        ],
    }


def _outcome(plans: Sequence[Removal], purge: bool, done: bool) -> str:
    if not done:
        return "Nothing was deleted."
    runs = sum(len(plan.runs) for plan in plans)
    whole = sum(plan.whole for plan in plans)
    what = f"{runs:,} runs" + (
        f" and {whole:,} {'sweep' if whole == 1 else 'sweeps'}" if whole else ""
    )
    if purge:
        return f"Deleted for good: {what}."
    return f"In MLflow's trash: {what}; `mlflow runs restore --run-id ID` brings a run back."
