"""Users of a team server, through MLflow's own API for them.

The API is called directly: importing MLflow's client for it takes its whole server along.
"""

from __future__ import annotations

import json
import re
import secrets
from typing import Any

from mlflow.utils.credentials import get_default_host_creds

from lrlab.errors import UserError
from lrlab.track import Store
from lrlab.track.store import explained
from lrlab.track.writers.http import refused, request

NAME = r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,99}"
API = "/api/2.0/mlflow/users"
GRANT = "/api/3.0/mlflow/users/permissions/grant"


def add_user(store: Store, name: str, password: str | None = None) -> str:
    """Make a user, with a generated password unless one is given; returns it.

    Raises:
        UserError: If there is such a user, name or password are not fit, or one may not do this.
    """
    if not re.fullmatch(NAME, name):
        raise UserError(f"{name!r}: a user's name may contain only letters, digits and . _ @ + -")
    password = password or secrets.token_urlsafe(12)
    _call(store, "POST", f"{API}/create", username=name, password=password)
    return password


def set_password(store: Store, name: str, password: str | None = None) -> str:
    """Give a user another password; returns it.

    Administrators may do it for everybody, the others for themselves.

    Raises:
        UserError: If there is no such user, or one may not do this.
    """
    password = password or secrets.token_urlsafe(12)
    content = {"username": name, "password": password}
    if name == store.user:  # MLflow asks for the old one too
        content["current_password"] = get_default_host_creds(store.uri).password or ""
    _call(store, "PATCH", f"{API}/update-password", **content)
    return password


def remove_user(store: Store, name: str) -> None:
    """Remove a user; what the user recorded stays.

    Raises:
        UserError: If there is no such user, or one may not do this.
    """
    _call(store, "DELETE", f"{API}/delete", username=name)


def list_users(store: Store) -> list[tuple[str, bool]]:
    """Every user's name, and whether it is an administrator's.

    Raises:
        UserError: If one may not do this.
    """
    found = _call(store, "GET", f"{API}/list")
    return sorted((str(user["username"]), bool(user["is_admin"])) for user in found["users"])


def grant(store: Store, name: str, experiment: str, permission: str) -> None:
    """Let a user do something with an experiment.

    Args:
        store: The server.
        name: Of the user.
        experiment: Its name.
        permission: READ, USE, EDIT, MANAGE or NO_PERMISSIONS.

    Raises:
        UserError: If there is no such user or experiment, or one may not do this.
    """
    with explained(store.uri):
        found = store.client.get_experiment_by_name(experiment)
    if found is None:
        raise UserError(f"there is no experiment {experiment!r} in {store.shown}")
    _call(
        store,
        "POST",
        GRANT,
        username=name,
        resource_type="experiment",
        resource_id=found.experiment_id,
        permission=permission,
    )


def _call(store: Store, method: str, path: str, **content: str) -> Any:
    if not store.is_server:
        raise UserError(
            f"{store.shown} is not a server, so it has no users; name one with --server"
        )
    body = json.dumps(content).encode() if content else None
    answer = request(store, method, path, body=body)
    if answer.status_code == 404 and "RESOURCE" not in answer.text:
        raise UserError(f"{store.shown} has no login, so it has no users")
    if not answer.ok:
        raise refused(store, answer)
    return answer.json() if answer.text.startswith("{") else {}
