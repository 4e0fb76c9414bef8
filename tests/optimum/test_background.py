"""Optima beside the training: the same whenever they are asked for, in time, ended at once."""

from __future__ import annotations

import math
import threading
from dataclasses import replace

import numpy as np
import pytest
import torch

from lrlab.data import Problem, load_problem
from lrlab.losses import LOSSES, Loss
from lrlab.optimum import Objective
from lrlab.optimum.background import OptimumFinder, compute_optima
from lrlab.optimum.record import Optima
from lrlab.report.analysis.converged import objectives
from lrlab.spec import make_spec
from support import Finished


@pytest.fixture(scope="module")
def problem() -> Problem:
    return load_problem(make_spec({"name": "x", "data": {"noise": 0.1}}))


def path(loss: str, count: int = 20) -> list[Objective]:
    return [Objective(loss, (), float(l2)) for l2 in np.geomspace(1e-6, 1, count)]


def test_what_is_found_does_not_depend_on_when_it_was_asked_for(problem: Problem) -> None:
    first, second = path("bce_logits") + path("hinge"), path("mse") + path("bce_logits", 7)
    at_once = OptimumFinder(problem, batch_rows=100)
    at_once.want(first)
    at_once.want(second)
    later = OptimumFinder(problem, batch_rows=100)
    later.want(first)
    while len(later._folds[0].found) < len(first):
        later._done.wait(0.01)
    later.want(second)
    one, other = at_once.result(), later.result()
    assert one.to_json() == other.to_json()
    assert one.left_out == ()
    assert one.note == ""


def test_a_budget_that_is_spent_leaves_the_rest_out_and_says_so(problem: Problem) -> None:
    wanted = path("hinge")
    found = compute_optima(problem, wanted, 100, budget=-1.0)
    assert found.found == {}
    assert found.left_out == tuple(wanted)
    assert "optimum of 20 of 20 objectives is not known" in found.note


def test_a_machine_that_has_no_time_for_it_is_not_waited_for(
    problem: Problem, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lrlab.optimum.background.PATIENCE", 0.0)
    monkeypatch.setattr("lrlab.optimum.background.BESIDE", 0)  # begins when it is waited for
    found = compute_optima(problem, path("hinge"), 100)
    assert found.left_out


def test_data_that_are_too_large_are_left_alone(
    problem: Problem, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lrlab.optimum.background.MOST", 10)
    found = compute_optima(problem, path("hinge"), 100)
    assert found.found == {}
    assert "because the data are too large" in found.note


def test_what_is_recorded_is_not_computed_again(
    problem: Problem, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = compute_optima(problem, path("hinge"), 100)
    asked: list[Objective] = []
    solve = OptimumFinder.__init__.__globals__["Solver"].solve
    monkeypatch.setattr(
        "lrlab.optimum.background.Solver.solve",
        lambda self, objectives: asked.extend(objectives) or solve(self, objectives),
    )
    more = compute_optima(problem, [*path("hinge"), Objective("mse")], 100, known)
    assert asked == [Objective("mse")]
    assert {o: v.value for o, v in more.found.items() if o in known.found} == {
        o: v.value for o, v in known.found.items()
    }


def test_the_record_of_other_data_does_not_count(problem: Problem) -> None:
    other = load_problem(make_spec({"name": "x", "data": {"noise": 0.1, "seed": 2}}))
    known = compute_optima(other, [Objective("hinge")], 100)
    here = compute_optima(problem, [Objective("hinge")], 100, known)
    assert here.found[Objective("hinge")].value != known.found[Objective("hinge")].value


def test_a_search_ends_when_it_is_told_to(problem: Problem) -> None:
    in_it, go_on = threading.Event(), threading.Event()

    def slow(z: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        if not in_it.is_set() and z.shape[-1] == len(problem.y_train):
            in_it.set()
            go_on.wait(10)
        return torch.nn.functional.softplus((1 - 2 * y) * z)

    LOSSES.register(Loss("slow", slow, formula="", when="", source=""))
    finder = OptimumFinder(problem, batch_rows=100)
    try:
        finder.want([Objective("slow", (), 0.1)])
        assert in_it.wait(10)
        threading.Timer(0.05, go_on.set).start()
        finder.close()
        assert not finder._thread.is_alive()
    finally:
        LOSSES.unregister("slow")
    assert finder.result().left_out == (Objective("slow", (), 0.1),)


def test_what_a_loss_raises_is_raised_by_the_result(problem: Problem) -> None:
    def broken(z: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        raise RuntimeError("no such loss")

    LOSSES.register(Loss("broken", broken, formula="", when="", source=""))
    try:
        with pytest.raises(RuntimeError, match="no such loss"):
            compute_optima(problem, [Objective("broken")], 100)
    finally:
        LOSSES.unregister("broken")


def test_optima_survive_their_text(problem: Problem) -> None:
    wanted = [Objective("focal", (("gamma", 1.5),), 0.1), Objective("hinge", (), 0.1)]
    found = compute_optima(problem, wanted, 100)
    text = found.to_json()
    assert "NaN" not in text
    assert "Infinity" not in text
    again = Optima.from_json(text)
    assert again.found.keys() == found.found.keys()
    assert again.data_digest == problem.digest()
    for objective, optimum in found.found.items():
        assert again.found[objective].value == optimum.value
        assert again.found[objective].kind == optimum.kind
        assert again.found[objective].bound == optimum.bound
    assert math.isnan(again.found[wanted[0]].gap)
    assert again.found[wanted[1]].gap >= 0
    with pytest.raises(ValueError, match="not a record of optima"):
        Optima.from_json('{"optima": [{}]}')


def test_the_report_of_a_finished_sweep_reads_its_optima(
    finished: Finished, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lrlab import track
    from lrlab.report import inputs

    store = track.connect(finished.uri)
    info = track.find_sweep(store, finished.run_id)
    monkeypatch.setattr(inputs, "compute_optima", None)  # nobody may call it
    runs, _, context = inputs.report_input(store, info)
    assert context.optima is not None
    wanted = set(objectives(runs))
    assert wanted == context.optima.found.keys()
    assert context.optima.data_digest == info.tags["lrlab.data_digest"]


def test_what_an_unfinished_sweep_lacks_is_computed(
    finished: Finished, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lrlab import track
    from lrlab.report import inputs

    store = track.connect(finished.uri)
    info = track.find_sweep(store, finished.run_id)
    whole = track.read.read_optima(store, info)
    assert whole is not None
    half = dict(list(whole.found.items())[:1])
    monkeypatch.setattr(inputs, "read_optima", lambda *_: replace(whole, found=half))
    stopped = replace(info, state="interrupted")
    _, _, context = inputs.report_input(store, stopped)
    assert context.optima is not None
    assert {o: v.value for o, v in context.optima.found.items()} == pytest.approx(
        {o: v.value for o, v in whole.found.items()}, rel=1e-9
    )
