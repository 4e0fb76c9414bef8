"""Ranking, threshold and the table optimizer x loss."""

from __future__ import annotations

import math
import statistics
import time

import numpy as np
import pandas as pd
import pytest

from lrlab.errors import LrlabError, UserError
from lrlab.report import best_curves, best_run, history, rank_trials, summary_table, threshold

NAN = math.nan
LOW = {"objective": "val_log_loss", "direction": "minimize"}
HIGH = {"objective": "val_accuracy", "direction": "maximize"}
NO_CURVES = pd.DataFrame(columns=["run_id", "step", "metric", "value"])


def test_the_best_run_has_the_lowest_objective_when_minimizing(runs_of):
    runs = runs_of([("sgd", "bce", 0.1, 0.3), ("adam", "bce", 0.1, 0.2)])
    assert best_run(runs, **LOW)["run_id"] == "run1"


def test_the_best_run_has_the_highest_objective_when_maximizing(runs_of):
    runs = runs_of([("sgd", "bce", 0.1, 0.3), ("adam", "bce", 0.1, 0.2)])
    runs["val_accuracy"] = [0.9, 0.8]
    assert best_run(runs, **HIGH)["run_id"] == "run0"


def test_a_diverged_run_never_wins_though_its_objective_is_the_lowest(runs_of):
    runs = runs_of([("sgd", "bce", 9.0, 0.01), ("sgd", "bce", 0.1, 0.3)])
    runs["outcome"] = ["diverged", "slow"]
    assert best_run(runs, **LOW)["run_id"] == "run1"


@pytest.mark.parametrize("bad", [NAN, math.inf, -math.inf])
def test_a_run_without_a_finite_objective_never_wins(runs_of, bad):
    runs = runs_of([("sgd", "bce", 9.0, bad), ("sgd", "bce", 0.1, 0.3)], outcome="converged")
    assert best_run(runs, **LOW)["run_id"] == "run1"


def test_ties_go_to_the_lowest_trial_and_then_to_the_lowest_replicate(runs_of):
    rows = [("sgd", "bce", 0.1, 0.3)] * 4
    runs = runs_of(rows, trial=[7, 7, 2, 2], replicate=[0, 1, 1, 0])
    assert list(rank_trials(runs, **LOW)["run_id"]) == ["run3", "run0"]


def test_asking_for_the_best_of_runs_that_all_diverged_is_an_error_that_says_so(runs_of):
    runs = runs_of([("sgd", "bce", 9.0, NAN)])
    with pytest.raises(LrlabError, match="none of the 1 trials"):
        best_run(runs, **LOW)


