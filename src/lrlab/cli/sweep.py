"""`lrlab sweep`."""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING, Any

import click

from lrlab.cli.common import (
    json_option,
    print_json,
    quote,
    read_specs,
    spec_arguments,
    table,
    tracking_option,
    verbose_option,
    wrapped,
)

if TYPE_CHECKING:
    import pandas as pd

    from lrlab.data import Baseline, TableReading
    from lrlab.spec import SweepSpec
    from lrlab.sweep import Progress, SweepResult

TOP = 10
MOST_COLUMNS = 8  # that a plan names
MOST_READ = 20  # columns of the file of which a plan says how they were read
PLAIN_EVERY = 10.0  # seconds between lines where there is no terminal


@click.command(
    epilog="""
\b
Examples:
  lrlab sweep sweeps/quickstart.yaml
  lrlab sweep sweeps/quickstart.yaml --trials 600             extend it by 300 trials
  lrlab sweep my.yaml --set search.space.lr=0.1 --set train.steps=200
  lrlab sweep my.yaml --dry-run
  lrlab sweep my.yaml --executor dask://scheduler:8786        train on a Dask cluster
Stopped by Ctrl-C or a crash, the same command continues where it was.
"""
)
@spec_arguments
@click.option("--new", is_flag=True, help="Begin another sweep, even if this spec has one.")
@click.option(
    "--dry-run", is_flag=True, help="Show the resolved spec, the space and the cost; run nothing."
)
@click.option(
    "--workers",
    type=click.IntRange(min=0),
    help="The most processes to train in besides this one; they are started where the sweep is "
    "long enough to be worth it; 0 for none.  [default: as many as there are cores]",
)
@click.option(
    "--executor",
    metavar="ADDRESS",
    help="Train on a Dask cluster instead: dask://host:8786, or tls://host:8786. The numbers do "
    "not depend on it.",
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
    """Run the sweep that SPEC (a YAML file) describes, or continue it.

    A SPEC with several `problems` is a sweep for each, one after another.
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
    from lrlab.search import cautions
    from lrlab.sweep import run_sweep

    track.quiet(verbose)
    for caution in cautions(spec):
        click.echo(f"Note: {caution}.", err=True)
    shown = _Shown(spec, silent=quiet)
    try:
        result = run_sweep(
            spec,
            tracking_uri=tracking_uri,
            new=new,
            workers=workers,
            executor=executor,
            on_progress=shown.update,
            on_note=shown.note,
        )
    except KeyboardInterrupt:
        shown.close()
        click.echo(
            f"Interrupted: {shown.done} of {spec.n_runs} runs are recorded. "
            "The same command continues.",
            err=True,
        )
        return 130
    finally:
        shown.close()
    show_outcome(spec, result, tracking_uri, documents, shown.seconds)
    return 0


class _Shown:
    """Progress: a bar on a terminal, a line now and then elsewhere."""

    def __init__(self, spec: SweepSpec, silent: bool) -> None:
        self.spec, self.silent = spec, silent
        self.done, self.seconds = 0, 0.0
        self.bar: Any = None  # a tqdm, once there is something to show
        self._began = self._last = 0.0

    def update(self, progress: Progress) -> None:
        """Show where the sweep stands."""
        now = time.monotonic()
        self.done = progress.done
        first = not self._began
        self._began = self._began or now
        self.seconds = now - self._began
        if self.silent:
            return
        if first and progress.note:
            click.echo(f"Note: {progress.note}.", err=True)
        if sys.stderr.isatty():
            self._bar(progress)
        elif first or progress.done == progress.total or now - self._last >= PLAIN_EVERY:
            self._last = now
            click.echo(self._line(progress), err=True)
        if progress.done == progress.total:
            self.close()
            click.echo("Logging the best model and drawing the report ...", err=True)

    def note(self, text: str) -> None:
        """Show a sentence, above the bar if there is one."""
        line = f"Note: {text}."
        if self.bar is None:
            click.echo(line, err=True)
        else:
            self.bar.write(line, file=sys.stderr)

    def close(self) -> None:
        """Leave the terminal tidy."""
        if self.bar is not None:
            self.bar.close()
            self.bar = None

    def _bar(self, progress: Progress) -> None:
        from tqdm import tqdm

        if self.bar is None:
            self.bar = tqdm(
                total=progress.total,
                initial=progress.resumed,
                desc=self.spec.name,
                unit="run",
                dynamic_ncols=True,
                bar_format="{desc} {percentage:3.0f}% |{bar}| {n_fmt}/{total_fmt} runs "
                "[{elapsed}<{remaining}, {rate_fmt}{postfix}]",
            )
        if progress.best is not None:
            text = f"best {self.spec.objective} {progress.best:.4g}"
            if progress.diverged:
                text += f", {progress.diverged} diverged"
            self.bar.set_postfix_str(text, refresh=False)
        self.bar.update(progress.done - self.bar.n)

    def _line(self, progress: Progress) -> str:
        trained = progress.done - progress.resumed
        line = f"{self.spec.name}: {progress.done}/{progress.total} runs"
        if trained and self.seconds:
            rate = trained / self.seconds
            left = (progress.total - progress.done) / rate
            line += f", {rate:.1f} runs/s, {left:.0f} s left"
        elif progress.resumed:
            line += " (continuing)"
        if progress.best is not None:
            line += f", best {self.spec.objective} {progress.best:.4g}"
        return line


def show_plan(spec: SweepSpec, documents: list[dict[str, Any]] | None) -> None:
    """Print the resolved spec, the data, the search space and the cost; or add to `documents`."""
    from lrlab.data import TableReading, baseline_of, load_problem
    from lrlab.report.base_rate import base_rate
    from lrlab.report.words import plural
    from lrlab.search import batches, cautions
    from lrlab.spec import describe, dump_spec
    from lrlab.spec.space import size_of_grid
    from lrlab.sweep import estimate_seconds
    from lrlab.wording import some

    problem = load_problem(spec)
    reading = TableReading.of(problem)
    seconds = estimate_seconds(spec, problem)
    if documents is not None:
        documents.append(
            {
                "spec": spec.resolved(),
                "data": {
                    "rows": len(problem.y_train),
                    "held_out_rows": len(problem.y_val),
                    "columns": problem.feature_names,
                    "classes": problem.classes,
                    "read": reading.records(),
                    "rows_left_out": reading.rows_left_out,
                    "share_of_class_1": round(problem.share_of_class_1, 4),
                    "base_rate": baseline_of(problem).to_dict(),
                },
                "trials": spec.n_trials,
                "runs": spec.n_runs,
                "batches": len(list(batches(spec))),
                "training_seconds": round(seconds, 1),
            }
        )
        return
    click.echo(dump_spec(spec).rstrip() + "\n")
    click.echo(f"Data: {problem.description}")
    click.echo(f"      {100 * problem.share_of_class_1:.1f} % of the rows are of class 1")
    if sentence := base_rate(baseline_of(problem), spec.objective):
        click.echo(f"      {sentence}")
    click.echo(f"      columns: {some(problem.feature_names, MOST_COLUMNS)}\n")
    if reading.columns:
        click.echo(reading_text(reading) + "\n")
    rows = [(key, describe(domain), _only_where(key)) for key, domain in spec.search.space.items()]
    click.echo(table(("search space", "values", ""), rows))
    n_batches = len(list(batches(spec)))
    count = f"{n_batches:,} {'batch' if n_batches == 1 else 'batches'}"
    points = (
        f", {size_of_grid(spec.search.space):,} points" if spec.search.sampler == "grid" else ""
    )
    click.echo(
        f"\n{plural(spec.n_trials, 'trial')} x {plural(spec.search.replicates, 'replicate')} = "
        f"{plural(spec.n_runs, 'run')} in {count} ({spec.search.sampler}{points})"
    )
    for caution in cautions(spec):
        click.echo(f"Note: {caution}.")
    about = f"About {seconds:.0f} s" if seconds >= 1 else "Less than a second"
    click.echo(
        f"{about} of training (its first runs timed on this machine), plus the "
        "writing to the store. Nothing was run."
    )


def reading_text(reading: TableReading) -> str:
    """How the columns were read, for a terminal; in a wide table those with something to say."""
    columns = reading.columns
    if len(columns) > MOST_READ:
        columns = tuple(sorted(columns, key=lambda c: not (c.why or c.missing)))[:MOST_READ]
    header = ("how your columns were read", "as", "missing", "categories", "")
    rows = [(c.name, c.read_as, c.missing or None, c.categories, c.why) for c in columns]
    lines = [table(header, rows)]
    if len(reading.columns) > len(columns):
        lines.append(f"... and {len(reading.columns) - len(columns):,} more")
    if lost := reading.lost_rows():
        lines.append(f"Note: {lost}.")
    return "\n".join(lines)


def _only_where(key: str) -> str:
    owner, dot, _ = key.partition(".")
    return f"only with {owner}" if dot else ""


def show_outcome(
    spec: SweepSpec,
    result: SweepResult,
    tracking_uri: str | None,
    documents: list[dict[str, Any]] | None,
    seconds: float,
) -> None:
    """Print the table, the best run and what to do next, or add them to `documents`."""
    from lrlab.report import summary_table
    from lrlab.report.recorded import best_of, describe_best
    from lrlab.track import curves_frame, runs_frame
    from lrlab.track.read import no_histories

    runs = runs_frame(result.runs)
    best = best_of(runs, spec)
    if documents is not None:
        documents.append(
            {
                "sweep": spec.name,
                "run_id": result.run_id,
                "already_finished": result.already_finished,
                "runs": len(runs),
                "resumed": result.resumed,
                "diverged": int((runs["outcome"] == "diverged").sum()),
                "objective": spec.objective,
                "best": None if best is None else best.dropna().to_dict(),
                "base_rate": result.baseline and result.baseline.to_dict(),
                "verdict": result.verdict,
            }
        )
        return
    if result.already_finished:
        click.echo(
            f"{spec.name} is finished: {len(runs):,} runs are recorded. "
            "--trials N extends it, --new begins another.\n"
        )
    no_curves = curves_frame(no_histories())  # the terminal shows no steps to a threshold
    aim = {"objective": spec.objective, "direction": spec.measure.direction}
    summary = summary_table(runs, no_curves, **aim)
    click.echo(summary_text(summary, spec.objective, result.baseline))
    trained = len(runs) - result.resumed
    if not result.already_finished and seconds:
        click.echo(f"\n{trained:,} runs in {seconds:.1f} s ({trained / seconds:.1f} runs/s).")
    if best is None:
        click.echo("\nEvery run diverged; try smaller learning rates.")
    else:
        single = "single " if spec.search.replicates > 1 else ""
        click.echo(f"\nBest {single}run: {describe_best(best, spec.objective)}")
        click.echo(f"          trial {best['trial']}, run {best['run_id']}")
    if result.verdict:
        click.echo(f"\n{wrapped(result.verdict)}")
    store = f" --tracking-uri {quote(tracking_uri)}" if tracking_uri else ""
    click.echo(f"\nReport:   lrlab report {quote(spec.name)}{store}")
    click.echo(f"MLflow:   lrlab ui{store}")


def summary_text(summary: pd.DataFrame, objective: str, baseline: Baseline | None) -> str:
    """The head of the table optimizer x loss, for a terminal; the base rate is its last row."""
    columns = ["optimizer", "loss", "n_runs", "best", "best_lr", "median"]
    rows = [(*row[columns], f"{row['diverged']:.0%}") for _, row in summary.head(TOP).iterrows()]
    if baseline is not None and objective in baseline.metrics:
        rows.append(("base rate", "-", "-", baseline.metrics[objective], "-", "-", "-"))
    header = ("optimizer", "loss", "runs", f"best {objective}", "at lr", "median", "diverged")
    more = len(summary) - TOP
    rest = f"\n... and {more} more; the report has them all." if more > 0 else ""
    return table(header, rows) + rest
