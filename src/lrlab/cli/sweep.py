"""`lrlab sweep`."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

import click

from lrlab.cli.common import (
    json_option,
    print_json,
    quote,
    read_specs,
    spec_arguments,
    tracking_option,
    verbose_option,
)
from lrlab.cli.plan import show_plan
from lrlab.cli.progress import Shown
from lrlab.report.render.terminal import summary_text, verdict_text

if TYPE_CHECKING:
    from lrlab.spec import SweepSpec
    from lrlab.sweep import SweepResult


@click.command(
    epilog="""
\b
Examples:
  lrlab sweep sweeps/quickstart.yaml
  lrlab sweep sweeps/quickstart.yaml --trials 600             extend it by 300 trials
  lrlab sweep my.yaml --set search.space.lr=0.1 --set train.steps=200
  lrlab sweep my.yaml --dry-run
  lrlab sweep my.yaml --executor dask://scheduler:8786        train on a Dask cluster
After Ctrl-C or a crash, the same command continues the sweep.
"""
)
@spec_arguments
@click.option("--new", is_flag=True, help="Start another sweep, even if this spec has one.")
@click.option(
    "--dry-run", is_flag=True, help="Show the resolved spec, the space and the cost; run nothing."
)
@click.option(
    "--workers",
    type=click.IntRange(min=0),
    help="The largest number of processes to train in besides this one; they are started only "
    "if the sweep is long enough. 0: none.  [default: as many as there are cores]",
)
@click.option(
    "--executor",
    metavar="ADDRESS",
    help="Train on a Dask cluster instead: dask://host:8786 or tls://host:8786. The numbers "
    "are the same.",
)
@click.option("-q", "--quiet", is_flag=True, help="No progress.")
@tracking_option
@json_option
@verbose_option
def sweep(
    spec_file: str,
    trials: int | None,
    overrides: tuple[str, ...],
    new: bool,
    dry_run: bool,
    workers: int | None,
    executor: str | None,
    quiet: bool,
    tracking_uri: str | None,
    as_json: bool,
    verbose: bool,
) -> int:
    """Run the sweep of SPEC, a YAML file, or continue it.

    If SPEC has several `problems`, each is a sweep; they run one after another.
    """
    if executor is not None and workers is not None:
        raise click.UsageError(
            "--workers and --executor exclude each other: processes of this machine, or a cluster"
        )
    specs = read_specs(spec_file, trials, overrides)
    if workers is None:
        workers = os.cpu_count() or 1
    documents: list[dict[str, Any]] = []
    into = documents if as_json else None
    code = 0
    for i, spec in enumerate(specs):
        if i and not as_json:
            click.echo("")
        if dry_run:
            show_plan(spec, into)
            continue
        code = run(spec, tracking_uri, new, workers, executor, quiet, into, verbose)
        if code:
            break
    if documents:
        print_json(documents if len(specs) > 1 else documents[0])
    elif len(specs) > 1 and not dry_run and not code:
        names = " ".join(quote(spec.name) for spec in specs)
        store = f" --tracking-uri {quote(tracking_uri)}" if tracking_uri else ""
        click.echo(f"\nAll problems together: lrlab report {names}{store}")
    return code


def run(
    spec: SweepSpec,
    tracking_uri: str | None,
    new: bool,
    workers: int,
    executor: str | None,
    quiet: bool,
    documents: list[dict[str, Any]] | None,
    verbose: bool,
) -> int:
    """Run a sweep with progress on standard error.

    The outcome goes to standard output, or into `documents` if they are given.
    """
    from lrlab import track
    from lrlab.track.new_store import prepare
    from lrlab.track.store import resolve_uri

    track.quiet(verbose)
    prepare(resolve_uri(tracking_uri))  # beside the imports that follow

    from lrlab.search import cautions
    from lrlab.sweep import run_sweep

    for caution in cautions(spec):
        click.echo(f"Note: {caution}.", err=True)
    shown = Shown(spec, silent=quiet)

    def tell(result: SweepResult) -> None:
        shown.close()
        if documents is None:
            show_answer(result, shown.seconds)
            sys.stdout.flush()  # else it waits for the report where there is no terminal
        if not (quiet or result.already_finished):
            click.echo("\nWriting the model and the report ...", err=True)

    try:
        result = run_sweep(
            spec,
            tracking_uri=tracking_uri,
            new=new,
            workers=workers,
            executor=executor,
            on_progress=shown.update,
            on_note=shown.note,
            on_answer=tell,
        )
    except KeyboardInterrupt:
        return _interrupted(shown)
    finally:
        shown.close()
    if documents is not None:
        documents.append(as_document(result))
        return 0
    store = f" --tracking-uri {quote(tracking_uri)}" if tracking_uri else ""
    click.echo(f"Report:   lrlab report {quote(spec.name)}{store}")
    click.echo(f"MLflow:   lrlab ui{store}")
    return 0


def _interrupted(shown: Shown) -> int:
    shown.close()
    click.echo(
        f"Interrupted: {shown.done} of {shown.total} runs are recorded. "
        "The same command continues.",
        err=True,
    )
    return 130


def as_document(result: SweepResult) -> dict[str, Any]:
    """The outcome for scripts."""
    from lrlab.report.best import best_of
    from lrlab.report.text.record import verdict_document
    from lrlab.track import runs_frame

    runs, spec = runs_frame(result.runs), result.spec
    best = best_of(runs, spec)
    return {
        "sweep": spec.name,
        "run_id": result.run_id,
        "already_finished": result.already_finished,
        "runs": len(runs),
        "resumed": result.resumed,
        "diverged": int((runs["outcome"] == "diverged").sum()),
        "objective": spec.objective,
        "best": None if best is None else best.dropna().to_dict(),
        "base_rate": result.baseline and result.baseline.to_dict(),
        "verdict": result.verdict and verdict_document(result.verdict),
    }


def show_answer(result: SweepResult, seconds: float) -> None:
    """Print the table, the best trial and the verdict."""
    from lrlab.report.analysis.summary import summary_table
    from lrlab.report.best import best_of
    from lrlab.report.text.verdict import in_words
    from lrlab.track import curves_frame, runs_frame
    from lrlab.track.read import no_histories

    runs, spec = runs_frame(result.runs), result.spec
    best = best_of(runs, spec)
    if result.already_finished:
        click.echo(
            f"{spec.name} is finished: {len(runs):,} runs are recorded. "
            "--trials N extends it, --new begins another.\n"
        )
    no_curves = curves_frame(no_histories())  # the terminal shows no steps to a threshold
    aim = {"objective": spec.objective, "direction": spec.metric.direction}
    summary = summary_table(runs, no_curves, **aim)
    click.echo(summary_text(summary, spec.objective, result.baseline))
    trained = len(runs) - result.resumed
    if not result.already_finished and seconds:
        click.echo(f"\n{trained:,} runs in {seconds:.1f} s ({trained / seconds:.1f} runs/s).")
    if result.verdict is not None:
        click.echo(f"\n{verdict_text(in_words(result.verdict).brief)}")
    elif best is not None:
        click.echo(f"\nNo verdict on these runs: lrlab report {quote(spec.name)} makes one.")
    if best is not None:
        click.echo(f"\nBest run: {best['run_id']}")
