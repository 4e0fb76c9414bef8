"""Which recorded sweep a spec is: the one with its settings, on its data.

The path of a table has no part in it, so the same file under another name, or from another
folder, is the same sweep; a changed file is another.
"""

from __future__ import annotations

from lrlab.spec import BlobsData, Data, SearchSpec, SweepSpec
from lrlab.spec.digest import digest_by_path, settings_digest
from lrlab.spec.model import usual_batch
from lrlab.track import mlflow_schema as schema
from lrlab.track.entities import Tag
from lrlab.track.store import Store, explained
from lrlab.track.sweeps import SweepInfo, list_sweeps, lost_sweeps


def find_begun(store: Store, spec: SweepSpec, data: str | None = None) -> SweepInfo | None:
    """The latest sweep of a spec in its experiment, however many trials it was asked for.

    Args:
        store: Where to look.
        spec: What to run.
        data: `Problem.digest()`: a sweep that began on other data is none of this spec.
    """
    begun = sweeps_of(store, spec)
    return next((info for info in begun if data is None or _is_on(info, data)), None)


def why_another(store: Store, spec: SweepSpec, data: str | None = None) -> str:
    """Why a spec begins another sweep although one of its settings is there; empty if none is.

    Args:
        store: Where to look.
        spec: What to run, of which `find_begun` found no sweep.
        data: `Problem.digest()`, if it is known.
    """
    for info in sweeps_of(store, spec):
        if info.tags[schema.SPEC_DIGEST] == spec.digest():
            return (
                f"the data are read otherwise than when the sweep {_called(info)} (by another "
                "version of lrlab or its libraries), so this is another sweep"
            )
        return _changed(info)
    for info in _recorded_as(store, spec, schema.SETTINGS_DIGEST, settings_digest(spec)):
        if data is None or not _is_on(info, data):
            return _changed(info)
    before, keys = _before_test_rows(spec)
    if keys and (begun := sweeps_of(store, before)):
        return (
            f"the sweep {_called(begun[0])} divided its rows as lrlab did when it had no test "
            f"rows, so this is another sweep; {keys} would continue that one"
        )
    lost = lost_sweeps(store, Tag(schema.SPEC_DIGEST, spec.digest()))
    return f"this sweep was begun as {lost[0]}, which is no sweep any more" if lost else ""


def _before_test_rows(spec: SweepSpec) -> tuple[SweepSpec, str]:
    """The same as lrlab 0.1.0 took it, and the keys that say so; none if they are said."""
    data, search = spec.data, spec.search
    if isinstance(data, BlobsData):
        keys = "data.test_sizes: [0, 0]" if any(data.test_sizes) else ""
        return _with(spec, data.model_copy(update={"test_sizes": (0, 0)}), search), keys
    open_keys = spec.auto or ()
    if not open_keys and (data.folds or not data.test_fraction):
        return spec, ""
    old = data.model_copy(update={"test_fraction": 0.0, "folds": None})
    if not open_keys:
        return _with(spec, old, search), "data.test_fraction: 0"
    old = old.model_copy(update={"val_fraction": 0.25})
    if "search.replicates" in open_keys:
        search = search.model_copy(update={"replicates": 1})
    if "search.batch" in open_keys:
        batch = usual_batch(search.sampler, search.replicates)
        search = search.model_copy(update={"batch": batch})
    return _with(spec, old, search), "data.val_fraction: 0.25 and data.test_fraction: 0"


def _with(spec: SweepSpec, data: Data, search: SearchSpec) -> SweepSpec:
    return spec.model_copy(update={"data": data, "search": search, "auto": None})


def sweeps_of(store: Store, spec: SweepSpec) -> list[SweepInfo]:
    """Sweeps with the digest of a spec, the latest first; then those of lrlab 0.1.0."""
    digests = dict.fromkeys((spec.digest(), digest_by_path(spec)))
    return [
        info
        for digest in digests
        for info in _recorded_as(store, spec, schema.SPEC_DIGEST, digest)
    ]


def _recorded_as(store: Store, spec: SweepSpec, tag: str, digest: str) -> list[SweepInfo]:
    found = list_sweeps(store, Tag(tag, digest))
    named = [info for info in found if info.experiment == spec.experiment_name]
    if named or not found or _has_experiment(store, spec.experiment_name):
        return named
    # The experiment's name is part of the digest, so somebody has renamed it since.
    return [info for info in found if store.user in (None, info.owner)]


def _has_experiment(store: Store, name: str) -> bool:
    with explained(store.uri):
        return store.client.get_experiment_by_name(name) is not None


def _is_on(info: SweepInfo, data: str) -> bool:
    return info.tags.get(schema.DATA_DIGEST, data) == data


def _called(info: SweepInfo) -> str:
    return f"{info.name!r} began on {info.started.astimezone():%Y-%m-%d %H:%M}"


def _changed(info: SweepInfo) -> str:
    return f"the data changed since the sweep {_called(info)}, so this is another sweep"
