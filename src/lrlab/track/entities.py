"""What a store has, as its readers give it; attributes are named as those of MLflow's entities."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple


class RunInfo(NamedTuple):
    """About a run; times in milliseconds since the epoch."""

    run_id: str
    run_name: str
    experiment_id: str
    user_id: str
    status: str
    start_time: int
    end_time: int | None
    lifecycle_stage: str
    artifact_uri: str


@dataclass(frozen=True)
class RunData:
    """Everything of a run by name; of a metric the latest value."""

    tags: Mapping[str, str] = field(default_factory=dict)
    params: Mapping[str, str] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Dataset:
    """Data that a run trained on; `source` and `profile` are JSON."""

    name: str
    digest: str
    source_type: str
    source: str
    profile: str | None = None
    schema: str | None = None


@dataclass(frozen=True)
class DatasetInput:
    """A dataset that is an input of a run."""

    dataset: Dataset


@dataclass(frozen=True)
class RunInputs:
    """The inputs of a run."""

    dataset_inputs: Sequence[DatasetInput] = ()


@dataclass(frozen=True)
class LoggedModel:
    """A logged model; status as MLflow calls it, such as PENDING or READY."""

    model_id: str
    experiment_id: str
    name: str
    artifact_location: str
    status: str
    source_run_id: str | None
    tags: Mapping[str, str] = field(default_factory=dict)
    params: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ModelOutput:
    """A logged model that is an output of a run."""

    model_id: str
    step: int


@dataclass(frozen=True)
class RunOutputs:
    """The outputs of a run."""

    model_outputs: Sequence[ModelOutput] = ()


@dataclass(frozen=True)
class Run:
    """A run; what is found by a search comes without its inputs and outputs."""

    info: RunInfo
    data: RunData
    inputs: RunInputs = RunInputs()
    outputs: RunOutputs = RunOutputs()


@dataclass(frozen=True)
class Experiment:
    """An experiment."""

    experiment_id: str
    name: str
    artifact_location: str
    lifecycle_stage: str


@dataclass(frozen=True)
class ArtifactFile:
    """An entry of a folder of artifacts; `path` is below the run's."""

    path: str
    is_dir: bool
    file_size: int | None


class MetricPoint(NamedTuple):
    """One value of a metric."""

    key: str
    value: float
    timestamp: int
    step: int


class Tag(NamedTuple):
    """A condition on a tag of a run: that it is equal, another one, there, or missing."""

    name: str
    value: str = ""
    how: Literal["=", "!=", "there", "missing"] = "="

    def __str__(self) -> str:
        """In MLflow's language of filters."""
        end = {"there": "LIKE '%'", "missing": "IS NULL"}.get(
            self.how, f"{self.how} '{self.value}'"
        )
        return f"tags.`{self.name}` {end}"
