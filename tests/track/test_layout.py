"""A store that lrlab 0.1.0 wrote, and its folder moved since: it stays readable."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pandas as pd
import pytest

import lrlab
from lrlab.data import load_problem
from lrlab.track import connect, find_sweep, list_sweeps, load_sweep_spec
from lrlab.track.begun import find_begun, why_another
from support import unpack

FIXTURE = Path(__file__).parents[1] / "fixtures" / "store-0.1.0.tar.gz"


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The working folder of 0.1.0, unpacked elsewhere."""
    folder = tmp_path_factory.mktemp("old")
    unpack(FIXTURE, folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        yield folder


def uri(folder: Path) -> str:
    return f"sqlite:///{folder}/mlflow.db"


def in_the_database(folder: Path, table: str, key: str) -> dict[str, str]:
    """What the database itself says of every run of the sweep `old`, by run."""
    with closing(sqlite3.connect(folder / "mlflow.db")) as database:
        rows = database.execute(
            f"SELECT r.run_uuid, t.value FROM runs r JOIN {table} t ON t.run_uuid = r.run_uuid "
            "JOIN tags p ON p.run_uuid = r.run_uuid AND p.key = 'mlflow.parentRunId' "
            "JOIN runs s ON s.run_uuid = p.value AND s.name = 'old' WHERE t.key = ?",
            (key,),
        )
        return dict(rows.fetchall())


def test_its_sweeps_are_listed_without_a_warning(old: Path, recwarn) -> None:
    sweeps = {info.name: info for info in list_sweeps(connect(uri(old)))}
    assert sweeps["old"].state == "finished"
    assert (sweeps["old"].trials, sweeps["old"].replicates, sweeps["old"].done) == (8, 2, 16)
    assert "lrlab.layout" not in sweeps["old"].tags
    assert "old-killed" in sweeps
    assert not [each for each in recwarn if issubclass(each.category, UserWarning)]


def test_its_runs_are_those_of_the_database(old: Path) -> None:
    runs = lrlab.load_runs("old", uri(old)).set_index("run_id")
    for table, key in (
        ("params", "lr"),
        ("params", "seed"),
        ("tags", "lrlab.steps"),
        ("latest_metrics", "val_log_loss"),
    ):
        column = runs[key.removeprefix("lrlab.")].dropna()
        expected = {k: float(v) for k, v in in_the_database(old, table, key).items()}
        assert column.to_dict() == {run_id: expected[run_id] for run_id in column.index}
        assert len(expected) == 16


def test_its_curves_are_those_of_the_runs_own_files(old: Path) -> None:
    curves = lrlab.load_curves("old", uri(old), ["train_loss"])
    for run_id, mine in curves.groupby("run_id"):
        [path] = old.glob(f"mlruns/*/{run_id}/artifacts/history.parquet")
        history = pd.read_parquet(path)
        assert mine["value"].tolist() == history["train_loss"].tolist()
    assert curves["run_id"].nunique() == 16
    assert len(lrlab.load_study("old", uri(old)).trials) == 8


def test_it_shows_and_reports_as_before(old: Path, cli) -> None:
    runs = lrlab.load_runs("old", uri(old))
    shown = cli("show", "old")
    assert shown.code == 0
    assert "16 of 16 runs" in shown.out
    verdict = find_sweep(connect(uri(old)), "old").verdict
    assert verdict.split()[:8] == shown.out[shown.out.index(verdict[:20]) :].split()[:8]
    done = cli("report", "old", "--format", "csv", "-o", "out")
    assert (done.code, done.err) == (0, "")
    table = pd.read_csv(old / "out" / "runs.csv")
    best = runs.loc[runs["val_log_loss"].idxmin()]
    assert table.loc[table["val_log_loss"].idxmin(), "run_id"] == best["run_id"]
    assert table["val_log_loss"].min() == pytest.approx(best["val_log_loss"], rel=1e-6)


def test_its_data_are_divided_as_they_were(old: Path) -> None:
    """It had no test rows, and its record says nothing of them."""
    for name in ("old", "old-killed"):
        info = find_sweep(connect(uri(old)), name)
        problem = load_problem(load_sweep_spec(connect(uri(old)), info))
        assert problem.digest() == info.tags["lrlab.data_digest"]
        assert len(problem.y_test) == len(problem.folds) == 0


@pytest.mark.parametrize(
    ("file", "keys"),
    [
        ("old.yaml", "data.val_fraction: 0.25 and data.test_fraction: 0"),
        ("oldb.yaml", "data.test_sizes: [0, 0]"),
    ],
)
def test_its_spec_begins_another_sweep_now_and_says_how_to_continue_the_old_one(
    old: Path, file: str, keys: str
) -> None:
    store = connect(uri(old))
    spec = lrlab.load_spec(file)
    assert find_begun(store, spec) is None
    why = why_another(store, spec)
    assert why.endswith(f"so this is another sweep; {keys} would continue that one")
    said = [key.replace(": ", "=") for key in keys.split(" and ")]
    continued = find_begun(store, lrlab.load_spec(file, said))
    assert continued is not None
    assert continued.name == spec.name
