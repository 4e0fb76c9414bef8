"""The conductor: sweeps end complete, and equal, whatever happened on the way."""

from __future__ import annotations

import gc
import json
import subprocess
import sys
from concurrent.futures import wait
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from mlflow import MlflowClient

import lrlab
from lrlab import LrlabError, UserError, make_spec
from lrlab.report.text.verdict import in_words
from lrlab.search import SAMPLERS
from lrlab.sweep import Progress, run_sweep
from lrlab.track import connect, list_sweeps, load_sweep, load_sweep_spec
from lrlab.track.writers import WRITERS
from lrlab.train import Processes
from support import tiny

NOTE = "mlflow.note.content"

pytestmark = pytest.mark.usefixtures("unpainted")


def numbers(name: str = "tiny") -> pd.DataFrame:
    """The runs without what may differ between sweeps."""
    return lrlab.load_runs(name).drop(columns="run_id")


def run(changes: dict[str, Any] | None = None, **options: Any) -> Any:
    return run_sweep(make_spec(tiny(**(changes or {}))), **options)


def test_the_first_step_waits_for_nothing_of_the_report() -> None:
    code = (
        "import sys, lrlab.sweep; from lrlab import load_problem, make_spec; "
        "load_problem(make_spec({'name': 'a'})).initial_model(1); "
        "heavy = {'scipy.stats', 'sklearn', 'sympy', 'matplotlib', 'altair'} & set(sys.modules); "
        "sys.exit(' '.join(heavy) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_same_spec_gives_the_same_numbers(workdir) -> None:
    run()
    first = numbers()
    run(new=True)
    pd.testing.assert_frame_equal(numbers(), first)
    assert len(list_sweeps(connect())) == 2


@pytest.mark.parametrize(
    ("sampler", "engine", "recorded"),
    # The loop's runs are recorded one by one, a fused trial batch (here of 3) as a whole.
    [(name, "loop", 5) for name in SAMPLERS if name != "gp"] + [("tpe", "fused", 6)],
)
def test_every_sampler_survives_an_interruption(
    sampler: str, engine: str, recorded: int, workdir
) -> None:
    space = {"momentum.beta": {"low": 0.5, "high": 0.9, "points": 2}}
    space |= {"lr": {"low": 0.01, "high": 1, "log": True, "points": 3}, "loss": "bce"}
    space |= {"optimizer": ["sgd", "momentum"], "l2": {"low": 1e-4, "high": 0.1, "points": 2}}
    changes = {"search": {"sampler": sampler, "batch": 3, "space": space}}
    changes["train"] = {"steps": 5, "engine": engine}
    run(changes, new=True)
    undisturbed = numbers()
    seen = []

    def stop_at_fifth(progress: Progress) -> None:
        seen.append(progress.done)
        if progress.done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(changes, new=True, on_progress=stop_at_fifth)
    assert list_sweeps(connect())[0].state == "cancelled"
    result = run(changes)
    assert recorded <= result.resumed <= len(result.runs)  # what waited to be written is too
    pd.testing.assert_frame_equal(numbers(), undisturbed)


def test_the_verdict_does_not_wait_for_the_report_and_a_stop_between_them_is_made_good(
    workdir, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*args: object) -> None:
        raise KeyboardInterrupt

    told: list[Any] = []
    with monkeypatch.context() as patch:
        patch.setattr("lrlab.sweep.finalize.report_on", stopped)
        with pytest.raises(KeyboardInterrupt):
            run(on_answer=told.append)
    assert told[0].verdict.best.trial == told[0].best.trial
    assert list_sweeps(connect())[0].state != "finished"
    notes: list[str] = []
    result = run(on_note=notes.append, on_answer=told.append)
    assert (result.resumed, result.already_finished) == (8, False)
    assert told[1] == result
    assert result.verdict == told[0].verdict
    assert any("every run is recorded" in note for note in notes)
    assert list_sweeps(connect())[0].state == "finished"


def test_an_answer_that_nobody_takes_does_not_fail_the_sweep(workdir) -> None:
    def closed_pipe(result: Any) -> None:
        raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        run(on_answer=closed_pipe)
    assert list_sweeps(connect())[0].state == "finished"
    assert run().already_finished


def test_a_finished_sweep_trains_nothing_more(workdir) -> None:
    first = run()
    again = run()
    assert again.already_finished
    assert again.run_id == first.run_id
    assert again.best == first.best
    assert again.verdict == first.verdict
    tags = MlflowClient().get_run(first.run_id).data.tags
    assert tags["lrlab.verdict"] == in_words(first.verdict).text != ""


def test_more_trials_extend_a_sweep_to_what_it_would_have_been(workdir) -> None:
    run({"search": {"trials": 10}}, new=True)
    undisturbed = numbers()
    short = run({"search": {"trials": 6}}, new=True)
    extended = run({"search": {"trials": 10}})
    assert extended.run_id == short.run_id
    assert extended.resumed == 6
    # The last batch was trained in a smaller group at first, and a matrix product over fewer
    # rows may round otherwise on some processors.
    pd.testing.assert_frame_equal(numbers(), undisturbed, rtol=1e-3)


def test_extended_curves_are_complete(workdir) -> None:
    run({"search": {"trials": 6}})
    run({"search": {"trials": 10}})
    runs, curves = lrlab.load_runs(), lrlab.load_curves()
    losses = curves[curves["metric"] == "train_loss"].groupby("run_id")["step"].count()
    assert losses.reindex(runs["run_id"]).tolist() == runs["steps"].tolist()


def test_a_store_that_fails_leaves_nothing_running(
    workdir, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(new=True)
    undisturbed = numbers()
    client = type(connect().client)
    real, calls = client.log, []

    def fail_once(self: Any, run_id: str, *args: Any) -> object:
        calls.append(run_id)
        if len(calls) == 6:
            raise OSError(28, "No space left on device")
        return real(self, run_id, *args)

    monkeypatch.setattr(client, "log", fail_once)
    with pytest.raises(LrlabError, match=r"disk is full.*run the same command again"):
        run(new=True)
    monkeypatch.undo()
    monkeypatch.chdir(workdir)
    info = list_sweeps(connect())[0]
    assert info.state == "failed"
    statuses = [
        r.info.status for r in connect().client.search_runs([info.experiment_id], max_results=1000)
    ]
    assert "RUNNING" not in statuses
    run()
    pd.testing.assert_frame_equal(numbers(), undisturbed)


def _table(path: Path, *more: str) -> None:
    rows = [f"{i % 7},{(i * 3) % 5},{i % 2}" for i in range(60)]
    path.write_text("\n".join(["a,b,y", *rows, *more]))


def _on_table(path: str, **options: Any) -> Any:
    data = {"source": "csv", "path": path, "target": "y"}
    return run({"data": data, "train": {"steps": 3}, "search": {"trials": 2}}, **options)


def test_the_same_table_is_the_same_sweep_however_its_path_is_spelt(
    workdir, tmp_path_factory, monkeypatch: pytest.MonkeyPatch
) -> None:
    _table(workdir / "t.csv")
    (workdir / "link.csv").symlink_to("t.csv")
    copy = tmp_path_factory.mktemp("elsewhere") / "copy.csv"
    _table(copy)
    uri = f"sqlite:///{workdir}/mlflow.db"
    first = _on_table("t.csv", tracking_uri=uri)
    for path in ("./t.csv", str(workdir / "t.csv"), "link.csv", str(copy)):
        again = _on_table(path, tracking_uri=uri, on_note=pytest.fail)
        assert (again.run_id, again.already_finished) == (first.run_id, True), path
    monkeypatch.chdir(copy.parent)
    assert _on_table("copy.csv", tracking_uri=uri, on_note=pytest.fail).run_id == first.run_id


def test_the_division_that_was_left_open_is_recorded_and_extended_as_it_was(workdir) -> None:
    _table(workdir / "t.csv")
    first = _on_table("t.csv")
    info = load_sweep(connect(), first.run_id)
    recorded = load_sweep_spec(connect(), info)
    assert recorded == first.spec
    assert (recorded.data.folds, info.replicates, info.done) == (5, 5, 10)  # type: ignore[union-attr]
    data = {"source": "csv", "path": "t.csv", "target": "y"}
    more = run({"data": data, "train": {"steps": 3}, "search": {"trials": 3}})
    assert (more.run_id, more.resumed, len(more.runs)) == (first.run_id, 10, 15)


def test_a_changed_table_is_another_sweep_and_the_user_is_told(workdir) -> None:
    _table(workdir / "t.csv")
    first = _on_table("t.csv")
    began = list_sweeps(connect())[0].started.astimezone()
    _table(workdir / "t.csv", "100,1,1")
    notes: list[str] = []
    second = _on_table("t.csv", on_note=notes.append)
    assert second.run_id != first.run_id
    assert notes == [
        f"the data changed since the sweep 'tiny' began on {began:%Y-%m-%d %H:%M}, so this is "
        "another sweep"
    ]
    assert _on_table("t.csv", on_note=pytest.fail).run_id == second.run_id
    _table(workdir / "t.csv")  # as at first
    assert _on_table("t.csv", on_note=pytest.fail).run_id == first.run_id
    assert _on_table("t.csv", new=True, on_note=pytest.fail).run_id != first.run_id


def test_the_same_table_read_otherwise_is_another_sweep(workdir) -> None:
    _table(workdir / "t.csv")
    first = _on_table("t.csv")
    connect().client.set_tag(first.run_id, "lrlab.data_digest", "5" * 36)
    notes: list[str] = []
    assert _on_table("t.csv", on_note=notes.append).run_id != first.run_id
    assert [note[:23] for note in notes] == ["the data are read other"]


def test_a_sweep_named_by_its_run_is_not_continued_on_other_data(workdir) -> None:
    _table(workdir / "t.csv")
    first = _on_table("t.csv")
    _table(workdir / "t.csv", "100,1,1")
    with pytest.raises(UserError, match=r"data have changed.*--new"):
        _on_table("t.csv", run_id=first.run_id)


def test_a_sweep_in_which_every_run_diverges_still_ends_with_a_report(workdir) -> None:
    space = {"optimizer": "sgd", "loss": "squared_hinge", "lr": {"low": 1e20, "high": 1e25}}
    result = run({"search": {"trials": 2, "space": space}})
    assert result.best is None
    assert set(lrlab.load_runs()["outcome"]) == {"diverged"}


def test_a_maximized_objective_finds_the_largest(workdir) -> None:
    result = run({"objective": "val_accuracy"})
    assert result.best.latest["val_accuracy"] == lrlab.load_runs()["val_accuracy"].max()


@pytest.mark.parametrize("name", ["bulk", "client"])
def test_every_writer_leaves_runs_that_read_back(name: str, workdir) -> None:
    from lrlab.data import load_problem
    from lrlab.track import recorded_runs
    from lrlab.track.open_sweep import open_sweep
    from lrlab.track.recorded import as_recorded
    from lrlab.train import train
    from lrlab.trial import Run, TrialConfig

    spec = make_spec(tiny())
    problem = load_problem(spec)
    runs = [
        Run(0, 0, 1, TrialConfig.of("momentum", "bce", 0.1)),
        Run(1, 0, 1, TrialConfig.of("sgd", "squared_hinge", 1e20)),
    ]
    done = [(r, train(problem, r.config, spec.train, r.seed)) for r in runs]
    with open_sweep(connect(), spec, problem) as recorder:
        info = recorder.info
        ids = WRITERS[name][0](recorder.store, info.experiment_id, info.run_id, done)
    expected = [as_recorded(run, t, i) for (run, t), i in zip(done, ids, strict=True)]
    assert recorded_runs(connect(), info) == expected


def test_a_users_own_loss_and_optimizer_are_used_by_name(workdir) -> None:
    import torch

    lrlab.LOSSES.register(
        lrlab.Loss(
            "exponential",
            lambda z, y, scale: torch.exp(-scale * (2 * y - 1) * z),
            formula="exp(-scale s z)",
            when="AdaBoost's loss.",
            source="Friedman, Hastie & Tibshirani 2000",
            hyperparameters=(lrlab.Hyperparameter("scale", 1.0, low=0.1, high=10),),
        )
    )
    lrlab.OPTIMIZERS.register(
        lrlab.Optimizer(
            "asgd",
            lambda params, lr: torch.optim.ASGD(params, lr=lr),
            formula="sgd, averaged",
            when="Noise.",
            source="Polyak & Juditsky 1992",
            default_lr=0.01,
        )
    )
    space = {
        "optimizer": "asgd",
        "loss": ["exponential"],
        "lr": [0.01, 0.1],
        "exponential.scale": [0.5, 1.0],
    }
    try:
        run({"search": {"sampler": "grid", "trials": None, "space": space}})
        runs = lrlab.load_runs()
    finally:
        lrlab.LOSSES.unregister("exponential")
        lrlab.OPTIMIZERS.unregister("asgd")
    assert len(runs) == 4
    assert set(runs["exponential.scale"]) == {0.5, 1.0}


def test_worker_processes_change_nothing(workdir, monkeypatch: pytest.MonkeyPatch) -> None:
    changes = {"search": {"trials": 12, "batch": 4}}
    run(changes, new=True)
    alone = numbers()
    started = []

    class Ready(Processes):
        """Up before the first fused group comes, which else this process would train itself."""

        def __init__(self, *args: Any) -> None:
            super().__init__(*args)
            started.append(wait(self._warm))

    monkeypatch.setattr("lrlab.sweep.worker_pool.Processes", Ready)
    monkeypatch.setattr("lrlab.sweep.worker_pool.WORTH_A_PROCESS", 1e-9)
    run(changes, new=True, workers=1)
    assert len(started) == 1
    pd.testing.assert_frame_equal(numbers(), alone)


def test_the_best_is_the_best_mean_over_replicates_wherever_it_is_told(workdir, cli) -> None:
    told: list[float | None] = []
    changes = {"search": {"replicates": 3}}
    result = run(changes, on_progress=lambda progress: told.append(progress.best))
    runs = lrlab.load_runs()
    means = runs.groupby("trial")["val_log_loss"].agg(lambda own: own.mean(skipna=False))
    lowest, trial = means.min(), means.idxmin()
    assert runs["val_log_loss"].min() < lowest
    assert told[-1] == pytest.approx(lowest, rel=1e-12)
    own = runs[runs["trial"] == trial].sort_values("val_log_loss")
    assert result.best.run_id == own["run_id"].iloc[1]
    parent = MlflowClient().get_run(result.run_id).data
    assert parent.metrics["best_val_log_loss"] == pytest.approx(lowest, rel=1e-12)
    assert parent.tags["lrlab.best_run"] == result.best.run_id
    assert f"Best trial: val_log_loss {lowest:.4g} (mean of 3 runs)" in parent.tags[NOTE]
    shown = json.loads(cli("show", "--json").out)["best_runs"]
    order = means.dropna().sort_values()
    assert [each["trial"] for each in shown] == order.index.tolist()
    found = [each["mean_val_log_loss"] for each in shown]
    assert found == pytest.approx(order.tolist(), rel=1e-12)


def test_the_best_so_far_is_a_curve_in_mlflow_that_falls_in_steps(workdir) -> None:
    result = run({"search": {"sampler": "random", "trials": 40, "batch": 16}})
    history = MlflowClient().get_metric_history(result.run_id, "best_val_log_loss")
    points = pd.Series({point.step: point.value for point in history})
    trials = numbers().sort_values("trial").set_index("trial")["val_log_loss"]
    best = trials.cummin().ffill()
    pd.testing.assert_series_equal(points, best[points.index], check_names=False)
    assert len(points) < len(best)
    # Between two points it is level, or falls within one trial.
    filled = points.reindex(best.index).ffill()
    pd.testing.assert_series_equal(filled, best, check_names=False)


def test_a_sweep_leaves_the_garbage_collector_as_it_was(workdir) -> None:
    before = gc.get_threshold(), gc.get_freeze_count()
    run()
    assert (gc.get_threshold(), gc.get_freeze_count()) == before


def test_a_missing_gpu_is_said_before_anything_is_recorded(
    workdir, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(UserError, match="finds no GPU here; write cpu or auto"):
        run({"train": {"device": "cuda"}})
    assert list_sweeps(connect()) == []
    result = run({"train": {"device": "auto"}})
    assert len(result.runs) == 8
