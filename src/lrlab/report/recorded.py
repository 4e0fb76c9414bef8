"""What a finished sweep has recorded of its report, read without what it takes to make one."""

from __future__ import annotations

from lrlab.notes import note
from lrlab.report.analysis.answer import VERDICT_FILE, Verdict
from lrlab.report.text.record import verdict_of
from lrlab.track import mlflow_schema as schema
from lrlab.track.read import read_text
from lrlab.track.store import Store
from lrlab.track.sweeps import SweepInfo


def read_verdict(store: Store, info: SweepInfo) -> Verdict | None:
    """A finished sweep's verdict as it recorded it; None if it did not, or it cannot be read."""
    name = f"{schema.REPORT_FOLDER}/{VERDICT_FILE}"
    text = read_text(store, info.run_id, name, info.artifact_uri)
    try:
        return None if text is None else verdict_of(text)
    except ValueError:
        note(f"{VERDICT_FILE} of {info.name} cannot be read")
        return None
