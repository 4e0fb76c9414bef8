"""`lrlab report`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lrlab.cli.common import json_option, print_json, tracking_option, verbose_option
from lrlab.report.render.terminal import summary_text, verdict_text

if TYPE_CHECKING:
    import pandas as pd

    from lrlab.report.analysis.answer import Verdict
    from lrlab.report.text.words import Words
    from lrlab.track import Store, SweepInfo

USUAL = ("html", "csv")


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

    With several SWEEPs, compare them: what holds on all of their data sets.
    """
    from lrlab import track

    track.quiet(verbose)
    store = track.connect(tracking_uri)
    infos = [track.find_sweep(store, sweep) for sweep in sweeps or (None,)]
    names = [info.name for info in infos]
    if len({info.run_id for info in infos}) < len(infos):
        raise click.UsageError("name each sweep once")
    safe = "".join(c if c.isalnum() or c in "-_" else "-" for c in "-".join(names))[:120]
    folder = out or Path(f"lrlab-report-{safe}")
    told = _write(store, infos, folder, formats or USUAL)
    if as_json:
        print_json(_document(told, infos))
    else:
        _show(told, infos)
    return 0


@dataclass(frozen=True)
class _Told:
    """What is told of a report that was written; the summary has no rows of several sweeps."""

    words: Words
    verdict: Verdict | None
    summary: pd.DataFrame
    paths: Sequence[Path]


def _write(
    store: Store, infos: Sequence[SweepInfo], folder: Path, formats: tuple[str, ...]
) -> _Told:
    """The recorded report, where another would be the same; else one that is made anew."""
    from lrlab.errors import LrlabError
    from lrlab.report.files import write_files
    from lrlab.report.recorded import FORMATS, of_formats, recorded_report

    try:
        recorded = None
        if len(infos) == 1 and set(formats) <= set(FORMATS):
            recorded = recorded_report(store, infos[0])
        if recorded is not None:
            return _told_of_files(recorded, write_files(folder, of_formats(recorded, formats)))
        return _make(store, infos, folder, formats)
    except OSError as error:
        raise LrlabError(
            f"{folder}: cannot write the report: {error.strerror or error}"
        ) from error


def _told_of_files(recorded: Mapping[str, bytes], paths: Sequence[Path]) -> _Told:
    import pandas as pd

    from lrlab.report.analysis.answer import VERDICT_FILE
    from lrlab.report.text.record import verdict_of
    from lrlab.report.text.verdict import in_words

    verdict = verdict_of(recorded[VERDICT_FILE].decode("utf-8"))
    summary = pd.read_csv(BytesIO(recorded["summary.csv"]), float_precision="round_trip")
    return _Told(in_words(verdict), verdict, summary, paths)


def _make(
    store: Store, infos: Sequence[SweepInfo], folder: Path, formats: tuple[str, ...]
) -> _Told:
    from lrlab.report.build import build_report, write_report
    from lrlab.report.inputs import report_input

    inputs = [report_input(store, info) for info in infos]
    if len(infos) == 1:
        made = build_report(*inputs[0])
    else:
        from lrlab.report.across import across_report

        names = [info.name for info in infos]
        labels = [
            info.name if names.count(info.name) == 1 else f"{info.name} {info.run_id[:8]}"
            for info in infos
        ]
        made = across_report(dict(zip(labels, inputs, strict=True)))
    paths = write_report(made, folder, formats)
    summary = made.tables.get("summary", made.runs.head(0))
    return _Told(made.words, made.verdict, summary, paths)


def _document(told: _Told, infos: Sequence[SweepInfo]) -> dict[str, Any]:
    """For scripts; of several sweeps lists."""
    from lrlab.report.text.record import spoken

    names, ids = [info.name for info in infos], [info.run_id for info in infos]
    one = len(infos) == 1
    return {
        "sweep": names[0] if one else names,
        "run_id": ids[0] if one else ids,
        "verdict": spoken(told.words, told.verdict),
        "remarks": list(told.words.remarks),
        "files": [str(path.resolve()) for path in told.paths],
        "base_rate": infos[0].baseline and infos[0].baseline.to_dict() if one else None,
        "summary": told.summary.to_dict("records"),
    }


def _show(told: _Told, infos: Sequence[SweepInfo]) -> None:
    """Verdict, the head of the table, and where the files are."""
    for info in infos:
        if info.state != "finished":
            click.echo(f"Note: {info.name} is {info.state}; these are its results so far.\n")
    if len(infos) == 1:
        click.echo(summary_text(told.summary, infos[0].objective, infos[0].baseline) + "\n")
    click.echo(verdict_text(told.words.brief))
    click.echo(f"\nReport: {_where(told.paths)}")


def _where(paths: Sequence[Path]) -> str:
    """The page or its text, else the folder and how many files are new in it."""
    from lrlab.report.text.formats import plural

    if paths[0].stem == "report":
        return paths[0].resolve().as_uri()
    return f"{plural(len(paths), 'file')} in {paths[0].resolve().parent.as_uri()}"
