"""Chosen settings on rows that chose nothing, against the same by plain loops."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.special import expit
from sklearn.metrics import log_loss

from lrlab.data import Problem, load_problem
from lrlab.report.analysis import evaluation
from lrlab.report.analysis.evaluation import choose, evaluate, runs_to_judge
from lrlab.spec import make_spec

AIM: Any = {"objective": "val_log_loss", "direction": "minimize"}
K = 4


def drawn(seed: int, rows: int, first: int = 0) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, 2))
    y = (rng.random(rows) < expit(2 * x[:, 0] - x[:, 1])).astype(float)
    return {"x": torch.tensor(x), "y": torch.tensor(y), "rows": np.arange(first, first + rows)}


@pytest.fixture(scope="module")
def plain() -> Problem:
    data = {"source": "blobs", "test_sizes": [0, 0]}
    return load_problem(make_spec({"name": "p", "data": data, "train": {"dtype": "float64"}}))


@pytest.fixture(scope="module")
def tested(plain: Problem) -> Problem:
    """A problem with 60 test rows."""
    val, test = drawn(1, 40), drawn(2, 60)
    return replace(
        plain, x_val=val["x"], y_val=val["y"], x_test=test["x"], y_test=test["y"], shares_from=200
    )


@pytest.fixture(scope="module")
def folded(plain: Problem) -> Problem:
    """Four folds of 25 rows, in two repeats whose rows come in another order."""
    rows = drawn(3, 100)
    folds = []
    for repeat in range(2):
        order = np.random.default_rng(repeat).permutation(100)
        for part in np.split(order, K):
            held = np.sort(part)
            folds.append(replace(
                plain, x_val=rows["x"][held], y_val=rows["y"][held], val_rows=held
            ))  # fmt: skip
    return replace(folds[0], folds=tuple(folds), shares_from=100)


def made(problem: Problem, replicates: int, seed: int = 0) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Six trials of random weights, with the objective that their validation rows give."""
    rng = np.random.default_rng(seed)
    rows, weights = [], {}
    for trial in range(6):
        center = rng.normal([2, -1, 0], 0.7)
        for r in range(replicates):
            own = center + rng.normal(0, 0.2, 3)
            part = problem.of(r)
            p = expit(part.x_val.numpy() @ own[:2] + own[2])
            rows.append({
                "run_id": f"t{trial}r{r}", "trial": trial, "replicate": r,
                "optimizer": ["sgd", "adam"][trial % 2],
                "loss": ["bce", "hinge", "bce"][trial % 3],
                "outcome": "converged", "val_log_loss": log_loss(part.y_val, p, labels=[0, 1]),
            })  # fmt: skip
            weights[f"t{trial}r{r}"] = (own[:2], own[2])
    return pd.DataFrame(rows), weights


def nats(problem: Problem, part: str, weights: tuple[np.ndarray, float]) -> np.ndarray:
    x, y = getattr(problem, f"x_{part}").numpy(), getattr(problem, f"y_{part}").numpy()
    p = expit(x @ weights[0] + weights[1])
    return np.asarray(-np.log(np.where(y == 1, p, 1 - p)))


def test_test_rows_judge_what_the_validation_rows_chose(tested: Problem) -> None:
    runs, weights = made(tested, 3)
    found = evaluate(runs, tested, weights, {}, **AIM)
    assert found is not None
    means = runs.groupby("trial")["val_log_loss"].mean()
    assert found.methods[0].trial == means.idxmin()
    adam = runs[runs["optimizer"] == "adam"].groupby("trial")["val_log_loss"].mean().idxmin()
    [at] = [i for i, method in enumerate(found.methods) if method.name == "adam"]
    assert found.methods[at].trials == (adam,) * 3
    expected = [nats(tested, "test", weights[f"t{adam}r{r}"]) for r in range(3)]
    np.testing.assert_allclose(found.values[at], expected, rtol=1e-12)
    assert found.y.tolist() == tested.y_test.tolist()