def replicated(runs_of):
    """Trial 0 has the best run, trial 1 the best mean, trial 2 a run that diverged."""
    values = [0.1, 0.9, 0.4, 0.3, 0.5, 0.4, 0.05, NAN, 0.05]
    runs = runs_of([("sgd", "bce", 0.1 * (1 + i // 3), value) for i, value in enumerate(values)])
    return runs.assign(trial=[i // 3 for i in range(9)], replicate=[0, 1, 2] * 3)


def test_with_replicates_the_best_is_the_best_mean_of_a_trial_everywhere(runs_of, curves_of):
    runs = replicated(runs_of)
    assert best_run(runs, **LOW)["run_id"] == "run5"
    assert threshold(runs, **LOW) == pytest.approx(0.4 * 1.05)
    [pair] = summary_table(runs, NO_CURVES, **LOW).to_dict("records")
    assert (pair["best"], pair["best_lr"]) == (pytest.approx(0.4), pytest.approx(0.2))
    top = rank_trials(runs, **LOW)
    assert top["run_id"].tolist() == ["run5", "run2"]
    assert top["val_log_loss"].tolist() == pytest.approx([0.4, 1.4 / 3])
    assert top["val_accuracy"].tolist() == pytest.approx([0.6, 1 - 1.4 / 3])
    so_far = history(runs, **LOW)["best_so_far"]
    expected = [NAN, NAN, 1.4 / 3, 1.4 / 3, 1.4 / 3, 0.4, 0.4, 0.4, 0.4]
    assert so_far.tolist() == pytest.approx(expected, nan_ok=True)
    curves = curves_of({name: [(1, 0.7)] for name in runs["run_id"]}, "val_log_loss")
    trial = int(runs.loc[runs["run_id"] == "run5", "trial"].iloc[0])
    assert best_curves(runs, curves, "val_log_loss", **LOW)["trial"].tolist() == [trial]


def test_an_unknown_objective_is_an_error_that_names_the_nearest_column(runs_of):
    runs = runs_of([("sgd", "bce", 0.1, 0.3)])
    with pytest.raises(UserError, match="did you mean 'val_log_loss'"):
        best_run(runs, objective="val_logloss", direction="minimize")


def test_an_unknown_direction_is_an_error(runs_of):
    with pytest.raises(UserError, match="'minimize' or 'maximize'"):
        rank_trials(runs_of([]), objective="val_log_loss", direction="min")


@pytest.mark.parametrize(
    ("values", "direction", "expected"),
    [
        ([0.2, 0.5], "minimize", 0.21),
        ([-10.0, 3.0], "minimize", -9.5),
        ([0.8, 0.4], "maximize", 0.76),
        ([-2.0, -4.0], "maximize", -2.1),
        ([0.0, 2.0, 4.0], "minimize", 0.1),
        ([0.0, 0.0], "minimize", 0.0),
        ([NAN, NAN], "minimize", NAN),
    ],
)
def test_the_threshold_is_five_percent_worse_than_the_best(runs_of, values, direction, expected):
    runs = runs_of([("sgd", "bce", 0.1, value) for value in values])
    found = threshold(runs, objective="val_log_loss", direction=direction)
    assert found == pytest.approx(expected, nan_ok=True)


def test_the_summary_has_the_figures_of_each_pair_best_first(runs_of, curves_of):
    runs = runs_of(
        [
            ("sgd", "bce", 0.1, 0.40),
            ("sgd", "bce", 0.2, 0.30),
            ("sgd", "bce", 0.4, 0.60),
            ("sgd", "bce", 9.0, NAN),
            ("adam", "bce", 0.1, 0.20),
        ]
    )
    curves = curves_of(
        {"run1": [(1, 0.7), (10, 0.3)], "run4": [(1, 0.7), (5, 0.205), (10, 0.2)]},
        "val_log_loss",
    )
    table = summary_table(runs, curves, **LOW)
    adam, sgd = table.to_dict("records")
    assert adam == {
        "optimizer": "adam",
        "loss": "bce",
        "n_runs": 1,
        "best": 0.2,
        "best_lr": 0.1,
        "median": 0.2,
        "spread": pytest.approx(NAN, nan_ok=True),
        "steps_to_threshold": 5.0,
        "reached": 1,
        "diverged": 0.0,
    }
    assert (sgd["n_runs"], sgd["best"], sgd["best_lr"], sgd["median"]) == (4, 0.3, 0.2, 0.4)
    assert sgd["spread"] == pytest.approx(0.5 - 0.35)
    assert math.isnan(sgd["steps_to_threshold"])
    assert sgd["diverged"] == 0.25


@pytest.mark.parametrize("aim", [LOW, HIGH])
def test_the_summary_agrees_with_plain_loops_over_a_random_sweep(sweep_of, aim):
    runs, curves = sweep_of(80)
    table = summary_table(runs, curves, **aim)
    sign = 1 if aim["direction"] == "minimize" else -1
    finished = runs[runs["outcome"] != "diverged"]
    best = min(sign * v for v in finished[aim["objective"]])
    limit = best + 0.05 * abs(best)
    for row in table.to_dict("records"):
        pair = (runs["optimizer"] == row["optimizer"]) & (runs["loss"] == row["loss"])
        rows = runs[pair].to_dict("records")
        kept = [r for r in rows if r["outcome"] != "diverged"]
        values = [r[aim["objective"]] for r in kept]
        first = min(kept, key=lambda r: (sign * r[aim["objective"]], r["trial"]))
        assert row["n_runs"] == len(rows)
        assert row["best"] == first[aim["objective"]]
        assert row["best_lr"] == first["lr"]
        assert row["median"] == pytest.approx(statistics.median(values))
        low, _, high = statistics.quantiles(values, n=4, method="inclusive")
        assert row["spread"] == pytest.approx(high - low)
        assert row["diverged"] == pytest.approx(1 - len(kept) / len(rows))
        names = {r["run_id"] for r in kept}
        own = curves[(curves["metric"] == aim["objective"]) & curves["run_id"].isin(names)]
        steps = []
        for _, line in own.sort_values("step").groupby("run_id"):
            points = list(zip(line["step"], (sign * line["value"] <= limit).tolist(), strict=True))
            stays = [s for i, (s, _) in enumerate(points) if all(good for _, good in points[i:])]
            steps += stays[:1]
        expected = min(steps) if steps else NAN
        assert row["reached"] == len(steps)
        assert row["steps_to_threshold"] == pytest.approx(expected, nan_ok=True)
    bests = [sign * v for v in table["best"]]
    assert bests == sorted(bests)


def test_best_median_and_spread_are_over_trials_by_the_mean_of_their_runs(runs_of):
    # the runs of a trial differ more than the trials do, as folds are not equally hard
    values = [0.1, 0.2, 0.9, 0.15, 0.25, 0.95, 0.2, 0.3, 1.0]
    runs = runs_of([("adam", "bce", 0.1, value) for value in values])
    runs = runs.assign(trial=[i // 3 for i in range(9)], replicate=[i % 3 for i in range(9)])
    (row,) = summary_table(runs, NO_CURVES, **LOW).to_dict("records")
    assert (row["n_runs"], row["best"]) == (9, pytest.approx(0.4))
    assert (row["median"], row["spread"]) == (pytest.approx(0.45), pytest.approx(0.05))


def test_pairs_that_do_equally_well_stand_in_alphabetical_order(runs_of):
    rows = [("sgd", "hinge", 0.1, 0.2), ("sgd", "bce", 0.1, 0.2), ("adam", "bce", 0.1, 0.2)]
    table = summary_table(runs_of(rows), NO_CURVES, **LOW)
    pairs = list(zip(table["optimizer"], table["loss"], strict=True))
    assert pairs == [("adam", "bce"), ("sgd", "bce"), ("sgd", "hinge")]


def test_a_pair_of_which_all_runs_diverged_is_listed_last_without_a_best(runs_of):
    runs = runs_of([("adam", "bce", 9.0, NAN), ("sgd", "bce", 0.1, 0.2)])
    table = summary_table(runs, NO_CURVES, **LOW)
    assert list(table["optimizer"]) == ["sgd", "adam"]
    assert table.loc[1, ["best", "best_lr", "median", "spread"]].isna().all()
    assert table.loc[1, "diverged"] == 1.0


def test_steps_come_from_the_validation_log_loss_if_the_objective_has_no_curve(runs_of, curves_of):
    runs = runs_of([("sgd", "bce", 0.1, 0.2)])
    curves = curves_of({"run0": [(1, 0.7), (8, 0.2)]}, "val_log_loss")
    table = summary_table(runs, curves, **HIGH)
    assert list(table["steps_to_threshold"]) == [8.0]


def test_steps_are_unknown_if_neither_curve_is_there(runs_of, curves_of):
    runs = runs_of([("sgd", "bce", 0.1, 0.2)])
    curves = curves_of({"run0": [(1, 0.1)]}, "train_loss")
    assert summary_table(runs, curves, **LOW)["steps_to_threshold"].isna().all()


def test_a_run_that_diverged_has_not_reached_the_threshold_before(runs_of, curves_of):
    runs = runs_of([("sgd", "bce", 9.0, NAN), ("sgd", "bce", 0.1, 0.2)])
    curves = curves_of({"run0": [(1, 0.1)], "run1": [(50, 0.2)]}, "val_log_loss")
    assert list(summary_table(runs, curves, **LOW)["steps_to_threshold"]) == [50.0]


def test_a_run_that_leaves_the_threshold_again_reaches_it_where_it_stays(runs_of, curves_of):
    rows = [("sgd", "bce", 0.1, 0.2), ("sgd", "bce", 0.2, 0.4)]
    line = [(1, 0.7), (5, 0.2), (9, 0.5), (20, 0.205), (40, 0.2)]
    curves = curves_of({"run0": line, "run1": [(1, 0.2), (5, 0.4)]}, "val_log_loss")
    (row,) = summary_table(runs_of(rows), curves, **LOW).to_dict("records")
    assert (row["steps_to_threshold"], row["reached"]) == (20, 1)
    higher = curves.assign(value=1 - curves["value"], metric="val_accuracy")
    (row,) = summary_table(runs_of(rows), higher, **HIGH).to_dict("records")
    assert (row["steps_to_threshold"], row["reached"]) == (20, 1)


def test_steps_to_the_threshold_are_those_of_a_trial_whose_mean_gets_there(runs_of, curves_of):
    rows = [("sgd", "bce", 0.1, v) for v in (0.2, 0.2, 0.2, 0.4)]
    runs = runs_of(rows, trial=[0, 0, 1, 1], replicate=[0, 1, 0, 1])
    lines = {f"run{i}": [(step, 0.2)] for i, step in enumerate((10, 30, 1))}
    (row,) = summary_table(runs, curves_of(lines, "val_log_loss"), **LOW).to_dict("records")
    assert (row["best"], row["steps_to_threshold"], row["reached"]) == (0.2, 30, 1)


def test_a_pair_reaches_the_threshold_if_its_best_mean_does_however_unequal_its_folds_are(
    runs_of, curves_of
):
    # five folds, of which some are always worse than the threshold, which is a mean's
    rng = np.random.default_rng(4)
    names = [(o, b) for o in ("sgd", "adam", "rmsprop") for b in ("bce", "mse", "hinge")]
    folds = np.array([-0.1, -0.05, 0.0, 0.05, 0.1])
    final = 0.4 + 0.05 * rng.random((len(names), 1)) + folds
    rows = [(*name, 0.1, v) for name, own in zip(names, final, strict=True) for v in own]
    runs = runs_of(rows, trial=np.repeat(range(9), 5), replicate=list(range(5)) * 9)
    steps = (1, 2, 4, 8, 16, 32)
    lines = {
        run: [(step, v + 0.3 / step - 0.3 / 32) for step in steps[int(v * 1000) % 2 :]]
        for run, v in zip(runs["run_id"], runs["val_log_loss"], strict=True)
    }
    table = summary_table(runs, curves_of(lines, "val_log_loss"), **LOW)
    limit = 1.05 * table["best"].min()
    reached = table["steps_to_threshold"].notna()
    assert reached.tolist() == (table["best"] <= limit).tolist()
    assert 0 < reached.sum() < 9
    wide = pd.DataFrame({run: dict(line) for run, line in lines.items()}).ffill()
    means = wide.T.groupby(runs.set_index("run_id")["trial"]).mean().T
    means = means[wide.T.groupby(runs.set_index("run_id")["trial"]).count().T.eq(5)]
    for row in table[reached].itertuples():
        assert row.steps_to_threshold in steps
        own = means[names.index((row.optimizer, row.loss))]
        assert row.steps_to_threshold == own[own <= limit].index.min()
        assert row.reached == 1


def test_no_runs_give_an_empty_summary_with_all_columns():
    table = summary_table(pd.DataFrame(), NO_CURVES, **LOW)
    assert table.empty
    assert list(table.columns) == [
        "optimizer",
        "loss",
        "n_runs",
        "best",
        "best_lr",
        "median",
        "spread",
        "steps_to_threshold",
        "reached",
        "diverged",
    ]


def test_the_frames_are_not_changed(sweep_of):
    runs, curves = sweep_of(20)
    before = runs.copy(), curves.copy()
    summary_table(runs, curves, **LOW)
    pd.testing.assert_frame_equal(runs, before[0])
    pd.testing.assert_frame_equal(curves, before[1])


def test_the_order_of_the_rows_does_not_matter(sweep_of):
    runs, curves = sweep_of(50)
    shuffled = runs.sample(frac=1, random_state=1), curves.sample(frac=1, random_state=2)
    pd.testing.assert_frame_equal(
        summary_table(runs, curves, **LOW), summary_table(*shuffled, **LOW)
    )


def test_ten_thousand_runs_are_summed_up_within_seconds(sweep_of):
    runs, curves = sweep_of(10_000, points=120)
    assert len(curves) > 1_000_000
    started = time.perf_counter()
    table = summary_table(runs, curves, **LOW)
    assert time.perf_counter() - started < 5
    assert int(np.sum(table["n_runs"])) == 10_000
