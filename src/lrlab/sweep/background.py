"""Recording beside the training: one write at a time, in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from lrlab.sweep.progress import Progress, after, progress_of
from lrlab.track import RecordedRun, Recorder
from lrlab.track.recorded import as_recorded
from lrlab.train import Finished

WAITING = 4  # groups of runs that may wait to be written, so that memory stays bounded
Key = tuple[int, int]


class Background:
    """Writes to the store while the next runs train; one write at a time, in order.

    Attributes:
        results: Every run that is recorded or about to be, by (trial, replicate).
    """

    def __init__(
        self, recorder: Recorder, resumed: int, on_progress: Callable[[Progress], None]
    ) -> None:
        self.recorder, self.on_progress = recorder, on_progress
        self.results: dict[Key, RecordedRun] = dict(recorder.runs)
        self._progress = progress_of(recorder, resumed)
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="lrlab-write")
        self._pending: deque[tuple[Future[None], Finished]] = deque()

    def __enter__(self) -> Background:
        self.on_progress(self._progress)
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        try:
            self._wait(0)
        except BaseException:
            if kind is None:  # else the first failure is the news
                raise
        finally:
            self._pool.shutdown(cancel_futures=True)

    def record(self, finished: Finished) -> None:
        """Hand over finished runs; waits if too much is waiting already."""
        self.results |= {run.key: as_recorded(run, t, "") for run, t in finished}
        self._pending.append((self._pool.submit(self.recorder.record, finished), finished))
        self._wait(WAITING)

    def close_batch(self, index: int, keys: Sequence[Key], best: dict[int, float]) -> None:
        """Hand over the end of a batch."""
        job = self._pool.submit(self.recorder.close_batch, index, keys, best)
        self._pending.append((job, []))
        self._wait(WAITING)

    def _wait(self, most: int) -> None:
        """Take note of what is written, until at most so many jobs are waiting."""
        while self._pending and (len(self._pending) > most or self._pending[0][0].done()):
            job, finished = self._pending.popleft()
            job.result()
            for run, _ in finished:
                self.results[run.key] = self.recorder.runs[run.key]  # one in memory is enough
                self._progress = after(self._progress, self.recorder, run.key)
                self.on_progress(self._progress)
