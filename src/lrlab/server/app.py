"""lrlab's app for `mlflow server --app-name lrlab`."""

from __future__ import annotations

from typing import Any


def create_app() -> Any:
    """MLflow's app with its login."""
    from mlflow.server import app, auth

    return auth.create_app(app)
