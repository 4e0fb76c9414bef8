"""The command `lrlab`: a thin skin over the library.

Nothing heavy is imported here or at the top of the command modules, so that `lrlab --help`
answers at once.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence

import click

from lrlab.cli.look import ls, report, show, ui
from lrlab.cli.predict import predict
from lrlab.cli.server import server
from lrlab.cli.setup import doctor, init
from lrlab.cli.submit import cancel, submit
from lrlab.cli.sweep import sweep
from lrlab.cli.train import graph, losses, optimizers, train
from lrlab.errors import LrlabError
from lrlab.notes import notes_to

INTERRUPTED = 130


@click.group(
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="""
\b
Examples:
  lrlab sweep sweeps/quickstart.yaml    run a sweep (again: continue it, or see its report)
  lrlab ui                              look at its runs in the MLflow UI
  lrlab init my.yaml --data my.csv --target label
  lrlab train --optimizer adam --lr 0.1 one training, no tracking
""",
)
@click.version_option(package_name="lrlab")
def cli() -> None:
    """Sweep optimizer, learning rate and loss of a logistic regression.

    Optuna searches, PyTorch trains, MLflow records every run, and the report says how they
    converged.
    """


COMMANDS = (
    sweep, init, ls, show, report, predict, ui, train, graph, losses, optimizers, doctor,
    submit, cancel, server,
)  # fmt: skip
for command in COMMANDS:
    cli.add_command(command)


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line and exit: 0 done, 1 failure, 2 the user's mistake, 130 Ctrl-C."""
    sys.exit(run(sys.argv[1:] if argv is None else argv))


def run(argv: Sequence[str]) -> int:
    """Run the command line; returns the exit code."""
    with notes_to(lambda line: click.echo(line, err=True)):
        return _run(argv)


def _run(argv: Sequence[str]) -> int:
    try:
        result = cli.main(args=list(argv), prog_name="lrlab", standalone_mode=False)
        sys.stdout.flush()
        return result if isinstance(result, int) else 0
    except click.ClickException as error:
        error.show()
        return 2
    except LrlabError as error:
        click.echo(f"Error: {error}", err=True)
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        return INTERRUPTED
    except BrokenPipeError:  # `lrlab ls | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        if {"-v", "--verbose"} & set(argv):
            traceback.print_exc()
        reason = str(error).strip().splitlines()[:1] or [""]
        click.echo(
            f"Error: unexpected {type(error).__name__}: {reason[0]}\n"
            "This is a bug in lrlab; -v shows where it happened.",
            err=True,
        )
        return 1
