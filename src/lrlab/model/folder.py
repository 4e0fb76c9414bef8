"""A model as the folder that MLflow loads: description, page of code, numbers, environment.

`mlflow.pyfunc.save_model` would write the same files, as tests/model/test_folder.py shows, but
takes seconds to be imported and to look at every installed package.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from lrlab.model import predictor
from lrlab.model.numbers import THRESHOLD
from lrlab.train.artifacts import WEIGHTS_FILE

NUMBERS_FILE = "model.json"
PAGE_FILE = "logistic_regression.py"
EXAMPLE_FILE, SERVING_FILE = "input_example.json", "serving_input_example.json"
TYPES = {bool: "boolean", int: "long", float: "double", str: "string"}  # as MLflow calls them
NEEDED = ("mlflow", "numpy", "pandas")


def save_model(
    path: Path,
    about: Mapping[str, Any],
    numbers: Mapping[str, Any],
    weights: bytes,
    example: pd.DataFrame,
) -> None:
    """Write the model into a folder that does not exist yet.

    Args:
        path: The folder.
        about: What MLflow knows of the model beside its content: `model_id`, `model_uuid`,
            `run_id`, `artifact_path` and `metadata`.
        numbers: What `lrlab.model.predictor` predicts from.
        weights: The file of its state dict, for users of PyTorch.
        example: A few rows that it takes.
    """
    files = {
        PAGE_FILE: page_of_code().encode(),
        f"artifacts/{NUMBERS_FILE}": json.dumps(numbers, indent=1).encode(),
        f"artifacts/{WEIGHTS_FILE}": weights,
        **_environment(),
    }
    described = {
        **about,
        "flavors": {"python_function": _flavor()},
        "is_signature_from_type_hint": False,
        "mlflow_version": version("mlflow"),
        "model_size_bytes": sum(map(len, files.values())),
        "prompts": None,
        "saved_input_example_info": {
            "artifact_path": EXAMPLE_FILE,
            "pandas_orient": "split",
            "serving_input_path": SERVING_FILE,
            "type": "dataframe",
        },
        "signature": signature_of(numbers),
        "type_hint_from_example": False,
        "utc_time_created": str(datetime.now(UTC).replace(tzinfo=None)),
    }
    files |= _example(example) | {"MLmodel": yaml.safe_dump(described).encode()}
    (path / "artifacts").mkdir(parents=True)
    for name, content in files.items():
        (path / name).write_bytes(content)


def _flavor() -> dict[str, Any]:
    """How MLflow's `pyfunc` loads it: by running the page of code."""
    artifacts = {"numbers": NUMBERS_FILE, "weights": WEIGHTS_FILE}
    return {
        "artifacts": {
            key: {"path": f"artifacts/{name}", "uri": name} for key, name in artifacts.items()
        },
        "config": {"output": predictor.ALL},
        "env": {"conda": "conda.yaml", "virtualenv": "python_env.yaml"},
        "loader_module": "mlflow.pyfunc.loaders.code_model",
        "model_code_path": PAGE_FILE,
        "python_version": platform.python_version(),
        "streamable": False,
    }


def signature_of(numbers: Mapping[str, Any]) -> dict[str, str]:
    """What the model takes and gives, as MLflow writes signatures: lists in JSON.

    Columns may be of any type: MLflow would refuse whole numbers where decimals were declared, and
    the other way round, although the model takes both, and numbers as text, too.
    """
    first, second = numbers["classes"]
    inputs = [_column("any", column["name"]) for column in numbers["columns"]]
    outputs = [
        _column(TYPES[type(first)], "prediction"),
        *(_column("double", f"probability_{name}") for name in (first, second)),
    ]
    threshold = {"name": "threshold", "default": THRESHOLD, "shape": None, "type": "double"}
    lists = {"inputs": inputs, "outputs": outputs, "params": [threshold]}
    return {name: json.dumps(content) for name, content in lists.items()}


def _column(kind: str, name: str) -> dict[str, Any]:
    return {"type": kind, "name": name, "required": True}


def _example(rows: pd.DataFrame) -> dict[str, bytes]:
    """Rows as MLflow keeps an example, and as its server takes them; what is missing is null."""
    split = rows.astype(object).where(rows.notna(), None).to_dict(orient="split", index=False)
    return {
        EXAMPLE_FILE: json.dumps(split, default=str).encode(),
        SERVING_FILE: json.dumps({"dataframe_split": split}, indent=2, default=str).encode(),
    }


def page_of_code() -> str:
    """The predictor as MLflow loads it: a page that ends with naming its model."""
    text = Path(predictor.__file__).read_text("utf-8")
    return f"{text}\n\nimport mlflow.models\n\nmlflow.models.set_model(mlflow_model())\n"


def _environment() -> dict[str, bytes]:
    """What the model needs, as MLflow's managers of environments read it."""
    pinned = [f"{name}=={version(name)}" for name in NEEDED]
    python = platform.python_version()
    conda = {
        "name": "mlflow-env",
        "channels": ["conda-forge"],
        "dependencies": [f"python={python}", "pip", {"pip": pinned}],
    }
    virtualenv = {
        "python": python,
        "build_dependencies": ["pip", "setuptools", "wheel"],
        "dependencies": ["-r requirements.txt"],
    }
    return {
        "requirements.txt": "\n".join(pinned).encode(),
        "conda.yaml": yaml.safe_dump(conda, sort_keys=False).encode(),
        "python_env.yaml": yaml.safe_dump(virtualenv, sort_keys=False).encode(),
    }
