"""`lrlab show`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import click

from lrlab.cli.common import json_option, print_json, quote, tracking_option, verbose_option
from lrlab.report.render.terminal import settings_of, settings_titles, table, wrapped

if TYPE_CHECKING:
    import pandas as pd

    from lrlab.spec import SweepSpec
    from lrlab.track import Store, SweepInfo


@click.command(
    epilog="""
\b
Examples:
  lrlab show                 the latest sweep
  lrlab show quickstart
  lrlab show 3f2a91c0 --top 20
  lrlab show quickstart --follow
  lrlab show quickstart --coefficients
"""
)
@click.argument("sweep", required=False)
@click.option("-f", "--follow", is_flag=True, help="Wait until it ends, and show its progress.")
@click.option(
    "--top", type=click.IntRange(min=0), default=10, show_default=True, help="Trials shown."
)
@click.option(
    "--coefficients", is_flag=True, help="Show the best model's coefficients and odds ratios."
)
@tracking_option
@json_option
@verbose_option
def show(
    sweep: str | None,
    follow: bool,
    top: int,
    coefficients: bool,
    tracking_uri: str | None,
    as_json: bool,
    verbose: bool,
) -> int:
    """Show a sweep: its state, best trials and verdict. SWEEP is a name or run id."""
    from lrlab import track
    from lrlab.report.analysis.tables import searched
    from lrlab.report.best import ranked_trials
    from lrlab.report.recorded import has_changed

    track.quiet(verbose)
    store = track.connect(tracking_uri)
    info = track.find_sweep(store, sweep)
    if follow:
        from lrlab.cli.submit import show_progress

        show_progress(store, info.run_id)
        info = track.load_sweep(store, info.run_id)
    if coefficients:
        from lrlab.cli.coefficients import show_coefficients
        from lrlab.model.locate import load_numbers

        show_coefficients(load_numbers(info.run_id, store.uri), as_json)
        return 0
    spec = track.load_sweep_spec(store, info)
    recorded = track.recorded_runs(store, info)
    changed = has_changed(store, info, recorded)
    runs = track.runs_frame(recorded)
    best = ranked_trials(runs, spec).head(top)
    outcomes = {str(name): int(count) for name, count in runs["outcome"].value_counts().items()}
    if as_json:
        _print_sweep(store, info, spec, outcomes, best, changed)
    else:
        _show_sweep(store, info, spec, outcomes, best, searched(runs), changed)
    return 0


def _print_sweep(
    store: Store,
    info: SweepInfo,
    spec: SweepSpec,
    outcomes: Mapping[str, int],
    best: pd.DataFrame,
    changed: bool,
) -> None:
    from lrlab.report.recorded import read_verdict
    from lrlab.report.text.record import verdict_document

    verdict = None if changed else read_verdict(store, info)
    said = None if changed else info.verdict
    print_json(
        {
            "name": info.name,
            "run_id": info.run_id,
            "experiment": info.experiment,
            "state": info.state,
            "reason": info.reason,
            "submitted_by": info.submitted_by,
            "runs": sum(outcomes.values()),
            "of": spec.n_runs,
            "outcomes": outcomes,
            "objective": spec.objective,
            "base_rate": info.baseline and info.baseline.to_dict(),
            "verdict": verdict_document(verdict) if verdict else {"text": said},
            "changed_since_verdict": changed,
            "spec": spec.resolved(),
            "best_runs": [row.dropna().to_dict() for _, row in best.iterrows()],
        }
    )


def _show_sweep(
    store: Store,
    info: SweepInfo,
    spec: SweepSpec,
    outcomes: Mapping[str, int],
    best: pd.DataFrame,
    names: Sequence[str],
    changed: bool,
) -> None:
    """State, spec and best trials, with the settings `names`, as text."""
    from lrlab.spec import flatten

    ended = ", ".join(f"{count} {name}" for name, count in sorted(outcomes.items()))
    count = f"{sum(outcomes.values()):,} of {spec.n_runs:,} runs"
    count += f" ({ended})" if ended else ""
    by = f", submitted by {info.submitted_by}" if info.submitted_by else ""
    if store.user and not by:
        by = f", by {info.owner}"
    click.echo(f"{info.name}: {info.state}, {count}{by}")
    if info.reason:
        click.echo(f"because {info.reason}")
    click.echo(f"experiment {info.experiment}, run {info.run_id}, in {store.shown}\n")
    for key, value in flatten(spec.resolved()).items():
        if value:
            click.echo(f"  {key}: {value}")
    names = [name for name in names if best[name].notna().any()]
    rows: list[tuple[object, ...]] = [
        (
            int(row["trial"]),
            row["optimizer"],
            row["loss"],
            float(row["lr"]),
            *settings_of(row.to_dict(), names),
            float(row[f"mean_{spec.objective}"]),
            row["outcome"],
            row["run_id"][-8:],
        )
        for _, row in best.iterrows()
    ]
    titles = settings_titles(names)
    header = ("trial", "optimizer", "loss", "lr", *titles, spec.objective, "outcome", "run")
    if rows and info.base_rate is not None:
        none = ["-"] * (len(titles) + 1)
        rows.append(("-", "base rate", "-", *none, info.base_rate, "-", "-"))
    click.echo("\n" + table(header, rows) if rows else "\nNo trial has an objective yet.")
    if changed:
        click.echo(
            "\nThe runs have changed since the verdict was made; for a new verdict: "
            f"lrlab report {quote(info.name)}"
        )
    elif info.verdict:
        click.echo(f"\n{wrapped(info.verdict)}")
    elif rows:
        click.echo(f"\nNo verdict yet: lrlab report {quote(info.name)} shows the results so far.")
