"""Tracking servers, reached over HTTP."""

from __future__ import annotations

import ssl

from lrlab.errors import LrlabError, NotPermitted, UserError
from lrlab.track.address import is_server, without_password
from lrlab.track.failures.failure import CONTINUES, Failure, loaded

LATE = ("requests.exceptions.Timeout", "urllib3.exceptions.TimeoutError")


def login_refused(failure: Failure) -> LrlabError | None:
    if failure.mlflow not in ("UNAUTHENTICATED", "CUSTOMER_UNAUTHORIZED"):
        return None
    return refused_login(failure.uri)


def not_permitted(failure: Failure) -> LrlabError | None:
    if failure.mlflow != "PERMISSION_DENIED":
        return None
    return NotPermitted(
        f"the tracking server {failure.shown} does not permit this: {failure.reason}. Ask the "
        "administrator for permission, or sign in as another user"
    )


def certificate(failure: Failure) -> LrlabError | None:
    if not failure.find(*loaded("requests.exceptions.SSLError"), ssl.SSLError):
        return None
    if failure.find(ssl.SSLCertVerificationError):
        return UserError(
            f"the certificate of {failure.shown} is not one that this machine trusts. If it is "
            "your team's own, name the authority's file: "
            "export MLFLOW_TRACKING_SERVER_CERT_PATH=ca.crt"
        )
    return UserError(
        f"{failure.shown} answers, but not in TLS; is it http:// instead of https://?"
    )


def slow(failure: Failure) -> LrlabError | None:
    if not failure.find(*loaded(*LATE), TimeoutError):
        return None
    return LrlabError(
        f"the tracking server {failure.shown} does not answer in time. Is it running, and is the "
        "network up? When it answers, run the same command again; a slow server is given longer "
        "with MLFLOW_HTTP_REQUEST_TIMEOUT (seconds)"
    )


def busy(failure: Failure) -> LrlabError | None:
    given_up = failure.find_of(
        "requests.exceptions.RetryError", "urllib3.exceptions.ResponseError"
    )
    unavailable = ("TEMPORARILY_UNAVAILABLE", "REQUEST_LIMIT_EXCEEDED", "RESOURCE_EXHAUSTED")
    if not is_server(failure.uri) or not (given_up or failure.mlflow in unavailable):
        return None
    return LrlabError(
        f"the tracking server {failure.shown} answers with errors only ({failure.reason}); its "
        f"log says why. When it is well, {CONTINUES}"
    )


def server_away(failure: Failure) -> LrlabError | None:
    gone = loaded("requests.exceptions.ConnectionError", "urllib3.exceptions.HTTPError")
    if not failure.find(*gone, ConnectionError):
        return None
    return LrlabError(
        f"the tracking server {failure.shown} no longer answers ({failure.reason}). Is it "
        "running? When it is back, run the same command again"
    )


def no_mlflow(failure: Failure) -> LrlabError | None:
    if failure.mlflow != "ENDPOINT_NOT_FOUND" or not is_server(failure.uri):
        return None
    return LrlabError(no_mlflow_server(failure.shown))


def not_there(failure: Failure) -> LrlabError | None:
    if failure.mlflow != "RESOURCE_DOES_NOT_EXIST":
        return None
    return LrlabError(
        f"{failure.shown} no longer has it: {failure.reason}. Was it deleted in the "
        "meantime? `lrlab ls` shows what is there"
    )


def no_answer(failure: Failure) -> LrlabError:
    """What to say of a server that has not answered once, and why it has not."""
    if failure.find_of("urllib3.exceptions.NameResolutionError"):
        why = "there is no host of that name"
    elif failure.find(ConnectionRefusedError):
        why = "nothing listens at that port"
    elif failure.find_of(*LATE):
        why = "it takes too long"
    else:
        why = failure.reason
    return LrlabError(
        f"the tracking server {failure.shown} does not answer ({why}). Is it running, and is the "
        "address right? It comes from --server, --tracking-uri or MLFLOW_TRACKING_URI"
    )


def refused_login(uri: str) -> UserError:
    """What to say where a server refuses user and password."""
    shown = without_password(uri)
    return UserError(f"the tracking server {shown} refuses the login: {login_mistake(uri)}")


def login_mistake(uri: str) -> str:
    """What is probably wrong with the login that a server refuses."""
    from mlflow.utils.credentials import get_default_host_creds

    user = get_default_host_creds(uri).username
    if not user:
        return "set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD"
    return (
        f"no such user as {user!r}, or another password "
        "(MLFLOW_TRACKING_USERNAME, MLFLOW_TRACKING_PASSWORD)"
    )


def no_mlflow_server(shown: str) -> str:
    """What to say of a server that is none of MLflow's."""
    return (
        f"{shown} answers, but not as an MLflow server does. Is this all of its address, such as "
        "http://host:5000? It comes from --server, --tracking-uri or MLFLOW_TRACKING_URI"
    )
