"""`lrlab init` and `doctor`."""

from __future__ import annotations

from pathlib import Path

import click

from lrlab.cli.common import json_option, print_json, tracking_option, verbose_option


@click.command(
    epilog="""
\b
Examples:
  lrlab init                                       sweep.yaml on the tutorial's data
  lrlab init churn.yaml --data churn.csv --target churned
"""
)
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path), default="sweep.yaml")
@click.option("--data", metavar="FILE", help="Your table: a .csv, .tsv, .txt or .parquet file.")
@click.option(
    "--target",
    metavar="COLUMN",
    help="The column of --data to predict; without it, the possible columns are listed.",
)
@click.option("--force", is_flag=True, help="Overwrite an existing file.")
def init(file: Path, data: str | None, target: str | None, force: bool) -> int:
    """Write a commented starter spec to FILE.

    With --data, it reads the table first and writes the keys that the sweep needs: how
    the file is written, missing values, classes, columns that cannot be used.
    """
    from lrlab.errors import LrlabError
    from lrlab.starter import starter_spec

    if data is None and target is not None:
        raise click.UsageError("--target needs --data")
    if file.exists() and not force:
        raise click.UsageError(f"{file} exists; --force overwrites it")
    text = starter_spec(file, data, target)
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise LrlabError(f"{file}: cannot write: {error.strerror or error}") from error
    click.echo(f"Wrote {file}. Next:\n  lrlab sweep {file} --dry-run\n  lrlab sweep {file}")
    return 0


@click.command(
    epilog="""
\b
Examples:
  lrlab doctor
  lrlab doctor --fix    after the folder with mlflow.db and mlruns was moved or copied
"""
)
@click.option(
    "--fix",
    "mend",
    is_flag=True,
    help="First repair what can be repaired: in a folder that was moved or copied, point the "
    "database to the artifacts.",
)
@tracking_option
@json_option
@verbose_option
def doctor(mend: bool, tracking_uri: str | None, as_json: bool, verbose: bool) -> int:
    """Check versions, the tracking store, its schema and the disk.

    Exit code 1 if a check fails.
    """
    from lrlab.doctor import examine, fix
    from lrlab.track import quiet

    quiet(verbose)
    findings = (fix(tracking_uri) if mend else []) + examine(tracking_uri)
    if as_json:
        print_json([{"check": f.check, "ok": f.ok, "found": f.found} for f in findings])
    else:
        width = max(len(f.check) for f in findings)
        for f in findings:
            click.echo(f"{'ok  ' if f.ok else 'FAIL'}  {f.check:<{width}}  {f.found}")
    return 0 if all(f.ok for f in findings) else 1
