"""`lrlab ls`, `show`, `report`, `ui`: looking at what is recorded."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lrlab.cli.common import (
    cell,
    json_option,
    print_json,
    table,
    tracking_option,
    verbose_option,
    wrapped,
)

if TYPE_CHECKING:
    import pandas as pd

    from lrlab.report import Report
    from lrlab.spec import SweepSpec
    from lrlab.track import Store, SweepInfo

UI_START = 60.0  # seconds to wait for the MLflow server


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
@click.option("-f", "--follow", is_flag=True, help="Wait until it ends, and show how it goes on.")
@click.option(
    "--top", type=click.IntRange(min=0), default=10, show_default=True, help="Runs shown."
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
    """Show one sweep: its state, and its best runs. SWEEP is a name or run id."""
    from lrlab import track
    from lrlab.report import rank_runs

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
    runs = track.runs_frame(track.recorded_runs(store, info))
    best = rank_runs(runs, objective=spec.objective, direction=spec.measure.direction).head(top)
    outcomes = {str(name): int(count) for name, count in runs["outcome"].value_counts().items()}
    if as_json:
        _print_sweep(info, spec, outcomes, best)
    else:
        _show_sweep(store, info, spec, outcomes, best)
    return 0


def _print_sweep(
    info: SweepInfo, spec: SweepSpec, outcomes: Mapping[str, int], best: pd.DataFrame
) -> None:
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
            "verdict": info.verdict,
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
) -> None:
    """State, spec and best runs as text."""
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
    rows: list[tuple[object, ...]] = [
        (
            int(row["trial"]),
            row["optimizer"],
            row["loss"],
            float(row["lr"]),
            float(row[spec.objective]),
            row["outcome"],
            row["run_id"][-8:],
        )
        for _, row in best.iterrows()
    ]
    header = ("trial", "optimizer", "loss", "lr", spec.objective, "outcome", "run")
    if rows and info.base_rate is not None:
        rows.append(("-", "base rate", "-", "-", info.base_rate, "-", "-"))
    click.echo("\n" + table(header, rows) if rows else "\nNo finite run yet.")
    if info.verdict:
        click.echo(f"\n{wrapped(info.verdict)}")


@click.command(
    epilog="""
\b
Examples:
  lrlab report                     the latest sweep
  lrlab report quickstart -o out/
  lrlab report blobs cancer        several sweeps on different data, compared
  lrlab report quickstart --format md --format json
"""
)
@click.argument("sweeps", metavar="[SWEEP]...", nargs=-1)
@click.option(
    "-o",
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder to write to. Default: lrlab-report-SWEEP.",
)
@click.option(
    "--format",
    "formats",
    type=click.Choice(["html", "csv", "md", "parquet", "json"]),
    multiple=True,
    help="The page (html), its text (md), or the tables (csv, parquet, json). Repeatable. "
    "Default: html and csv; figures as PNG and SVG come with html and md.",
)
@tracking_option
@json_option
@verbose_option
def report(
    sweeps: tuple[str, ...],
    out: Path | None,
    formats: tuple[str, ...],
    tracking_uri: str | None,
    as_json: bool,
    verbose: bool,
) -> int:
    """Write a report: verdict, evidence, tables and figures. SWEEP is a name or run id.

    With several SWEEPs: what holds on all of their data sets, and what does not.
    """
    from lrlab import track
    from lrlab.report import across_report, build_report
    from lrlab.report.recorded import report_input

    track.quiet(verbose)
    store = track.connect(tracking_uri)
    infos = [track.find_sweep(store, sweep) for sweep in sweeps or (None,)]
    names = [info.name for info in infos]
    if len({info.run_id for info in infos}) < len(infos):
        raise click.UsageError("name each sweep once")
    inputs = [report_input(store, info) for info in infos]
    if len(infos) == 1:
        made = build_report(*inputs[0])
    else:
        labels = [
            info.name if names.count(info.name) == 1 else f"{info.name} {info.run_id[:8]}"
            for info in infos
        ]
        made = across_report(dict(zip(labels, inputs, strict=True)))
    safe = "".join(c if c.isalnum() or c in "-_" else "-" for c in "-".join(names))[:120]
    paths = _write(made, out or Path(f"lrlab-report-{safe}"), formats)
    if as_json:
        print_json(
            {
                "sweep": names[0] if len(names) == 1 else names,
                "run_id": infos[0].run_id if len(infos) == 1 else [i.run_id for i in infos],
                "verdict": made.verdict.text,
                "remarks": list(made.verdict.remarks),
                "files": [str(path.resolve()) for path in paths],
                "base_rate": infos[0].baseline and infos[0].baseline.to_dict()
                if len(infos) == 1
                else None,
                "summary": made.tables.get("summary", made.runs.head(0)).to_dict("records"),
            }
        )
        return 0
    _show_report(made, infos, paths)
    return 0


def _write(made: Report, folder: Path, formats: tuple[str, ...]) -> list[Path]:
    from lrlab.errors import LrlabError
    from lrlab.report import write_report

    try:
        return write_report(made, folder, formats or ("html", "csv"))
    except OSError as error:
        raise LrlabError(
            f"{folder}: cannot write the report: {error.strerror or error}"
        ) from error


def _show_report(made: Report, infos: Sequence[SweepInfo], paths: Sequence[Path]) -> None:
    """Verdict, the head of the table, and where the files are."""
    from lrlab.cli.sweep import summary_text

    for info in infos:
        if info.state != "finished":
            click.echo(f"Note: {info.name} is {info.state}; this is what it has so far.\n")
    if "summary" in made.tables:
        click.echo(summary_text(made.summary, infos[0].objective, infos[0].baseline) + "\n")
    click.echo(wrapped(made.verdict.text))
    click.echo(f"\nReport: {paths[0].resolve().as_uri()}")


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
    from lrlab.report.recorded import charts_path

    sweeps = track.list_sweeps(store)
    return f"http://{host}:{port}/{charts_path(sweeps[0]) if sweeps else ''}"
