"""optuna-dashboard on the database of studies, as an app for a WSGI server."""

from __future__ import annotations

import os
from typing import Any

from lrlab.server.settings import STUDIES, read_settings


def create_app() -> Any:
    """The dashboard; the environment says where the database is, so that no argument has to."""
    from optuna.storages import RDBStorage
    from optuna_dashboard import wsgi

    url = read_settings(os.environ, ("db_password",)).database(STUDIES)
    return wsgi(RDBStorage(url, engine_kwargs={"pool_pre_ping": True}))
