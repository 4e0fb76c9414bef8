"""MLflow's tables, as far as lrlab reads and writes them itself.

MLflow's own definitions take two seconds to import. These hold for the schemas in `TESTED` only;
tests/track/test_mlflow_tables.py holds them to MLflow's.
"""

from __future__ import annotations

from importlib.metadata import version

from sqlalchemy import BigInteger, Boolean, Column, Float, Integer, MetaData, String, Table, Text

# Schema revisions by MLflow's release; patches of a release have the same.
TESTED = {"3.17": "dc11669786a5"}

_METADATA = MetaData()


def _table(table: str, /, **columns: type) -> Table:
    return Table(table, _METADATA, *(Column(key, kind) for key, kind in columns.items()))


EXPERIMENTS = _table(
    "experiments",
    experiment_id=Integer,
    name=String,
    workspace=String,
    artifact_location=String,
    lifecycle_stage=String,
    creation_time=BigInteger,
    last_update_time=BigInteger,
)
EXPERIMENT_TAGS = _table("experiment_tags", key=String, value=Text, experiment_id=Integer)
RUNS = _table(
    "runs",
    run_uuid=String,
    name=String,
    source_type=String,
    source_name=String,
    entry_point_name=String,
    user_id=String,
    status=String,
    start_time=BigInteger,
    end_time=BigInteger,
    deleted_time=BigInteger,
    source_version=String,
    lifecycle_stage=String,
    artifact_uri=String,
    experiment_id=Integer,
)
TAGS = _table("tags", key=String, value=String, run_uuid=String)
PARAMS = _table("params", key=String, value=String, run_uuid=String)
_POINT = {"key": String, "value": Float, "timestamp": BigInteger, "step": BigInteger}
METRICS = _table("metrics", **_POINT, is_nan=Boolean, run_uuid=String)
LATEST_METRICS = _table("latest_metrics", **_POINT, is_nan=Boolean, run_uuid=String)
DATASETS = _table(
    "datasets",
    dataset_uuid=String,
    experiment_id=Integer,
    name=String,
    digest=String,
    dataset_source_type=String,
    dataset_source=Text,
    dataset_schema=Text,
    dataset_profile=Text,
)
_LINK = dict.fromkeys(("source_type", "source_id", "destination_type", "destination_id"), String)
INPUTS = _table("inputs", input_uuid=String, **_LINK, step=BigInteger)
INPUT_TAGS = _table("input_tags", input_uuid=String, name=String, value=String)
ENTITY_ASSOCIATIONS = _table("entity_associations", association_id=String, **_LINK)
ISSUES = _table("issues", issue_id=String, source_run_id=String)
LOGGED_MODELS = _table(
    "logged_models",
    model_id=String,
    experiment_id=Integer,
    name=String,
    artifact_location=String,
    creation_timestamp_ms=BigInteger,
    last_updated_timestamp_ms=BigInteger,
    status=Integer,
    lifecycle_stage=String,
    model_type=String,
    source_run_id=String,
    status_message=String,
)
LOGGED_MODEL_METRICS = _table(
    "logged_model_metrics",
    model_id=String,
    metric_name=String,
    metric_timestamp_ms=BigInteger,
    metric_step=BigInteger,
    metric_value=Float,
    experiment_id=Integer,
    run_id=String,
    dataset_uuid=String,
    dataset_name=String,
    dataset_digest=String,
)
_OF_A_MODEL = {"model_id": String, "experiment_id": Integer}
LOGGED_MODEL_PARAMS = _table(
    "logged_model_params", **_OF_A_MODEL, param_key=String, param_value=Text
)
LOGGED_MODEL_TAGS = _table("logged_model_tags", **_OF_A_MODEL, tag_key=String, tag_value=Text)
MODEL_VERSIONS = _table(
    "model_versions",
    name=String,
    version=Integer,
    run_id=String,
    current_stage=String,
    source=String,
    storage_location=String,
)
TRACE_TAGS = _table("trace_tags", key=String, value=String, request_id=String)


def tested_revision() -> str | None:
    """The schema of the installed MLflow, if it is one that lrlab was tested with."""
    return TESTED.get(".".join(version("mlflow").split(".")[:2]))
