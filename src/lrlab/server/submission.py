"""Sweeps handed to a server: what the server checks, and how they are queued.

The parent run in MLflow is the record. Its state goes from `arriving` (while its files are being
stored) to `queued`; the dispatcher makes it `running`, and from there `finished`, `failed` or
`cancelled`.
"""

from __future__ import annotations

import hashlib
import io
import re
import time
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

from lrlab.errors import UserError
from lrlab.scratch import scratch_folder
from lrlab.server.settings import Limits
from lrlab.spec import BlobsData, CsvData, ParquetData, SweepSpec, dump_spec, parse_dumped_spec
from lrlab.spec.names import refuse_names
from lrlab.spec.sources import TEST_ROWS
from lrlab.track import locks
from lrlab.track import mlflow_schema as schema
from lrlab.track.begun import find_begun
from lrlab.track.open_sweep import create_sweep, identity, refuse_if_run_elsewhere
from lrlab.track.store import Store, explained
from lrlab.track.sweeps import SweepInfo
from lrlab.track.writers.wire import DATA_FOLDER, PLACE


@dataclass(frozen=True)
class Table:
    """An uploaded file."""

    name: str
    content: bytes

    @property
    def place(self) -> str:
        """Its path below the sweep's artifacts: by content, so that the spec's digest has it."""
        return f"{DATA_FOLDER}/{hashlib.sha256(self.content).hexdigest()}/{self.name}"


@dataclass(frozen=True)
class Accepted:
    """A submitted sweep: its run, and whether it is `queued`, `running` or `finished` already."""

    run_id: str
    state: str


def with_uploaded_data(spec: SweepSpec) -> tuple[SweepSpec, Table | None]:
    """A spec that refers to its table as a server will have it, and the table.

    Raises:
        UserError: If the table cannot be read.
    """
    if not isinstance(spec.data, CsvData | ParquetData):
        return spec, None
    refuse_test_file(spec)
    path = spec.data.path
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: cannot read: {error.strerror or error} (data.path)") from None
    table = Table(re.sub(r"[^A-Za-z0-9_.-]", "-", path.name)[-100:].lstrip("."), content)
    data = spec.data.model_copy(update={"path": Path(table.place)})
    return spec.model_copy(update={"data": data}), table


def refuse_test_file(spec: SweepSpec) -> None:
    """Make sure that a sweep for a server needs one table only.

    Raises:
        UserError: If it has test rows in a file of their own.
    """
    if getattr(spec.data, "test", None) is not None:
        raise UserError(
            "data.test: a server takes one table a sweep; put the test rows into the table, with "
            "data.test_fraction or data.split, or run the sweep here with `lrlab sweep`"
        )


def reads_table(spec: SweepSpec) -> bool:
    """Whether a sweep trains on a file."""
    return isinstance(spec.data, CsvData | ParquetData)


def accept(
    store: Store,
    experiment_id: str,
    text: str,
    table: Table | None,
    *,
    user: str,
    new: bool,
    limits: Limits,
    root: str,
) -> Accepted:
    """Queue a sweep, or resume the one that its spec began.

    Args:
        store: The server's own.
        experiment_id: The experiment that the user may write to.
        text: The spec, as `dump_spec` wrote it.
        table: The uploaded table, if the spec has one.
        user: Who signed in.
        new: Queue another, even if there is one of that spec.
        limits: The operator's.
        root: Where the experiment's artifacts are kept.

    Raises:
        UserError: If spec or table cannot be used here; nothing is written then.
        LrlabError: If somebody runs this sweep, or the store fails.
    """
    spec = parse_dumped_spec(text)
    refuse_names(spec)
    with explained(store.uri):
        name = store.client.get_experiment(experiment_id).name
    if spec.experiment_name != name:
        raise UserError(
            f"the spec belongs to the experiment {spec.experiment_name!r}, not {name!r}"
        )
    check_data(spec, table)
    check_limits(spec, table, limits)
    with locks.turn(store.uri, identity(spec)):
        info = None if new else find_begun(store, spec)
        if info is not None:
            if _in_hand(info):
                return Accepted(info.run_id, info.state)
            refuse_if_run_elsewhere(store, info)
            if info.state == schema.FINISHED and info.trials >= spec.n_trials:
                return Accepted(info.run_id, schema.FINISHED)
        tags = {
            schema.STATE: schema.ARRIVING,
            schema.SUBMITTED_BY: user,
            schema.TRIALS: str(spec.n_trials),
            schema.SUBMITTED_AT: f"{time.time():.3f}",
            schema.SPENT: "0",
        }
        if info is None:
            info = create_sweep(store, spec, user, tags)
        return _queue(store, info, spec, table, tags, root)


