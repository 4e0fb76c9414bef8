"""The model's folder is what MLflow would have written."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import yaml
from mlflow.models import Model, ModelSignature
from mlflow.models.utils import _save_example
from mlflow.pyfunc import add_to_model
from mlflow.types.schema import AnyType, ColSpec, DataType, ParamSchema, ParamSpec, Schema

from lrlab.model.folder import save_model

NUMBERS = {"classes": [0, 1], "columns": [{"name": "ä b"}, {"name": "c"}, {"name": "d"}]}
EXAMPLE = pd.DataFrame({"ä b": [1, 2], "c": [np.nan, 1 / 3], "d": ["red", None]})


def of_mlflow(path: Path) -> Model:
    """The same model, as MLflow's own functions describe it."""
    inputs = [ColSpec(AnyType(), name) for name in EXAMPLE]
    outputs = [ColSpec(DataType.long, "prediction")]
    outputs += [ColSpec(DataType.double, f"probability_{name}") for name in (0, 1)]
    params = ParamSchema([ParamSpec("threshold", DataType.double, 0.5)])
    about = {"model_id": "m-1", "model_uuid": "m-1", "run_id": "r", "artifact_path": "/x"}
    model = Model(**about, metadata={"sweep": "s"})
    model.signature = ModelSignature(Schema(inputs), Schema(outputs), params)
    path.mkdir()
    _save_example(model, EXAMPLE, str(path))
    files = {"numbers": "model.json", "weights": "weights.pt"}
    add_to_model(
        model,
        loader_module="mlflow.pyfunc.loaders.code_model",
        conda_env="conda.yaml",
        python_env="python_env.yaml",
        model_config={"output": "all"},
        model_code_path="logistic_regression.py",
        streamable=False,
        artifacts={key: {"path": f"artifacts/{f}", "uri": f} for key, f in files.items()},
    )
    model.save(str(path / "MLmodel"))
    return model


def test_its_description_and_examples_are_mlflows(tmp_path: Path) -> None:
    of_mlflow(tmp_path / "theirs")
    about = {"model_id": "m-1", "model_uuid": "m-1", "run_id": "r", "artifact_path": "/x"}
    ours = tmp_path / "ours"
    save_model(ours, {**about, "metadata": {"sweep": "s"}}, NUMBERS, b"weights", EXAMPLE)
    found, expected = (
        yaml.safe_load((tmp_path / who / "MLmodel").read_text()) for who in ("ours", "theirs")
    )
    content = {file.name: file.read_bytes() for file in ours.rglob("*") if file.is_file()}
    own = {name for name in content if "example" not in name and name != "MLmodel"}
    assert found.pop("model_size_bytes") == sum(len(content[name]) for name in own)
    expected.pop("model_size_bytes", None)
    for each in (found, expected):
        assert each.pop("utc_time_created")[:2] == "20"
    assert found == expected
    for name in ("input_example.json", "serving_input_example.json"):
        written = (tmp_path / "theirs" / name).read_text()
        assert json.loads(content[name]) == json.loads(written.replace("NaN", "null"))
    assert Model.load(str(ours)).load_input_example(str(ours)).shape == (2, 3)
