"""Which recorded sweep a spec is: the one with its settings, on its data.

The path of a table has no part in it, so the same file under another name, or from another
folder, is the same sweep; a changed file is another.
"""

from __future__ import annotations

from lrlab.spec import SweepSpec
from lrlab.spec.digest import digest_by_path, settings_digest
from lrlab.track import mlflow_schema as schema
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
    lost = lost_sweeps(store, f"tags.`{schema.SPEC_DIGEST}` = '{spec.digest()}'")
    return f"this sweep was begun as {lost[0]}, which is no sweep any more" if lost else ""


def sweeps_of(store: Store, spec: SweepSpec) -> list[SweepInfo]:
    """Sweeps with the digest of a spec, the latest first; then those of lrlab 0.1.0."""
    digests = dict.fromkeys((spec.digest(), digest_by_path(spec)))
    return [
        info
        for digest in digests
        for info in _recorded_as(store, spec, schema.SPEC_DIGEST, digest)
    ]


def _recorded_as(store: Store, spec: SweepSpec, tag: str, digest: str) -> list[SweepInfo]:
    found = list_sweeps(store, f"tags.`{tag}` = '{digest}'")
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