def test_with_folds_every_row_is_judged_by_what_the_other_folds_chose(folded: Problem) -> None:
    runs, weights = made(folded, 2 * K)
    found = evaluate(runs, folded, weights, {}, **AIM)
    assert found is not None
    assert found.values.shape[1:] == (2, 100)
    table = runs.pivot(index="trial", columns="replicate", values="val_log_loss")
    for r in range(2 * K):
        others = [s for s in range(r - r % K, r - r % K + K) if s != r]
        chosen = table[others].mean(axis=1).idxmin()
        assert found.methods[0].trials[r] == chosen
        fold = folded.of(r)
        np.testing.assert_allclose(
            found.values[0, r // K, fold.val_rows], nats(fold, "val", weights[f"t{chosen}r{r}"])
        )


def test_rows_that_belong_together_are_known_as_such(tested: Problem, folded: Problem) -> None:
    runs, weights = made(tested, 1)
    groups = np.arange(60) // 3
    found = evaluate(runs, replace(tested, test_groups=groups), weights, {}, **AIM)
    assert found is not None
    assert found.groups is not None
    assert found.groups.tolist() == groups.tolist()
    folds = tuple(replace(fold, val_groups=fold.val_rows // 5) for fold in folded.folds)
    runs, weights = made(folded, 2 * K)
    found = evaluate(runs, replace(folded, folds=folds), weights, {}, **AIM)
    assert found is not None
    assert found.groups is not None
    assert found.groups.tolist() == (np.arange(100) // 5).tolist()


def test_a_trial_of_which_a_run_diverged_stands_for_nobody(tested: Problem) -> None:
    runs, _ = made(tested, 3)
    best = runs.groupby("trial")["val_log_loss"].mean().idxmin()
    runs.loc[(runs["trial"] == best) & (runs["replicate"] == 1), "outcome"] = "diverged"
    assert best not in {trial for method in choose(runs, tested, **AIM) for trial in method.trials}


def test_scores_of_a_loss_that_is_not_proper_are_judged_again_after_platt_scaling(
    folded: Problem,
) -> None:
    runs, weights = made(folded, 2 * K)
    stretched = {  # scores ten times too large are as good after scaling
        run_id: (10 * w, 10 * b) if runs.set_index("run_id")["loss"][run_id] == "hinge" else (w, b)
        for run_id, (w, b) in weights.items()
    }
    one, ten = (evaluate(runs, folded, given, {}, **AIM) for given in (weights, stretched))
    assert one is not None
    assert ten is not None
    names = ["", *(method.name for method in one.methods if method.about == "loss")]
    at = names.index("hinge")
    np.testing.assert_allclose(ten.recalibrated[at], one.recalibrated[at], rtol=1e-6)
    raw = [method.name for method in one.methods].index("hinge")
    assert ten.values[raw].mean() > 2 * one.values[raw].mean()


def test_baselines_are_judged_on_the_same_rows(tested: Problem) -> None:
    runs, weights = made(tested, 3)
    flat = {"base rate": [(np.zeros(2), 0.0)] * 3}
    found = evaluate(runs, tested, weights, flat, **AIM)
    assert found is not None
    assert found.methods[-1].about == "baseline"
    np.testing.assert_allclose(found.values[-1], np.log(2))


def test_rows_that_chose_do_not_judge(plain: Problem) -> None:
    runs, weights = made(plain, 2)
    assert runs_to_judge(runs, plain, **AIM) == ()
    assert evaluate(runs, plain, weights, {}, **AIM) is None


def test_an_objective_without_a_value_for_a_row_is_not_judged(tested: Problem) -> None:
    runs, weights = made(tested, 3)
    runs["val_ece"] = runs["val_log_loss"]
    assert evaluate(runs, tested, weights, {}, objective="val_ece", direction="minimize") is None


def test_of_very_many_rows_a_random_part_judges(
    tested: Problem, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs, weights = made(tested, 3)
    whole = evaluate(runs, tested, weights, {}, **AIM)
    assert whole is not None
    columns = 3 * (len(whole.values) + len(whole.recalibrated))
    monkeypatch.setattr(evaluation, "MOST_VALUES", 20 * columns)
    part = evaluate(runs, tested, weights, {}, **AIM)
    assert part is not None
    assert len(part.y) == part.values.shape[2] == 20
    assert set(part.values[0, 0]) < set(whole.values[0, 0])