def _in_hand(info: SweepInfo) -> bool:
    submitted = schema.SUBMITTED_BY in info.tags
    return submitted and info.tags.get(schema.STATE) in (schema.QUEUED, schema.RUNNING)


def _queue(
    store: Store,
    info: SweepInfo,
    spec: SweepSpec,
    table: Table | None,
    tags: dict[str, str],
    root: str,
) -> Accepted:
    """Store the sweep's files and put it into the queue, in this order."""
    run_id = info.run_id
    with explained(store.uri):
        store.log(run_id, tags=tags)
        with scratch_folder() as folder:
            (folder / schema.SPEC_FILE).write_text(dump_spec(spec), "utf-8")
            if table is not None:
                file = folder / table.place
                file.parent.mkdir(parents=True)
                file.write_bytes(table.content)
            get_artifact_repository(f"{root}/{run_id}/artifacts").log_artifacts(str(folder))
        for tag in (schema.CANCEL, schema.REASON):
            if tag in info.tags:
                store.client.delete_tag(run_id, tag)
        store.client.update_run(run_id, status="SCHEDULED")
        store.client.set_tag(run_id, schema.STATE, schema.QUEUED)
    return Accepted(run_id, schema.QUEUED)


def check_data(spec: SweepSpec, table: Table | None) -> None:
    """Make sure that a spec's table came with it: a server reads no file of its own.

    Raises:
        UserError: If it names another file, or came with none, or leaves open how the rows are
            divided, and so how many runs there will be.
    """
    _check_table(spec, table)
    if not spec.is_divided:
        raise UserError(
            "the spec leaves open how the rows are divided; `lrlab submit` writes it out, or set "
            "data.folds, or data.val_fraction and data.test_fraction"
        )


def _check_table(spec: SweepSpec, table: Table | None) -> None:
    if not isinstance(spec.data, CsvData | ParquetData):
        if table is not None:
            raise UserError(f"a table was uploaded, but data.source is {spec.data.source}")
        return
    refuse_test_file(spec)
    path = str(spec.data.path)
    if not PLACE.fullmatch(path):
        raise UserError(
            f"data.path {path!r} names a file on the server, which is not read; `lrlab submit` "
            "uploads the table"
        )
    if table is None:
        raise UserError(f"data.path {path!r}: the table was not uploaded")
    if table.place != path:
        raise UserError(f"data.path {path!r}: another table was uploaded, {table.place!r}")


def check_limits(spec: SweepSpec, table: Table | None, limits: Limits) -> None:
    """Make sure that a sweep asks for no more than the operator allows.

    Raises:
        UserError: If it does; the message names the limit.
    """
    rows = 0
    if isinstance(spec.data, BlobsData):
        rows = sum(spec.data.sizes) + sum(spec.data.val_sizes)
        rows += max(0, sum(spec.data.test_sizes) - 2 * TEST_ROWS)  # the usual ones cost nothing
    elif table is not None:
        if len(table.content) > limits.upload_bytes:
            raise UserError(
                f"the table has {len(table.content) / 2**20:.0f} MiB; this server takes at most "
                f"{limits.upload_mb}"
            )
        rows = count_rows(spec, table)
    for asked, most, what in (
        (spec.n_runs, limits.trials, "runs (trials x replicates)"),
        (rows, limits.rows, "rows"),
    ):
        if asked > most:
            raise UserError(f"the sweep asks for {asked:,} {what}; this server allows {most:,}")


def count_rows(spec: SweepSpec, table: Table) -> int:
    """Rows of a table; of a CSV file at most, as a field may hold a line break."""
    if isinstance(spec.data, CsvData):
        return table.content.count(b"\n")
    try:
        return int(pq.ParquetFile(io.BytesIO(table.content)).metadata.num_rows)
    except (pa.ArrowException, OSError) as error:
        raise UserError(f"{table.name}: is not a Parquet file that can be read: {error}") from None
