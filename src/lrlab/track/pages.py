"""Searches that give everything: MLflow answers in pages."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal

from lrlab.track import paging
from lrlab.track.entities import Tag
from lrlab.track.paging import pages
from lrlab.track.store import Store

PAGE = 1000
EXPERIMENTS = 1000  # of one search for runs, as each is a variable of the statement
View = Literal["active", "deleted", "all"]
_VIEWS = {"active": 1, "deleted": 2, "all": 3}  # MLflow's ViewType


def all_experiments(store: Store) -> list[Any]:
    """Every experiment that is not deleted."""
    if store.own is not None:
        return store.own.experiments()

    def ask(token: str | None) -> Any:
        return store.client.search_experiments(
            view_type=_VIEWS["active"], max_results=PAGE, page_token=token
        )

    return list(pages(ask))


def all_runs(
    store: Store,
    experiment_ids: Sequence[str],
    conditions: Sequence[Tag],
    *,
    status: str = "",
    view: View = "active",
    newest_first: bool = False,
) -> Iterator[Any]:
    """Every run that is in view and meets all conditions; in order within 1,000 experiments.

    Args:
        store: Where to look.
        experiment_ids: In which experiments.
        conditions: On the runs' tags.
        status: As MLflow has it, such as RUNNING; any if empty.
        view: Those that are not deleted, only deleted ones, or all.
        newest_first: Whether the run that began last comes first.
    """
    for start in range(0, len(experiment_ids), EXPERIMENTS):
        some = list(experiment_ids[start : start + EXPERIMENTS])
        if store.own is not None:
            options = {"status": status, "view": view, "newest_first": newest_first}
            yield from store.own.runs(some, conditions, **options)
        else:
            yield from pages(_search(store, some, conditions, status, view, newest_first))


def logged_models(store: Store, experiment_id: str, run_id: str) -> list[Any]:
    """Every logged model that a run made and that is not deleted."""
    if store.own is not None:
        return store.own.logged_models_of(experiment_id, run_id)
    return paging.logged_models(store.client, experiment_id, run_id)


def _search(
    store: Store,
    experiment_ids: list[str],
    conditions: Sequence[Tag],
    status: str,
    view: View,
    newest_first: bool,
) -> Callable[[str | None], Any]:
    texts = [str(tag) for tag in conditions]
    if status:
        texts.append(f"attributes.status = '{status}'")
    order = f"attributes.start_time {'DESC' if newest_first else 'ASC'}"
    return lambda token: store.client.search_runs(
        experiment_ids,
        " AND ".join(texts),
        run_view_type=_VIEWS[view],
        max_results=PAGE,
        order_by=[order],
        page_token=token,
    )
