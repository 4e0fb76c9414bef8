"""`lrlab train` and `graph`: one training, and the graph of one step."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lrlab.cli.common import json_option, print_json
from lrlab.report.render.terminal import cell, table

if TYPE_CHECKING:
    from lrlab.spec import SweepSpec
    from lrlab.train import Trajectory
    from lrlab.trial import TrialConfig


def _config_options(function: Any) -> Any:
    """The options that describe one configuration and its data."""
    options = (
        click.option("--optimizer", default="momentum", show_default=True, metavar="NAME"),
        click.option("--loss", default="bce", show_default=True, metavar="NAME"),
        click.option("--lr", type=float, default=0.01, show_default=True),
        click.option("--l2", type=float, default=0.0, show_default=True),
        click.option(
            "--param",
            "params",
            metavar="KEY=VALUE",
            multiple=True,
            help="A hyperparameter, such as momentum.beta=0.5. Repeatable.",
        ),
        click.option(
            "--spec",
            "spec_file",
            metavar="FILE",
            help="Take data and training from a sweep's spec.",
        ),
        click.option(
            "--set",
            "overrides",
            metavar="KEY=VALUE",
            multiple=True,
            help="Override a key of the spec, such as data.sizes=[50,50]. Repeatable.",
        ),
        click.option(
            "--seed", type=click.IntRange(0, 2**31 - 1), help="Seed of data and weights."
        ),
    )
    for option in reversed(options):
        function = option(function)
    return function


@click.command(
    epilog="""
\b
Examples:
  lrlab train                                    the tutorial's program
  lrlab train --optimizer adam --lr 0.1 --loss hinge
  lrlab train --param momentum.beta=0.5 --history curve.csv
  lrlab train --spec sweeps/breast_cancer.yaml --optimizer adam
