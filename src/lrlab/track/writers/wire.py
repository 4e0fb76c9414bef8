"""A trial batch of finished runs as one JSON document: what client and team server agree on.

The server's side trusts nothing: what MLflow's own API would refuse is refused here too.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from lrlab.errors import UserError
from lrlab.track import mlflow_schema as schema
from lrlab.track.mlflow_schema import Point, RunRecord

FORMAT = 2
API = "/api/2.0/lrlab"
INFO, RUNS, SWEEPS = f"{API}/info", f"{API}/runs", f"{API}/sweeps"
MOST_RUNS = 4096  # in one document
MOST_POINTS = 25_000  # of one run
FILE = r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,99}"  # no folder, no hidden file, no `..`
DATA_FOLDER = "data"
# Where an uploaded table lies below its sweep's artifacts: folder, SHA-256, name.
PLACE = re.compile(rf"{DATA_FOLDER}/[0-9a-f]{{64}}/{FILE}")

RunId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
Key = Annotated[str, StringConstraints(min_length=1, max_length=schema.MOST_OF_A_KEY)]
Number = Annotated[float, Field(allow_inf_nan=False)]
Time = Annotated[int, Field(ge=0, lt=2**53)]
Step = Annotated[int, Field(ge=-(2**63), lt=2**63)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class SentRun(_Part):
    """One run; files as base64."""

    id: RunId
    name: Annotated[str, StringConstraints(min_length=1, max_length=schema.MOST_OF_A_KEY)]
    tags: dict[Key, Annotated[str, StringConstraints(max_length=schema.MOST_OF_A_TAG)]]
    params: dict[Key, Annotated[str, StringConstraints(max_length=schema.MOST_OF_A_PARAM)]]
    points: Annotated[list[tuple[Key, Number, Step]], Field(max_length=MOST_POINTS)]
    began: Time
    ended: Time
    files: dict[str, str]


class SentRuns(_Part):
    """A trial batch, or a part of one: recorded as a whole or not at all."""

    format: int
    experiment_id: Annotated[str, StringConstraints(pattern=r"^[0-9]{1,18}$")]
    parent: RunId
    runs: Annotated[list[SentRun], Field(min_length=1, max_length=MOST_RUNS)]


def encode(record: RunRecord) -> dict[str, Any]:
    """A record as JSON values."""
    return {
        "id": record.run_id,
        "name": record.name,
        "tags": dict(record.tags),
        "params": dict(record.params),
        "points": record.points,
        "began": record.began,
        "ended": record.ended,
        "files": {name: base64.b64encode(c).decode("ascii") for name, c in record.files()},
    }


def document(experiment_id: str, parent: str, runs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Encoded runs as what a request carries."""
    return {"format": FORMAT, "experiment_id": experiment_id, "parent": parent, "runs": runs}


def decode(body: bytes) -> tuple[SentRuns, list[RunRecord]]:
    """What a request carries, checked.

    Raises:
        UserError: If it is no such document, or has what MLflow does not take.
    """
    try:
        sent = SentRuns.model_validate_json(body)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the document"
        raise UserError(f"the runs cannot be read: {place}: {first['msg']}") from None
    if sent.format != FORMAT:
        raise UserError(f"the runs are in format {sent.format}; this server reads {FORMAT}")
    if len({run.id for run in sent.runs}) < len(sent.runs):
        raise UserError("the runs cannot be recorded: two have the same id")
    _check_names(sent)
    return sent, [_record(run, sent.parent) for run in sent.runs]


def _check_names(sent: SentRuns) -> None:
    """Names as MLflow permits them; each of the few different ones is checked once."""
    from mlflow.exceptions import MlflowException
    from mlflow.utils.validation import _validate_metric_name

    names = {key for run in sent.runs for key in (*run.tags, *run.params)}
    names |= {name for run in sent.runs for name, _, _ in run.points}
    try:
        for name in names:
            _validate_metric_name(name)
    except MlflowException as error:
        raise UserError(f"the runs cannot be recorded: {error.message}") from None
    for file in {name for run in sent.runs for name in run.files}:
        if not re.fullmatch(FILE, file):
            raise UserError(
                f"the runs cannot be recorded: {file!r} is not the name of an artifact"
            )


def _record(run: SentRun, parent: str) -> RunRecord:
    if run.tags.get(schema.PARENT) != parent or "mlflow.user" not in run.tags:
        raise UserError(f"the runs cannot be recorded: {run.name!r} lacks its parent or its user")
    points = list(dict.fromkeys(run.points))  # MLflow holds equal points once
    latest: dict[str, Point] = {}
    for point in points:
        name, value, step = point
        if name not in latest or (step, value) > (latest[name][2], latest[name][1]):
            latest[name] = point
    try:
        files = {name: base64.b64decode(text, validate=True) for name, text in run.files.items()}
    except binascii.Error:
        raise UserError(
            f"the runs cannot be recorded: a file of {run.name!r} is not base64"
        ) from None
    return RunRecord(
        run_id=run.id,
        name=run.name,
        tags={key: value for key, value in run.tags.items() if key != "mlflow.runName"},
        params=run.params,
        points=points,
        latest=list(latest.values()),
        began=min(run.began, run.ended),
        ended=run.ended,
        files=lambda: files.items(),
    )
