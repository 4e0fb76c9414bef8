"""`lrlab report`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lrlab.cli.common import json_option, print_json, tracking_option, verbose_option
from lrlab.report.render.terminal import summary_text, verdict_text

if TYPE_CHECKING:
    from lrlab.report.context import Report
    from lrlab.track import SweepInfo


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
    type=click.Choice(["html", "csv", "md", "parquet", "json", "png", "svg"]),
    multiple=True,
    help="The page (html), its text (md), the tables (csv, parquet, json) or the figures (png, "
    "svg). Repeatable. Default: html and csv; PNG files come with md.",
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
    from lrlab.report.across import across_report
    from lrlab.report.build import build_report, spoken
    from lrlab.report.inputs import report_input

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
                "verdict": spoken(made),
                "remarks": list(made.words.remarks),
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
    from lrlab.report.build import write_report

    try:
        return write_report(made, folder, formats or ("html", "csv"))
    except OSError as error:
        raise LrlabError(
            f"{folder}: cannot write the report: {error.strerror or error}"
        ) from error


def _show_report(made: Report, infos: Sequence[SweepInfo], paths: Sequence[Path]) -> None:
    """Verdict, the head of the table, and where the files are."""
    for info in infos:
        if info.state != "finished":
            click.echo(f"Note: {info.name} is {info.state}; this is what it has so far.\n")
    if "summary" in made.tables:
        click.echo(summary_text(made.summary, infos[0].objective, infos[0].baseline) + "\n")
    click.echo(verdict_text(made.words.brief))
    click.echo(f"\nReport: {paths[0].resolve().as_uri()}")
