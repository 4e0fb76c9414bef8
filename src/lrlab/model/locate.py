"""Finding a model's numbers: of a sweep, in MLflow's registry, or in a folder.

Predicting takes numbers and a table: torch is not imported here, nor MLflow for what lies on this
machine.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lrlab.errors import LrlabError, UserError
from lrlab.model import predictor
from lrlab.scratch import scratch_folder
from lrlab.track import mlflow_schema as schema
from lrlab.track.address import local_folder, resolve_uri, sqlite_path
from lrlab.track.location import present
from lrlab.track.pages import logged_models
from lrlab.track.store import Store, connect, explained
from lrlab.track.sweeps import find_sweep

NUMBERS_PATH = "artifacts/model.json"
FORMAT = 1


def load_numbers(wanted: str, tracking_uri: str | None = None) -> dict[str, Any]:
    """The numbers of a model, as `lrlab.model.predictor.predict` takes them.

    Args:
        wanted: `models:/...`, `runs:/...`, a folder that holds a model of MLflow's, or a sweep:
            its name (the latest, if several), its run id, or the first characters of that.
        tracking_uri: The store; as MLflow resolves it if None.

    Raises:
        UserError: If there is no such sweep, or no store.
        LrlabError: If the store fails, or the model is not one that this lrlab reads.
    """
    if (Path(wanted) / "MLmodel").is_file():
        return _read(Path(wanted) / NUMBERS_PATH, wanted)
    uri = resolve_uri(tracking_uri)
    _refuse_missing_database(uri)
    if ":/" in wanted:
        return _download(f"{wanted}/{NUMBERS_PATH}", uri, wanted)
    return _of_sweep(connect(uri), wanted)


def _refuse_missing_database(uri: str) -> None:
    """To look for a model, no database is made."""
    path = sqlite_path(uri)
    if path is not None and not path.is_file():
        raise UserError(
            f"no store {path}; name the one with the sweep by --tracking-uri or "
            "MLFLOW_TRACKING_URI"
        )


def _of_sweep(store: Store, wanted: str) -> dict[str, Any]:
    info = find_sweep(store, wanted)
    with explained(store.uri):
        models = logged_models(store, info.experiment_id, info.run_id)
    best = info.tags.get(schema.BEST_RUN)
    ours = [model for model in models if schema.MODEL in model.tags]
    found = [model for model in ours if model.tags[schema.MODEL] == best] or ours
    if not found:
        raise UserError(
            f"the sweep {wanted!r} has no model that this lrlab reads: it is not finished, no run "
            "stayed finite, or lrlab 0.1 logged it (then train again with lrlab sweep --new)"
        )
    place = present(store.moved, found[0].artifact_location)
    here = None if store.is_server else local_folder(place)
    if here is not None:
        return _read(here / NUMBERS_PATH, wanted)
    return _download(f"{place}/{NUMBERS_PATH}", store.uri, wanted)


def _download(place: str, uri: str, wanted: str) -> dict[str, Any]:
    import mlflow
    from mlflow.exceptions import MlflowException

    with scratch_folder() as folder:
        try:
            path = mlflow.artifacts.download_artifacts(
                artifact_uri=place, dst_path=str(folder), tracking_uri=uri
            )
        except OSError as error:
            raise LrlabError(
                f"the model {wanted!r} cannot be loaded: {error}; a model that lrlab 0.1 logged "
                f"has no {NUMBERS_PATH}: train again with lrlab sweep --new"
            ) from error
        except (MlflowException, ValueError) as error:  # the latter: an address of another kind
            reason = (str(error).splitlines() or [type(error).__name__])[0].rstrip(":")
            moved = "; if this folder was moved or copied, `lrlab doctor --fix` mends the place"
            hint = moved if uri.startswith("sqlite:") and "downloading" in reason else ""
            raise LrlabError(f"the model {wanted!r} cannot be loaded: {reason}{hint}") from error
        return _read(Path(path), wanted)


def _read(path: Path, wanted: str) -> dict[str, Any]:
    try:
        numbers = predictor.load(path)
        known = numbers["format"] == FORMAT and numbers["columns"] and numbers["classes"]
    except (OSError, ValueError, TypeError, KeyError):
        known = False
    if not known:
        raise LrlabError(
            f"the model {wanted!r} has no {path.name} that this lrlab reads; was it logged by "
            "another version, or by something else?"
        )
    return numbers