"""
)
@_config_options
@click.option("--steps", type=click.IntRange(1, 1_000_000), help="Default: 1000, or the spec's.")
@click.option(
    "--history",
    type=click.Path(dir_okay=False),
    metavar="FILE.csv",
    help="Write every step to a CSV file.",
)
@json_option
def train(
    optimizer: str,
    loss: str,
    lr: float,
    l2: float,
    params: tuple[str, ...],
    spec_file: str | None,
    overrides: tuple[str, ...],
    seed: int | None,
    steps: int | None,
    history: str | None,
    as_json: bool,
) -> int:
    """Train once: forward, loss, backward, step, zero_grad.

    Without options this is the tutorial's program: two Gaussian blobs with seed 1, BCELoss,
    SGD with lr 0.01 and momentum 0.9, 1,000 steps.
    """
    from lrlab.data import load_problem
    from lrlab.train.device import one_thread
    from lrlab.train.loop import train as train_once

    more = (f"train.steps={steps}",) if steps else ()
    spec = _spec(spec_file, (*overrides, *more), seed)
    config = _config(optimizer, loss, lr, l2, params)
    problem = load_problem(spec)
    with one_thread():
        trajectory = train_once(problem, config, spec.train, spec.seed)
    if history:
        _write_history(trajectory, history)
    if as_json:
        print_json(_as_dict(config, trajectory))
        return 0
    click.echo(f"{problem.of(0).description}\n{_line(config)}, seed {spec.seed}\n")
    click.echo(_curve(trajectory))
    click.echo(f"\n{_ending(trajectory, spec.train.steps)}")
    for name, value in trajectory.final.items():
        click.echo(f"  {name:<16} {value:.6g}")
    if history:
        click.echo(f"\nEvery step: {history}")
    return 0


def _spec(spec_file: str | None, overrides: tuple[str, ...], seed: int | None) -> SweepSpec:
    from lrlab.spec import load_spec, make_spec

    more = (f"seed={seed}",) if seed is not None else ()
    if spec_file:
        return load_spec(spec_file, (*overrides, *more))
    return make_spec({"name": "train"}, (*overrides, *more), where="options")


def _config(
    optimizer: str, loss: str, lr: float, l2: float, params: tuple[str, ...]
) -> TrialConfig:
    from lrlab.errors import UserError
    from lrlab.trial import TrialConfig

    given: dict[str, float] = {}
    for param in params:
        key, _, text = param.partition("=")
        try:
            given[key.strip()] = float(text)
        except ValueError:
            raise UserError(
                f"--param {param}: should read owner.name=number, such as momentum.beta=0.5"
            ) from None
    return TrialConfig.of(optimizer, loss, lr, l2, given)


def _write_history(trajectory: Trajectory, path: str) -> None:
    from lrlab.errors import LrlabError

    try:
        # pandas writes floats as the shortest text that reads back to the same number.
        trajectory.history().to_csv(path, index=False)
    except OSError as error:
        raise LrlabError(f"{path}: cannot write the history: {error.strerror or error}") from error


def _as_dict(config: TrialConfig, trajectory: Trajectory) -> dict[str, Any]:
    return {
        "params": config.params(),
        "outcome": trajectory.outcome,
        "steps": trajectory.steps,
        "diverged_at": trajectory.diverged_at,
        "final": dict(trajectory.final),
        "weight": trajectory.weight.tolist(),
        "bias": trajectory.bias,
    }


def _line(config: TrialConfig) -> str:
    return ", ".join(f"{key} {cell(value)}" for key, value in config.params().items())


def _curve(trajectory: Trajectory, rows: int = 10) -> str:
    from lrlab.train import evaluation_steps

    history = trajectory.history().set_index("step")
    shown = [
        step for step in evaluation_steps(max(trajectory.steps, 1), rows) if step in history.index
    ]
    names = ("train_loss", "val_log_loss", "val_accuracy")
    columns = [name for name in names if name in history.columns]
    return table(
        ("step", *columns),
        [(int(step), *(float(history.loc[step, name]) for name in columns)) for step in shown],
    )


def _ending(trajectory: Trajectory, steps: int) -> str:
    if trajectory.diverged_at is not None:
        return (
            f"Diverged at step {trajectory.diverged_at}: the loss left the finite range. "
            "Try a smaller lr."
        )
    return f"{trajectory.outcome.capitalize()} after {steps:,} steps:"


@click.command(
    epilog="""
\b
Examples:
  lrlab graph
  lrlab graph --loss hinge --l2 0.1 --svg graph.svg
"""
)
@_config_options
@click.option(
    "--svg",
    type=click.Path(dir_okay=False),
    metavar="FILE.svg",
    help="Also write it as an SVG picture.",
)
def graph(
    optimizer: str,
    loss: str,
    lr: float,
    l2: float,
    params: tuple[str, ...],
    spec_file: str | None,
    overrides: tuple[str, ...],
    seed: int | None,
    svg: str | None,
) -> int:
    """Draw the autograd graph of model and loss.

    Also shows what backward does, step by step.
    """
    from lrlab.autograd_graph import gradient_lessons, lessons_text, to_svg, to_text, trace
    from lrlab.data import load_problem
    from lrlab.errors import LrlabError
    from lrlab.train.loop import objective_of

    spec = _spec(spec_file, overrides, seed)
    config = _config(optimizer, loss, lr, l2, params)
    problem = load_problem(spec)
    model = problem.initial_model(spec.seed)
    data = (problem.x_train, problem.y_train)
    traced = trace(model, objective_of(config, model), *data)
    click.echo(to_text(traced))
    click.echo()
    click.echo(lessons_text(gradient_lessons(model, objective_of(config, model), *data)))
    if svg:
        try:
            Path(svg).write_text(to_svg(traced), encoding="utf-8")
        except OSError as error:
            raise LrlabError(f"{svg}: cannot write: {error.strerror or error}") from error
        click.echo(f"\nPicture: {svg}")
    return 0
