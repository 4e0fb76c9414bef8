"""Finding a model's numbers: of a sweep, in MLflow's registry, or in a folder.

Predicting takes numbers and a table, so nothing that needs torch is imported here: sweeps are
found by MLflow's client alone, as `lrlab.track` finds them.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")

import mlflow
from mlflow import MlflowClient
from mlflow.entities import LoggedModel, Run
from mlflow.exceptions import MlflowException
from mlflow.utils.credentials import get_default_host_creds
from mlflow.utils.file_utils import local_file_uri_to_path
from mlflow.utils.uri import is_local_uri

from lrlab.errors import LrlabError, UserError
from lrlab.model import predictor
from lrlab.scratch import scratch_folder
from lrlab.track.paging import logged_models, pages

NUMBERS_PATH = "artifacts/model.json"
FORMAT = 1
SHORTEST = 4  # characters of a run id that name a sweep
# Tags of a sweep and of its model, as `lrlab.track.mlflow_schema` calls them.
KIND, BEST_RUN, MODEL_OF, SUBMITTED_BY = (
    *("lrlab.kind", "lrlab.best_run", "lrlab.model_of", "lrlab.submitted_by"),
)


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
    uri = tracking_uri or mlflow.get_tracking_uri()
    _refuse_missing_database(uri)
    logging.getLogger("mlflow").setLevel(logging.CRITICAL)  # lrlab says what failed
    try:
        if ":/" in wanted:
            return _download(f"{wanted}/{NUMBERS_PATH}", uri, wanted)
        return _of_sweep(MlflowClient(uri), uri, wanted)
    except (MlflowException, ValueError) as error:  # the second of an address of another kind
        reason = (str(error).splitlines() or [type(error).__name__])[0].rstrip(":")
        moved = "; if this folder was moved or copied, `lrlab doctor --fix` mends the place"
        hint = moved if uri.startswith("sqlite:") and "downloading" in reason else ""
        raise LrlabError(f"the model {wanted!r} cannot be loaded: {reason}{hint}") from error


def _refuse_missing_database(uri: str) -> None:
    """MLflow would make a database that is not there."""
    path = uri.removeprefix("sqlite:///")
    if path != uri and not Path(path).is_file():
        raise UserError(
            f"no store {path}; name the one with the sweep by --tracking-uri or "
            "MLFLOW_TRACKING_URI"
        )


def _of_sweep(client: MlflowClient, uri: str, wanted: str) -> dict[str, Any]:
    run = _sweep(client, uri, wanted)
    models = logged_models(client, run.info.experiment_id, run.info.run_id)
    best = run.data.tags.get(BEST_RUN)
    ours = [model for model in models if MODEL_OF in model.tags]
    found = [model for model in ours if model.tags[MODEL_OF] == best] or ours
    if not found:
        raise UserError(
            f"the sweep {wanted!r} has no model that this lrlab reads: it is not finished, no run "
            "stayed finite, or lrlab 0.1 logged it (then train again with lrlab sweep --new)"
        )
    return _numbers_of(found[0], uri, wanted)


def _sweep(client: MlflowClient, uri: str, wanted: str) -> Run:
    """The parent run of the sweep that is meant; one's own before those of others."""
    experiments = pages(lambda token: client.search_experiments(page_token=token))
    ids = [experiment.experiment_id for experiment in experiments]
    sweeps = list(
        pages(
            lambda token: client.search_runs(
                ids,
                f"tags.`{KIND}` = 'sweep'",
                order_by=["attributes.start_time DESC"],
                page_token=token,
            )
        )
    )
    user = get_default_host_creds(uri).username if uri.startswith("http") else None
    if user:
        sweeps.sort(key=lambda run: run.data.tags.get(SUBMITTED_BY) != user)
    named = [run for run in sweeps if wanted in (run.info.run_name, run.info.run_id)]
    if not named and len(wanted) >= SHORTEST:
        named = [run for run in sweeps if run.info.run_id.startswith(wanted)]
    if not named:
        raise UserError(
            f"no sweep {wanted!r} here, and no folder with a model of that name; `lrlab ls` lists "
            "the sweeps"
        )
    return named[0]


def _numbers_of(model: LoggedModel, uri: str, wanted: str) -> dict[str, Any]:
    """From where the model lies; or from beside the database, if both were moved together."""
    location = model.artifact_location
    here = Path(local_file_uri_to_path(location)) if is_local_uri(location) else None
    if here is not None and not here.exists() and uri.startswith("sqlite:///"):
        _, _, below = here.as_posix().rpartition("/mlruns/")
        moved = Path(uri.removeprefix("sqlite:///")).parent / "mlruns" / below
        if moved.exists():
            return _read(moved / NUMBERS_PATH, wanted)
    return _download(f"{location}/{NUMBERS_PATH}", uri, wanted)


def _download(place: str, uri: str, wanted: str) -> dict[str, Any]:
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
