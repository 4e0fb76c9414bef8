"""One logged model for a best run, and one registered version of it, whatever interrupts them.

Every step looks for what an earlier end of the sweep has left and goes on from there: a logged
model that is not READY is written again in its place, one that is READY is taken as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from lrlab.scratch import scratch_folder
from lrlab.track import mlflow_schema as schema
from lrlab.track.entities import MetricPoint, Tag
from lrlab.track.pages import all_runs, logged_models
from lrlab.track.recorded import RecordedRun
from lrlab.track.store import Store
from lrlab.track.sweeps import SweepInfo

NAME = "model"  # so that MLflow finds it as runs:/PARENT/model
NOTE = "mlflow.note.content"  # where the UI looks for a description
READY = "READY"  # of a logged model that is whole
Save = Callable[[Path, dict[str, Any]], object]


def log_once(
    store: Store,
    info: SweepInfo,
    best: RecordedRun,
    save: Save,
    metadata: Mapping[str, Any],
    note: str,
) -> str:
    """The best run's logged model: found, finished or made. Returns its id.

    Args:
        store: Where.
        info: The sweep.
        best: Its best run.
        save: Writes the model into a folder that does not exist yet (`folder.save_model`); it is
            given what the store knows of the model.
        metadata: Goes into the model's own file, MLmodel.
        note: Its description, in Markdown.

    Raises:
        MlflowException: If the store fails.
    """
    model = _begun(store, info, best)
    if model.status == READY:
        return str(model.model_id)
    run = store.client.get_run(info.run_id)
    outputs = run.outputs.model_outputs if run.outputs else []
    if model.model_id not in {output.model_id for output in outputs}:
        store.log_output(info.run_id, model.model_id, best.trial)
    store.client.set_logged_model_tags(model.model_id, {NOTE: note})
    _log_metrics(store, run, model.model_id, best)
    about = {
        "artifact_path": model.artifact_location,
        "model_id": model.model_id,
        "model_uuid": model.model_id,
        "run_id": info.run_id,
        "metadata": dict(metadata),
    }
    with scratch_folder() as folder:
        path = folder / NAME
        save(path, about)
        store.client.log_model_artifacts(model.model_id, str(path))
    store.client.finalize_logged_model(model.model_id, READY)
    return str(model.model_id)


def _begun(store: Store, info: SweepInfo, best: RecordedRun) -> Any:
    """The sweep's logged model of a best run; a half-written one of another run is used again."""
    ours = [
        model
        for model in logged_models(store, info.experiment_id, info.run_id)
        if schema.MODEL in model.tags
    ]
    half = [model for model in ours if model.status != READY]
    whole = [model for model in ours if model.status == READY]
    for model in whole:
        if model.tags[schema.MODEL] == best.run_id:
            return model
    if half:
        tag = {schema.MODEL: best.run_id}
        store.client.set_logged_model_tags(half[0].model_id, tag)
        return half[0]
    return store.client.create_logged_model(
        info.experiment_id,  # MLflow's own default is Default, where a team's user may not write
        name=NAME,
        source_run_id=info.run_id,
        tags={schema.MODEL: best.run_id},
        params=store.client.get_run(info.run_id).data.params,
    )


def _log_metrics(store: Store, parent: Any, model_id: str, best: RecordedRun) -> None:
    """Give the model the best run's metrics and the sweep's own at its trial, with their data."""
    run_id, client = parent.info.run_id, store.client
    begun_on = parent.data.tags.get(schema.DATA_DIGEST)  # a person may have logged others
    known = [i.dataset for i in parent.inputs.dataset_inputs if i.dataset.digest == begun_on]
    data = next(iter(known), None)
    best_name = f"best_{parent.data.tags.get(schema.OBJECTIVE)}"
    ended = client.get_run(best.run_id).info.end_time or parent.info.start_time
    points = [MetricPoint(name, v, ended, best.trial) for name, v in best.latest.items()]
    points += [
        MetricPoint(point.key, point.value, point.timestamp, best.trial)
        for point in client.get_metric_history(run_id, best_name)
        if point.step == best.trial
    ]
    of_data = None if data is None else (data.name, data.digest)
    store.log_of_model(run_id, model_id, points, of_data)


def mark_run(store: Store, info: SweepInfo, best: RecordedRun, model_id: str) -> None:
    """Mark the run that the model came from, and no other one of the sweep.

    Raises:
        MlflowException: If the store fails.
    """
    of_sweep = (Tag(schema.PARENT, info.run_id), Tag(schema.KIND, schema.RUN))
    marked = (*of_sweep, Tag(schema.LOGGED, how="there"))
    for run in list(all_runs(store, [info.experiment_id], marked)):
        if run.info.run_id != best.run_id:
            store.client.delete_tag(run.info.run_id, schema.LOGGED)
    store.client.set_tag(best.run_id, schema.LOGGED, model_id)


def register_once(store: Store, info: SweepInfo, name: str, model_id: str, note: str) -> None:
    """Make sure that a logged model is a version of a registered model, once.

    Raises:
        MlflowException: If the store fails.
    """
    from mlflow.exceptions import MlflowException

    try:
        store.client.create_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    versions = store.client.search_model_versions(f"run_id = '{info.run_id}'")
    source = f"models:/{model_id}"
    if not any(version.name == name and version.source == source for version in versions):
        store.client.create_model_version(name, source, model_id=model_id, description=note)
