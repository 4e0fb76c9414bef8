"""`lrlab show --coefficients`: what the model of a sweep has learned."""

from __future__ import annotations

from typing import Any

import click

from lrlab.cli.common import print_json
from lrlab.report.render.terminal import table

HEADER = ("feature", "per unit", "odds ratio", "per s.d.", "odds ratio per s.d.")


def show_coefficients(numbers: dict[str, Any], as_json: bool) -> None:
    """Print a model's coefficients, in the order of its columns.

    Args:
        numbers: The model's (`lrlab.model.numbers`).
        as_json: As JSON, else as a table.
    """
    from lrlab.model.describe import as_rows
    from lrlab.wording import printable

    rows = as_rows(numbers)
    if as_json:
        print_json(
            {
                **{key: numbers[key] for key in ("sweep", "run_id", "target", "classes")},
                "intercept": numbers["intercept"],
                "coefficients": rows,
            }
        )
        return
    first, second = numbers["classes"]
    click.echo(
        f"The best run of {printable(numbers['sweep'])}, "
        f"{numbers['optimizer']} with {numbers['loss']}: log odds of "
        f"{printable(second)} against {printable(first)}\n"
    )
    cells = [(printable(name), *values) for name, *values in (row.values() for row in rows)]
    intercept = numbers["intercept"]
    cells.append(("(intercept)", intercept["per_unit"], None, intercept["standardized"], None))
    click.echo(table(HEADER, cells))
    click.echo(
        "\nPer s.d. compares columns: one standard deviation over the training rows. Categories "
        "of one column compare with each other; a column of two lists one of them, whose "
        "coefficient is that against the other."
    )
