"""The objective after every step of full-batch runs, read back from their histories.

With all rows in a batch, the loss of step k + 1, taken before its update, is the objective after
step k: so the recorded losses are the objective's curve at every step, not only at the about 60
at which it was evaluated.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa

from lrlab.track.artifacts import DamagedArtifact, fetched
from lrlab.track.histories import history_parts
from lrlab.track.read import batch_files
from lrlab.track.recorded import RecordedRun
from lrlab.track.store import Store
from lrlab.track.sweeps import SweepInfo, load_sweep_spec
from lrlab.train.artifacts import HISTORY_FILE
from lrlab.train.minibatches import batch_rows

MOST_NUMBERS = 2**27  # in memory, 1 GiB
OBJECTIVE = "train_objective"


def objective_per_step(
    store: Store,
    info: SweepInfo,
    runs: Sequence[RecordedRun],
    n_rows: int,
    most: int = MOST_NUMBERS,
) -> np.ndarray | None:
    """The objective of each run at its initial weights and after every step.

    Reads the histories of whole batches, a million rows at a time, and of other runs their own.
    From a local disk that takes 0.06 s for 300 runs of 1,000 steps and 0.3 s for 3,000, and beside
    the result about 50 MB. Histories that cannot be read are left out in silence, as
    `load_histories` has warned of them.

    Args:
        store: Where they are.
        info: The sweep.
        runs: Which runs.
        n_rows: Training rows; with folds those of the largest.
        most: Numbers that the result may hold.

    Returns:
        [r, steps + 1] float64, in the order of `runs`: column k is the objective after k updates;
        NaN after a run's end. None for runs in mini-batches, whose losses are of some rows only,
        and where there are too many numbers.

    Raises:
        LrlabError: If the store fails.
    """
    if batch_rows(n_rows, load_sweep_spec(store, info).train) < n_rows:
        return None
    steps = max((run.steps for run in runs), default=0)
    if len(runs) * (steps + 1) > most:
        return None
    found = np.full((len(runs), steps + 1), np.nan)
    row_of = {run.run_id: row for row, run in enumerate(runs)}
    _read_batches(found, store, info, row_of)
    for row in np.flatnonzero(np.isnan(found).all(1)):
        _read_own(found, store, info, runs[int(row)].run_id, int(row))
    return found


def _read_batches(
    found: np.ndarray, store: Store, info: SweepInfo, row_of: Mapping[str, int]
) -> None:
    for name in batch_files(store, info.run_id):
        with fetched(store, info.run_id, name, info.artifact_uri) as path:
            try:
                for part in history_parts(path, info.run_id, name, of_many=True):
                    run_ids = part.column("run_id")
                    rows = np.array(
                        [row_of.get(each, -1) for each in run_ids.dictionary.to_pylist()]
                    )
                    _fill(found, rows[run_ids.indices.to_numpy()], part)
            except DamagedArtifact:
                continue  # its runs have histories of their own


def _read_own(found: np.ndarray, store: Store, info: SweepInfo, run_id: str, row: int) -> None:
    try:
        with fetched(store, run_id, HISTORY_FILE, info.artifacts_of(run_id)) as path:
            for part in history_parts(path, run_id, HISTORY_FILE):
                _fill(found, np.full(len(part), row), part)
    except DamagedArtifact:
        found[row] = np.nan


def _fill(found: np.ndarray, rows: np.ndarray, part: pa.RecordBatch) -> None:
    """Put rows of histories in their place: a loss where its step began, then the run's end."""
    step = part.column("step").to_numpy()
    known = (rows >= 0) & (step >= 1) & (step < found.shape[1])
    rows, step = rows[known], step[known]
    if OBJECTIVE in part.schema.names:
        after = part.column(OBJECTIVE).to_numpy(zero_copy_only=False)[known]
        taken = ~np.isnan(after)
        found[rows[taken], step[taken]] = after[taken]
    found[rows, step - 1] = part.column("train_loss").to_numpy(zero_copy_only=False)[known]
