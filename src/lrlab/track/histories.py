"""Files of histories: a run's own, and those of all runs of a trial batch."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from lrlab.metrics import STEPPED
from lrlab.track.artifacts import DamagedArtifact

ROWS_AT_A_TIME = 2**20
_HISTORIES = pa.schema(
    [("run_id", pa.string()), ("step", pa.int64()), ("train_loss", pa.float64())]
    + [(name, pa.float64()) for name in STEPPED]
)


def history_writer(path: Path) -> pq.ParquetWriter:
    """A file of many histories, written table by table."""
    return pq.ParquetWriter(
        path, _HISTORIES, use_dictionary=["run_id"], write_statistics=["run_id"]
    )


def histories_table(histories: Sequence[tuple[str, Mapping[str, np.ndarray]]]) -> pa.Table:
    """Histories, given as columns, one below the other, each row with its run_id.

    A metric that a run never took is empty.
    """
    steps = [len(columns["step"]) for _, columns in histories]
    which = np.repeat(np.arange(len(histories), dtype=np.int32), steps)
    run_ids = pa.DictionaryArray.from_arrays(which, [run_id for run_id, _ in histories])
    found = [
        np.concatenate(
            [
                columns[name] if name in columns else np.full(count, np.nan)
                for (_, columns), count in zip(histories, steps, strict=True)
            ]
        )
        for name in _HISTORIES.names[1:]
    ]
    return pa.table([run_ids.cast(pa.string()), *found], schema=_HISTORIES)


def curves_file(batch: int) -> str:
    """Name of the file with all histories of one trial batch."""
    return f"batch-{batch:05d}.parquet"


def batch_of(name: str) -> int | None:
    """The trial batch whose histories a file holds, by its name; None if it is another file.

    lrlab 0.1.0 called such a file `cohort-00000.parquet`.
    """
    found = re.fullmatch(r"(?:batch|cohort)-(\d{5,9})\.parquet", name)
    return int(found[1]) if found else None


def by_batch(names: Iterable[str]) -> dict[int, str]:
    """Files of histories, one a trial batch, among others that a person may have put there.

    Where a batch has one under either name, the older one was damaged: the newer one counts.
    """
    oldest_first = sorted(names, reverse=True)
    return {
        batch: name for name in oldest_first if (batch := batch_of(Path(name).name)) is not None
    }


def corners(curve: Mapping[int, float]) -> list[tuple[int, float]]:
    """The points of a curve of steps between which it does not change, by increasing step."""
    points = sorted(curve.items())
    ends = {0, len(points) - 1}
    return [
        point
        for i, point in enumerate(points)
        if i in ends or not points[i - 1][1] == point[1] == points[i + 1][1]
    ]


def read_histories(
    path: Path, run_id: str, name: str, *, of_many: bool = False, every_step: bool = True
) -> pd.DataFrame:
    """A Parquet file of histories.

    Args:
        path: Where it is.
        run_id: Whose artifact it is.
        name: The artifact's name.
        of_many: Whether it holds several runs, with their ids as the column `run_id`.
        every_step: Every step; else only those at which the stepped metrics were taken.

    Raises:
        DamagedArtifact: If it is not whole, or holds something else.
    """
    dictionaries = ["run_id"] if of_many else []
    try:
        table = pq.read_table(path, read_dictionary=dictionaries)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise DamagedArtifact(run_id, name, "is not a whole Parquet file") from error
    if not _holds_histories(table.schema, of_many):
        raise DamagedArtifact(run_id, name, "holds no histories of runs")
    frame: pd.DataFrame = (table if every_step else _evaluated(table)).to_pandas()
    return frame


def _evaluated(table: pa.Table) -> pa.Table:
    """The rows in which a stepped metric is a number; without such metrics none."""
    keep = pa.array(np.zeros(len(table), dtype=bool))
    for name in STEPPED:
        if name in table.column_names:
            lacks = pc.is_null(table.column(name), nan_is_null=True)
            keep = pc.or_(keep, pc.invert(lacks))
    return table.filter(keep)


def history_parts(
    path: Path, run_id: str, name: str, *, of_many: bool = False
) -> Iterator[pa.RecordBatch]:
    """A Parquet file of histories, some rows at a time: see `read_histories`.

    Yields:
        run_id (if of many, a dictionary), step, train_loss and the objective, if it was taken.
    """
    wanted = ("run_id", "step", "train_loss", "train_objective")
    try:
        with pq.ParquetFile(path, read_dictionary=["run_id"] if of_many else []) as file:
            if not _holds_histories(file.schema_arrow, of_many):
                raise DamagedArtifact(run_id, name, "holds no histories of runs")
            columns = [column for column in wanted if column in file.schema_arrow.names]
            yield from file.iter_batches(ROWS_AT_A_TIME, columns=columns)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise DamagedArtifact(run_id, name, "is not a whole Parquet file") from error


def _holds_histories(found: pa.Schema, of_many: bool) -> bool:
    types = dict(zip(found.names, found.types, strict=True))
    floats = [types[name] for name in ("train_loss", *STEPPED) if name in types]
    return (
        pa.types.is_integer(types.get("step", pa.null()))
        and "train_loss" in types
        and all(pa.types.is_floating(each) for each in floats)
        and (not of_many or pa.types.is_dictionary(types.get("run_id", pa.null())))
    )
