"""`lrlab sweep --dry-run`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from lrlab.report.render.terminal import table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lrlab.data import Problem, TableReading
    from lrlab.spec import SweepSpec

MOST_COLUMNS = 8  # that a plan names
MOST_READ = 20  # columns of the file of which a plan says how they were read


def show_plan(spec: SweepSpec, documents: list[dict[str, Any]] | None) -> None:
    """Print the resolved spec, the data, the search space and the cost; or add to `documents`."""
    from lrlab.data import TableReading, baseline_of, load_divided, why_other_folds
    from lrlab.report.text.base_rate import base_rate
    from lrlab.report.text.formats import plural
    from lrlab.search import batches, cautions
    from lrlab.spec import describe, dump_spec
    from lrlab.spec.space import size_of_grid
    from lrlab.sweep import estimate_seconds
    from lrlab.wording import some

    given = spec
    spec, problem = load_divided(given)
    reading = TableReading.of(problem)
    seconds = estimate_seconds(spec, problem)
    if documents is not None:
        documents.append(_document(spec, problem, reading, seconds))
        return
    click.echo(dump_spec(spec.model_copy(update={"auto": None})).rstrip() + "\n")
    click.echo(f"Data: {problem.description}")
    for sentence in division_text(spec, problem, why_other_folds(given, spec)):
        click.echo(f"      {sentence}")
    click.echo(f"      {100 * _share_of_class_1(problem):.1f}% of the rows are of class 1")
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
        f"{about} of training, by its first runs on this machine, plus "
        "writing to the store. Nothing was recorded."
    )


def _document(
    spec: SweepSpec, problem: Problem, reading: TableReading, seconds: float
) -> dict[str, Any]:
    """The plan as `--json` gives it."""
    from lrlab.data import baseline_of
    from lrlab.search import batches

    return {
        "spec": spec.resolved(),
        "data": {
            "rows": len(problem.y_train),
            "held_out_rows": len(problem.y_val),
            "test_rows": len(problem.y_test),
            "folds": getattr(spec.data, "folds", None) or None,
            "columns": problem.feature_names,
            "classes": problem.classes,
            "read": reading.records(),
            "rows_left_out": reading.rows_left_out,
            "share_of_class_1": round(_share_of_class_1(problem), 4),
            "base_rate": baseline_of(problem).to_dict(),
        },
        "trials": spec.n_trials,
        "runs": spec.n_runs,
        "batches": len(list(batches(spec))),
        "training_seconds": round(seconds, 1),
    }


def _share_of_class_1(problem: Problem) -> float:
    """Of all rows, in whichever part; with folds, the last one has trained on or validated all."""
    import torch

    whole = problem.folds[-1] if problem.folds else problem
    return float(torch.cat([whole.y_train, whole.y_val, problem.y_test]).double().mean())


def division_text(spec: SweepSpec, problem: Problem, why: str) -> Iterator[str]:
    """What the division of the rows is good for, in sentences."""
    n_test = len(problem.y_test)
    judged = f"{n_test:,} test rows judge the choice and take no part in it" if n_test else ""
    if problem.folds:
        in_time = getattr(spec.data, "split", None) is not None
        rows = "each fold is" if in_time else "every row is"
        by = "models of earlier rows only" if in_time else "a model that did not train on it"
        yield f"{rows} validated by {by}" + (f"; {judged}" if judged else "")
        if why:
            yield why
    else:
        chosen = f"settings are chosen by {len(problem.y_val):,} validation rows"
        yield f"{chosen}; {judged or 'no rows are left to judge the choice (data.test_fraction)'}"


def reading_text(reading: TableReading) -> str:
    """How the columns were read, for a terminal; in a wide table those with something to say."""
    columns = reading.columns
    if len(columns) > MOST_READ:
        columns = tuple(sorted(columns, key=lambda c: not (c.why or c.missing)))[:MOST_READ]
    header = ("how the columns were read", "as", "missing", "categories", "")
    rows = [(c.name, c.read_as, c.missing or None, c.categories, c.why) for c in columns]
    lines = [table(header, rows)]
    if len(reading.columns) > len(columns):
        lines.append(f"... and {len(reading.columns) - len(columns):,} more")
    lines += [f"Note: {text}." for text in (reading.lost_rows(), reading.in_groups()) if text]
    return "\n".join(lines)


def _only_where(key: str) -> str:
    owner, dot, _ = key.partition(".")
    return f"only with {owner}" if dot else ""
