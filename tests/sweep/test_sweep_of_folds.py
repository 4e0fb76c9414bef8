"""A sweep whose replicates train on folds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from mlflow import MlflowClient
from scipy import special
from sklearn import metrics

import lrlab
from lrlab import make_spec
from lrlab.data import load_problem
from lrlab.sweep import Progress, run_sweep
from support import tiny

pytestmark = pytest.mark.usefixtures("unpainted")
FOLDS = 3


def spec_of(trials: int) -> Any:
    space = {"optimizer": ["sgd", "adam"], "loss": "bce", "lr": {"low": 0.01, "high": 1}}
    data = {"source": "csv", "path": "table.csv", "target": "target", "folds": FOLDS}
    search = {"trials": trials, "batch": 2, "replicates": 2 * FOLDS, "space": space}
    return make_spec(tiny(data=data, search=search, train={"steps": 12, "l2": 0.01}))


def write_table() -> None:
    """A table with a category that one row has: who trains without it has a column less."""
    draw = np.random.default_rng(1)
    score = draw.normal(size=60)
    kind = np.where(np.arange(60) == 7, "rare", draw.choice(["x", "y"], 60))
    target = np.where(score + draw.normal(size=60) > 0, "yes", "no")
    pd.DataFrame({"score": score, "kind": kind, "target": target}).to_csv("table.csv", index=False)


def test_it_ends_with_the_same_numbers_after_an_interruption_and_an_extension(workdir) -> None:
    write_table()
    undisturbed = run_sweep(spec_of(4))
    expected = lrlab.load_runs("tiny").drop(columns="run_id")

    def stop(progress: Progress) -> None:
        if progress.done >= 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_sweep(spec_of(2), new=True, on_progress=stop)
    run_sweep(spec_of(2))
    result = run_sweep(spec_of(4))
    assert result.run_id != undisturbed.run_id
    pd.testing.assert_frame_equal(lrlab.load_runs("tiny").drop(columns="run_id"), expected)
    each_fold_has_its_own_rows(lrlab.load_runs("tiny"), result)


def each_fold_has_its_own_rows(runs: pd.DataFrame, result: Any) -> None:
    problem = load_problem(spec_of(4))
    assert len(problem.folds) == 2 * FOLDS
    assert len({fold.n_features for fold in problem.folds}) == 2
    for replicate, own in runs.groupby("replicate"):
        fold = problem.folds[int(replicate)]
        linear = fold.initial_model(1 + int(replicate)).features
        z = fold.x_train.double().numpy() @ linear.weight.detach().double().numpy()[0]
        start = metrics.log_loss(fold.y_train, special.expit(z + linear.bias.item()))
        start += 0.01 / 2 * float((linear.weight.detach() ** 2).sum())
        assert own["start_objective"].to_numpy() == pytest.approx(start, rel=1e-5)
    path = MlflowClient().download_artifacts(result.run_id, "optima.json")
    record = json.loads(Path(path).read_text())
    values = [record["optima"][0]["value"]]
    values += [fold["optima"][0]["value"] for fold in record["further_folds"]]
    assert len(np.unique(values)) == 2 * FOLDS
