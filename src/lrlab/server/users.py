"""Users of a team server, through MLflow's own API for them."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any, TypeVar

import requests
from mlflow.exceptions import MlflowException

from lrlab.errors import LrlabError, UserError
from lrlab.track import Store
from lrlab.track.store import explained

PERMISSIONS = ("READ", "USE", "EDIT", "MANAGE", "NO_PERMISSIONS")
T = TypeVar("T")


def add_user(store: Store, name: str, password: str | None = None) -> str:
    """Make a user, with a generated password unless one is given; returns it.

    Raises:
        UserError: If there is such a user, the password is too weak, or one may not do this.
    """
    password = password or secrets.token_urlsafe(12)
    _call(store, lambda: _client(store).create_user(name, password))
    return password


def set_password(store: Store, name: str, password: str | None = None) -> str:
    """Give a user another password; returns it.

    Raises:
        UserError: If there is no such user, or one may not do this.
    """
    password = password or secrets.token_urlsafe(12)
    _call(store, lambda: _client(store).update_user_password(name, password))
    return password


def remove_user(store: Store, name: str) -> None:
    """Remove a user; what the user recorded stays.

    Raises:
        UserError: If there is no such user, or one may not do this.
    """
    _call(store, lambda: _client(store).delete_user(name))


def grant(store: Store, name: str, experiment: str, permission: str) -> None:
    """Let a user do something with an experiment.

    Args:
        store: The server.
        name: Of the user.
        experiment: Its name.
        permission: One of `PERMISSIONS`.

    Raises:
        UserError: If there is no such user or experiment, or one may not do this.
    """
    with explained(store.uri):
        found = store.client.get_experiment_by_name(experiment)
    if found is None:
        raise UserError(f"there is no experiment {experiment!r} in {store.shown}")
    identifier = found.experiment_id
    _call(
        store,
        lambda: _client(store).grant_user_permission(name, "experiment", identifier, permission),
    )


def _client(store: Store) -> Any:
    from mlflow.server.auth.client import AuthServiceClient  # takes MLflow's whole server along

    if not store.is_server:
        raise UserError(f"{store.shown} is no server, so it has no users; name one with --server")
    return AuthServiceClient(store.uri)


def _call(store: Store, action: Callable[[], T]) -> T:
    try:
        return action()
    except MlflowException as error:
        low = error.message.lower()
        if "403" in low or "permission denied" in low:
            raise UserError("only an administrator may do this") from None
        if "401" in low or "not authenticated" in low:
            raise UserError(
                "wrong or missing login; set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD"
            ) from None
        if "404" in low and "endpoint" in low:
            raise UserError(f"{store.shown} has no login, so it has no users") from None
        first = error.message.splitlines()[0].partition(" Error: (")[0]  # of the database
        raise UserError(first.partition(": ")[2] or first) from None
    except requests.RequestException as error:
        raise LrlabError(f"{store.shown} does not answer: {type(error).__name__}") from None
