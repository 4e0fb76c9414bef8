"""A study copied into an Optuna storage as it grows, for optuna-dashboard to look at.

MLflow stays the record: a storage that fails stops nothing, and what it lacks is added with the
next batch.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import optuna

Note = Callable[[str], None]


class Mirror:
    """Copies finished trials on a thread of its own; a sweep waits for it only at its end.

    Args:
        url: Of the storage, such as `postgresql+psycopg2://...`; None copies nothing.
        name: Of the study there.
        note: Told if the storage fails.
    """

    def __init__(self, url: str | None, name: str, note: Note) -> None:
        self.url, self.name, self.note = url, name, note
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="lrlab-mirror")
        self._copying: Future[None] | None = None
        self._latest: optuna.Study | None = None

    def __enter__(self) -> Mirror:
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        if kind is None and self._latest is not None:
            self._pool.submit(self._copy, self._latest)  # what came while a copy was being made
        self._pool.shutdown(wait=kind is None, cancel_futures=kind is not None)

    def update(self, study: optuna.Study) -> None:
        """Copy what is new, unless a copy is still being made."""
        if self.url is None:
            return
        self._latest = study
        if self._copying is None or self._copying.done():
            self._copying = self._pool.submit(self._copy, study)

    def _copy(self, study: optuna.Study) -> None:
        import optuna
        import sqlalchemy.exc

        try:
            copy = optuna.create_study(
                storage=self.url,
                study_name=self.name,
                direction=study.direction,
                load_if_exists=True,
            )
            there = len(copy.get_trials(deepcopy=False))
            copy.add_trials(study.get_trials(deepcopy=False)[there:])
        except (
            optuna.exceptions.OptunaError,
            sqlalchemy.exc.SQLAlchemyError,
            ImportError,
            ValueError,
        ) as error:
            self.note(f"the study could not be mirrored ({type(error).__name__})")
