"""`lrlab losses` and `lrlab optimizers`: what a training can be made of."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

import click

from lrlab.cli.common import json_option, print_json

if TYPE_CHECKING:
    from lrlab.registry import Registry

MAX_WIDTH = 100


@click.command()
@click.argument("name", required=False)
@json_option
def losses(name: str | None, as_json: bool) -> int:
    """List the losses, and when to choose each.

    With formula, hyperparameters and source.
    """
    from lrlab.losses import LOSSES

    _show_registry(LOSSES, name, as_json)
    if not as_json and not name:
        click.echo("y in {0, 1}, s = 2y - 1, z the logit, p = sigmoid(z).")
    return 0


@click.command()
@click.argument("name", required=False)
@json_option
def optimizers(name: str | None, as_json: bool) -> int:
    """List the optimizers, and when to choose each.

    With update rule, hyperparameters and source.
    """
    from lrlab.optimizers import OPTIMIZERS

    _show_registry(OPTIMIZERS, name, as_json)
    if not as_json and not name:
        click.echo("w the weights, g the gradient, m and v averages of g and g^2, ^ unbiased.")
    return 0


def _show_registry(registry: Registry[Any], name: str | None, as_json: bool) -> None:
    entries = [registry[name]] if name else list(registry)
    if as_json:
        print_json([_entry_dict(entry) for entry in entries])
        return
    for entry in entries:
        click.echo(f"{entry.name}")
        lines = [("", entry.formula), ("when", entry.when)]
        for h in entry.hyperparameters:
            text = f"default {h.default:g}, in {h.interval}: {h.meaning}"
            lines.append((f"{entry.name}.{h.name}", text))
        lines.append(("source", entry.source))
        for label, text in lines:
            start = f"  {label}: " if label else "  "
            click.echo(
                textwrap.fill(text, MAX_WIDTH, initial_indent=start, subsequent_indent="      ")
            )
        click.echo()


def _entry_dict(entry: Any) -> dict[str, Any]:
    return {
        "name": entry.name,
        "formula": entry.formula,
        "when": entry.when,
        "source": entry.source,
        "hyperparameters": [
            {"name": h.name, "default": h.default, "range": h.interval, "meaning": h.meaning}
            for h in entry.hyperparameters
        ],
    }
