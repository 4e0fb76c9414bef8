"""Remake the tables and the picture of which-optimizer.md and which-loss.md.

    python docs/make_answers.py FOLDER              # run the studies there, then write the pages
    python docs/make_answers.py FOLDER --only losses

FOLDER holds the tracking store and the tables; what is finished in it is not run again, so that
the same command goes on after an interruption. Tables go between `<!-- table NAME -->` and
`<!-- end -->` of the pages. The sentences are written by hand: read them again afterwards.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path

import pandas as pd
from answers import losses, minibatch, optimizers, references
from answers.markdown import fill
from answers.reading import read
from answers.studies import STUDIES, run, table_of

DOCS = Path(__file__).resolve().parent
PICTURE = DOCS / "pictures" / "which-optimizer-speed.png"
COSTED = "made-1e2"  # the table on which the cost of a step is measured: 1,000 rows, 10 columns
Tables = dict[str, pd.DataFrame | str]
Names = Mapping[tuple[str, int], str]  # of sweeps, by table and batch size


def main() -> None:
    """Run what is missing, then write."""
    parser = argparse.ArgumentParser(description="Remake which-optimizer.md and which-loss.md.")
    parser.add_argument("folder", type=Path, help="of the store; made if it is not there")
    parser.add_argument(
        "--only", choices=STUDIES, action="append", help="this study, instead of all"
    )
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    wanted = given.only or list(STUDIES)
    found: dict[str, dict[tuple[str, int], str]] = {}
    for study, name, size in run(given.folder, wanted):
        found.setdefault(study, {})[table_of(name), size] = name
    for study, names in found.items():
        page, of = PAGES[study]
        fill(DOCS / page, of(given.folder, names))


def of_losses(folder: Path, names: Names) -> Tables:
    """The tables of which-loss.md."""
    reads = {table: losses.read_of(read(folder, name)) for (table, _), name in names.items()}
    return {
        "log-loss": losses.values(reads, "val_log_loss"),
        "log-loss-recalibrated": losses.values(reads, "val_log_loss", "recalibrated"),
        "brier": losses.values(reads, "val_brier"),
        "brier-recalibrated": losses.values(reads, "val_brier", "recalibrated"),
        "accuracy": losses.values(reads, "val_accuracy"),
        "auc": losses.values(reads, "val_auc"),
        "calibration": losses.calibration(reads),
        "misses": losses.misses(reads),
    }


def of_optimizers(folder: Path, names: Names) -> Tables:
    """The full-batch tables of which-optimizer.md, and its picture."""
    sweeps = {table: read(folder, name) for (table, _), name in names.items()}
    problem = sweeps[COSTED].context.problem
    assert problem is not None
    cost = references.costs(problem)
    reads = {table: optimizers.read_of(sweep) for table, sweep in sweeps.items()}
    solved = {table: references.solve(sweep) for table, sweep in sweeps.items()}
    picture(reads)
    return {
        "problems": optimizers.problems(sweeps),
        "values": optimizers.values(reads),
        "steps": optimizers.steps(reads),
        "tuning": optimizers.tuning(reads),
        "same": optimizers.best_of_same(reads),
        "references": references.needed(solved, reads, references.alone(cost)),
        "costs": references.shown(cost),
    }


def of_minibatches(folder: Path, names: Names) -> Tables:
    """Its tables on mini-batches."""
    found: dict[str, dict[int, minibatch.Batch]] = {}
    solved = {}
    cost: dict[str, float] = {}
    for (table, size), name in names.items():
        sweep = read(folder, name)
        found.setdefault(table, {})[size] = minibatch.read_of(sweep)
        if table not in solved:
            solved[table] = references.solve(sweep)
        if table == COSTED and not cost and sweep.context.problem is not None:
            cost = references.of_small_steps(sweep.context.problem)
    tables: Tables = {"batches": minibatch.cheapest(found, cost, solved)}
    for table, own in found.items():
        for goal in minibatch.GOALS:
            tables[f"passes-{table}-{goal}"] = minibatch.passes(own, goal)
        tables[f"left-{table}"] = minibatch.left(own)
        tables[f"floor-{table}"] = minibatch.floor(own)
    return tables


def picture(reads: Mapping[str, optimizers.Read]) -> None:
    """The performance profile, as the report draws it."""
    from lrlab.report.figures.figure import Figure
    from lrlab.report.figures.pictures import render_png
    from lrlab.report.figures.profile import long_profile, profile_spec
    from lrlab.report.figures.style import Methods

    profile, _ = optimizers.profile(reads)
    frame = long_profile(profile)
    spec = profile_spec(Methods.of(profile.columns), frame)
    PICTURE.write_bytes(render_png(Figure("profile", "", "", "", frame, spec)))


PAGES: dict[str, tuple[str, Callable[[Path, Names], Tables]]] = {
    "optimizers": ("which-optimizer.md", of_optimizers),
    "minibatch": ("which-optimizer.md", of_minibatches),
    "losses": ("which-loss.md", of_losses),
}

if __name__ == "__main__":
    main()
