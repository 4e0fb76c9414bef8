"""A model as the folder that MLflow loads: description, page of code, numbers, environment.

`mlflow.pyfunc.save_model` would write the same files, but first looks at every installed package
to warn of versions that are not there, which takes longer than all the rest.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
import yaml
from mlflow.models import Model, ModelSignature
from mlflow.models.utils import _save_example
from mlflow.pyfunc.loaders import code_model

from lrlab.model import predictor
from lrlab.train.artifacts import WEIGHTS_FILE

NUMBERS_FILE = "model.json"
PAGE_FILE = "logistic_regression.py"
NEEDED = ("mlflow", "numpy", "pandas")


def save_model(
    path: Path,
    described: Model,
    numbers: Mapping[str, Any],
    weights: bytes,
    signature: ModelSignature,
    example: pd.DataFrame,
) -> None:
    """Write the model into a folder that does not exist yet.

    Args:
        path: The folder.
        described: MLflow's description of the model, to be completed and saved.
        numbers: What `lrlab.model.predictor` predicts from.
        weights: The file of its state dict, for users of PyTorch.
        signature: Of the model.
        example: A few rows that it takes.
    """
    files = {
        PAGE_FILE: page_of_code().encode(),
        f"artifacts/{NUMBERS_FILE}": json.dumps(numbers, indent=1).encode(),
        f"artifacts/{WEIGHTS_FILE}": weights,
        **_environment(),
    }
    (path / "artifacts").mkdir(parents=True)
    for name, content in files.items():
        (path / name).write_bytes(content)
    described.signature = signature
    _save_example(described, example, str(path))
    artifacts = {"numbers": NUMBERS_FILE, "weights": WEIGHTS_FILE}
    mlflow.pyfunc.add_to_model(
        described,
        loader_module=code_model.__name__,
        conda_env="conda.yaml",
        python_env="python_env.yaml",
        model_config={"output": predictor.ALL},
        model_code_path=PAGE_FILE,
        streamable=False,
        artifacts={
            key: {"path": f"artifacts/{name}", "uri": name} for key, name in artifacts.items()
        },
    )
    described.model_size_bytes = sum(map(len, files.values()))
    described.save(str(path / "MLmodel"))


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
