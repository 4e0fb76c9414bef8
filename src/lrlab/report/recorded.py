"""What a finished sweep has recorded of its report, read without what it takes to make one.

A sweep that ends writes its report beside what it was made of: a digest of the record, of lrlab's
own code and of the versions of the libraries. As long as all of that is the same, the report would
be the same, too, and `lrlab report` hands out the recorded one. Not that of a server, nor of a
folder that others may write: they could have put anything into a page.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from lrlab.cache import is_own
from lrlab.notes import note
from lrlab.report.analysis.answer import VERDICT_FILE, Verdict
from lrlab.report.text.record import verdict_of
from lrlab.track import mlflow_schema as schema
from lrlab.track.address import local_folder
from lrlab.track.artifacts import DamagedArtifact, fetched
from lrlab.track.read import read_text, recorded_runs
from lrlab.track.recorded import RecordedRun
from lrlab.track.store import Store, explained
from lrlab.track.sweeps import SweepInfo

MADE_FILE = "made.json"  # in the report's folder: what the report was made of, and its files
LIBRARIES = (
    *("numpy", "pandas", "scipy", "scikit-learn", "optuna", "torch", "altair"),
    *("vl-convert-python", "jinja2"),
)
TAGS = (schema.DATA, schema.DATA_DIGEST, schema.VERSIONS, schema.SETTINGS_DIGEST)
FORMATS = ("html", "csv")  # that a sweep records
NEEDED = ("report.html", "summary.csv", VERDICT_FILE)


def read_verdict(store: Store, info: SweepInfo) -> Verdict | None:
    """A finished sweep's verdict as it recorded it; None if it did not, or it cannot be read."""
    name = f"{schema.REPORT_FOLDER}/{VERDICT_FILE}"
    text = read_text(store, info.run_id, name, info.artifact_uri)
    try:
        return None if text is None else verdict_of(text)
    except ValueError:
        note(f"{VERDICT_FILE} of {info.name} cannot be read")
        return None


def describe_made(
    store: Store, info: SweepInfo, runs: Sequence[RecordedRun], paths: Sequence[Path]
) -> str:
    """What goes into `MADE_FILE` beside a report's files, as JSON."""
    files = {path.name: _sha(path.read_bytes()) for path in paths}
    made = {"of": made_of(store, info, runs), "runs": _digest(_of_runs(runs)), "files": files}
    return json.dumps(made, indent=1)


def has_changed(store: Store, info: SweepInfo, runs: Iterable[RecordedRun]) -> bool:
    """Whether a finished sweep's runs are not those that its verdict was made of."""
    made = _made(store, info)
    return made is not None and made.runs not in ("", _digest(_of_runs(runs)))


def recorded_report(store: Store, info: SweepInfo) -> dict[str, bytes] | None:
    """The files of a finished sweep's report: page, tables as CSV, verdict.

    None if there is none that can be trusted, or another would be made today.
    """
    ours = info.state == schema.FINISHED and _is_ours(store, info)
    made = _made(store, info) if ours else None
    if made is None or made.of != made_of(store, info, recorded_runs(store, info)):
        return None
    found = {name: _content(store, info, name) for name in made.files}
    whole = all(_sha(content) == made.files[name] for name, content in found.items())
    return found if whole and set(NEEDED) <= found.keys() else None


def _is_ours(store: Store, info: SweepInfo) -> bool:
    """Whether nobody but the user can have put anything into the report's folder."""
    place = None if store.is_server else local_folder(info.artifact_uri)
    if place is None:
        return False
    folder = place / schema.REPORT_FOLDER
    try:
        return is_own(folder) and all(map(is_own, folder.iterdir()))
    except OSError:
        return False


def of_formats(files: Mapping[str, bytes], formats: Collection[str]) -> dict[str, bytes]:
    """Those of the files of a recorded report that are of some of the `FORMATS`; the verdict is
    always among them."""
    endings = (*(f".{each}" for each in formats), VERDICT_FILE)
    return {name: content for name, content in files.items() if name.endswith(endings)}


def made_of(store: Store, info: SweepInfo, runs: Iterable[RecordedRun]) -> str:
    """A digest of all that a finished sweep's report depends on; its table is in the record by
    its own digest."""
    return _digest(_parts(store, info, runs))


def _digest(parts: Iterable[object]) -> str:
    sha = hashlib.sha256()
    for part in parts:
        sha.update(repr(part).encode())
    return sha.hexdigest()


def _parts(store: Store, info: SweepInfo, runs: Iterable[RecordedRun]) -> Iterator[object]:
    yield from (_code(), [(name, _version(name)) for name in LIBRARIES], store.shown)
    yield (info.run_id, info.name, info.experiment_id, info.experiment, info.started)
    yield [(tag, info.tags.get(tag)) for tag in TAGS], info.baseline, info.replicates
    for name in (schema.SPEC_FILE, schema.OPTIMA_FILE, schema.COLUMNS_FILE):
        yield name, read_text(store, info.run_id, name, info.artifact_uri)
    with explained(store.uri):
        curves = store.client.list_artifacts(info.run_id, schema.CURVES_FOLDER)
    yield sorted((file.path, file.file_size) for file in curves)
    yield from _of_runs(runs)


def _of_runs(runs: Iterable[RecordedRun]) -> Iterator[object]:
    for run in runs:
        yield run.run_id, run.trial, run.replicate, run.outcome, run.steps, run.diverged_at
        yield sorted(run.params.items()), sorted(run.latest.items())


def _code() -> str:
    """A digest of lrlab itself, so that no other version's report is handed out."""
    sha, root = hashlib.sha256(), Path(__file__).parents[1]
    for path in sorted(root.rglob("*.*")):
        if path.suffix in (".py", ".js", ".css", ".html"):
            sha.update(str(path.relative_to(root)).encode() + path.read_bytes())
    return sha.hexdigest()


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


@dataclass(frozen=True)
class _Made:
    """The content of `MADE_FILE`: digests of what a report was made of, of its runs alone (empty
    where it is not recorded), and of its files."""

    of: str
    runs: str
    files: Mapping[str, str]


def _made(store: Store, info: SweepInfo) -> _Made | None:
    """None if there is none of use."""
    name = f"{schema.REPORT_FOLDER}/{MADE_FILE}"
    try:
        content = json.loads(read_text(store, info.run_id, name, info.artifact_uri) or "")
        files = {str(k): str(v) for k, v in content["files"].items()}
        made = _Made(str(content["of"]), str(content.get("runs", "")), files)
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
    return made if all(map(_is_plain, made.files)) else None


def _is_plain(name: str) -> bool:
    """Whether it names a file in the report's own folder."""
    return name == Path(name).name and not name.startswith(".")


def _content(store: Store, info: SweepInfo, name: str) -> bytes:
    try:
        artifact = f"{schema.REPORT_FOLDER}/{name}"
        with fetched(store, info.run_id, artifact, info.artifact_uri) as path:
            return path.read_bytes()
    except DamagedArtifact:
        return b""


def _sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
