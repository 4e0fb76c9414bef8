"""Answers that MLflow gives in pages, read to their end; nothing is imported that takes long."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any


def pages(ask: Callable[[str | None], Any]) -> Iterator[Any]:
    """What the pages hold, from the first to the last; a page may be empty before the last.

    Args:
        ask: A page by its token; the first one's is None.
    """
    token = None
    while True:
        page = ask(token)
        yield from page
        token = page.token
        if not token:
            return


def logged_models(client: Any, experiment_id: str, run_id: str) -> list[Any]:
    """Every model that was logged from a run.

    Args:
        client: MLflow's.
        experiment_id: The experiment of the run.
        run_id: The run.
    """
    condition = f"source_run_id = '{run_id}'"
    return list(
        pages(
            lambda token: client.search_logged_models(
                [experiment_id], filter_string=condition, page_token=token
            )
        )
    )
