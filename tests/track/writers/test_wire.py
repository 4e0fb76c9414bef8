"""A trial batch as a document: what is sent arrives, and what MLflow would refuse is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrlab.errors import UserError
from lrlab.track import mlflow_schema as schema
from lrlab.track.mlflow_schema import RunRecord
from lrlab.track.writers import wire

PARENT = "0" * 32
WHO = {schema.PARENT: PARENT, "mlflow.user": "me"}


def record(**changes: Any) -> RunRecord:
    """A run with one curve and one file."""
    parts: dict[str, Any] = {
        "run_id": "a" * 32,
        "name": "run",
        "tags": WHO,
        "params": {"lr": "0.1"},
        "points": [("loss", 1.0, 1), ("loss", 0.5, 2)],
        "latest": [("loss", 0.5, 2)],
        "began": 1_700_000_000_000,
        "ended": 1_700_000_001_500,
        "files": lambda: [("weights.pt", b"\x00\xff")],
    }
    return RunRecord(**(parts | changes))


def sent(*records: RunRecord) -> bytes:
    """Records as a request carries them."""
    return json.dumps(wire.document("7", PARENT, [wire.encode(r) for r in records])).encode()


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["loss", "val loss", "a/b.c"]),
            st.floats(allow_nan=False, allow_infinity=False),
            st.integers(-(2**63), 2**63 - 1),
        ),
        max_size=20,
    ),
    st.binary(max_size=50),
)
def test_what_is_sent_arrives(points: list[schema.Point], file: bytes) -> None:
    run = record(points=points, files=lambda: [("weights.pt", file)])
    document, [arrived] = wire.decode(sent(run))
    assert (document.experiment_id, document.parent) == ("7", PARENT)
    assert list(arrived.points) == list(dict.fromkeys(points))
    assert dict(arrived.files()) == {"weights.pt": file}
    assert (arrived.run_id, arrived.name, arrived.tags, arrived.params) == (
        run.run_id, run.name, run.tags, run.params
    )  # fmt: skip


def test_the_latest_point_is_the_one_of_the_last_step_the_larger_of_two() -> None:
    points = [("a", 9.0, 1), ("a", 1.0, 3), ("a", 2.0, 3), ("b", 5.0, 0), ("a", 7.0, 2)]
    _, [arrived] = wire.decode(sent(record(points=points)))
    assert sorted(arrived.latest) == [("a", 2.0, 3), ("b", 5.0, 0)]


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"run_id": "../x"}, "id"),
        ({"name": ""}, "name"),
        ({"tags": {}}, "parent"),
        ({"tags": WHO | {"bad#key": "x"}}, "bad#key"),
        ({"params": {"lr": "x" * 7000}}, "params"),
        ({"params": {"../lr": "1"}}, "../lr"),
        ({"points": [("loss", float("nan"), 1)]}, "read"),
        ({"points": [("loss", 1.0, 2**63)]}, "points"),
        ({"files": lambda: [("..", b"")]}, "'..'"),
        ({"files": lambda: [("a/b", b"")]}, "a/b"),
        ({"files": lambda: [(".hidden", b"")]}, ".hidden"),
    ],
)
def test_what_mlflow_would_refuse_is_refused(changes: dict[str, Any], word: str) -> None:
    with pytest.raises(UserError) as refusal:
        wire.decode(sent(record(**changes)))
    assert word in str(refusal.value)
