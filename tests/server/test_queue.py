"""Whose turn it is."""

from __future__ import annotations

from lrlab.server.queue import Queued, next_up


def waiting(user: str, submitted: float, state: str = "queued") -> Queued:
    return Queued(f"{user}-{submitted}", "s", user, state, submitted)


def turns(sweeps: list[Queued], slots: int) -> list[str]:
    """Users in the order of their starts, where the oldest running sweep always ends first."""
    left, running, served, order = list(sweeps), [], {}, []
    for now in range(len(sweeps)):
        if len(running) == slots:
            running.pop(0)
        sweep = next_up(left, running, served)
        assert sweep is not None
        left.remove(sweep)
        running.append(sweep)
        served[sweep.user] = float(now + 1)
        order.append(sweep.user)
    return order


def test_one_user_s_sweeps_run_in_the_order_of_their_submission() -> None:
    late, early = waiting("a", 2), waiting("a", 1)
    assert next_up([late, early], [], {}) is early


def test_who_submits_a_hundred_does_not_hold_up_who_submits_one() -> None:
    many = [waiting("a", i) for i in range(100)]
    order = turns([*many, waiting("b", 1000)], slots=2)
    assert order.index("b") == 1


def test_users_take_turns() -> None:
    sweeps = [waiting(user, i) for i in range(3) for user in "abc"]
    assert turns(sweeps, slots=1) == list("abcabcabc")


def test_a_sweep_that_a_dead_dispatcher_was_running_goes_first() -> None:
    running = waiting("a", 5, state="running")
    assert next_up([waiting("b", 1), running], [], {"a": 9.0}) is running


def test_nothing_waits_nothing_starts() -> None:
    assert next_up([], [], {}) is None
