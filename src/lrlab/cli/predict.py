"""`lrlab predict`: classes and probabilities of the rows of a table."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lrlab.cli.common import tracking_option, verbose_option

if TYPE_CHECKING:
    import pandas as pd


@click.command(
    epilog="""
\b
Examples:
  lrlab predict churn new.csv                   the sweep's best model, to standard output
  lrlab predict churn new.parquet --out p.csv
  lrlab predict models:/churn/3 new.csv --threshold 0.2
"""
)
@click.argument("model", metavar="SWEEP-OR-MODEL")
@click.argument("table", type=click.Path(path_type=Path))
@click.option(
    "-o", "--out", type=click.Path(dir_okay=False, path_type=Path), help="Write a CSV file."
)
@click.option(
    "--threshold",
    type=click.FloatRange(0, 1),
    help="Probability from which a row is predicted to be of the second class. Default: 0.5.",
)
@tracking_option
@verbose_option
def predict(
    model: str,
    table: Path,
    out: Path | None,
    threshold: float | None,
    tracking_uri: str | None,
    verbose: bool,
) -> int:
    """Predict every row of a CSV or Parquet TABLE.

    SWEEP-OR-MODEL is a sweep's name or run id, models:/NAME/VERSION, runs:/ID/model, or a folder
    with a model. The table needs the columns that
    the model was trained on; others are ignored. A CSV file is read as the
    training table was. The rows keep their order.
    """
    from lrlab.model.locate import load_numbers
    from lrlab.model.tables import write_parts

    predicted = _predicted(load_numbers(model, tracking_uri), table, threshold)
    if out is None:
        write_parts(predicted, sys.stdout.buffer)
        return 0
    rows = _write(out, predicted)
    click.echo(f"{rows:,} rows in {out}")
    return 0


def _predicted(
    numbers: dict[str, Any], path: Path, threshold: float | None
) -> Iterator[pd.DataFrame]:
    from lrlab.errors import UserError
    from lrlab.model import predictor
    from lrlab.model.tables import read_parts
    from lrlab.model.unseen import Unseen

    unseen = Unseen(numbers)
    for part in read_parts(path, numbers):
        try:
            yield predictor.predict(numbers, part, threshold)
        except ValueError as error:
            raise UserError(f"{path}: {error}") from None
        unseen.add(part)
    if told := unseen.told():
        click.echo(f"Note: {told}.", err=True)


def _write(out: Path, parts: Iterator[pd.DataFrame]) -> int:
    """Write beside the file and rename: what is half written never has its name.

    What is there and no file, such as a pipe or /dev/stdout, is written to as it is.
    """
    from lrlab.errors import LrlabError
    from lrlab.model.tables import write_parts

    target = out.resolve()  # a link stays a link
    plain = target.is_file() or not target.exists()
    half = target.with_name(f".{target.name}.part") if plain else target
    try:
        with half.open("wb") as file:
            rows = write_parts(parts, file)
        if plain:
            half.replace(target)
    except OSError as error:
        raise LrlabError(f"{out}: cannot write: {error.strerror or error}") from error
    finally:
        if plain:
            half.unlink(missing_ok=True)
    return rows
