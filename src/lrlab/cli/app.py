"""The commands, and what becomes of the errors that they raise."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Sequence
from contextlib import suppress

import click

from lrlab.cli.common import shortened
from lrlab.cli.interrupt import interrupted
from lrlab.cli.lists import losses, optimizers
from lrlab.cli.ls import ls
from lrlab.cli.predict import predict
from lrlab.cli.remove import rm
from lrlab.cli.report import report
from lrlab.cli.server import server
from lrlab.cli.setup import doctor, init
from lrlab.cli.show import show
from lrlab.cli.submit import cancel, submit
from lrlab.cli.sweep import sweep
from lrlab.cli.train import graph, train
from lrlab.cli.ui import ui
from lrlab.errors import LrlabError
from lrlab.notes import notes_to
from lrlab.wording import printable

LONGEST = 1000  # characters of a line of an error


@click.group(
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="""
\b
Examples:
  lrlab sweep sweeps/quickstart.yaml    run a sweep, or continue it
  lrlab ui                              see its runs in the MLflow UI
  lrlab init my.yaml --data my.csv --target label
  lrlab train --optimizer adam --lr 0.1 one training, no tracking
""",
)
@click.version_option(package_name="lrlab")
def cli() -> None:
    """Sweep optimizer, learning rate and loss of a logistic regression.

    Optuna searches, PyTorch trains, MLflow records every run, and a report says
    which setting to use and how sure that is.
    """


COMMANDS = (
    sweep, init, ls, show, report, predict, rm, ui, train, graph, losses, optimizers, doctor,
    submit, cancel, server,
)  # fmt: skip
for command in COMMANDS:
    cli.add_command(command)


def run_command(argv: Sequence[str]) -> int:
    """Run the command line; returns the exit code.

    Raises:
        KeyboardInterrupt: On Ctrl-C where the command does not say itself how far it is.
    """
    with notes_to(lambda line: click.echo(line, err=True)):
        return _run(argv)


def _run(argv: Sequence[str]) -> int:
    try:
        result = cli.main(args=list(argv), prog_name="lrlab", standalone_mode=False)
        sys.stdout.flush()
        return result if isinstance(result, int) else 0
    except click.ClickException as error:
        with suppress(OSError):
            error.show()
        return 2
    except LrlabError as error:
        _say(str(error))
        return error.exit_code
    except click.Abort:
        raise KeyboardInterrupt from None
    except (BrokenPipeError, SystemExit):  # `lrlab ls | head`; click makes one of the other
        return 0
    except Exception as error:
        if interrupted():  # what a library made of Ctrl-C
            raise KeyboardInterrupt from None
        if {"-v", "--verbose"} & set(argv):
            traceback.print_exc()
        _say(_of_the_system(error) or _a_bug(error))
        return 1


def _of_the_system(error: Exception) -> str | None:
    """What is no bug: the disk, the memory, the folder that one stands in."""
    if isinstance(error, MemoryError):
        return (
            "there is not enough memory. Take fewer rows or columns, float32 (train.dtype), a "
            "smaller search.batch, or fewer --workers"
        )
    if isinstance(error, OSError) and error.strerror:
        where = error.filename or "the output or a file cannot be written"
        return f"{where}: {error.strerror}"
    return None


def _a_bug(error: Exception) -> str:
    reason = str(error).strip().splitlines()[:1] or [""]
    return (
        f"unexpected {type(error).__name__}: {reason[0]}\n"
        "This is a bug in lrlab; -v shows where it happened."
    )


def _say(text: str) -> None:
    """An error on standard error: printable, and its lines no longer than anybody would read."""
    lines = [printable(line, len(line)) for line in text.split("\n")]
    with suppress(OSError):  # nowhere to say it; the exit code does
        click.echo("Error: " + "\n".join(shortened(line, LONGEST) for line in lines), err=True)
