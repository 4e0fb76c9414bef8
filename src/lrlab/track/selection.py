"""Which sweeps are meant: by name, state and age."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from lrlab.errors import UserError
from lrlab.track import mlflow_schema as schema
from lrlab.track.entities import Tag
from lrlab.track.pages import all_experiments, all_runs
from lrlab.track.store import Store, explained
from lrlab.track.sweeps import SweepInfo, list_sweeps, meant, sweep_info

TRASHED = "in the trash"
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def parse_age(text: str) -> timedelta:
    """`30d` as a span of time; `m` minutes, `h` hours, `d` days, `w` weeks.

    Raises:
        UserError: If it is none.
    """
    found = re.fullmatch(r"(\d{1,6}(?:\.\d{1,6})?)([mhdw])", text.strip())
    if found is None:
        raise UserError(f"--older-than {text!r}: write a number and m, h, d or w, such as 30d")
    return timedelta(**{_UNITS[found[2]]: float(found[1])})


def choose(
    store: Store,
    names: Sequence[str],
    states: Sequence[str] = (),
    age: timedelta | None = None,
    *,
    trashed: bool = False,
) -> list[SweepInfo]:
    """The sweeps that are meant, the latest first.

    Args:
        store: Where.
        names: Names, run ids or their first characters; all sweeps (of the user who is signed
            in) if there are none.
        states: Only those in one of these states.
        age: Only those that ended, or at least began, longer ago.
        trashed: Those in MLflow's trash too.

    Raises:
        UserError: If a name fits no sweep, or several and nothing else narrows them down.
    """
    everything = list_sweeps(store) + (_in_trash(store) if trashed else [])
    if names:
        narrowed = bool(states) or age is not None
        found = [info for name in names for info in _named(everything, name, store, narrowed)]
    else:
        found = [info for info in everything if store.user in (None, info.owner)]
    before = None if age is None else datetime.now(UTC) - age
    return [
        info
        for info in {info.run_id: info for info in found}.values()
        if (not states or info.state in states)
        and (before is None or (info.ended or info.started) < before)
    ]


def _named(
    everything: Sequence[SweepInfo], name: str, store: Store, narrowed: bool
) -> list[SweepInfo]:
    found = meant(everything, name)
    if not found:
        raise UserError(f"no sweep {name!r} in {store.shown}; `lrlab ls` lists them")
    if len(found) > 1 and not narrowed:
        ids = ", ".join(f"{info.run_id[:12]} ({info.state})" for info in found[:10])
        more = f" and {len(found) - 10:,} more" if len(found) > 10 else ""
        raise UserError(
            f"{len(found):,} sweeps are meant by {name!r}; name those to delete by id: {ids}{more}"
        )
    return found


def _in_trash(store: Store) -> list[SweepInfo]:
    sweeps_only = [Tag(schema.KIND, schema.SWEEP)]
    with explained(store.uri):
        names = {e.experiment_id: e.name for e in all_experiments(store)}
        runs = list(all_runs(store, list(names), sweeps_only, view="deleted", newest_first=True))
    found = [sweep_info(store, run, names[run.info.experiment_id]) for run in runs]
    return [replace(info, state=TRASHED) for info in found]
