"""Searches that give everything: MLflow answers in pages."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from mlflow.entities import Experiment, ViewType
from mlflow.entities import Run as MlflowRun

from lrlab.track.store import Store

PAGE = 1000
EXPERIMENTS = 1000  # of one search for runs, as each is a variable of the statement


def all_experiments(store: Store) -> list[Experiment]:
    """Every experiment that is not deleted."""

    def ask(token: str | None) -> Any:
        return store.client.search_experiments(
            view_type=ViewType.ACTIVE_ONLY, max_results=PAGE, page_token=token
        )

    return list(_pages(ask))


def all_runs(
    store: Store,
    experiment_ids: Sequence[str],
    condition: str,
    order_by: str | None = None,
    view: str = ViewType.ACTIVE_ONLY,
) -> Iterator[MlflowRun]:
    """Every run that is in view and meets a condition; in order within 1,000 experiments.

    Args:
        store: Where to look.
        experiment_ids: In which experiments.
        condition: In MLflow's language of filters.
        order_by: Such as `attributes.start_time ASC`.
        view: Those that are not deleted, only deleted ones, or all.
    """

    def ask_in(some: list[str]) -> Callable[[str | None], Any]:
        return lambda token: store.client.search_runs(
            some,
            condition,
            run_view_type=view,
            max_results=PAGE,
            order_by=[order_by] if order_by else None,
            page_token=token,
        )

    for start in range(0, len(experiment_ids), EXPERIMENTS):
        yield from _pages(ask_in(list(experiment_ids[start : start + EXPERIMENTS])))


def _pages(ask: Callable[[str | None], Any]) -> Iterator[Any]:
    """What the pages hold, from the first to the last; a page may be empty before the last."""
    token = None
    while True:
        page = ask(token)
        yield from page
        token = page.token
        if not token:
            return
